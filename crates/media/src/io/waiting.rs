//! How a media thread waits: for its sockets and its waker, and a moment longer where it is woken often.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::io::epoll::Epoll;
use crate::io::{IoFigures, Nap};
use crate::waker::Waker;

/// The set of sockets of a media thread, and what it did since it last waited for them.
pub(crate) struct Waiting {
    epoll: Epoll,
    nap: Nap,
    /// Datagrams received since.
    received: usize,
    /// The last batch was: more is waiting already.
    was_full: bool,
}

impl Waiting {
    pub(crate) fn new(waker: &Waker, may_nap: bool) -> io::Result<Waiting> {
        let epoll = Epoll::new(waker)?;
        Ok(Waiting { epoll, nap: Nap::new(Instant::now(), may_nap), received: 0, was_full: false })
    }

    /// Watches a socket until it is closed.
    pub(crate) fn watch(&self, socket: impl AsFd, token: u32) -> io::Result<()> {
        self.epoll.watch(socket, token)
    }

    /// Notes what a batch took in.
    pub(crate) fn note_batch(&mut self, received: usize, is_full: bool, figures: &mut IoFigures) {
        self.was_full = is_full;
        self.received += received;
        figures.received += received as u64;
    }

    /// Sleeps until a socket is ready, the waker was called or `until` has come, and gives the tokens of those that are
    /// ready to `each`.
    pub(crate) fn wait(
        &mut self,
        until: Instant,
        figures: &mut IoFigures,
        each: impl FnMut(u32),
    ) -> io::Result<()> {
        self.nap.note(Instant::now(), std::mem::take(&mut self.received));
        if let Some(nap) = self.nap.due(self.was_full) {
            std::thread::sleep(nap);
            figures.naps += 1;
        }
        figures.wakeups += 1;
        self.epoll.wait(until, each)
    }
}
