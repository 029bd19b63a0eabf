//! What a source showed of its media clock under one key.

use cordon_rtp::Timestamp;

use crate::clock_span::ClockSpan;

/// The readings that packets recorded under one key may carry.
#[derive(Clone, Copy, Default)]
pub(crate) struct MediaClock {
    /// Since the source last started over.
    shown: Option<ClockSpan>,
    /// Before that: what carries such a reading is a recording.
    spent: Option<ClockSpan>,
}

impl MediaClock {
    /// Whether a recorded packet may carry this reading.
    pub(crate) fn has_shown(&self, timestamp: Timestamp) -> bool {
        self.shown.is_some_and(|span| span.covers(timestamp)) || self.is_spent(timestamp)
    }

    /// Whether only a packet of before the source started over can carry this reading.
    pub(crate) fn is_spent(&self, timestamp: Timestamp) -> bool {
        self.spent.is_some_and(|span| span.covers(timestamp))
    }

    /// Takes the reading of an authenticated packet.
    pub(crate) fn show(&mut self, timestamp: Timestamp) {
        match &mut self.shown {
            Some(span) => span.extend(timestamp),
            None => self.shown = Some(ClockSpan::starting_at(timestamp)),
        }
    }

    /// The source starts over under its key: what its clock showed so far is spent.
    pub(crate) fn spend(&mut self) {
        match (&mut self.spent, self.shown.take()) {
            (Some(spent), Some(shown)) => spent.merge(shown),
            (None, shown) => self.spent = shown,
            (Some(_), None) => {}
        }
    }
}
