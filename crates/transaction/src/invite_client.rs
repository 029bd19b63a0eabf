//! The INVITE client transaction: RFC 3261 section 17.1.1 with the Accepted state of RFC 6026 section 7.2.

use std::time::Duration;

use bytes::Bytes;
use cordon_sip::{CallId, Headers, NameAddr, Origin, Request, Response, Via};

use crate::event::{ClientId, Event};
use crate::output::Step;
use crate::schedule::Alarm;
use crate::timers::TIMER_C;

/// An INVITE of ours and what has come back.
pub(crate) struct InviteClient {
    id: ClientId,
    /// What the ACK of a failure and the CANCEL are made from.
    skeleton: Request,
    state: State,
    cancel: Cancel,
    /// What the CANCEL carries.
    carried: Headers,
    /// Timer C has fired and the layer above has been told: what still comes is ours to clear away.
    abandoned: bool,
}

enum State {
    /// No response yet; `wire` is what Timer A sends again.
    Calling {
        wire: Bytes,
        interval: Duration,
    },
    Proceeding,
    /// A failure, acknowledged; `ack` answers its retransmissions.
    Completed {
        ack: Bytes,
    },
    /// A 2xx has come; further ones are handed up until Timer M.
    Accepted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Unwanted,
    /// Asked for, but 9.1 forbids to send it before the first provisional response.
    Waiting,
    Sent,
}

impl InviteClient {
    pub(crate) fn start(step: &mut Step<'_>, id: ClientId, request: &Request, wire: Bytes) -> Self {
        step.send(wire.clone());
        let interval = step.timers.t1;
        if !step.reliable {
            step.arm(Alarm::Retransmit, interval); // Timer A
        }
        step.arm(Alarm::End, step.timers.give_up()); // Timer B
        let state = State::Calling { wire, interval };
        Self {
            id,
            skeleton: skeleton(request),
            state,
            cancel: Cancel::Unwanted,
            carried: Headers::new(),
            abandoned: false,
        }
    }

    /// Takes a response; returns the CANCEL that may be sent now.
    pub(crate) fn handle_response(
        &mut self,
        step: &mut Step<'_>,
        origin: Origin,
        response: Response,
    ) -> Option<Request> {
        let status = response.status.code();
        match (&self.state, status) {
            (State::Calling { .. } | State::Proceeding, 100..=199) => {
                return self.proceed(step, origin, response);
            }
            (State::Calling { .. } | State::Proceeding, 200..=299) => {
                self.state = State::Accepted;
                step.disarm(Alarm::Retransmit);
                step.arm(Alarm::End, step.timers.give_up()); // Timer M
                match self.abandoned {
                    true => step.tell(Event::StrayResponse { origin, response }),
                    false => step.tell(Event::Response { client: self.id, origin, response }),
                }
            }
            (State::Calling { .. } | State::Proceeding, _) => {
                let ack = self.skeleton.ack_for_failure(&response).write();
                step.send(ack.clone());
                self.state = State::Completed { ack };
                if !self.abandoned {
                    step.tell(Event::Response { client: self.id, origin, response });
                }
                step.linger(step.timers.timer_d(step.reliable));
            }
            (State::Completed { ack }, 300..) => step.send(ack.clone()),
            (State::Accepted, 200..=299) => step.tell(Event::StrayResponse { origin, response }),
            (State::Completed { .. } | State::Accepted, _) => {}
        }
        None
    }

    /// Asks for the call to be given up (9.1); returns the CANCEL if it may be sent now.
    pub(crate) fn cancel(&mut self, step: &mut Step<'_>, headers: Headers) -> Option<Request> {
        if self.cancel == Cancel::Unwanted {
            self.carried = headers;
        }
        match (&self.state, self.cancel) {
            (State::Calling { .. }, Cancel::Unwanted) => {
                self.cancel = Cancel::Waiting;
                None
            }
            (State::Proceeding, Cancel::Unwanted | Cancel::Waiting) => Some(self.give_up(step)),
            (State::Calling { .. } | State::Proceeding, Cancel::Waiting | Cancel::Sent) => None,
            (State::Completed { .. } | State::Accepted, _) => None,
        }
    }

    /// An alarm has rung; returns the CANCEL that Timer C demands.
    pub(crate) fn handle_alarm(&mut self, step: &mut Step<'_>, alarm: Alarm) -> Option<Request> {
        match (&mut self.state, alarm) {
            (State::Calling { wire, interval }, Alarm::Retransmit) => {
                step.send(wire.clone());
                *interval = interval.saturating_mul(2); // Timer A has no ceiling but Timer B
                step.arm(Alarm::Retransmit, *interval);
            }
            (State::Calling { .. }, Alarm::End) => {
                step.tell(Event::TimedOut { client: self.id });
                step.end();
            }
            (State::Proceeding, Alarm::End) if self.cancel == Cancel::Sent => {
                // RFC 3261 §9.1: 64*T1 after the CANCEL the INVITE counts as cancelled, whatever the peer does.
                if !self.abandoned {
                    step.tell(Event::TimedOut { client: self.id });
                }
                step.end();
            }
            (State::Proceeding, Alarm::End) => {
                self.abandoned = true;
                step.tell(Event::TimedOut { client: self.id });
                return Some(self.give_up(step));
            }
            (State::Completed { .. } | State::Accepted, Alarm::End) => step.end(),
            (State::Proceeding | State::Completed { .. } | State::Accepted, Alarm::Retransmit) => {}
        }
        None
    }

    /// The connection is gone: nothing can come any more.
    pub(crate) fn fail(&mut self, step: &mut Step<'_>) {
        match self.state {
            State::Calling { .. } | State::Proceeding if !self.abandoned => {
                step.tell(Event::TransportFailed { client: self.id });
            }
            State::Calling { .. } | State::Proceeding | State::Completed { .. } | State::Accepted => {}
        }
        step.end();
    }

    fn proceed(&mut self, step: &mut Step<'_>, origin: Origin, response: Response) -> Option<Request> {
        let is_first = matches!(self.state, State::Calling { .. });
        let is_ringing = response.status.code() > 100;
        self.state = State::Proceeding;
        step.disarm(Alarm::Retransmit);
        // RFC 3261 §16.7 step 2: every provisional but 100 starts Timer C anew; after a CANCEL none does.
        if self.cancel != Cancel::Sent && (is_first || is_ringing) {
            step.arm(Alarm::End, TIMER_C);
        }
        if !self.abandoned {
            step.tell(Event::Response { client: self.id, origin, response });
        }
        (self.cancel == Cancel::Waiting).then(|| self.give_up(step))
    }

    fn give_up(&mut self, step: &mut Step<'_>) -> Request {
        self.cancel = Cancel::Sent;
        step.arm(Alarm::End, step.timers.give_up());
        Request { headers: std::mem::take(&mut self.carried), ..self.skeleton.cancel() }
    }
}

/// The parts of an INVITE that its CANCEL and its ACK repeat, in buffers of their own: the offer and its keys do not
/// stay in memory for as long as the phone rings.
fn skeleton(invite: &Request) -> Request {
    let mut skeleton = invite.cancel();
    skeleton.uri = skeleton.uri.detached();
    skeleton.from = skeleton.from.detached();
    skeleton.to = skeleton.to.detached();
    skeleton.call_id = CallId::new(skeleton.call_id.text().detached());
    skeleton.via = skeleton.via.iter().map(Via::detached).collect();
    skeleton.route = skeleton.route.iter().map(NameAddr::detached).collect();
    skeleton
}
