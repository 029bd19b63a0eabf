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
    waker: Waker,
    nap: Nap,
    /// Datagrams received since.
    received: usize,
    /// The last batch was: more is waiting already.
    was_full: bool,
}

impl Waiting {
    pub(crate) fn new(waker: &Waker, may_nap: bool) -> io::Result<Waiting> {
        let epoll = Epoll::new(waker)?;
        let nap = Nap::new(Instant::now(), may_nap);
        Ok(Waiting { epoll, waker: waker.clone(), nap, received: 0, was_full: false })
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
        figures.batches += u64::from(received > 0);
    }

    /// Sleeps until a socket is ready, the waker was called or `until` has come, and gives the tokens of those that are
    /// ready to `each`. Packets may gather for the length of a nap; jobs, and what was to be done by now, may not.
    pub(crate) fn wait(
        &mut self,
        until: Instant,
        figures: &mut IoFigures,
        each: impl FnMut(u32),
    ) -> io::Result<()> {
        let now = Instant::now();
        self.nap.note(now, std::mem::take(&mut self.received));
        if until > now
            && !self.waker.is_rung()
            && let Some(nap) = self.nap.due(self.was_full)
        {
            std::thread::sleep(nap);
            figures.naps += 1;
        }
        figures.wakeups += 1;
        let waited = self.epoll.wait(until, each);
        self.waker.answer();
        waited
    }

    /// Gives the tokens of those that are ready now to `each`, and does not wait: there is something to do already.
    pub(crate) fn look(&mut self, each: impl FnMut(u32)) -> io::Result<()> {
        let looked = self.epoll.wait(Instant::now(), each);
        self.waker.answer();
        looked
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_busy_thread_naps_before_it_looks_at_its_sockets() {
        let (mut waiting, _waker) = busy();

        assert_eq!(naps(&mut waiting, Instant::now() + A_MOMENT), 1);
    }

    #[test]
    fn nobody_naps_when_the_time_to_wait_until_has_come() {
        let (mut waiting, _waker) = busy();

        assert_eq!(naps(&mut waiting, Instant::now()), 0);
    }

    #[test]
    fn nobody_naps_while_a_job_waits() {
        let (mut waiting, waker) = busy();
        waker.wake().unwrap();

        assert_eq!(naps(&mut waiting, Instant::now() + A_MOMENT), 0);
        assert_eq!(naps(&mut waiting, Instant::now() + A_MOMENT), 1, "the job was seen by then");
    }

    /// One whose thread was woken 20,000 times in a second that lies in the future, so that no look at the real clock
    /// ends it.
    fn busy() -> (Waiting, Waker) {
        let waker = Waker::new().unwrap();
        let mut waiting = Waiting::new(&waker, true).unwrap();
        let start = Instant::now() + Duration::from_secs(3600);
        waiting.nap = Nap::new(start, true);
        for turn in 1..=20_000 {
            waiting.nap.note(start + turn * Duration::from_micros(50), 1);
        }
        (waiting, waker)
    }

    /// How often it napped while it waited once.
    fn naps(waiting: &mut Waiting, until: Instant) -> u64 {
        let mut figures = IoFigures::default();
        waiting.wait(until, &mut figures, |_| {}).unwrap();
        figures.naps
    }

    /// Nothing arrives: so long does a wait take that nobody ends.
    const A_MOMENT: Duration = Duration::from_millis(20);
}
