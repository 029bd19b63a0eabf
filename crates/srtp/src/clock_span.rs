//! Which readings of the media clock a source has shown.

use cordon_rtp::Timestamp;

/// An arc of the media clock: one run of it, from the first timestamp seen to the last.
///
/// A timestamp is authenticated with its packet, and one clock never shows a reading twice within a call (2^32 ticks of
/// 8 kHz are six days). What lies outside of the span never arrived before: it is no copy of anything that was heard. It may
/// still have been sent before, and held back by somebody on the way.
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

    /// Takes in a reading that goes on from the span, or lies so shortly before it that it may have been overtaken; false,
    /// and nothing is changed, when it lies elsewhere.
    pub(crate) fn extend(&mut self, timestamp: Timestamp) -> bool {
        let ahead = timestamp.0.wrapping_sub(self.first.0);
        if ahead <= self.width {
            return true;
        }
        if ahead - self.width <= SILENCE {
            self.width = ahead;
            return true;
        }
        let behind = self.first.0.wrapping_sub(timestamp.0);
        if behind <= UNSEEN {
            *self = Self { first: timestamp, width: self.width.saturating_add(behind) };
            return true;
        }
        false
    }

    /// The shortest span that holds both.
    fn joined(self, other: Self) -> Self {
        let from = |first: Self, second: Self| {
            let ahead = second.first.0.wrapping_sub(first.first.0);
            Self { first: first.first, width: first.width.max(ahead.saturating_add(second.width)) }
        };
        let (one, two) = (from(self, other), from(other, self));
        if one.width <= two.width { one } else { two }
    }

    /// Ticks that lie in neither but between both.
    fn gap_to(self, other: Self) -> u32 {
        self.joined(other).width.saturating_sub(self.width).saturating_sub(other.width)
    }

    /// Whether a reading may have been shown before: it lies in the span, or so shortly before it that packets which
    /// never arrived may have carried it.
    pub(crate) fn covers(&self, timestamp: Timestamp) -> bool {
        let first = self.first.0.wrapping_sub(UNSEEN);
        timestamp.0.wrapping_sub(first) <= self.width.saturating_add(UNSEEN)
    }
}

/// At most `MOST` spans. Nothing that one of them held is ever forgotten: when there are too many, the two that are closest to
/// each other become one.
#[derive(Clone)]
pub(crate) struct ClockSpans<const MOST: usize> {
    list: [ClockSpan; MOST],
    used: usize,
}

impl<const MOST: usize> Default for ClockSpans<MOST> {
    fn default() -> Self {
        Self { list: [ClockSpan::starting_at(Timestamp(0)); MOST], used: 0 }
    }
}

impl<const MOST: usize> ClockSpans<MOST> {
    /// The spans.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ClockSpan> {
        self.list.iter().copied().take(self.used)
    }

    /// Whether a reading may have been shown in one of them.
    pub(crate) fn cover(&self, timestamp: Timestamp) -> bool {
        self.iter().any(|span| span.covers(timestamp))
    }

    /// Takes a span in.
    pub(crate) fn add(&mut self, span: ClockSpan) {
        let closest = self.closest_to(span);
        let is_same_run = closest.is_some_and(|near| near.gap <= SILENCE);
        match closest {
            Some(near) if is_same_run => self.join(near.place, span),
            _ if self.used < MOST => {
                self.put(self.used, span);
                self.used += 1;
            }
            Some(near) => match self.closest_pair() {
                Some((pair, place)) if pair.gap < near.gap => {
                    if let Some(moved) = self.list.get(pair.place).copied() {
                        self.join(place, moved);
                    }
                    self.put(pair.place, span);
                }
                _ => self.join(near.place, span),
            },
            None => {}
        }
    }

    /// The span with the shortest gap to this one.
    fn closest_to(&self, span: ClockSpan) -> Option<Near> {
        let gaps = self.iter().enumerate().map(|(place, known)| Near { place, gap: known.gap_to(span) });
        gaps.min_by_key(|near| near.gap)
    }

    /// The two spans with the shortest gap between them.
    fn closest_pair(&self) -> Option<(Near, usize)> {
        let pairs = self.iter().enumerate().flat_map(|(place, span)| {
            let behind = self.iter().enumerate().skip(place + 1);
            behind.map(move |(other, known)| (Near { place: other, gap: known.gap_to(span) }, place))
        });
        pairs.min_by_key(|(near, _)| near.gap)
    }

    fn join(&mut self, place: usize, span: ClockSpan) {
        if let Some(known) = self.list.get_mut(place) {
            *known = known.joined(span);
        }
    }

    fn put(&mut self, place: usize, span: ClockSpan) {
        if let Some(known) = self.list.get_mut(place) {
            *known = span;
        }
    }
}

/// A span, and the ticks between it and another.
#[derive(Clone, Copy)]
struct Near {
    place: usize,
    gap: u32,
}

/// Ticks a clock may go on without a packet and still be in the same run: 46 minutes of the fastest, four hours of the most
/// common.
const SILENCE: u32 = 1 << 27;
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

    #[test]
    fn a_reading_far_from_the_span_is_not_of_its_run() {
        let mut span = ClockSpan::starting_at(Timestamp(1_000));
        assert!(span.extend(Timestamp(1_000 + SILENCE)));
        let before = span;
        assert!(!span.extend(Timestamp(1 << 31)));
        assert!(!span.extend(Timestamp(1_000_u32.wrapping_sub(UNSEEN + 1))));
        assert_eq!(span, before);
        assert!(span.extend(Timestamp(1_000_u32.wrapping_sub(UNSEEN))));
    }

    proptest! {
        #[test]
        fn spans_forget_nothing_and_stay_few(readings in prop::collection::vec(any::<u32>(), 1..60)) {
            let mut spans = ClockSpans::<5>::default();
            for reading in &readings {
                spans.add(ClockSpan::starting_at(Timestamp(*reading)));
            }
            prop_assert!(spans.iter().count() <= 5);
            for reading in &readings {
                prop_assert!(spans.cover(Timestamp(*reading)));
            }
        }
    }
}
