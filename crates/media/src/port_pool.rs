//! Port pairs of one interface: RTP on the even port, RTCP on the odd one above (RFC 3550 §11).

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Hands out even ports drawn at random, and lets each rest before it is used again: nobody outside can foresee where the
/// next call will be.
pub struct PortPool {
    /// Even ports ready for use, in no order.
    free: Vec<u16>,
    /// Even ports that rest, earliest ready first.
    resting: VecDeque<(Instant, u16)>,
}

impl PortPool {
    /// A pool of all pairs that lie inside `ports`.
    pub fn new(ports: RangeInclusive<u16>) -> PortPool {
        let is_pair = |port: &u16| {
            port.is_multiple_of(2)
                && *port != 0
                && port.checked_add(1).is_some_and(|odd| ports.contains(&odd))
        };
        PortPool { free: ports.clone().filter(is_pair).collect(), resting: VecDeque::new() }
    }

    /// The even port of a pair, until it is given back; `None` when all are used or resting. Which one it is depends on
    /// `random` alone, which must be a number nobody can guess.
    pub fn take(&mut self, now: Instant, random: u64) -> Option<u16> {
        while let Some((_, port)) = self.resting.pop_front_if(|(ready, _)| *ready <= now) {
            self.free.push(port);
        }
        let drawn = random.checked_rem(u64::try_from(self.free.len()).ok()?)?;
        Some(self.free.swap_remove(usize::try_from(drawn).ok()?))
    }

    /// Takes a pair back; it rests for [`PortPool::REST`], so that late packets of the old call meet no new one.
    pub fn give_back(&mut self, now: Instant, port: u16) {
        self.resting.push_back((now + Self::REST, port));
    }

    /// Gives back a pair that was never in use: it needs no rest.
    pub fn put_back(&mut self, port: u16) {
        self.free.push(port);
    }

    /// How long a pair rests: longer than a phone keeps sending to a call that ended (RFC 3261 timers take 32 s).
    pub const REST: Duration = Duration::from_secs(60);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pair_inside_the_range_is_handed_out_once() {
        let (mut pool, now) = (PortPool::new(20_001..=20_010), Instant::now());

        let taken: BTreeSet<u16> = std::iter::from_fn(|| pool.take(now, 5)).collect();

        assert_eq!(taken, BTreeSet::from([20_002, 20_004, 20_006, 20_008]));
        assert_eq!(pool.take(now, 5), None);
    }

    #[test]
    fn a_pair_rests_sixty_seconds_before_it_is_used_again() {
        let (mut pool, now) = (PortPool::new(20_000..=20_001), Instant::now());
        let port = pool.take(now, 5).unwrap();
        pool.give_back(now, port);

        assert_eq!(pool.take(now + Duration::from_millis(59_999), 5), None);
        assert_eq!(pool.take(now + Duration::from_secs(60), 5), Some(port));
    }

    #[test]
    fn a_pair_that_was_never_used_is_there_again_at_once() {
        let (mut pool, now) = (PortPool::new(20_000..=20_001), Instant::now());
        let port = pool.take(now, 5).unwrap();
        pool.put_back(port);

        assert_eq!(pool.take(now, 5), Some(port));
    }

    #[test]
    fn the_pair_that_rested_longest_is_not_the_next() {
        let (mut pool, now) = (PortPool::new(20_000..=20_007), Instant::now());
        let in_order: Vec<u16> = std::iter::from_fn(|| pool.take(now, 0)).collect();
        for port in &in_order {
            pool.give_back(now, *port);
        }

        let later = now + PortPool::REST;
        let again: Vec<u16> =
            [6, 4, 3, 0].into_iter().filter_map(|random| pool.take(later, random)).collect();

        assert_eq!(again, [2, 1, 3, 0].map(|place| in_order[place]));
    }

    #[test]
    fn the_ends_of_the_port_space_are_no_trouble() {
        let now = Instant::now();
        let mut pool = PortPool::new(0..=u16::MAX);
        assert_eq!(std::iter::from_fn(|| pool.take(now, 5)).count(), 32_767);
        #[expect(clippy::reversed_empty_ranges, reason = "an operator may write it so")]
        let mut none = PortPool::new(9..=8);
        assert_eq!(none.take(now, 5), None);
    }
}
