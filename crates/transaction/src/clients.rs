//! The table of client transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cordon_sip::{Headers, Hop, Method, Origin, Request, Response};

use crate::bounds;
use crate::client::{Asker, Client};
use crate::event::{ClientId, Event};
use crate::invite_client::InviteClient;
use crate::key::{ClientKey, Echo};
use crate::output::{Output, Step};
use crate::schedule::{Alarm, Alarms, Owner};
use crate::timers::Timers;

/// All requests of ours that may still be answered.
#[derive(Default)]
pub(crate) struct Clients {
    table: BTreeMap<ClientId, Record>,
    by_key: BTreeMap<ClientKey, ClientId>,
    by_hop: BTreeSet<(Hop, ClientId)>,
    next: u64,
}

struct Record {
    key: ClientKey,
    echo: Echo,
    hop: Hop,
    reliable: bool,
    alarms: Alarms,
    machine: Machine,
}

enum Machine {
    Invite(Box<InviteClient>),
    Other(Client),
}

/// Whose a response is.
pub(crate) enum Found {
    /// The answer to this request.
    Ours(ClientId),
    /// It has the branch of a request of ours and is not its answer.
    Mangled,
    /// Its transaction is over, or never was.
    Nobodys,
}

impl Clients {
    /// Sends a request in a transaction of its own. When the table holds `limit` already, the branch is not new, or the
    /// request is too long, nothing is sent and the transaction fails at once.
    pub(crate) fn send(
        &mut self,
        (hop, reliable): (Hop, bool),
        request: &Request,
        asker: Asker,
        limit: usize,
        turn: Turn<'_>,
    ) -> ClientId {
        let Turn { now, timers, output } = turn;
        let id = ClientId(self.next);
        self.next = self.next.saturating_add(1);
        let key = ClientKey::of_request(hop, request)
            .filter(|key| self.table.len() < limit && !self.by_key.contains_key(key));
        let wire = bounds::request(hop, request);
        let (key, wire) = match (key, wire) {
            (Some(key), Ok(wire)) => (key, wire),
            (key, wire) => {
                let failed = match (key, wire) {
                    (Some(_), Err(rule)) => Event::TooLong { client: id, rule },
                    (_, _) => Event::TransportFailed { client: id },
                };
                match asker {
                    Asker::Above => output.events.push_back(failed),
                    Asker::Nobody => {}
                }
                return id;
            }
        };
        let mut alarms = Alarms::default();
        let owner = Owner::Client(id);
        let mut step = Step { now, owner, hop, reliable, timers, alarms: &mut alarms, output, ended: false };
        let machine = match request.method {
            Method::Invite => Machine::Invite(Box::new(InviteClient::start(&mut step, id, request, wire))),
            _ => Machine::Other(Client::start(&mut step, id, wire, asker)),
        };
        self.by_key.insert(key.clone(), id);
        self.by_hop.insert((hop, id));
        let echo = Echo::of_request(request);
        self.table.insert(id, Record { key, echo, hop, reliable, alarms, machine });
        id
    }

    /// The transaction this response belongs to (17.1.3).
    pub(crate) fn find(&self, origin: Origin, response: &Response) -> Found {
        let id = ClientKey::of_response(origin, response).and_then(|key| self.by_key.get(&key)).copied();
        let Some((id, record)) = id.and_then(|id| Some((id, self.table.get(&id)?))) else {
            return Found::Nobodys;
        };
        match record.echo == Echo::of_response(response) {
            true => Found::Ours(id),
            false => Found::Mangled,
        }
    }

    pub(crate) fn handle_response(
        &mut self,
        id: ClientId,
        origin: Origin,
        response: Response,
        turn: Turn<'_>,
    ) -> Option<Follow> {
        self.step(id, turn, |machine, step| match machine {
            Machine::Invite(invite) => invite.handle_response(step, origin, response),
            Machine::Other(other) => {
                other.handle_response(step, origin, response);
                None
            }
        })
    }

    pub(crate) fn handle_alarm(&mut self, id: ClientId, alarm: Alarm, turn: Turn<'_>) -> Option<Follow> {
        self.step(id, turn, |machine, step| match machine {
            Machine::Invite(invite) => invite.handle_alarm(step, alarm),
            Machine::Other(other) => {
                other.handle_alarm(step, alarm);
                None
            }
        })
    }

    pub(crate) fn cancel(&mut self, id: ClientId, headers: Headers, turn: Turn<'_>) -> Option<Follow> {
        self.step(id, turn, |machine, step| match machine {
            Machine::Invite(invite) => invite.cancel(step, headers),
            Machine::Other(_) => None, // 9.1: CANCEL is for INVITE
        })
    }

    /// Fails every transaction toward `hop`.
    pub(crate) fn fail(&mut self, hop: Hop, now: Instant, timers: Timers, output: &mut Output) {
        let from = (hop, ClientId(0));
        let failed: Vec<ClientId> =
            self.by_hop.range(from..).take_while(|(at, _)| *at == hop).map(|(_, id)| *id).collect();
        for id in failed {
            self.step(id, Turn { now, timers, output: &mut *output }, |machine, step| {
                match machine {
                    Machine::Invite(invite) => invite.fail(step),
                    Machine::Other(other) => other.fail(step),
                }
                None
            });
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    fn step(
        &mut self,
        id: ClientId,
        turn: Turn<'_>,
        act: impl FnOnce(&mut Machine, &mut Step<'_>) -> Option<Request>,
    ) -> Option<Follow> {
        let Record { key: _, echo: _, hop, reliable, alarms, machine } = self.table.get_mut(&id)?;
        let (hop, reliable) = (*hop, *reliable);
        let Turn { now, timers, output } = turn;
        let owner = Owner::Client(id);
        let mut step = Step { now, owner, hop, reliable, timers, alarms, output, ended: false };
        let follow = act(machine, &mut step).map(|cancel| Follow { hop, reliable, cancel });
        if step.ended {
            self.forget(id);
        }
        follow
    }

    fn forget(&mut self, id: ClientId) {
        if let Some(record) = self.table.remove(&id) {
            self.by_key.remove(&record.key);
            self.by_hop.remove(&(record.hop, id));
        }
    }
}

/// When a step happens and where its output goes.
pub(crate) struct Turn<'a> {
    pub(crate) now: Instant,
    pub(crate) timers: Timers,
    pub(crate) output: &'a mut Output,
}

/// A CANCEL that an INVITE transaction wants sent where the INVITE went.
pub(crate) struct Follow {
    pub(crate) hop: Hop,
    pub(crate) reliable: bool,
    pub(crate) cancel: Request,
}
