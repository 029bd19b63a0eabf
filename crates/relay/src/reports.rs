//! What the peer of one end reports about what it was sent, and how long a report takes to it and back.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use cordon_rtp::report::{Echo, ReportBlock, Stamp};
use cordon_rtp::{Micros, Reported, RoundTrip};

/// Follows the reports of an end's peer.
#[derive(Default)]
pub(crate) struct Reports {
    /// Stamps that were sent to the peer, the newest first.
    sent: [Option<(Stamp, Instant)>; STAMPS],
}

/// The numbers we gave to what the peer was sent under one SSRC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    /// The first one, without its upper 16 bits.
    pub(crate) first: u32,
    /// The highest one, likewise.
    pub(crate) highest: u32,
}

/// What the peer last reported of what it was sent under one SSRC, all together since the first packet.
#[derive(Clone, Copy, Default)]
pub(crate) struct Told {
    expected: u64,
    lost: u64,
}

impl Reports {
    /// A report with this stamp leaves for the peer.
    pub(crate) fn note_sent(&mut self, now: Instant, stamp: Stamp) {
        // A sender without a wall clock stamps with zero, which names no report.
        if stamp != Stamp(0) {
            self.sent.rotate_right(1);
            if let Some(newest) = self.sent.first_mut() {
                *newest = Some((stamp, now));
            }
        }
    }

    /// The peer echoes a stamp: the round trip, if the stamp is one of the last that were sent to it.
    pub(crate) fn note_echo(&self, now: Instant, echo: Echo, known: Option<RoundTrip>) -> Option<RoundTrip> {
        let (_, sent) = self.sent.iter().flatten().find(|(stamp, _)| *stamp == echo.stamp)?;
        let away = now.saturating_duration_since(*sent);
        // The peer's clock may run a little faster than ours; one that says far more is not believed.
        (echo.held() <= away + CLOCK_ERROR).then(|| RoundTrip::with(known, away.saturating_sub(echo.held())))
    }
}

impl Told {
    /// The peer reports about what it was sent under an SSRC of ours, of which `given` are the numbers.
    pub(crate) fn note(
        &mut self,
        block: ReportBlock,
        given: Span,
        clock_rate: Option<NonZeroU32>,
        reported: &mut Reported,
    ) {
        let known = block.highest.wrapping_sub(given.first);
        if known > given.highest.wrapping_sub(given.first) {
            return; // More than was sent: it speaks of something else.
        }
        let expected = u64::from(known) + 1;
        if expected < self.expected {
            return; // Overtaken by a later one.
        }
        let lost = u64::try_from(block.lost).unwrap_or(0).min(expected);
        let before = std::mem::replace(self, Told { expected, lost });
        reported.reports = reported.reports.saturating_add(1);
        reported.expected += expected - before.expected;
        reported.lost = (reported.lost + lost).saturating_sub(before.lost);
        reported.jitter = clock_rate.map(|clock_rate| {
            let micros = u64::from(block.jitter) * 1_000_000 / u64::from(clock_rate.get());
            Micros(u32::try_from(micros).unwrap_or(u32::MAX))
        });
    }
}

/// Two compounds with two stamps each: a peer answers within the interval of its reports, in which the other side sends one
/// or two.
const STAMPS: usize = 4;
/// How much longer than it was away a report can have been held, by a clock that is a little fast.
const CLOCK_ERROR: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use cordon_rtp::Ssrc;

    use super::*;

    /// RFC 3550 §6.4.1, figure 2: sent at ...b705.2000, held for 5.25 s, back at ...b710:8000, so 6.125 s on the way.
    #[test]
    fn the_round_trip_of_the_rfc() {
        let (mut reports, start) = (Reports::default(), Instant::now());
        reports.note_sent(start, Stamp(0xb705_2000));
        reports.note_sent(start + Duration::from_secs(5), Stamp(0xb70a_2000));

        let back = start + Duration::from_secs(11) + Duration::from_millis(375);
        let echo = Echo { stamp: Stamp(0xb705_2000), held: 0x0005_4000 };
        let trip = reports.note_echo(back, echo, None).unwrap();

        assert_eq!(trip.last.duration(), Duration::from_millis(6125));
    }

    #[test]
    fn an_echo_of_nothing_or_held_longer_than_it_was_away_tells_nothing() {
        let (mut reports, start) = (Reports::default(), Instant::now());
        reports.note_sent(start, Stamp(0));
        reports.note_sent(start, Stamp(7));
        let echo = |stamp, held| Echo { stamp: Stamp(stamp), held };

        assert_eq!(reports.note_echo(start, echo(0, 0), None), None);
        assert_eq!(reports.note_echo(start, echo(8, 0), None), None);
        assert_eq!(reports.note_echo(start, echo(7, 65_536), None), None);
        let trip = reports.note_echo(start, echo(7, 655), None).unwrap();
        assert_eq!(trip.last, Micros(0), "ten milliseconds are an error of clocks");
        for stamp in 8..12 {
            reports.note_sent(start, Stamp(stamp));
        }
        assert_eq!(reports.note_echo(start, echo(7, 0), None), None, "long ago");
    }

    #[test]
    fn what_is_reported_adds_up_over_sources_and_stays_within_what_was_sent() {
        let (mut told, mut reported) = (Told::default(), Reported::default());
        let clock_rate = NonZeroU32::new(8000);
        let given = Span { first: u32::MAX - 9, highest: 89 };
        told.note(block(5, 39), given, clock_rate, &mut reported);
        assert_eq!((reported.expected, reported.lost, reported.jitter), (50, 5, Some(Micros(1000))));
        told.note(block(7, 89), given, clock_rate, &mut reported);
        assert_eq!((reported.expected, reported.lost), (100, 7));

        told.note(block(0, 90), given, clock_rate, &mut reported);
        assert_eq!(reported.reports, 2, "number 90 was never sent");
        told.note(block(6, 88), given, clock_rate, &mut reported);
        assert_eq!(reported.reports, 2, "89 was reported already");
        told.note(block(5, 89), given, clock_rate, &mut reported);
        assert_eq!((reported.expected, reported.lost), (100, 5), "two came late");

        let given = Span { first: 1000, highest: 1009 };
        let mut of_another = Told::default();
        of_another.note(block(-3, 1009), given, None, &mut reported);
        assert_eq!((reported.expected, reported.lost, reported.jitter), (110, 5, None));
        of_another.note(block(8_000_000, 1009), given, None, &mut reported);
        assert_eq!((reported.expected, reported.lost), (110, 15));
    }

    fn block(lost: i32, highest: u32) -> ReportBlock {
        let echo = Echo { stamp: Stamp(0), held: 0 };
        ReportBlock { source: Ssrc(1), lost, highest, jitter: 8, echo }
    }
}
