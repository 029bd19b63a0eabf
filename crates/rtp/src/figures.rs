//! How the media of one end is doing: figures, never contents. Small and plain, so that they can be copied out of a relay by
//! interval and kept in a receipt.

use std::time::Duration;

use crate::{Coding, Rating};

/// What came of the packets that a peer sent.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// Packets the peer's numbers say it sent (RFC 3550 A.3), over all its sources.
    pub expected: u64,
    /// Packets of these that did not arrive.
    pub lost: u64,
    /// Packets that arrived behind a later one.
    pub reordered: u64,
    /// Packets of a plain end that arrived again. On an SRTP end a copy is a replay, and counted as one.
    pub duplicates: u64,
    /// Interarrival jitter (RFC 3550 A.8) as of the last packet; `None` before the second packet of a known codec.
    pub jitter: Option<Micros>,
    /// The highest it has been.
    pub highest_jitter: Micros,
    /// What the last packet of audio was coded in.
    pub coding: Option<Coding>,
}

/// What a peer reported about the packets sent to it: what was lost from the first sender to the peer, so that what got lost
/// before the relay is in it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Reported {
    /// Reports about a source of ours.
    pub reports: u32,
    /// Packets it knows were sent.
    pub expected: u64,
    /// Packets of these that it has not received.
    pub lost: u64,
    /// The jitter it last measured.
    pub jitter: Option<Micros>,
}

/// The way to a peer and back, without the time it held the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoundTrip {
    /// When it was last measured.
    pub last: Micros,
    /// The longest.
    pub highest: Micros,
}

/// A time in microseconds, in 4 bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Micros(pub u32);

impl Arrived {
    /// The share of packets that is lost, 0 to 1.
    pub fn loss(&self) -> f64 {
        share(self.lost, self.expected)
    }

    /// How speech sounds where it arrived, with half the round trip behind it. `None` before there is anything to rate.
    pub fn rating(&self, round_trip: Option<RoundTrip>) -> Option<Rating> {
        let coding = self.coding.filter(|_| self.expected > 0)?;
        Rating::of(coding, self.loss(), delay(self.jitter, [round_trip, None]))
    }

    /// What was added since these figures were `before`; jitter and coding are those of now.
    pub fn since(&self, before: &Arrived) -> Arrived {
        Arrived {
            expected: self.expected.saturating_sub(before.expected),
            // A late packet is lost in one interval and found in the next.
            lost: self.lost.saturating_sub(before.lost),
            reordered: self.reordered.saturating_sub(before.reordered),
            duplicates: self.duplicates.saturating_sub(before.duplicates),
            ..*self
        }
    }
}

impl Reported {
    /// The share of packets that is lost, 0 to 1.
    pub fn loss(&self) -> f64 {
        share(self.lost, self.expected)
    }

    /// How speech in this coding sounds to the peer, with half of both round trips behind it. `None` before it reported.
    pub fn rating(&self, coding: Option<Coding>, round_trips: [Option<RoundTrip>; 2]) -> Option<Rating> {
        let coding = coding.filter(|_| self.expected > 0)?;
        Rating::of(coding, self.loss(), delay(self.jitter, round_trips))
    }

    /// What was added since these figures were `before`.
    pub fn since(&self, before: &Reported) -> Reported {
        Reported {
            reports: self.reports.saturating_sub(before.reports),
            expected: self.expected.saturating_sub(before.expected),
            lost: self.lost.saturating_sub(before.lost),
            ..*self
        }
    }
}

impl RoundTrip {
    /// With one more measurement.
    pub fn with(known: Option<RoundTrip>, measured: Duration) -> RoundTrip {
        let last = Micros::from(measured);
        RoundTrip { last, highest: known.map_or(last, |known| known.highest.max(last)) }
    }
}

impl Micros {
    /// The same time.
    pub fn duration(self) -> Duration {
        Duration::from_micros(u64::from(self.0))
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.duration().as_secs_f64()
    }
}

impl From<Duration> for Micros {
    /// At most 71 minutes: nothing in a conversation takes longer.
    fn from(time: Duration) -> Micros {
        Micros(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
    }
}

/// From mouth to ear, as far as it is known: a packet to fill, a jitter buffer of twice the jitter, and half of each round trip.
fn delay(jitter: Option<Micros>, round_trips: [Option<RoundTrip>; 2]) -> Duration {
    let network: Duration = round_trips.into_iter().flatten().map(|trip| trip.last.duration() / 2).sum();
    PACKET + 2 * jitter.unwrap_or_default().duration() + network
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Voice in one packet, which has to be spoken before it is sent.
const PACKET: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_stream_is_excellent_and_a_lossy_one_is_not() {
        let whole = Arrived { expected: 1000, coding: Some(Coding::G711), ..Arrived::default() };
        // R = 93.2 - 0.024 * 20
        assert!((whole.rating(None).unwrap().r() - 92.72).abs() < 1e-9);

        let late = RoundTrip::with(None, Duration::from_millis(100));
        let lossy = Arrived { lost: 50, jitter: Some(Micros(15_000)), ..whole };
        // 93.2 - 0.024 * (20 + 30 + 50) - 95 * 5 / 30.1
        assert!((lossy.rating(Some(late)).unwrap().r() - 75.0193).abs() < 1e-4);
    }

    #[test]
    fn what_a_peer_hears_has_both_ways_behind_it() {
        let reported = Reported { reports: 1, expected: 100, lost: 0, jitter: None };
        let trip = |milliseconds| Some(RoundTrip::with(None, Duration::from_millis(milliseconds)));
        // 93.2 - 0.024 * (20 + 40 + 60)
        let rating = reported.rating(Some(Coding::G711), [trip(80), trip(120)]).unwrap();
        assert!((rating.r() - 90.32).abs() < 1e-9);
    }

    #[test]
    fn what_was_not_heard_or_not_reported_is_not_rated() {
        assert_eq!(Arrived::default().rating(None), None);
        assert_eq!(Reported::default().rating(Some(Coding::G711), [None, None]), None);
    }

    #[test]
    fn an_interval_in_which_late_packets_came_has_no_negative_loss() {
        let before = Arrived { expected: 10, lost: 3, ..Arrived::default() };
        let after = Arrived { expected: 20, lost: 1, ..Arrived::default() };
        assert_eq!((after.since(&before).expected, after.since(&before).lost), (10, 0));
    }
}
