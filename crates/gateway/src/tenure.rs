//! Which connections of phones are kept: the transport is told who is registered or calls.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use cordon_call::Engine;
use cordon_sip::FlowId;
use cordon_transport::Transport;

/// The connections the transport keeps for us.
#[derive(Debug, Default)]
pub(crate) struct Tenure {
    kept: BTreeSet<FlowId>,
    /// The same, in the order they are looked at again; some of them may be gone.
    round: VecDeque<FlowId>,
}

impl Tenure {
    /// Something was done for this flow: it may have become worth keeping.
    pub(crate) fn look_at(&mut self, now: Instant, flow: FlowId, engine: &Engine, transport: &Transport) {
        if !self.kept.contains(&flow) && engine.keeps(now, flow) {
            self.kept.insert(flow);
            self.round.push_back(flow);
            transport.keep(flow);
        }
    }

    /// The connection is gone.
    pub(crate) fn closed(&mut self, flow: FlowId) {
        self.kept.remove(&flow);
    }

    /// Looks at the next few again: registrations end in many ways, and a guest may stay kept for half a minute.
    pub(crate) fn watch(&mut self, now: Instant, engine: &Engine, transport: &Transport) {
        let share = self.round.len().div_ceil(SECONDS);
        for _ in 0..share {
            let Some(flow) = self.round.pop_front() else { return };
            if !self.kept.contains(&flow) {
                continue;
            }
            if engine.keeps(now, flow) {
                self.round.push_back(flow);
            } else {
                self.kept.remove(&flow);
                transport.release(flow);
            }
        }
    }
}

/// All are looked at once in so many looks, one a second.
const SECONDS: usize = 30;
