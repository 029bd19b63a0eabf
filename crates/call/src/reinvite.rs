//! INVITE within a call: hold, resume, another codec, another address, another key. From either side.

use std::time::Instant;

use cordon_policy::refusal::Refusal;
use cordon_sip::{Origin, Request};
use cordon_transaction::ServerId;

use crate::call::Call;
use crate::event::Side;
use crate::media::End;
use crate::refuse::Asked;
use crate::switchboard::Switchboard;

impl Call {
    /// An INVITE in the dialog of this leg, which its owner sent and whose CSeq is in order.
    pub(crate) fn handle_reinvite(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        end: End,
        (server, origin): (ServerId, Origin),
        request: Request,
    ) {
        if let Some(refusal) = self.reinvite_stands_in_the_way(end) {
            let leg = self.leg(end);
            let tag = Some(leg.local_tag());
            let asked = Asked { server, origin, request: &request, tag, call: Some(self.name) };
            return board.refuse(now, &asked, refusal);
        }
        self.open_exchange(now, board, end, server, origin, request);
        if !self.leg_mut(end.other()).is_reachable(now, board) {
            let refusal = match self.leg(end.other()).side() {
                Side::Handset => Refusal::PhoneUnreachable,
                Side::Pbx => Refusal::PbxUnreachable,
            };
            return self.refuse_and_settle(now, board, refusal);
        }
        if let Err(refusal) = self.forward_invite(now, board) {
            self.refuse_and_settle(now, board, refusal);
        }
    }

    /// RFC 3261 §14.2: one INVITE at a time; two from one side is their mistake, one from each is glare.
    fn reinvite_stands_in_the_way(&self, end: End) -> Option<Refusal> {
        if !self.is_established() {
            return Some(Refusal::DialogUnknown);
        }
        // One that was cancelled is under way until its last response (§14.1).
        if self.is_refreshing() || !self.given_up.is_empty() {
            return Some(Refusal::ChangePending);
        }
        match (&self.exchange, &self.accepted) {
            (Some(exchange), _) if exchange.from == end => Some(Refusal::InviteOverlaps),
            (Some(_), _) => Some(Refusal::ChangePending),
            (None, Some(accepted)) if accepted.late.is_some() => Some(Refusal::ChangePending),
            // Our 2xx and an INVITE may reach the PBX in either order; a phone has one connection.
            (None, Some(accepted)) if accepted.end != end && self.leg(accepted.end).side() == Side::Pbx => {
                Some(Refusal::ChangePending)
            }
            // The peer of a 2xx of ours that speaks again has it, though its ACK was lost.
            (None, Some(_)) | (None, None) => None,
        }
    }
}
