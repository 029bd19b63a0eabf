//! What comes back to an INVITE of ours, first or later: progress, answer, challenge, redirection, refusal.

use std::time::Instant;

use bytes::Bytes;
use cordon_policy::connection::contains;
use cordon_policy::refusal::Refusal;
use cordon_policy::request::ALLOW;
use cordon_sdp::Session;
use cordon_sip::{Contacts, HeaderName, Origin, Response};
use cordon_transaction::ClientId;

use crate::call::{Call, GIVE_UP, Offer, Stage};
use crate::content::Content;
use crate::description;
use crate::event::{CallEnd, Event, Side};
use crate::headers;
use crate::leg::SDP;
use crate::media::{Before, End, MediaRequest};
use crate::switchboard::{Switchboard, side_of};

impl Call {
    /// A response to an INVITE of ours.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        client: ClientId,
        origin: Origin,
        response: Response,
    ) {
        if response.status.is_final() {
            self.given_up.retain(|given_up| *given_up != client);
        }
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.client == Some(client)) else {
            return self.handle_late_response(now, board, origin, &response);
        };
        exchange.silent_until = None;
        if response.status.code() != 100 {
            board.judge(now, exchange.origin, &exchange.request, &response);
        }
        let to = exchange.from.other();
        self.leg_mut(to).proved_alive();
        match response.status.code() {
            100 => {}
            101..=199 => self.handle_progress(now, board, &response),
            200..=299 => self.handle_acceptance(now, board, &response),
            300..=399 => self.handle_redirection(now, board, &response),
            401 | 407 => self.handle_challenge(now, board, &response),
            _ => self.handle_rejection(now, board, &response),
        }
    }

    fn handle_progress(&mut self, now: Instant, board: &mut Switchboard, response: &Response) {
        let Some(exchange) = &self.exchange else { return };
        // A change of a standing session takes effect with its 2xx only; and without 100rel a late offer comes there.
        let may_answer = !self.is_established() && matches!(exchange.offer, Offer::Early(_));
        let body = match may_answer && description::is_in(response) {
            true => match self.take_answer(board, response) {
                Ok(body) => Some(body),
                Err(refusal) => return self.refuse_and_settle(now, board, refusal),
            },
            false => None,
        };
        self.relay_response(now, board, response, body);
    }

    fn handle_acceptance(&mut self, now: Instant, board: &mut Switchboard, response: &Response) {
        let Some(exchange) = &self.exchange else { return };
        let (from, to, is_late) = (exchange.from, exchange.from.other(), exchange.offer == Offer::Late);
        self.leg_mut(to).accepted_by(response);
        if is_late {
            return self.handle_late_acceptance(now, board, to, response);
        }
        // The callee's 2xx stops here: what the caller still needs is repeated by us (§13.3.1.4).
        self.acknowledge(now, board, to, response.cseq, None);
        match self.take_answer(board, response) {
            Err(refusal) => {
                self.refuse(now, board, refusal);
                self.release(now, board, CallEnd::Refused(refusal));
            }
            Ok(body) => {
                self.commit();
                self.established(now, board);
                if let Some(accepted) = self.response(board, from, response, Some(body)) {
                    self.accept(now, board, accepted, None);
                }
            }
        }
    }

    /// The 2xx brought the offer; the caller's ACK will bring the answer.
    fn handle_late_acceptance(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        to: End,
        response: &Response,
    ) {
        let offer = description::of_response(response);
        let from = to.other();
        let written = match &offer {
            Ok(_) => self.cross_late_offer(board, to, response),
            Err(refusal) => Err(*refusal),
        };
        match written {
            Ok(body) => {
                if let Some(accepted) = self.response(board, from, response, Some(body)) {
                    self.accept(now, board, accepted, Some(response.cseq));
                }
            }
            Err(refusal) => {
                let nothing =
                    self.leg_mut(to).media.as_mut().map(|media| media.write_nothing(offer.as_ref().ok()));
                self.acknowledge(now, board, to, response.cseq, nothing.filter(|_| offer.is_ok()));
                self.refuse(now, board, refusal);
                self.release(now, board, CallEnd::Refused(refusal));
            }
        }
    }

    fn cross_late_offer(
        &mut self,
        board: &mut Switchboard,
        to: End,
        response: &Response,
    ) -> Result<Bytes, Refusal> {
        let from = to.other();
        let content = match self.take_offer(board, to, description::of_response(response)?) {
            Err(
                Refusal::PlainMedia
                | Refusal::OpportunisticMedia
                | Refusal::KeysMissing
                | Refusal::ProtectionDropped,
            ) => {
                return Err(Refusal::LateOfferUnprotected);
            }
            other => other?,
        };
        let content = content.filtered(&self.rules(board, from)?)?;
        self.write_offer(board, from, &content)
    }

    /// The PBX wants to know who calls: the challenge passes, and keys and ports wait for the next INVITE. A phone's stays
    /// here, since no proof of the PBX would ever come back to it.
    fn handle_challenge(&mut self, now: Instant, board: &mut Switchboard, response: &Response) {
        if self.exchange.as_ref().is_some_and(|exchange| side_of(exchange.origin) == Side::Pbx) {
            return self.refuse_and_settle(now, board, Refusal::PhoneChallenges);
        }
        let Some(mut relayed) =
            self.exchange.as_ref().and_then(|exchange| self.response(board, exchange.from, response, None))
        else {
            return;
        };
        headers::copy_challenges(&response.headers, &mut relayed.headers);
        let Some(exchange) = &self.exchange else { return };
        if let Origin::Handset(flow) = exchange.origin
            && let Err(refusal) = board.relay_challenge(now, flow, &mut relayed)
        {
            return self.refuse_and_settle(now, board, refusal);
        }
        board.respond(now, exchange.server, relayed);
        if self.is_established() {
            return self.abandon(now, board);
        }
        self.exchange = None;
        self.stage = Stage::Challenged(response.status.code(), now + GIVE_UP);
        for leg in [&mut self.a, &mut self.b] {
            if let Some(media) = &mut leg.media {
                media.roll_back();
            }
        }
    }

    fn handle_rejection(&mut self, now: Instant, board: &mut Switchboard, response: &Response) {
        let status = response.status.code();
        self.relay_response(now, board, response, None);
        let gone = self.exchange.as_ref().map(|exchange| exchange.from.other());
        match gone.filter(|_| self.is_established() && DIALOG_IS_GONE.contains(&status)) {
            // §12.2.1.2: the other side has forgotten the dialog.
            Some(gone) => {
                self.leg_mut(gone).is_confirmed = false;
                self.release(now, board, CallEnd::Lost(self.leg(gone).side()));
            }
            None => self.settle(now, board, CallEnd::Rejected(status)),
        }
    }

    /// Passes a response to whoever sent the INVITE.
    pub(crate) fn relay_response(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        response: &Response,
        body: Option<Bytes>,
    ) {
        let Some(exchange) = &self.exchange else { return };
        let server = exchange.server;
        if let Some(relayed) = self.response(board, exchange.from, response, body) {
            board.respond(now, server, relayed);
        }
    }

    /// A response as the sender of the INVITE may see it: status and reason, our tag and Contact.
    fn response(
        &self,
        board: &mut Switchboard,
        from: End,
        original: &Response,
        body: Option<Bytes>,
    ) -> Option<Response> {
        let exchange = self.exchange.as_ref()?;
        let leg = self.leg(from);
        let mut response = headers::echoed(&exchange.request, original).with_to_tag(leg.local_tag().clone());
        let side = self.leg(from.other()).side();
        headers::copy_back(side, &board.site.registration.domain, original, &mut response);
        let (host, _) = board.own_address(leg.facts());
        headers::copy_warnings(&original.headers, &host, &mut response.headers);
        let makes_dialog = original.status.is_success() || original.status.is_provisional();
        if makes_dialog {
            response.contacts = Contacts::one(leg.contact().clone());
            // §12.1.1: the proxies that want to stay in the dialog find themselves in our answer.
            response.record_route = exchange.request.record_route.clone();
        }
        if original.status.is_success() {
            response.headers.push(HeaderName::ALLOW, ALLOW);
        }
        if let Some(body) = body {
            response.set_body(SDP, body);
        }
        Some(response)
    }

    /// Admits the answer in a response, tells the relay, and writes ours.
    fn take_answer(&mut self, board: &mut Switchboard, response: &Response) -> Result<Bytes, Refusal> {
        let exchange = self.exchange.as_ref().ok_or(Refusal::AnswerMismatch)?;
        let (from, to) = (exchange.from, exchange.from.other());
        let answer = match description::of_response(response) {
            // The answer may have come with a provisional response already (§13.2.1).
            Err(Refusal::AnswerMissing) if self.has_answer(to) => None,
            other => Some(other?),
        };
        let content = match answer {
            Some(answer) => Some(self.admit_answer(board, to, answer)?.filtered(&self.rules(board, from)?)?),
            None => None,
        };
        let media = self.leg_mut(from).media.as_mut().ok_or(Refusal::NoPorts)?;
        let content = content.or_else(|| media.last_content()).ok_or(Refusal::AnswerMissing)?;
        let body = media.write_answer(&content, board.entropy.as_mut()).ok_or(Refusal::AnswerMismatch)?;
        self.configure(board);
        Ok(body)
    }

    /// Drafts the answer of this leg's peer.
    pub(crate) fn admit_answer(
        &mut self,
        board: &Switchboard,
        by: End,
        answer: Session,
    ) -> Result<Content, Refusal> {
        let rules = self.rules(board, by)?;
        let call = self.key;
        let media = self.leg_mut(by).media.as_mut().ok_or(Refusal::NoPorts)?;
        let permit = media.admit_answer(&rules, &answer)?;
        if permit.remote.is_some_and(|remote| board.ports.would_loop(call, remote.rtp)) {
            return Err(Refusal::MediaLoop);
        }
        media.take_answer(permit, answer)
    }

    /// Tells the relay what both ends look like now.
    pub(crate) fn configure(&mut self, board: &mut Switchboard) {
        let Some(stream) = self.stream else { return };
        for end in [End::A, End::B] {
            let Some(other) = self.leg(end.other()).media.as_ref().and_then(|media| media.peer_direction())
            else {
                return;
            };
            let remote = self.leg(end).media.as_ref().and_then(|media| media.remote_rtp());
            let networks = board.leg_rules(self.leg(end).facts()).map(|rules| rules.networks.as_slice());
            let is_inside = remote.is_some_and(|remote| {
                board.ports.is_ours(remote) || contains(networks.unwrap_or_default(), remote.ip())
            });
            let before = if is_inside { Before::SendToSdp } else { Before::HoldUntilProven };
            if let Some(remote) = remote {
                board.ports.sends_to(self.key, end, remote);
            }
            let Some(setup) = self.leg_mut(end).media.as_mut().and_then(|media| media.setup(other, before))
            else {
                return;
            };
            board.media.push_back(MediaRequest::Set { stream, end, setup: Box::new(setup) });
        }
    }

    /// Both descriptions hold from now on.
    pub(crate) fn commit(&mut self) {
        for leg in [&mut self.a, &mut self.b] {
            if let Some(media) = &mut leg.media {
                media.commit();
            }
        }
    }

    /// The call stands; told once.
    pub(crate) fn established(&mut self, now: Instant, board: &mut Switchboard) {
        self.stage = Stage::Established;
        if self.answered.is_none() {
            self.answered = Some(now);
            board.events.push_back(Event::CallAnswered { call: self.name });
            self.listening.begin(now);
        }
        // The PBX may call over a connection of its own while ours to it is down.
        for end in [End::A, End::B] {
            if !self.leg_mut(end).is_reachable(now, board) {
                self.lose(now, board, end);
            }
        }
    }

    /// Acknowledges a 2xx of this leg's peer.
    pub(crate) fn acknowledge(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        end: End,
        cseq: u32,
        body: Option<Bytes>,
    ) {
        let leg = self.leg_mut(end);
        let ack = leg.acknowledge(cseq, body, board);
        let hop = leg.hop(now, board);
        board.send_ack(now, hop, ack);
    }

    fn has_answer(&self, end: End) -> bool {
        self.leg(end).media.as_ref().is_some_and(|media| media.has_draft_of_peer())
    }
}

/// RFC 3261 §12.2.1.2 and RFC 5057: these end the dialog, not only the request.
pub(crate) const DIALOG_IS_GONE: [u16; 4] = [404, 408, 410, 481];
