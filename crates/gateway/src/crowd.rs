//! Notices that a crowd has gone, so that what it needed goes back to the system.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::debug;

/// How many connections, transactions and calls stand at once, over time.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// Since memory was last given back.
    most: usize,
    /// At the last look.
    count: usize,
    given_back: Option<Instant>,
    orders: SyncSender<()>,
}

impl Crowd {
    /// Starts the thread that gives memory back; it ends with the crowd.
    pub(crate) fn new() -> io::Result<Self> {
        let (crowd, orders) = Self::ordering();
        thread::Builder::new().name("memory".to_owned()).spawn(move || {
            for () in orders {
                let begun = Instant::now();
                cordon_heap::give_back();
                debug!(milliseconds = begun.elapsed().as_millis(), "free memory was given back");
            }
        })?;
        Ok(crowd)
    }

    fn ordering() -> (Self, Receiver<()>) {
        let (orders, taken) = sync_channel(1);
        (Self { most: 0, count: 0, given_back: None, orders }, taken)
    }

    /// Looks at how many there are now. Where less than half of the most are left and no more leave, their memory is given
    /// back, once in [`PAUSE`] at most.
    pub(crate) fn watch(&mut self, now: Instant, count: usize) {
        let is_leaving = count < self.count;
        self.count = count;
        self.most = self.most.max(count);
        let has_gone = self.most >= CROWD && count < self.most / 2;
        let is_early = self.given_back.is_some_and(|last| now.saturating_duration_since(last) < PAUSE);
        if !has_gone || is_leaving || is_early {
            return;
        }
        self.most = count;
        self.given_back = Some(now);
        // One order that waits will do for two.
        let _ = self.orders.try_send(());
    }
}

/// Fewer than these leave less behind than is worth the walk, about half a megabyte.
const CROWD: usize = 32;
/// Where a crowd comes and goes all the time, what one leaves the next one finds.
const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_when_a_crowd_has_gone() {
        let mut watch = Watch::new();

        assert_eq!(watch.over([0, 5_000, 10_000, 10_000, 6_000, 20, 20, 20, 20]), [6]);
    }

    #[test]
    fn who_is_still_leaving_is_waited_for() {
        let mut watch = Watch::new();

        assert_eq!(watch.over([10_000, 4_000, 2_000, 1_000, 500, 500]), [5]);
    }

    #[test]
    fn half_a_crowd_that_stays_and_goes_later_leaves_nothing_either() {
        let mut watch = Watch::new();
        watch.over([10_000, 4_000, 4_000]);
        watch.pass(PAUSE);

        assert_eq!(watch.over([4_000, 1_000, 1_000]), [2]);
    }

    #[test]
    fn a_crowd_that_comes_and_goes_is_cleared_up_behind_now_and_then() {
        let mut watch = Watch::new();

        assert_eq!(watch.over([1_000, 0, 0].repeat(8)), [2, 14]);
    }

    #[test]
    fn a_handful_of_phones_is_no_crowd() {
        let mut watch = Watch::new();

        assert_eq!(watch.over([30, 0, 0, 30, 0, 0]), []);
    }

    /// Looks once a second, by a clock of its own.
    struct Watch {
        crowd: Crowd,
        orders: Receiver<()>,
        now: Instant,
    }

    impl Watch {
        fn new() -> Self {
            let (crowd, orders) = Crowd::ordering();
            Self { crowd, orders, now: Instant::now() }
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
        }

        /// At which of these looks memory was given back.
        fn over(&mut self, counts: impl AsRef<[usize]>) -> Vec<usize> {
            let mut given_back = Vec::new();
            for (look, count) in counts.as_ref().iter().enumerate() {
                self.crowd.watch(self.now, *count);
                if self.orders.try_recv().is_ok() {
                    given_back.push(look);
                }
                self.pass(Duration::from_secs(1));
            }
            given_back
        }
    }
}
