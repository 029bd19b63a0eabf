//! OPTIONS: answered for ourselves, relayed for whoever is behind us.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cordon_policy::refusal::Refusal;
use cordon_policy::request::ALLOW;
use cordon_sip::{CallId, HeaderName, Hop, Method, Origin, Request, Response, StatusCode, Text, Uri};
use cordon_transaction::{ClientId, ServerId};

use crate::call::PBX_SILENCE;
use crate::event::Side;
use crate::headers;
use crate::in_dialog::Failure;
use crate::leg::SDP;
use crate::refuse::Asked;
use crate::registration::Route;
use crate::switchboard::{Switchboard, handset_flow, side_of};

/// OPTIONS on their way to the other side.
#[derive(Default)]
pub(crate) struct RelayedOptions {
    /// Bounded by the transactions there can be.
    pending: BTreeMap<ClientId, Pending>,
    /// Until when each may be silent, soonest first.
    deadlines: BTreeSet<(Instant, ClientId)>,
}

struct Pending {
    server: ServerId,
    origin: Origin,
    request: Request,
    silent_until: Instant,
}

impl RelayedOptions {
    /// An OPTIONS outside of a dialog.
    pub(crate) fn handle_options(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        server: ServerId,
        origin: Origin,
        request: Request,
    ) {
        match where_to(now, board, origin, &request) {
            Destination::Us => board.answer_options(now, server, &request, None),
            Destination::Nowhere(refusal) => {
                board.refuse(now, &Asked::alone(server, origin, &request), refusal)
            }
            Destination::Hop(hop, target) => {
                let relayed = board.relayed_options(origin, &request, hop, target);
                board.asked(now, origin, &request);
                let client = board.send(now, hop, relayed);
                let silent_until = now + PBX_SILENCE;
                let request = request.detached_head();
                self.pending.insert(client, Pending { server, origin, request, silent_until });
                self.deadlines.insert((silent_until, client));
            }
        }
    }

    /// How many wait for their answer.
    pub(crate) fn count(&self) -> usize {
        self.pending.len()
    }

    /// Whether this transaction is one of ours.
    pub(crate) fn owns(&self, client: ClientId) -> bool {
        self.pending.contains_key(&client)
    }

    /// The other side answered.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        client: ClientId,
        response: &Response,
    ) {
        if !response.status.is_final() {
            return;
        }
        let Some(Pending { server, origin, request, .. }) = self.remove(client) else { return };
        board.judge(now, origin, &request, response);
        if side_of(origin) == Side::Pbx && matches!(response.status.code(), 401 | 407) {
            let asked = Asked::alone(server, origin, &request);
            return board.refuse(now, &asked, Refusal::PhoneChallenges);
        }
        let mut relayed = headers::echoed(&request, response).with_to_tag(board.token());
        let other = match side_of(origin) {
            Side::Handset => Side::Pbx,
            Side::Pbx => Side::Handset,
        };
        headers::copy_back(other, &board.site.registration.domain, response, &mut relayed);
        let (host, _) = board.own_address(handset_flow(origin).and_then(|flow| board.flows.get(&flow)));
        headers::copy_warnings(&response.headers, &host, &mut relayed.headers);
        if response.status.is_success() {
            relayed.headers.push(HeaderName::ALLOW, ALLOW);
            relayed.headers.push(HeaderName::ACCEPT, SDP);
        }
        if let Some(flow) = handset_flow(origin) {
            headers::copy_challenges(&response.headers, &mut relayed.headers);
            if let Err(refusal) = board.relay_challenge(now, flow, &mut relayed) {
                return board.refuse(now, &Asked::alone(server, origin, &request), refusal);
            }
        }
        board.respond(now, server, relayed);
    }

    /// Nobody answered, or nobody could be asked.
    pub(crate) fn handle_failure(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        client: ClientId,
        failure: Failure,
    ) {
        let Some(Pending { server, origin, request, .. }) = self.remove(client) else { return };
        let refusal = match (failure, origin) {
            (Failure::TooLong(refusal), _) => refusal,
            (Failure::Silence | Failure::Transport, Origin::Handset(_)) => Refusal::PbxSilent,
            (Failure::Silence | Failure::Transport, Origin::Pbx(_)) => Refusal::PhoneUnreachable,
        };
        board.refuse(now, &Asked::alone(server, origin, &request), refusal);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant, board: &mut Switchboard) {
        while let Some((_, client)) = self.deadlines.first().copied().filter(|(until, _)| *until <= now) {
            self.handle_failure(now, board, client, Failure::Silence);
        }
    }

    fn remove(&mut self, client: ClientId) -> Option<Pending> {
        let pending = self.pending.remove(&client)?;
        self.deadlines.remove(&(pending.silent_until, client));
        Some(pending)
    }
}

impl Switchboard {
    /// What we can: for OPTIONS to ourselves, and within a dialog to tell that it stands.
    pub(crate) fn answer_options(
        &mut self,
        now: Instant,
        server: ServerId,
        request: &Request,
        tag: Option<&Text>,
    ) {
        let tag = tag.cloned().unwrap_or_else(|| self.token());
        let response = Response::to(request, StatusCode::OK)
            .with_to_tag(tag)
            .with_header(HeaderName::ALLOW, ALLOW)
            .with_header(HeaderName::ACCEPT, SDP);
        self.respond(now, server, response);
    }

    fn relayed_options(&mut self, origin: Origin, request: &Request, hop: Hop, target: Uri) -> Request {
        let domain = self.site.registration.domain.clone();
        let from = headers::caller_across(side_of(origin), &request.from, &domain).with_tag(self.token());
        let to = headers::as_seen_across(&request.to, &domain);
        let cseq = 1; // a request of its own, outside of any dialog
        let mut relayed = Request::new(Method::Options, target, from, to, CallId::new(self.token()), cseq);
        let facts = match hop {
            Hop::Handset(flow) => self.flows.get(&flow).cloned(),
            Hop::Pbx | Hop::PbxFlow(_) => None,
        };
        relayed.via.push(self.via(facts.as_ref()));
        headers::copy_onward(side_of(origin), &domain, request, &mut relayed);
        relayed
    }
}

enum Destination {
    /// To ourselves, or from somebody nobody vouches for.
    Us,
    Hop(Hop, Uri),
    Nowhere(Refusal),
}

fn where_to(now: Instant, board: &Switchboard, origin: Origin, request: &Request) -> Destination {
    if request.uri.user().is_none() {
        return Destination::Us;
    }
    match origin {
        Origin::Handset(flow) if board.registrar.has_live_binding(now, flow) => {
            Destination::Hop(Hop::Pbx, request.uri.clone())
        }
        Origin::Handset(_) => Destination::Us,
        Origin::Pbx(_) => match board.registrar.route(now, &request.uri) {
            Route::Phone { flow, contact, .. } => Destination::Hop(Hop::Handset(flow), contact),
            Route::FlowGone => Destination::Nowhere(Refusal::PhoneUnreachable),
            Route::Unknown => Destination::Nowhere(Refusal::PhoneUnknown),
        },
    }
}
