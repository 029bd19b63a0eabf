//! The table of server transactions.

use std::collections::{BTreeMap, BTreeSet};

use cordon_sip::{Hop, Method, Origin, Request, Response, StatusCode, Text};

use crate::clients::Turn;
use crate::event::{Event, Gone, ServerId};
use crate::invite_server::InviteServer;
use crate::key::{MergeKey, ServerKey};
use crate::limits::Limits;
use crate::output::Step;
use crate::schedule::{Alarm, Alarms, Owner, Schedule};
use crate::server::Server;

/// All requests of peers that may still be answered or come again.
#[derive(Default)]
pub(crate) struct Servers {
    table: BTreeMap<ServerId, Record>,
    by_key: BTreeMap<ServerKey, ServerId>,
    by_merge: BTreeMap<MergeKey, ServerId>,
    by_hop: BTreeMap<Hop, BTreeSet<ServerId>>,
    /// Failed INVITEs of phones that wait for nothing but their ACK; the first is the oldest.
    unacknowledged: BTreeSet<ServerId>,
    next: u64,
}

struct Record {
    key: ServerKey,
    merge: Option<MergeKey>,
    hop: Hop,
    reliable: bool,
    alarms: Alarms,
    machine: Machine,
}

enum Machine {
    Invite(InviteServer),
    Other(Server),
}

/// Whether a request may end a call or change one. REGISTER is never in a dialog (RFC 3261 §10.2), and OPTIONS can wait: a To
/// tag in front of either is written as easily as not.
fn is_of_a_call(request: &Request) -> bool {
    request.to.tag().is_some() && !matches!(request.method, Method::Register | Method::Options)
}

/// What a request is to the table.
pub(crate) enum Match {
    /// It has come before on this branch.
    Retransmission(ServerId),
    /// It has come before by another way (8.2.2.2).
    Merged,
    New(ServerKey, Option<MergeKey>),
}

impl Servers {
    /// Compares a request that is neither ACK nor CANCEL with all that are open.
    pub(crate) fn find(&self, origin: Origin, request: &Request) -> Match {
        let key = ServerKey::of(origin, request);
        if let Some(id) = self.by_key.get(&key) {
            return Match::Retransmission(*id);
        }
        match MergeKey::of(origin, request) {
            Some(merge) if self.by_merge.contains_key(&merge) => Match::Merged,
            merge => Match::New(key, merge),
        }
    }

    /// Whether one more request fits. In a full table the oldest failed INVITE of a phone makes room: its connection loses
    /// nothing, so that all it still does is to absorb an ACK, and whoever sends none would shut everybody else out for
    /// the time of Timer H.
    pub(crate) fn has_room(
        &mut self,
        limits: &Limits,
        origin: Origin,
        request: &Request,
        schedule: &mut Schedule,
    ) -> bool {
        let on_flow = match origin {
            Origin::Handset(_) => self.by_hop.get(&origin.reply_hop()).map_or(0, BTreeSet::len),
            Origin::Pbx(_) => 0, // the PBX carries every phone's calls over few connections
        };
        let in_dialog = is_of_a_call(request);
        if !limits.has_room_on_flow(on_flow, in_dialog) {
            return false;
        }
        if limits.has_room(self.table.len(), in_dialog) {
            return true;
        }
        let oldest = self.unacknowledged.first().copied();
        oldest.inspect(|id| self.forget(*id, schedule)).is_some()
    }

    /// Opens a transaction and hands the request up; an INVITE is answered 100 at once.
    pub(crate) fn open(
        &mut self,
        (key, merge): (ServerKey, Option<MergeKey>),
        (origin, reliable): (Origin, bool),
        request: Request,
        turn: Turn<'_>,
    ) {
        let id = ServerId(self.next);
        self.next = self.next.saturating_add(1);
        let hop = origin.reply_hop();
        let mut alarms = Alarms::default();
        let Turn { now, timers, output } = turn;
        let owner = Owner::Server(id);
        let mut step = Step { now, owner, hop, reliable, timers, alarms: &mut alarms, output, ended: false };
        let machine = match request.method {
            Method::Invite => {
                let trying = Response::to(&request, StatusCode::TRYING).write();
                Machine::Invite(InviteServer::start(&mut step, id, trying))
            }
            _ => Machine::Other(Server::start(&mut step, id)),
        };
        step.tell(Event::Request { server: id, origin, request });
        self.by_key.insert(key, id);
        if let Some(merge) = merge {
            self.by_merge.insert(merge, id);
        }
        self.by_hop.entry(hop).or_default().insert(id);
        self.table.insert(id, Record { key, merge, hop, reliable, alarms, machine });
    }

    pub(crate) fn handle_retransmission(&mut self, id: ServerId, origin: Origin, turn: Turn<'_>) {
        self.move_to(id, origin.reply_hop()); // the PBX may have lost the connection it asked on first
        self.step(id, turn, |machine, step| match machine {
            Machine::Invite(invite) => invite.handle_retransmission(step),
            Machine::Other(other) => other.handle_retransmission(step),
        });
    }

