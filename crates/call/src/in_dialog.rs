//! Requests within a call, and requests of ours that nobody answers.

use std::time::Instant;

use cordon_policy::refusal::Refusal;
use cordon_sip::{Method, Origin, Request, Response, StatusCode};
use cordon_transaction::{ClientId, ServerId};

use crate::call::Call;
use crate::event::{CallEnd, Side};
use crate::media::End;
use crate::refuse::Asked;
use crate::switchboard::Switchboard;

/// Why a request of ours has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody said anything, or nobody decided.
    Silence,
    /// The connection is gone.
    Transport,
    /// It was longer than what may go to the PBX.
    TooLong(Refusal),
}

impl Call {
    /// A request in the dialog of this leg, sent by its owner.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        end: End,
        (server, origin): (ServerId, Origin),
        request: Request,
    ) {
        let tag = self.leg(end).local_tag().clone();
        let asked = Asked { server, origin, request: &request, tag: Some(&tag), call: Some(self.name) };
        if self.is_ended() && request.method == Method::Bye {
            // It crossed ours, or we owe it one.
            self.leg_mut(end).is_confirmed = false;
            return board.respond(now, server, Response::to(&request, StatusCode::OK));
        }
        if self.is_ended() {
            return board.refuse(now, &asked, Refusal::DialogUnknown);
        }
        if !self.leg_mut(end).advance(&request) {
            return board.refuse(now, &asked, Refusal::SequenceOutOfOrder);
        }
        self.leg_mut(end).proved_alive();
        match request.method {
            Method::Invite => self.handle_reinvite(now, board, end, (server, origin), request),
            Method::Bye => self.handle_bye(now, board, end, server, &request),
            Method::Options => board.answer_options(now, server, &request, Some(&tag)),
            _ => board.refuse(now, &asked, Refusal::MethodNotAllowed),
        }
    }

    /// Our INVITE was never answered, or could not be sent.
    pub(crate) fn handle_failure(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        client: ClientId,
        failure: Failure,
    ) {
        self.given_up.retain(|given_up| *given_up != client);
        let Some(exchange) = self.exchange.as_ref().filter(|exchange| exchange.client == Some(client)) else {
            return;
        };
        let side = self.leg(exchange.from.other()).side();
        match (failure, side) {
            (Failure::Transport, Side::Pbx) => self.refuse_and_settle(now, board, Refusal::PbxUnreachable),
            (Failure::Transport, Side::Handset) => {
                self.refuse_and_settle(now, board, Refusal::PhoneUnreachable)
            }
            (Failure::TooLong(refusal), Side::Pbx | Side::Handset) => {
                self.refuse_and_settle(now, board, refusal)
            }
            (Failure::Silence, Side::Pbx | Side::Handset) => {
                self.answer_exchange(now, board, StatusCode::REQUEST_TIMEOUT);
                match self.is_established() {
                    // §12.2.1.2: no answer at all within a dialog ends it, as 408 does for whoever asked.
                    true => self.release(now, board, CallEnd::Lost(side)),
                    false => self.end(now, board, CallEnd::TimedOut),
                }
                if self.is_ended() {
                    // It may be accepted at this very moment (§16.8): then ACK and BYE follow.
                    self.given_up.push(client);
                }
            }
        }
    }
}
