//! The set of sockets a media thread waits on.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::waker::Waker;

/// An epoll instance. Sockets are level-triggered: one that has more to read is reported again, behind the others, so
/// the kernel's own list is the queue of those who wait for their turn.
pub(crate) struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    pub(crate) fn new(waker: &Waker) -> io::Result<Epoll> {
        let fd = epoll::create(CreateFlags::CLOEXEC)?;
        // Edge-triggered: each call of the waker is reported once, and nobody has to read its counter.
        epoll::add(&fd, waker, EventData::new_u64(WAKE), EventFlags::IN | EventFlags::ET)?;
        Ok(Epoll { fd })
    }

    /// Watches a socket until it is closed.
    pub(crate) fn watch(&self, socket: impl AsFd, token: u32) -> io::Result<()> {
        Ok(epoll::add(&self.fd, socket, EventData::new_u64(u64::from(token)), EventFlags::IN)?)
    }

    /// Sleeps until something is ready or `until` has come, and gives the tokens of what is ready to `each`.
    pub(crate) fn wait(&self, until: Instant, each: impl FnMut(u32)) -> io::Result<()> {
        let timeout = timespec(until.saturating_duration_since(Instant::now()));
        let mut room = [const { MaybeUninit::uninit() }; READY];
        let ready: &[Event] = match epoll::wait(&self.fd, &mut room, Some(&timeout)) {
            Ok((ready, _)) => ready,
            Err(Errno::INTR) => &[],
            Err(error) => return Err(error.into()),
        };
        ready.iter().filter_map(|event| u32::try_from(event.data.u64()).ok()).for_each(each);
        Ok(())
    }
}

/// Whole milliseconds, rounded up: kernels before 5.11 know no finer, and rounded down it would not sleep at the end.
fn timespec(wait: Duration) -> Timespec {
    let millis = i64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(i64::MAX);
    Timespec { tv_sec: millis / 1000, tv_nsec: (millis % 1000) * 1_000_000 }
}

/// What one waiting reports at most; the rest is reported by the next.
pub(crate) const READY: usize = 64;
/// The token of the waker; a socket's has half as many bits.
const WAKE: u64 = u64::MAX;
