//! The end of a call: BYE, CANCEL and its races, a second branch that accepted.

use std::time::Instant;

use cordon_policy::refusal::Refusal;
use cordon_sip::{Headers, Method, Origin, Request, Response, StatusCode};
use cordon_transaction::ServerId;

use crate::call::Call;
use crate::event::CallEnd;
use crate::headers;
use crate::media::End;
use crate::switchboard::Switchboard;

impl Call {
    /// A BYE in the dialog of this leg, which its owner sent.
    pub(crate) fn handle_bye(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        end: End,
        server: ServerId,
        bye: &Request,
    ) {
        let response = Response::to(bye, StatusCode::OK);
        board.respond(now, server, response);
        let side = self.leg(end).side();
        let is_cancel = !self.is_established() && self.exchange.is_some();
        if self.exchange.is_some() {
            self.answer_exchange(now, board, StatusCode::REQUEST_TERMINATED);
        }
        self.end(now, board, if is_cancel { CallEnd::Cancelled } else { CallEnd::HungUp(side) });
        if self.accepted.as_ref().is_some_and(|accepted| accepted.end == end) {
            // Whoever says BYE has our 2xx, though its ACK was lost.
            self.accepted = None;
        }
        self.leg_mut(end).is_confirmed = false;
        self.pass_bye(now, board, end.other(), &bye.headers);
    }

    /// The INVITE under way was cancelled.
    pub(crate) fn handle_cancel(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        server: ServerId,
        carried: &Headers,
    ) {
        let Some(exchange) = self.exchange.as_ref().filter(|exchange| exchange.server == server) else {
            return;
        };
        if let Some(client) = exchange.client {
            // With its Reason: a phone whose neighbour has answered shows no missed call (RFC 3326).
            board.transactions.cancel(now, client, headers::of_cancel(carried));
        }
        self.answer_exchange(now, board, StatusCode::REQUEST_TERMINATED);
        self.settle(now, board, CallEnd::Cancelled);
    }

    /// A response that belongs to no INVITE under way: a 2xx that crossed our CANCEL, a copy of one we have
    /// acknowledged, or another branch of a fork.
    pub(crate) fn handle_late_response(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        origin: Origin,
        response: &Response,
    ) {
        if !response.status.is_success() {
            return;
        }
        let Some(end) =
            [End::A, End::B].into_iter().find(|end| Some(self.leg(*end).local_tag()) == response.from.tag())
        else {
            return;
        };
        let leg = self.leg_mut(end);
        let is_theirs = leg.has_call_id(&response.call_id) && leg.is_owned_by(now, origin, board);
        if !is_theirs || !leg.can_have_asked(response.cseq) {
            return;
        }
        if let Some(ack) = leg.repeated_ack(response) {
            let hop = leg.hop(now, board);
            return board.send_ack(now, hop, ack);
        }
        let is_waiting = self.accepted.as_ref().is_some_and(|accepted| accepted.late == Some(response.cseq));
        let is_ended = !self.is_established() && self.exchange.is_none() && !is_waiting;
        let leg = self.leg_mut(end);
        if leg.is_other_branch(response) || is_ended {
            self.hang_up_on_branch(now, board, end, response);
        } else if self.is_established() && !is_waiting {
            // A change that was cancelled too late: the peer is told again what holds.
            self.acknowledge(now, board, end, response.cseq, None);
            self.begin_refresh(now, board, end);
        }
    }

    /// §13.2.2.4: every 2xx is acknowledged, and a dialog nobody wants ended.
    fn hang_up_on_branch(&mut self, now: Instant, board: &mut Switchboard, end: End, response: &Response) {
        if self.branches_ended >= MAX_BRANCHES_ENDED {
            return;
        }
        self.branches_ended += 1;
        let mut branch = self.leg(end).forked(response);
        let ack = branch.acknowledge(response.cseq, None, board);
        let bye = branch.next_request(Method::Bye, board);
        let hop = branch.hop(now, board);
        board.send_ack(now, hop, ack);
        if board.is_up(hop) {
            board.send(now, hop, bye);
        }
    }

    /// What the legs have agreed on does not hold where the media is: the relay found the loop that our own look missed,
    /// or has no sockets. Nobody would hear a word, so the call ends.
    pub(crate) fn break_off(&mut self, now: Instant, board: &mut Switchboard, end: End, refusal: Refusal) {
        if self.is_ended() {
            return;
        }
        match self.exchange {
            Some(_) => self.refuse(now, board, refusal),
            None => self.tell_refusal(board, end, refusal),
        }
        self.release(now, board, CallEnd::Refused(refusal));
    }

    /// Cordon is about to end, whatever the call is doing.
    pub(crate) fn cut(&mut self, now: Instant, board: &mut Switchboard) {
        if !self.is_ended() {
            self.refuse(now, board, Refusal::Draining);
            self.release(now, board, CallEnd::Refused(Refusal::Draining));
        }
    }

    /// Answers the INVITE under way with this status.
    pub(crate) fn answer_exchange(&mut self, now: Instant, board: &mut Switchboard, status: StatusCode) {
        let Some(exchange) = &self.exchange else { return };
        let tag = self.leg(exchange.from).local_tag().clone();
        let response = Response::to(&exchange.request, status).with_to_tag(tag);
        board.respond(now, exchange.server, response);
    }
}

/// A PBX forks to the phones of a ward, and each may repeat its 2xx until it has the ACK. Whoever answers more often only fills
/// the table of transactions that all calls share.
const MAX_BRANCHES_ENDED: usize = 64;
