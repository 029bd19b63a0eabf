//! The server transaction of every request but INVITE, ACK and CANCEL: RFC 3261 section 17.2.2.

use bytes::Bytes;
use cordon_sip::Response;

use crate::bounds;
use crate::event::{Event, Gone, ServerId};
use crate::output::Step;
use crate::schedule::Alarm;
use crate::timers::FORGOTTEN;

/// A request of a peer and what we have answered.
pub(crate) struct Server {
    id: ServerId,
    state: State,
}

enum State {
    Trying,
    /// `last` answers a retransmission.
    Proceeding {
        last: Bytes,
    },
    /// `last` is the final response; Timer J runs.
    Completed {
        last: Bytes,
    },
}

impl Server {
    pub(crate) fn start(step: &mut Step<'_>, id: ServerId) -> Self {
        step.arm(Alarm::End, FORGOTTEN);
        Self { id, state: State::Trying }
    }

    pub(crate) fn respond(&mut self, step: &mut Step<'_>, response: &Response) -> Result<(), Gone> {
        match self.state {
            State::Trying | State::Proceeding { .. } => {}
            State::Completed { .. } => return Err(Gone),
        }
        let last = bounds::response(step.hop, response);
        step.send(last.clone());
        if response.status.is_provisional() {
            self.state = State::Proceeding { last };
        } else {
            self.state = State::Completed { last };
            step.linger(step.timers.timer_j(step.reliable));
        }
        Ok(())
    }

    /// The same request has come again.
    pub(crate) fn handle_retransmission(&mut self, step: &mut Step<'_>) {
        match &self.state {
            State::Trying => {}
            State::Proceeding { last } | State::Completed { last } => step.send(last.clone()),
        }
    }

    pub(crate) fn handle_alarm(&mut self, step: &mut Step<'_>, alarm: Alarm) {
        match (&self.state, alarm) {
            (State::Trying | State::Proceeding { .. }, Alarm::End) => {
                step.tell(Event::ServerTimedOut { server: self.id });
                step.end();
            }
            (State::Completed { .. }, Alarm::End) => step.end(),
            (State::Trying | State::Proceeding { .. } | State::Completed { .. }, Alarm::Retransmit) => {}
        }
    }
}
