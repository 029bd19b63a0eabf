//! Requests as they arrive: admitted, then given to whoever looks after them.

use std::time::Instant;

use cordon_policy::refusal::Refusal;
use cordon_policy::request::{RequestFacts, Sender, admit_request, is_emergency};
use cordon_sip::{Method, Origin, Request, Text};
use cordon_transaction::{ServerId, TurnedAway};

use crate::engine::Engine;
use crate::media::{CallKey, End};
use crate::refuse::Asked;
use crate::switchboard::handset_flow;

impl Engine {
    /// A request with a transaction of its own: emergency first, then every rule, then whose it is.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        server: ServerId,
        origin: Origin,
        mut request: Request,
    ) {
        let (sender, has_binding) = match origin {
            Origin::Handset(flow) => (Sender::Handset, self.board.registrar.has_live_binding(now, flow)),
            Origin::Pbx(_) => (Sender::Pbx, true),
        };
        let facts = RequestFacts { sender, has_binding };
        let permit = match admit_request(&facts, &request, &self.board.site.emergency) {
            Ok(permit) => permit,
            Err(refusal) => return self.board.refuse(now, &Asked::alone(server, origin, &request), refusal),
        };
        if let Origin::Handset(flow) = origin {
            self.board.nonces.strip_foreign(now, flow, &mut request);
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
        let Some((key, end)) = self.dialog_of(now, origin, &request) else {
            return self.board.refuse(now, &Asked::alone(server, origin, &request), Refusal::DialogUnknown);
        };
        self.with_call(now, key, |call, board| {
            call.handle_request(now, board, end, (server, origin), request)
        });
    }

    /// A request no transaction was made for.
    pub(crate) fn handle_turned_away(
        &mut self,
        now: Instant,
        origin: Origin,
        request: &Request,
        why: TurnedAway,
    ) {
        let refusal = match why {
            TurnedAway::Merged => Refusal::RequestLoop,
            TurnedAway::Full => Refusal::TooManyTransactions,
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

    /// The leg a request belongs to: our tag, Call-ID, the peer's tag, and a sender that owns it.
    pub(crate) fn dialog_of(
        &mut self,
        now: Instant,
        origin: Origin,
        request: &Request,
    ) -> Option<(CallKey, End)> {
        let tag: &Text = request.to.tag()?;
        let (key, end) = self.board.dialogs.get(tag).copied()?;
        let leg = self.calls.get_mut(&key)?.leg_mut(end);
        let is_theirs = leg.matches(request) && leg.is_owned_by(now, origin, &self.board);
        is_theirs.then_some((key, end))
    }
}
