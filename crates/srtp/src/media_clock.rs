//! What a source showed of its media clock under one key.

use cordon_rtp::Timestamp;

use crate::clock_span::{ClockSpan, ClockSpans};

/// The readings that packets recorded under one key may carry.
///
/// RFC 3550 §5.1 has a clock that steps evenly from a random start, so what is remembered of one is where it ran, not what
/// lies between two runs: a source that starts over somewhere else each time is still heard.
#[derive(Clone, Default)]
pub(crate) struct MediaClock {
    /// The run that is under way.
    shown: Option<ClockSpan>,
    /// Most sources have but one run, and no room is taken for others until there are.
    before: Option<Box<Before>>,
}

/// The runs before the one under way.
#[derive(Clone, Default)]
struct Before {
    /// Since the source last started over.
    shown: ClockSpans<MAX_SHOWN>,
    /// Before that: what carries such a reading is a recording.
    spent: ClockSpans<MAX_SPENT>,
}

impl MediaClock {
    /// Whether a recorded packet may carry this reading.
    pub(crate) fn has_shown(&self, timestamp: Timestamp) -> bool {
        self.shown.is_some_and(|span| span.covers(timestamp))
            || self.before.as_ref().is_some_and(|before| before.shown.cover(timestamp))
            || self.is_spent(timestamp)
    }

    /// Whether only a packet of before the source started over can carry this reading.
    pub(crate) fn is_spent(&self, timestamp: Timestamp) -> bool {
        self.before.as_ref().is_some_and(|before| before.spent.cover(timestamp))
    }

    /// Takes the reading of an authenticated packet.
    pub(crate) fn show(&mut self, timestamp: Timestamp) {
        let goes_on = self.shown.as_mut().is_some_and(|span| span.extend(timestamp));
        if goes_on {
            return;
        }
        if let Some(left) = self.shown.replace(ClockSpan::starting_at(timestamp)) {
            self.before.get_or_insert_default().shown.add(left);
        }
    }

    /// The source starts over under its key: what its clock showed so far is spent.
    pub(crate) fn spend(&mut self) {
        let Some(shown) = self.shown.take() else { return };
        let before = self.before.get_or_insert_default();
        let earlier = std::mem::take(&mut before.shown);
        earlier.iter().chain([shown]).for_each(|span| before.spent.add(span));
    }
}

/// Runs of a clock in one life of its source: a phone that dials digits or plays an announcement may have two.
const MAX_SHOWN: usize = 3;
/// Runs of before: a phone that draws its clock anew at each hold is told from its recordings by each of so many. From
/// there on the two that are closest to each other count as one, and what lies between them with them.
const MAX_SPENT: usize = 7;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clock_that_is_drawn_anew_is_known_where_it_ran_and_nowhere_else() {
        let mut clock = MediaClock::default();
        for life in 0..MAX_SPENT as u32 {
            let start = life << 29;
            assert!(!clock.has_shown(Timestamp(start)), "life {life}");
            (0..1_000).for_each(|step| clock.show(Timestamp(start + 160 * step)));
            assert!(clock.has_shown(Timestamp(start)) && !clock.is_spent(Timestamp(start)));
            clock.spend();
            assert!(clock.is_spent(Timestamp(start + 160)));
            assert!(!clock.has_shown(Timestamp(start + (1 << 28))), "between two runs");
        }
    }

    #[test]
    fn a_clock_that_goes_on_over_each_start_keeps_one_run() {
        let mut clock = MediaClock::default();
        for life in 0..1_000 {
            assert!(!clock.has_shown(Timestamp(life * 48_000)));
            clock.show(Timestamp(life * 48_000));
            clock.show(Timestamp(life * 48_000 + 24_000));
            clock.spend();
        }
        assert_eq!(clock.before.unwrap().spent.iter().count(), 1);
    }

    proptest! {
        #[test]
        fn nothing_that_was_shown_counts_as_new(
            lives in prop::collection::vec(prop::collection::vec(any::<u32>(), 1..20), 1..20),
        ) {
            let mut clock = MediaClock::default();
            for life in &lives {
                life.iter().for_each(|reading| clock.show(Timestamp(*reading)));
                for reading in life {
                    prop_assert!(clock.has_shown(Timestamp(*reading)));
                }
                clock.spend();
                for reading in life {
                    prop_assert!(clock.is_spent(Timestamp(*reading)));
                }
            }
            for reading in lives.iter().flatten() {
                prop_assert!(clock.is_spent(Timestamp(*reading)));
            }
        }
    }
}
