//! The ACK of a 2xx of ours, with the answer of a late offer in it, and the ACK that never comes.

use std::time::Instant;

use bytes::Bytes;
use cordon_policy::refusal::Refusal;
use cordon_sip::Request;

use crate::call::Call;
use crate::description;
use crate::event::CallEnd;
use crate::media::End;
use crate::switchboard::Switchboard;

impl Call {
    /// An ACK in the dialog of this leg.
    pub(crate) fn handle_ack(&mut self, now: Instant, board: &mut Switchboard, end: End, ack: &Request) {
        let Some(accepted) = self.accepted.take_if(|accepted| accepted.is_acknowledged_by(end, ack)) else {
            return;
        };
        if let Some(cseq) = accepted.late {
            match self.take_late_answer(board, end, ack) {
                Ok(body) => {
                    self.acknowledge(now, board, end.other(), cseq, Some(body));
                    self.commit();
                    self.established(now, board);
                }
                Err(refusal) => {
                    self.tell_refusal(board, end, refusal);
                    self.refuse_late_offer(now, board, end.other(), cseq);
                    self.release(now, board, CallEnd::Refused(refusal));
                }
            }
        }
        if accepted.then_bye {
            self.hang_up(now, board, end);
        }
    }

    /// 64*T1 and no ACK: the dialog stands nevertheless, and is ended with BYE (RFC 3261 §13.3.1.4).
    pub(crate) fn acknowledgement_never_came(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        let Some(accepted) = self.accepted.take() else { return };
        if accepted.late.is_none() && self.is_established() && self.leg(end).lost_since.is_some() {
            // The ACK was lost with the connection; whether the peer is there its media tells.
            return;
        }
        if let Some(cseq) = accepted.late {
            self.refuse_late_offer(now, board, end.other(), cseq);
        }
        self.release(now, board, CallEnd::TimedOut);
        // When the call had ended before, its BYE waited for this ACK.
        self.hang_up(now, board, end);
    }

    /// The call ends while a 2xx of ours still waits for the answer to a late offer: the offer comes to nothing now, and
    /// the ACK that may come brings nothing back.
    pub(crate) fn give_up_late_answer(&mut self, now: Instant, board: &mut Switchboard) {
        let owed = self.accepted.as_mut().and_then(|accepted| Some((accepted.end, accepted.late.take()?)));
        if let Some((end, cseq)) = owed {
            self.refuse_late_offer(now, board, end.other(), cseq);
        }
    }

    fn take_late_answer(
        &mut self,
        board: &mut Switchboard,
        end: End,
        ack: &Request,
    ) -> Result<Bytes, Refusal> {
        if ack.body.is_empty() {
            return Err(Refusal::AnswerMissing);
        }
        let content = self.admit_answer(board, end, description::of_request(ack)?)?;
        let content = content.filtered(&self.rules(board, end.other())?)?;
        let media = self.leg_mut(end.other()).media.as_mut().ok_or(Refusal::NoPorts)?;
        let body = media.write_answer(&content, board.entropy.as_mut()).ok_or(Refusal::AnswerMismatch)?;
        self.configure(board);
        Ok(body)
    }

    /// Acknowledges a 2xx whose offer comes to nothing: every line of it is refused.
    fn refuse_late_offer(&mut self, now: Instant, board: &mut Switchboard, end: End, cseq: u32) {
        let nothing = self.leg_mut(end).media.as_mut().map(|media| media.write_nothing(None));
        self.acknowledge(now, board, end, cseq, nothing);
    }
}
