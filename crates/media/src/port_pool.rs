//! Port pairs of one interface: RTP on the even port, RTCP on the odd one above (RFC 3550 §11).

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Hands out even ports in an order nobody outside can foresee, and lets each rest before it is used again.
pub struct PortPool {
    /// Even ports ready for use, next first.
    free: VecDeque<u16>,
    /// Even ports that rest, earliest ready first.
    resting: VecDeque<(Instant, u16)>,
}

impl PortPool {
    /// A pool of all pairs that lie inside `ports`, in an order that depends on `seed`.
    pub fn new(ports: RangeInclusive<u16>, seed: u64) -> PortPool {
        let mut free: Vec<u16> = ports
            .clone()
            .filter(|port| {
                port % 2 == 0 && *port != 0 && port.checked_add(1).is_some_and(|odd| ports.contains(&odd))
            })
            .collect();
        shuffle(&mut free, seed);
        PortPool { free: free.into(), resting: VecDeque::new() }
    }

    /// The even port of a pair, until it is given back; `None` when all are used or resting.
    pub fn take(&mut self, now: Instant) -> Option<u16> {
        while let Some((ready, port)) = self.resting.front().copied() {
            if ready > now {
                break;
            }
            self.resting.pop_front();
            self.free.push_back(port);
        }
        self.free.pop_front()
    }

    /// Takes a pair back; it rests for [`PortPool::REST`], so that late packets of the old call meet no new one.
    pub fn give_back(&mut self, now: Instant, port: u16) {
        self.resting.push_back((now + Self::REST, port));
    }

    /// Gives back a pair that was never in use: it needs no rest.
    pub fn put_back(&mut self, port: u16) {
        self.free.push_back(port);
    }

    /// How long a pair rests: longer than a phone keeps sending to a call that ended (RFC 3261 timers take 32 s).
    pub const REST: Duration = Duration::from_secs(60);
}

/// Fisher and Yates, with numbers drawn from the seed.
fn shuffle(ports: &mut [u16], seed: u64) {
    let mut state = seed;
    for last in (1..ports.len()).rev() {
        let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
        let other = usize::try_from(next(&mut state) % bound).unwrap_or(last);
        ports.swap(last, other);
    }
}

/// SplitMix64: enough to scatter ports; what protects a port is the key of the call on it.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pair_inside_the_range_is_handed_out_once() {
        let (mut pool, now) = (PortPool::new(20_001..=20_010, 1), Instant::now());

        let taken: BTreeSet<u16> = std::iter::from_fn(|| pool.take(now)).collect();

        assert_eq!(taken, BTreeSet::from([20_002, 20_004, 20_006, 20_008]));
        assert_eq!(pool.take(now), None);
    }

    #[test]
    fn a_pair_rests_sixty_seconds_before_it_is_used_again() {
        let (mut pool, now) = (PortPool::new(20_000..=20_001, 1), Instant::now());
        let port = pool.take(now).unwrap();
        pool.give_back(now, port);

        assert_eq!(pool.take(now + Duration::from_millis(59_999)), None);
        assert_eq!(pool.take(now + Duration::from_secs(60)), Some(port));
    }

    #[test]
    fn a_pair_that_was_never_used_is_there_again_at_once() {
        let (mut pool, now) = (PortPool::new(20_000..=20_001, 1), Instant::now());
        let port = pool.take(now).unwrap();
        pool.put_back(port);

        assert_eq!(pool.take(now), Some(port));
    }

    #[test]
    fn the_order_depends_on_the_seed() {
        let order = |seed| {
            let (mut pool, now) = (PortPool::new(20_000..=29_999, seed), Instant::now());
            std::iter::from_fn(|| pool.take(now)).collect::<Vec<_>>()
        };

        assert_eq!(order(1).len(), 5000);
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn the_ends_of_the_port_space_are_no_trouble() {
        let now = Instant::now();
        let mut pool = PortPool::new(0..=u16::MAX, 7);
        assert_eq!(std::iter::from_fn(|| pool.take(now)).count(), 32_767);
        #[expect(clippy::reversed_empty_ranges, reason = "an operator may write it so")]
        let mut none = PortPool::new(9..=8, 7);
        assert_eq!(none.take(now), None);
    }
}
