//! The client transaction of every request but INVITE: RFC 3261 section 17.1.2.

use std::time::Duration;

use bytes::Bytes;
use cordon_sip::{Origin, Response};

use crate::event::{ClientId, Event};
use crate::output::Step;
use crate::schedule::Alarm;

/// A request of ours that is answered by the machine of the peer, not by its user.
pub(crate) struct Client {
    id: ClientId,
    state: State,
    asker: Asker,
}

/// Who wants to know how it went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The layer above.
    Above,
    /// Nobody: a CANCEL of the layer's own, whose effect shows in the INVITE's final response.
    Nobody,
}

enum State {
    /// Timer E sends `wire` again, first after T1, then less often.
    Trying {
        wire: Bytes,
        interval: Duration,
    },
    /// A provisional response has come: Timer E rings every T2.
    Proceeding {
        wire: Bytes,
    },
    Completed,
}

impl Client {
    pub(crate) fn start(step: &mut Step<'_>, id: ClientId, wire: Bytes, asker: Asker) -> Self {
        step.send(wire.clone());
        let interval = step.timers.t1;
        if !step.reliable {
            step.arm(Alarm::Retransmit, interval); // Timer E
        }
        step.arm(Alarm::End, step.timers.give_up()); // Timer F
        Self { id, state: State::Trying { wire, interval }, asker }
    }

    pub(crate) fn handle_response(&mut self, step: &mut Step<'_>, origin: Origin, response: Response) {
        let wire = match &mut self.state {
            State::Trying { wire, .. } | State::Proceeding { wire } => std::mem::take(wire),
            State::Completed => return,
        };
        let is_final = response.status.is_final();
        self.tell(step, Event::Response { client: self.id, origin, response });
        if is_final {
            self.state = State::Completed;
            step.linger(step.timers.linger(step.reliable)); // Timer K
        } else {
            self.state = State::Proceeding { wire };
        }
    }

    pub(crate) fn handle_alarm(&mut self, step: &mut Step<'_>, alarm: Alarm) {
        match (&mut self.state, alarm) {
            (State::Trying { wire, interval }, Alarm::Retransmit) => {
                step.send(wire.clone());
                *interval = step.timers.back_off(*interval);
                step.arm(Alarm::Retransmit, *interval);
            }
            (State::Proceeding { wire }, Alarm::Retransmit) => {
                step.send(wire.clone());
                step.arm(Alarm::Retransmit, step.timers.t2);
            }
            (State::Trying { .. } | State::Proceeding { .. }, Alarm::End) => {
                self.tell(step, Event::TimedOut { client: self.id });
                step.end();
            }
            (State::Completed, Alarm::Retransmit) => {}
            (State::Completed, Alarm::End) => step.end(),
        }
    }

    /// The connection is gone: nothing can come any more.
    pub(crate) fn fail(&mut self, step: &mut Step<'_>) {
        match self.state {
            State::Trying { .. } | State::Proceeding { .. } => {
                self.tell(step, Event::TransportFailed { client: self.id });
            }
            State::Completed => {}
        }
        step.end();
    }

    fn tell(&self, step: &mut Step<'_>, event: Event) {
        match self.asker {
            Asker::Above => step.tell(event),
            Asker::Nobody => {}
        }
    }
}
