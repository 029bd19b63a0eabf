//! Which readings of the media clock a source has shown.

use cordon_rtp::Timestamp;

/// The shortest arc of the media clock that holds every timestamp seen.
///
/// A timestamp is authenticated with its packet, and one clock never shows a reading twice within a call (2^32 ticks of
/// 8 kHz are six days). What lies outside of the span was therefore never sent before: it cannot be a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockSpan {
    first: Timestamp,
    /// Ticks from the first to the last.
    width: u32,
}

impl ClockSpan {
    /// A span that has seen one reading.
    pub(crate) fn starting_at(timestamp: Timestamp) -> Self {
        Self { first: timestamp, width: 0 }
    }

    /// Takes in a reading, by the shorter way around the clock.
    pub(crate) fn extend(&mut self, timestamp: Timestamp) {
        let ahead = timestamp.0.wrapping_sub(self.first.0);
        if ahead <= self.width {
            return;
        }
        let behind = self.first.0.wrapping_sub(timestamp.0);
        if ahead - self.width <= behind {
            self.width = ahead;
        } else {
            self.first = timestamp;
            self.width = self.width.saturating_add(behind);
        }
    }

    /// Takes in all that another span has seen.
    pub(crate) fn merge(&mut self, other: Self) {
        self.extend(other.first);
        let ahead = other.first.0.wrapping_sub(self.first.0);
        self.width = self.width.max(ahead.saturating_add(other.width));
    }

    /// Whether a reading may have been shown before: it lies in the span, or so shortly before it that packets which
    /// never arrived may have carried it.
    pub(crate) fn covers(&self, timestamp: Timestamp) -> bool {
        let first = self.first.0.wrapping_sub(UNSEEN);
        timestamp.0.wrapping_sub(first) <= self.width.saturating_add(UNSEEN)
    }
}

/// Ticks before the first packet that arrived in which others may have been sent: six minutes of the fastest clock, and
/// one in 256 of the readings a peer that draws its clock anew may come back with.
const UNSEEN: u32 = 1 << 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clock_that_goes_on_is_ahead_of_its_span() {
        let mut span = ClockSpan::starting_at(Timestamp(u32::MAX - 100));
        for step in 1..1_000 {
            let reading = Timestamp((u32::MAX - 100).wrapping_add(step * 160));
            assert!(!span.covers(reading));
            span.extend(reading);
            assert!(span.covers(reading));
        }
    }

    #[test]
    fn what_was_sent_shortly_before_the_first_reading_may_have_been_seen() {
        let span = ClockSpan::starting_at(Timestamp(5));
        assert!(span.covers(Timestamp(5_u32.wrapping_sub(1_000))));
        assert!(!span.covers(Timestamp(5_u32.wrapping_sub(1 << 25))));
        assert!(!span.covers(Timestamp(6)));
    }

    proptest! {
        #[test]
        fn nothing_that_was_seen_counts_as_new(
            one in prop::collection::vec(any::<u32>(), 1..20),
            two in prop::collection::vec(any::<u32>(), 1..20),
        ) {
            let span = |readings: &[u32]| {
                let mut span = ClockSpan::starting_at(Timestamp(readings[0]));
                readings.iter().for_each(|reading| span.extend(Timestamp(*reading)));
                span
            };
            let mut merged = span(&one);
            merged.merge(span(&two));
            for reading in one.iter().chain(&two) {
                prop_assert!(merged.covers(Timestamp(*reading)));
            }
        }
    }
}
