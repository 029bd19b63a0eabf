//! A network in virtual time that loses, repeats, delays and reorders, the same way for the same seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How a network treats what is sent through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// Of a thousand datagrams, so many get lost.
    pub lost: u32,
    /// Of a thousand that are not lost, so many arrive twice.
    pub repeated: u32,
    /// The least time a datagram takes.
    pub delay: Duration,
    /// What it takes beyond that is anything up to this: more than the distance of two datagrams reorders them.
    pub jitter: Duration,
}

impl Conditions {
    /// Everything arrives once, in order and at once.
    pub const PERFECT: Conditions =
        Conditions { lost: 0, repeated: 0, delay: Duration::ZERO, jitter: Duration::ZERO };
}

/// One direction of a network.
pub struct Network<T> {
    conditions: Conditions,
    chance: u64,
    /// What is under way, by when it arrives; of two at one instant the one sent first.
    under_way: BTreeMap<(Instant, u64), T>,
    sent: u64,
}

impl<T: Clone> Network<T> {
    /// A network whose chances all follow from `seed`.
    pub fn new(seed: u64, conditions: Conditions) -> Network<T> {
        Network { conditions, chance: seed, under_way: BTreeMap::new(), sent: 0 }
    }

    /// From now on it treats what is sent like this; what is under way arrives as it would have.
    pub fn change(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Takes a datagram.
    pub fn send(&mut self, now: Instant, datagram: T) {
        if self.falls_on(self.conditions.lost) {
            return;
        }
        if self.falls_on(self.conditions.repeated) {
            self.dispatch(now, datagram.clone());
        }
        self.dispatch(now, datagram);
    }

    /// When the next datagram arrives.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// The next datagram that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<T> {
        let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// A number below `end`, or 0 where that is none.
    pub fn draw(&mut self, end: u64) -> u64 {
        // SplitMix64: small, and good enough to shake packets.
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.chance;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^= number >> 31;
        number.checked_rem(end).unwrap_or(0)
    }

    fn falls_on(&mut self, per_thousand: u32) -> bool {
        per_thousand > 0 && self.draw(1000) < u64::from(per_thousand)
    }

    fn dispatch(&mut self, now: Instant, datagram: T) {
        let Conditions { delay, jitter, .. } = self.conditions;
        let jitter = u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX);
        let late = Duration::from_micros(self.draw(jitter.saturating_add(1)));
        self.under_way.insert((now + delay + late, self.sent), datagram);
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUGH: Conditions = Conditions {
        lost: 100,
        repeated: 50,
        delay: Duration::from_millis(10),
        jitter: Duration::from_millis(60),
    };

    #[test]
    fn a_perfect_network_is_a_queue() {
        let now = Instant::now();
        let mut network = Network::new(1, Conditions::PERFECT);
        (0..100).for_each(|number| network.send(now, number));
        let arrived: Vec<i32> = std::iter::from_fn(|| network.receive(now)).collect();
        assert_eq!(arrived, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_rough_one_loses_repeats_and_reorders_as_much_as_it_should_and_always_alike() {
        let (first, second) = (through(7), through(7));
        assert_eq!(first, second);
        assert_ne!(first, through(8));
        let unique: std::collections::BTreeSet<_> = first.iter().collect();
        assert!((8_800..9_200).contains(&unique.len()), "{} of 10,000 arrived", unique.len());
        assert!((350..550).contains(&(first.len() - unique.len())), "{} twice", first.len() - unique.len());
        let backward = first.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!(backward > 1_500, "{backward} arrived behind a later one");
    }

    #[test]
    fn nothing_arrives_before_its_time() {
        let now = Instant::now();
        let mut network = Network::new(1, Conditions { lost: 0, repeated: 0, ..ROUGH });
        network.send(now, ());
        let due = network.poll_timeout().unwrap();
        assert!(due >= now + ROUGH.delay && due <= now + ROUGH.delay + ROUGH.jitter);
        assert_eq!(network.receive(due - Duration::from_micros(1)), None);
        assert_eq!(network.receive(due), Some(()));
    }

    fn through(seed: u64) -> Vec<u32> {
        let mut now = Instant::now();
        let mut network = Network::new(seed, ROUGH);
        let mut arrived = Vec::new();
        for number in 0..10_000 {
            network.send(now, number);
            now += Duration::from_millis(20);
            arrived.extend(std::iter::from_fn(|| network.receive(now)));
        }
        now += Duration::from_secs(1);
        arrived.extend(std::iter::from_fn(|| network.receive(now)));
        arrived
    }
}
