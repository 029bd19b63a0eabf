//! When a media thread sleeps on for a moment before it serves what has arrived.
//!
//! Waking a thread costs more than relaying a packet. A thread that is woken thousands of times a second therefore
//! waits half a millisecond longer, and serves what has gathered since in one go.

use std::time::{Duration, Instant};

/// Decides from what the thread did a moment ago. Off below [`Nap::BEGIN`] wakings a second.
pub(crate) struct Nap {
    is_allowed: bool,
    is_napping: bool,
    window_ends: Instant,
    wakeups: u64,
    datagrams: u64,
}

impl Nap {
    pub(crate) fn new(now: Instant, is_allowed: bool) -> Nap {
        Nap { is_allowed, is_napping: false, window_ends: now + WINDOW, wakeups: 0, datagrams: 0 }
    }

    /// Notes a turn: the thread was woken, and received so many datagrams.
    pub(crate) fn note(&mut self, now: Instant, datagrams: usize) {
        self.wakeups += 1;
        self.datagrams += datagrams as u64;
        if now < self.window_ends {
            return;
        }
        let window = (now - self.window_ends) + WINDOW;
        let per_second =
            |count: u64| u128::from(count) * Duration::from_secs(1).as_nanos() / window.as_nanos().max(1);
        self.is_napping = self.is_allowed
            && match self.is_napping {
                // Naps themselves keep the wakings down, so what ends them is that there is little to do.
                true => per_second(self.datagrams) >= Nap::END,
                false => per_second(self.wakeups) >= Nap::BEGIN,
            };
        (self.window_ends, self.wakeups, self.datagrams) = (now + WINDOW, 0, 0);
    }

    /// How long to sleep on now; `None` after a full batch, when more is waiting already.
    pub(crate) fn due(&self, was_full: bool) -> Option<Duration> {
        (self.is_napping && !was_full).then_some(Nap::LENGTH)
    }

    /// Wakings a second from which naps begin.
    pub(crate) const BEGIN: u128 = 5000;
    /// Datagrams a second below which they end.
    pub(crate) const END: u128 = 4000;
    /// A fortieth of the time a voice packet stands for, far below what an ear or a jitter buffer notices.
    pub(crate) const LENGTH: Duration = Duration::from_micros(500);
}

/// Over how long the rate is measured: long enough for a hundred wakings, short enough to follow a call that begins.
const WINDOW: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_woken_rarely_never_naps() {
        let (mut nap, start) = nap(true);
        run(&mut nap, start, 1000, 1);

        assert_eq!(nap.due(false), None);
    }

    #[test]
    fn a_thread_that_is_woken_often_naps_until_there_is_little_to_do() {
        let (mut nap, start) = nap(true);
        let start = run(&mut nap, start, 20_000, 1);
        assert_eq!(nap.due(false), Some(Nap::LENGTH));

        let start = run(&mut nap, start, 1800, 10);
        assert_eq!(nap.due(false), Some(Nap::LENGTH), "fewer wakings are what the naps are for");

        run(&mut nap, start, 1000, 2);
        assert_eq!(nap.due(false), None);
    }

    #[test]
    fn after_a_full_batch_there_is_no_nap() {
        let (mut nap, start) = nap(true);
        run(&mut nap, start, 20_000, 1);

        assert_eq!(nap.due(true), None);
    }

    #[test]
    fn a_thread_that_may_not_nap_does_not() {
        let (mut nap, start) = nap(false);
        run(&mut nap, start, 20_000, 1);

        assert_eq!(nap.due(false), None);
    }

    #[test]
    fn bursts_that_wake_rarely_are_served_at_once() {
        let (mut nap, start) = nap(true);
        run(&mut nap, start, 1000, 50);

        assert_eq!(nap.due(false), None);
    }

    fn nap(is_allowed: bool) -> (Nap, Instant) {
        let start = Instant::now();
        (Nap::new(start, is_allowed), start)
    }

    /// A tenth of a second of turns at this rate; the time it ends at comes back.
    fn run(nap: &mut Nap, start: Instant, wakeups_per_second: u32, datagrams: usize) -> Instant {
        let turn = Duration::from_secs(1) / wakeups_per_second;
        let turns = wakeups_per_second / 10;
        for number in 1..=turns {
            nap.note(start + turn * number, datagrams);
        }
        start + turn * turns
    }
}
