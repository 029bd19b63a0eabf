//! When packets are due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the packets of all streams lie in time. Each stream has one every 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// One after the other at even distances, as from many phones: the most wakings.
    Even,
    /// All that are due in a millisecond at once, as from a gateway or behind a busy link.
    Bursts,
}

impl Pace {
    /// When the packet of this number is due, counted over all streams from the beginning.
    pub(crate) fn due(self, number: u64, streams: u32) -> Duration {
        let even = nanos(number, streams);
        Duration::from_nanos(match self {
            Pace::Even => even,
            Pace::Bursts => even - even % BURST,
        })
    }

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Pace::Even => "even",
            Pace::Bursts => "bursts",
        }
    }
}

/// How many packets of all streams are due before so long after the beginning, as long as that is whole milliseconds.
pub(crate) fn packets_before(time: Duration, streams: u32) -> u64 {
    let packets = (time.as_nanos() * u128::from(streams)).div_ceil(u128::from(INTERVAL));
    u64::try_from(packets).unwrap_or(u64::MAX)
}

fn nanos(number: u64, streams: u32) -> u64 {
    let streams = u64::from(streams.max(1));
    let (round, place) = (number / streams, number % streams);
    round * INTERVAL + place * INTERVAL / streams
}

/// Nanoseconds between two packets of a stream.
const INTERVAL: u64 = 20_000_000;
/// Nanoseconds from burst to burst.
const BURST: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_has_a_packet_every_20_ms_and_the_others_lie_between() {
        let due = |number| Pace::Even.due(number, 4).as_micros();
        assert_eq!([0, 1, 2, 3, 4, 5].map(due), [0, 5_000, 10_000, 15_000, 20_000, 25_000]);
    }

    #[test]
    fn a_burst_holds_what_is_due_in_its_millisecond() {
        let due = |number| Pace::Bursts.due(number, 100).as_micros();
        assert_eq!([0, 4, 5, 9, 10].map(due), [0, 0, 1_000, 1_000, 2_000]);
        assert_eq!(due(100), 20_000);
    }

    #[test]
    fn packets_are_counted_by_when_they_are_due() {
        for (pace, streams) in
            [(Pace::Even, 7), (Pace::Bursts, 7), (Pace::Even, 4_000), (Pace::Bursts, 4_000)]
        {
            let time = Duration::from_millis(333);
            let first = packets_before(time, streams);
            assert!(pace.due(first, streams) >= time);
            assert!(pace.due(first - 1, streams) < time);
        }
        assert_eq!(packets_before(Duration::from_secs(10), 1_000), 500_000);
    }

    #[test]
    fn an_hour_of_many_streams_is_no_trouble() {
        let number = 3_600 * 50 * 4_001;
        assert_eq!(Pace::Even.due(number, 4_001), Duration::from_secs(3_600));
    }
}
