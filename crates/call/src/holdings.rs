//! What the engine holds: for gauges, and for tests that prove that everything is given back.

use crate::engine::Engine;

/// How much of everything the engine holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Registered phones, those whose connection is gone included.
    pub bindings: usize,
    /// Phones' connections.
    pub flows: usize,
    /// Calls, ringing and ending ones included.
    pub calls: usize,
    /// What calls are found by: the caller's first INVITE, our tags, the caller's connection, the stream.
    pub entries: usize,
    /// Requests and INVITEs of calls whose transaction still reports to them, relayed OPTIONS, and what the PBX has not said a
    /// word to.
    pub requests: usize,
    /// Transactions of either kind.
    pub transactions: usize,
    /// Media addresses of ours and of peers in use.
    pub addresses: usize,
    /// Calls that want to be woken.
    pub wakes: usize,
}

impl Engine {
    /// How much of everything there is now.
    pub fn holdings(&self) -> Holdings {
        let board = &self.board;
        Holdings {
            bindings: board.registrar.binding_count(),
            flows: board.flows.len(),
            calls: self.calls.len(),
            entries: self.callers.len()
                + self.tally.count()
                + self.on_flow.len()
                + board.dialogs.len()
                + board.streams.len(),
            requests: board.clients.len()
                + board.servers.len()
                + self.options.count()
                + board.first_words.count(),
            transactions: board.transactions.open_transactions(),
            addresses: board.ports.count(),
            wakes: self.wakes.len(),
        }
    }
}