    /// Takes an ACK; `true` if it is for the layer above.
    pub(crate) fn handle_ack(&mut self, origin: Origin, request: &Request, turn: Turn<'_>) -> bool {
        let key = ServerKey::of(origin, request).of_invite();
        let Some(id) = self.by_key.get(&key).copied() else {
            return true;
        };
        let for_above = self.step(id, turn, |machine, step| match machine {
            Machine::Invite(invite) => invite.handle_ack(step),
            Machine::Other(_) => false,
        });
        for_above.unwrap_or(false)
    }

    /// Takes a CANCEL. `None` if nothing matches; else the To tag of the responses so far.
    pub(crate) fn handle_cancel(
        &mut self,
        origin: Origin,
        request: &Request,
        turn: Turn<'_>,
    ) -> Option<Option<Text>> {
        let key = ServerKey::of(origin, request);
        let branch = key.of_branch();
        let any = || self.by_key.range(&branch..).next().filter(|(key, _)| key.has_branch_of(&branch));
        let invite = self.by_key.get(&key.of_invite());
        let id = *invite.or_else(|| any().map(|(_, id)| id))?;
        self.step(id, turn, |machine, step| match machine {
            Machine::Invite(invite) => invite.handle_cancel(step, &request.headers),
            Machine::Other(_) => None, // 9.2: no effect, but answered 200 all the same
        })
    }

    pub(crate) fn respond(&mut self, id: ServerId, response: &Response, turn: Turn<'_>) -> Result<(), Gone> {
        let done = self.step(id, turn, |machine, step| match machine {
            Machine::Invite(invite) => invite.respond(step, response),
            Machine::Other(other) => other.respond(step, response),
        });
        if self.table.get(&id).is_some_and(Record::absorbs_an_ack_alone) {
            self.unacknowledged.insert(id);
        }
        done.unwrap_or(Err(Gone))
    }

    /// The To tag of the answers to come.
    pub(crate) fn speaks_as(&mut self, id: ServerId, to_tag: &Text) {
        if let Some(Record { machine: Machine::Invite(invite), .. }) = self.table.get_mut(&id) {
            invite.speaks_as(to_tag);
        }
    }

    pub(crate) fn handle_alarm(&mut self, id: ServerId, alarm: Alarm, turn: Turn<'_>) {
        self.step(id, turn, |machine, step| match machine {
            Machine::Invite(invite) => invite.handle_alarm(step, alarm),
            Machine::Other(other) => other.handle_alarm(step, alarm),
        });
    }

    /// A connection is gone. A phone's transactions go with it: nobody is there to be answered. Responses to the PBX
    /// take any other verified connection (18.2.2).
    pub(crate) fn handle_hop_closed(&mut self, hop: Hop, schedule: &mut Schedule) {
        for id in self.by_hop.remove(&hop).unwrap_or_default() {
            match hop {
                Hop::Handset(_) => self.forget(id, schedule),
                Hop::Pbx | Hop::PbxFlow(_) => self.move_to(id, Hop::Pbx),
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    fn step<R>(
        &mut self,
        id: ServerId,
        turn: Turn<'_>,
        act: impl FnOnce(&mut Machine, &mut Step<'_>) -> R,
    ) -> Option<R> {
        let Record { key: _, merge: _, hop, reliable, alarms, machine } = self.table.get_mut(&id)?;
        let (hop, reliable) = (*hop, *reliable);
        let Turn { now, timers, output } = turn;
        let owner = Owner::Server(id);
        let mut step = Step { now, owner, hop, reliable, timers, alarms, output: &mut *output, ended: false };
        let result = act(machine, &mut step);
        if step.ended {
            self.forget(id, &mut output.schedule);
        }
        Some(result)
    }

    fn move_to(&mut self, id: ServerId, hop: Hop) {
        let Some(record) = self.table.get_mut(&id) else { return };
        let before = std::mem::replace(&mut record.hop, hop);
        self.leave_hop(before, id);
        self.by_hop.entry(hop).or_default().insert(id);
    }

    fn forget(&mut self, id: ServerId, schedule: &mut Schedule) {
        let Some(mut record) = self.table.remove(&id) else { return };
        schedule.clear(Owner::Server(id), &mut record.alarms);
        self.by_key.remove(&record.key);
        self.unacknowledged.remove(&id);
        if let Some(merge) = &record.merge {
            self.by_merge.remove(merge);
        }
        self.leave_hop(record.hop, id);
    }

    fn leave_hop(&mut self, hop: Hop, id: ServerId) {
        if let Some(ids) = self.by_hop.get_mut(&hop) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_hop.remove(&hop);
            }
        }
    }
}

impl Record {
    fn absorbs_an_ack_alone(&self) -> bool {
        let is_failed = match &self.machine {
            Machine::Invite(invite) => invite.is_failed(),
            Machine::Other(_) => false,
        };
        is_failed && self.reliable && matches!(self.hop, Hop::Handset(_))
    }
}
