//! REGISTERs on their way to the PBX.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cordon_sip::{FlowId, Request};
use cordon_transaction::{ClientId, ServerId};

use super::admission::Admitted;
use super::phone::Account;
use super::proofs::Proved;

/// All REGISTERs that wait for the PBX, by the transaction that carries them there.
#[derive(Default)]
pub(super) struct Exchanges {
    table: BTreeMap<ClientId, Exchange>,
    by_flow: BTreeMap<FlowId, BTreeSet<ClientId>>,
    by_silence: BTreeSet<(Instant, ClientId)>,
}

/// One REGISTER on its way.
pub(super) struct Exchange {
    /// The phone's transaction.
    pub(super) server: ServerId,
    /// `None` once the flow is gone.
    pub(super) flow: Option<FlowId>,
    /// What the phone's answer repeats of its request.
    pub(super) request: Request,
    pub(super) admitted: Admitted,
    /// What the answer is counted for.
    pub(super) proved: Proved,
    /// The name in its proof where that is not the account.
    pub(super) proved_by: Option<Account>,
    /// When to tell the phone that the PBX is silent; `None` once it has said anything.
    pub(super) silent_at: Option<Instant>,
    /// The phone has its answer; what still comes concerns only what the PBX now holds.
    pub(super) is_answered: bool,
}

impl Exchanges {
    /// Whether this flow may have one more REGISTER on its way.
    pub(super) fn has_room(&self, flow: FlowId) -> bool {
        self.by_flow.get(&flow).map_or(0, BTreeSet::len) < MAX_EXCHANGES_PER_FLOW
    }

    pub(super) fn contains(&self, client: ClientId) -> bool {
        self.table.contains_key(&client)
    }

    pub(super) fn insert(&mut self, client: ClientId, exchange: Exchange) {
        if let Some(flow) = exchange.flow {
            self.by_flow.entry(flow).or_default().insert(client);
        }
        if let Some(at) = exchange.silent_at {
            self.by_silence.insert((at, client));
        }
        self.table.insert(client, exchange);
    }

    pub(super) fn remove(&mut self, client: ClientId) -> Option<Exchange> {
        let exchange = self.table.remove(&client)?;
        if let Some(flow) = exchange.flow
            && let Some(clients) = self.by_flow.get_mut(&flow)
        {
            clients.remove(&client);
            if clients.is_empty() {
                self.by_flow.remove(&flow);
            }
        }
        if let Some(at) = exchange.silent_at {
            self.by_silence.remove(&(at, client));
        }
        Some(exchange)
    }

    /// The PBX has said something.
    pub(super) fn hear(&mut self, client: ClientId) {
        if let Some(exchange) = self.table.get_mut(&client)
            && let Some(at) = exchange.silent_at.take()
        {
            self.by_silence.remove(&(at, client));
        }
    }

    /// The flow is gone: nobody waits for these answers any more.
    pub(super) fn detach(&mut self, flow: FlowId) {
        for client in self.by_flow.remove(&flow).unwrap_or_default() {
            self.hear(client);
            if let Some(exchange) = self.table.get_mut(&client) {
                exchange.flow = None;
                exchange.is_answered = true;
            }
        }
    }

    /// When the next one becomes too long a silence.
    pub(super) fn next_silence(&self) -> Option<Instant> {
        self.by_silence.first().map(|(at, _)| *at)
    }

    /// The next one that nobody has said anything to until `now`; it counts as answered from here on.
    pub(super) fn pop_silent(&mut self, now: Instant) -> Option<&Exchange> {
        let (at, client) = *self.by_silence.first()?;
        if at > now {
            return None;
        }
        self.hear(client);
        let exchange = self.table.get_mut(&client)?;
        exchange.is_answered = true;
        Some(exchange)
    }
}

/// A connection with some hundred lines registers them all at once; each waits for the PBX for 32 s at most.
const MAX_EXCHANGES_PER_FLOW: usize = 256;
