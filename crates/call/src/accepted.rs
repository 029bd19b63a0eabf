//! A 2xx of ours and the ACK it waits for.

use std::time::{Duration, Instant};

use cordon_sip::{Request, Response};
use cordon_transaction::ServerId;

use crate::call::{Call, GIVE_UP, T1};
use crate::media::End;
use crate::switchboard::Switchboard;

/// A 2xx of ours, repeated until its ACK comes (RFC 3261 §13.3.1.4).
pub(crate) struct Accepted {
    /// The leg that owes the ACK.
    pub(crate) end: End,
    server: ServerId,
    response: Response,
    repeat_at: Instant,
    interval: Duration,
    give_up_at: Instant,
    /// The CSeq of the other leg's INVITE, whose ACK waits for the answer in this one.
    pub(crate) late: Option<u32>,
    /// The call ended meanwhile: BYE follows the ACK (§15).
    pub(crate) then_bye: bool,
}

impl Accepted {
    /// Whether this is the ACK it waits for: same leg, same CSeq as the INVITE (§13.2.2.4).
    pub(crate) fn is_acknowledged_by(&self, end: End, ack: &Request) -> bool {
        self.end == end && self.response.cseq == ack.cseq
    }

    /// When something of it is due.
    pub(crate) fn due(&self) -> Instant {
        self.repeat_at.min(self.give_up_at)
    }
}

impl Call {
    /// Sends a 2xx and repeats it until its ACK comes.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        response: Response,
        late: Option<u32>,
    ) {
        let Some(exchange) = self.exchange.take() else { return };
        board.respond(now, exchange.server, response.clone());
        let leg = self.leg_mut(exchange.from);
        // RFC 6141 §4.3: a Contact that comes with a change holds from its 2xx on.
        leg.retarget(&exchange.request);
        leg.is_confirmed = true;
        self.accepted = Some(Accepted {
            end: exchange.from,
            server: exchange.server,
            response,
            repeat_at: now + T1,
            interval: T1,
            give_up_at: now + GIVE_UP,
            late,
            then_bye: false,
        });
    }

    /// Repeats a 2xx that is due, or gives its ACK up.
    pub(crate) fn repeat_acceptance(&mut self, now: Instant, board: &mut Switchboard) {
        let Some(accepted) = &mut self.accepted else { return };
        if accepted.give_up_at <= now {
            let end = accepted.end;
            self.acknowledgement_never_came(now, board, end);
        } else if accepted.repeat_at <= now {
            board.respond(now, accepted.server, accepted.response.clone());
            // §13.3.1.4: doubled until T2.
            accepted.interval = (accepted.interval * 2).min(T2);
            accepted.repeat_at = now + accepted.interval;
        }
    }
}

/// RFC 3261 §17.1.2.2.
const T2: Duration = Duration::from_secs(4);
