//! RFC 3261 section 17 and RFC 6026 once more, as plainly as they can be written: lists that are searched, times that are
//! numbers, every timer spelled out. What the transaction layer does is held against it.

mod clients;
mod servers;

use clients::Clients;
use servers::Servers;

use cordon_sip::{FlowId, Hop, Origin};

/// The whole of it: both kinds of transactions and what they have said since they were last asked.
#[derive(Default)]
pub(crate) struct Reference {
    now: u64,
    clients: Clients,
    servers: Servers,
    said: Said,
}

/// What came of a step: messages and news, each in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) sent: Vec<String>,
    pub(crate) told: Vec<String>,
}

/// A request of a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) from: Origin,
    pub(crate) reliable: bool,
    pub(crate) method: &'static str,
    pub(crate) branch: u8,
    pub(crate) call: u8,
    pub(crate) in_dialog: bool,
}

/// A request of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) to: Hop,
    pub(crate) reliable: bool,
    pub(crate) method: &'static str,
    pub(crate) branch: u8,
}

/// A response of a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) from: Origin,
    pub(crate) method: &'static str,
    pub(crate) branch: u8,
    pub(crate) status: u16,
    pub(crate) fault: Fault,
}

/// What is wrong with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It answers another CSeq.
    Mangled,
    /// It has somebody else's Via below ours.
    TwoVias,
}

impl Reference {
    pub(crate) fn said(&mut self) -> Said {
        std::mem::take(&mut self.said)
    }

    pub(crate) fn open(&self) -> usize {
        self.clients.list.len() + self.servers.list.len()
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<u64> {
        [self.clients.next(), self.servers.next()].into_iter().flatten().map(|(at, _, _)| at).min()
    }

    /// Does the one thing that is due first.
    pub(crate) fn ring(&mut self, now: u64) {
        self.now = now;
        let Reference { clients, servers, said, .. } = self;
        match (clients.next(), servers.next()) {
            // At one moment clients come first.
            (Some(due), other) if other.is_none_or(|(at, _, _)| due.0 <= at) => clients.ring(now, due, said),
            (_, Some(due)) => servers.ring(now, due, said),
            (_, None) => {}
        }
    }

    pub(crate) fn pass_to(&mut self, now: u64) {
        self.now = now;
    }

    pub(crate) fn asked(&mut self, asked: Asked) {
        self.servers.asked(self.now, asked, false, &mut self.said);
    }

    pub(crate) fn insisted(&mut self, asked: Asked) -> bool {
        self.servers.asked(self.now, asked, true, &mut self.said)
    }

    pub(crate) fn responds(&mut self, number: usize, status: u16) -> bool {
        self.servers.responds(self.now, number, status, &mut self.said)
    }

    pub(crate) fn sends(&mut self, sent: Sent) {
        self.clients.sends(self.now, sent, true, &mut self.said);
    }

    pub(crate) fn answered(&mut self, answered: Answered) {
        self.clients.answered(self.now, answered, &mut self.said);
    }

    pub(crate) fn cancels(&mut self, number: usize) {
        self.clients.cancels(self.now, number, &mut self.said);
    }

    pub(crate) fn closes(&mut self, flow: FlowId) {
        for hop in [Hop::Handset(flow), Hop::PbxFlow(flow)] {
            self.clients.loses(hop, &mut self.said);
            self.servers.loses(hop);
        }
    }

    pub(crate) fn loses_pbx(&mut self) {
        self.clients.loses(Hop::Pbx, &mut self.said);
    }
}

impl Said {
    fn send(&mut self, hop: Hop, what: &str, branch: u8) {
        self.sent.push(format!("{hop:?} {what} {branch}"));
    }

    fn tell(&mut self, what: String) {
        self.told.push(what);
    }
}

/// With whom a transaction is: each phone apart, the PBX as one.
fn peer(hop: Hop) -> Option<FlowId> {
    match hop {
        Hop::Handset(flow) => Some(flow),
        Hop::Pbx | Hop::PbxFlow(_) => None,
    }
}

/// The timers of table 4, in milliseconds.
const T1: u64 = 500;
const T2: u64 = 4_000;
const T4: u64 = 5_000;
const TIMERS_B_F_H_J_L_M: u64 = 32_000;
const TIMER_C: u64 = 181_000;
const TIMER_D: u64 = 32_000;
/// How long the layer above may think; no timer of the RFC.
const FORGOTTEN: u64 = 600_000;

/// The bounds of the tables in these walks.
pub(crate) const SERVERS: usize = 8;
pub(crate) const SERVERS_PER_FLOW: usize = 3;
pub(crate) const CLIENTS: usize = 8;
