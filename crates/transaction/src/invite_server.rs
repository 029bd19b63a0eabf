//! The INVITE server transaction: RFC 3261 section 17.2.1 with the Accepted state of RFC 6026 section 7.1.

use std::time::Duration;

use bytes::Bytes;
use cordon_sip::{Headers, Response, Text};

use crate::bounds;
use crate::event::{Event, Gone, ServerId};
use crate::output::Step;
use crate::schedule::Alarm;
use crate::timers::FORGOTTEN;

/// An INVITE of a peer and what we have answered.
pub(crate) struct InviteServer {
    id: ServerId,
    state: State,
    /// The To tag of the responses, which the 200 to a CANCEL repeats (9.2).
    to_tag: Option<Text>,
    cancelled: bool,
}

enum State {
    /// `last` answers a retransmitted INVITE.
    Proceeding { last: Option<Bytes> },
    /// A failure is sent and sent again by Timer G until its ACK or Timer H.
    Completed { wire: Option<Bytes>, interval: Duration },
    /// The failure is acknowledged.
    Confirmed,
    /// A 2xx is sent; the layer above repeats it until its ACK (13.3.1.4).
    Accepted,
}

impl InviteServer {
    /// Begins with the 100 (Trying) at once: asking a PBX takes longer than the 200 ms of 17.2.1.
    pub(crate) fn start(step: &mut Step<'_>, id: ServerId, trying: Bytes) -> Self {
        step.send(trying.clone());
        step.arm(Alarm::End, FORGOTTEN);
        Self { id, state: State::Proceeding { last: step.keep(trying) }, to_tag: None, cancelled: false }
    }

    pub(crate) fn respond(&mut self, step: &mut Step<'_>, response: &Response) -> Result<(), Gone> {
        let status = response.status.code();
        match (&self.state, status) {
            (State::Proceeding { .. }, _) => {}
            (State::Accepted, 200..=299) => {
                step.send(bounds::response(step.hop, response));
                return Ok(());
            }
            (State::Completed { .. } | State::Confirmed | State::Accepted, _) => return Err(Gone),
        }
        if let Some(tag) = response.to.tag() {
            self.to_tag = Some(tag.detached());
        }
        let wire = bounds::response(step.hop, response);
        step.send(wire.clone());
        let wire = step.keep(wire);
        self.state = match status {
            ..200 => {
                step.arm(Alarm::End, FORGOTTEN);
                State::Proceeding { last: wire }
            }
            200..=299 => {
                step.arm(Alarm::End, step.timers.give_up()); // Timer L
                State::Accepted
            }
            300.. => {
                let interval = step.timers.t1;
                if !step.reliable {
                    step.arm(Alarm::Retransmit, interval); // Timer G
                }
                step.arm(Alarm::End, step.timers.give_up()); // Timer H
                State::Completed { wire, interval }
            }
        };
        Ok(())
    }

    /// The To tag of the responses to come.
    pub(crate) fn speaks_as(&mut self, to_tag: &Text) {
        self.to_tag = Some(to_tag.detached());
    }

    /// The same INVITE has come again.
    pub(crate) fn handle_retransmission(&mut self, step: &mut Step<'_>) {
        match &self.state {
            State::Proceeding { last: Some(wire) } | State::Completed { wire: Some(wire), .. } => {
                step.send(wire.clone());
            }
            State::Proceeding { last: None } | State::Completed { wire: None, .. } => {}
            State::Confirmed | State::Accepted => {}
        }
    }

    /// Whether it was refused, and its ACK has not come.
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.state, State::Completed { .. })
    }

    /// An ACK with the INVITE's branch; `true` if it is for the layer above.
    pub(crate) fn handle_ack(&mut self, step: &mut Step<'_>) -> bool {
        match self.state {
            State::Completed { .. } => {
                self.state = State::Confirmed;
                step.linger(step.timers.linger(step.reliable)); // Timer I
                false
            }
            State::Proceeding { .. } | State::Confirmed => false,
            // The ACK of a 2xx is a transaction of its own; a peer that keeps the branch still means it.
            State::Accepted => true,
        }
    }

    /// A CANCEL that matches: tells the layer above once, while the INVITE is open. Returns the To tag so far.
    pub(crate) fn handle_cancel(&mut self, step: &mut Step<'_>, headers: &Headers) -> Option<Text> {
        match self.state {
            State::Proceeding { .. } if !self.cancelled => {
                self.cancelled = true;
                step.tell(Event::Cancelled { server: self.id, headers: headers.clone() });
            }
            State::Proceeding { .. } | State::Completed { .. } | State::Confirmed | State::Accepted => {}
        }
        self.to_tag.clone()
    }

    pub(crate) fn handle_alarm(&mut self, step: &mut Step<'_>, alarm: Alarm) {
        match (&mut self.state, alarm) {
            (State::Completed { wire, interval }, Alarm::Retransmit) => {
                if let Some(wire) = wire {
                    step.send(wire.clone());
                }
                *interval = step.timers.back_off(*interval);
                step.arm(Alarm::Retransmit, *interval);
            }
            (State::Proceeding { .. } | State::Completed { .. }, Alarm::End) => {
                step.tell(Event::ServerTimedOut { server: self.id });
                step.end();
            }
            (State::Confirmed | State::Accepted, Alarm::End) => step.end(),
            (State::Proceeding { .. } | State::Confirmed | State::Accepted, Alarm::Retransmit) => {}
        }
    }
}
