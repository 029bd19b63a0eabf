//! Requests as they arrive: admitted, then given to whoever looks after them.

use std::time::Instant;

use cordon_phi::Pseudonym;
use cordon_policy::refusal::Refusal;
use cordon_policy::request::{admit_request, is_emergency};
use cordon_sip::{Method, Origin, Request, Response, StatusCode};
use cordon_transaction::{ServerId, TurnedAway};

use crate::engine::Engine;
use crate::event::Event;
use crate::invite::Caller;
use crate::media::{CallKey, End};
use crate::refuse::Asked;
use crate::switchboard::{handset_flow, side_of};
use crate::wire::between;

impl Engine {
    /// A request with a transaction of its own: emergency first, then every rule, then whose it is.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        server: ServerId,
        origin: Origin,
        mut request: Request,
    ) {
        let facts = self.board.facts_of_request(now, origin, &request);
        let permit = match admit_request(&facts, &request, &self.board.site.emergency) {
            Ok(permit) => permit,
            Err(refusal) => return self.board.refuse(now, &Asked::alone(server, origin, &request), refusal),
        };
        // The registrar does the same with a REGISTER, once it knows whose it is.
        if let Origin::Handset(flow) = origin
            && request.method != Method::Register
        {
            let board = &mut self.board;
            let proofs = board.nonces.withhold_foreign(now, flow, &mut request, &mut board.events);
            if let Err(wait) = self.board.guard(now, flow, &mut request, *permit) {
                let asked = Asked::alone(server, origin, &request);
                let seconds = wait.seconds(|least, most| between(self.board.entropy.as_mut(), least, most));
                return self.board.refuse_for(now, &asked, Refusal::AccountLocked, Some(seconds));
            }
            self.board.nonces.show(now, flow, proofs);
        }
        match (&request.method, request.to.tag().is_some()) {
            (Method::Register, _) => self.handle_register(now, server, origin, request),
            (_, true) => self.handle_in_dialog(now, server, origin, request),
            (Method::Invite, false) => self.handle_invite(now, server, origin, request, permit),
            (Method::Options, false) => {
                self.options.handle_options(now, &mut self.board, server, origin, request)
            }
            (_, false) => {
                self.board.refuse(now, &Asked::alone(server, origin, &request), Refusal::DialogUnknown);
            }
        }
    }

    fn handle_register(&mut self, now: Instant, server: ServerId, origin: Origin, request: Request) {
        let refusal = match origin {
            Origin::Handset(flow) if !self.is_draining => {
                return self.board.with_registrar(|registrar, nonces, wire| {
                    registrar.handle_register(now, wire, nonces, server, flow, request);
                });
            }
            Origin::Handset(_) => Refusal::Draining,
            Origin::Pbx(_) => Refusal::MethodNotAllowed,
        };
        self.board.refuse(now, &Asked::alone(server, origin, &request), refusal);
    }

    fn handle_in_dialog(&mut self, now: Instant, server: ServerId, origin: Origin, request: Request) {
        match self.dialog_of(now, origin, &request) {
            Dialog::Theirs(key, end) => self.with_call(now, key, |call, board| {
                call.handle_request(now, board, end, (server, origin), request)
            }),
            Dialog::Foreign(call) => {
                let asked = Asked { call: Some(call), ..Asked::alone(server, origin, &request) };
                self.board.refuse(now, &asked, Refusal::DialogUnknown);
            }
            Dialog::Unknown => {
                self.board.refuse(now, &Asked::alone(server, origin, &request), Refusal::DialogUnknown);
            }
        }
    }

    /// An ACK of a 2xx. It has no answer, whoever sent it.
    pub(crate) fn handle_ack(&mut self, now: Instant, origin: Origin, request: &Request) {
        match self.dialog_of(now, origin, request) {
            Dialog::Theirs(key, end) => {
                self.with_call(now, key, |call, board| call.handle_ack(now, board, end, request));
            }
            Dialog::Foreign(call) => self.board.events.push_back(Event::Refused {
                refusal: Refusal::DialogUnknown,
                side: side_of(origin),
                flow: handset_flow(origin),
                call: Some(call),
            }),
            Dialog::Unknown => {}
        }
    }

    /// A request no transaction was made for.
    pub(crate) fn handle_turned_away(
        &mut self,
        now: Instant,
        origin: Origin,
        request: &Request,
        why: TurnedAway,
    ) {
        if why == TurnedAway::NothingToCancel && self.cancel_from_new_flow(now, origin, request).is_some() {
            return;
        }
        let refusal = match why {
            TurnedAway::Merged => Refusal::RequestLoop,
            TurnedAway::Full => Refusal::TooManyTransactions,
            TurnedAway::NothingToCancel => Refusal::DialogUnknown,
        };
        let is_emergency =
            handset_flow(origin).is_some() && is_emergency(request, &self.board.site.emergency);
        let is_reliable = self.board.is_reliable(origin.reply_hop());
        // No limit stands against a call to an emergency number.
        let is_taken = why == TurnedAway::Full
            && is_emergency
            && self.board.transactions.take_regardless(now, origin, is_reliable, request);
        if !is_taken {
            self.board.refuse_without_state(origin, request, refusal);
        }
    }

    /// A CANCEL of a phone that has moved to this connection since its INVITE: the transaction is of its old one, which may
    /// be dead without knowing it.
    fn cancel_from_new_flow(&mut self, now: Instant, origin: Origin, cancel: &Request) -> Option<()> {
        let flow = handset_flow(origin)?;
        let board = &self.board;
        let before = board.registrar.moved_from(now, &board.site.registration.domain, flow, &cancel.from)?;
        let key = *self.callers.get(&Caller::of(Origin::Handset(before), cancel))?;
        let call = self.calls.get_mut(&key)?;
        let is_theirs = call.a.is_owned_by(now, origin, &self.board);
        let is_meant =
            |invite: &Request| invite.cseq == cancel.cseq && invite.branch() == cancel.branch() && is_theirs;
        let exchange = call.exchange.as_ref().filter(|exchange| is_meant(&exchange.request))?;
        let server = exchange.server;
        self.board.servers.remove(&server);
        let done = Response::to(cancel, StatusCode::OK);
        self.board.transactions.respond_without_state(origin, cancel, done);
        self.with_call(now, key, |call, board| call.handle_cancel(now, board, server, &cancel.headers));
        Some(())
    }

    /// Whose dialog a request is in: our tag, Call-ID, the peer's tag, and a sender that owns the leg.
    fn dialog_of(&mut self, now: Instant, origin: Origin, request: &Request) -> Dialog {
        let found = request.to.tag().and_then(|tag| self.board.dialogs.get(tag)).copied();
        let Some((key, end)) = found else { return Dialog::Unknown };
        let Some(call) = self.calls.get_mut(&key) else { return Dialog::Unknown };
        let name = call.name;
        let leg = call.leg_mut(end);
        match leg.matches(request).then(|| leg.is_owned_by(now, origin, &self.board)) {
            Some(true) => Dialog::Theirs(key, end),
            Some(false) => Dialog::Foreign(name),
            None => Dialog::Unknown,
        }
    }
}

/// What a request in a dialog is to its sender.
enum Dialog {
    /// The sender owns this leg of this call.
    Theirs(CallKey, End),
    /// The dialog stands, for somebody else. The answer is the same as for one that does not; the event names the call.
    Foreign(Pseudonym),
    /// There is no such dialog.
    Unknown,
}
