//! What a step of a transaction brings about.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cordon_sip::Hop;

use crate::event::{Event, Transmit};
use crate::schedule::{Alarm, Alarms, Owner, Schedule};
use crate::timers::Timers;

/// The outputs of the layer until they are polled, and the deadlines.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) transmits: VecDeque<Transmit>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) schedule: Schedule,
}

/// One step of one transaction: the hands its machine is lent.
pub(crate) struct Step<'a> {
    pub(crate) now: Instant,
    pub(crate) owner: Owner,
    pub(crate) hop: Hop,
    pub(crate) reliable: bool,
    pub(crate) timers: Timers,
    pub(crate) alarms: &'a mut Alarms,
    pub(crate) output: &'a mut Output,
    /// Set by [`Step::end`]; the table then forgets the transaction.
    pub(crate) ended: bool,
}

impl Step<'_> {
    /// Sends these bytes to the transaction's hop.
    pub(crate) fn send(&mut self, bytes: Bytes) {
        self.output.transmits.push_back(Transmit { hop: self.hop, bytes });
    }

    /// What may have to be sent again. To a phone nothing is: its connection loses nothing, and its transactions end with it.
    pub(crate) fn keep(&self, bytes: Bytes) -> Option<Bytes> {
        match self.hop {
            Hop::Handset(_) if self.reliable => None,
            Hop::Handset(_) | Hop::Pbx | Hop::PbxFlow(_) => Some(bytes),
        }
    }

    /// Tells the layer above.
    pub(crate) fn tell(&mut self, event: Event) {
        self.output.events.push_back(event);
    }

    /// Arms an alarm, in place of the one of its kind that may be running.
    pub(crate) fn arm(&mut self, alarm: Alarm, after: Duration) {
        self.output.schedule.set(self.owner, self.alarms, alarm, self.now.checked_add(after));
    }

    /// Stops an alarm.
    pub(crate) fn disarm(&mut self, alarm: Alarm) {
        self.output.schedule.set(self.owner, self.alarms, alarm, None);
    }

    /// Stays for `time` to absorb what is still under way, then ends; at once when there is nothing to wait for.
    pub(crate) fn linger(&mut self, time: Duration) {
        self.disarm(Alarm::Retransmit);
        if time.is_zero() {
            self.end();
        } else {
            self.arm(Alarm::End, time);
        }
    }

    /// The transaction is over.
    pub(crate) fn end(&mut self) {
        self.output.schedule.clear(self.owner, self.alarms);
        self.ended = true;
    }
}
