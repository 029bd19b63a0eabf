//! A call: two legs, the exchange between them, and the stream that carries their media.

use std::time::{Duration, Instant};

use cordon_phi::Pseudonym;
use cordon_policy::refusal::Refusal;
use cordon_sip::{
    FlowId, HeaderName, HeaderValue, Headers, Method, Origin, Reason, Request, Response, StatusCode, Text,
};
use cordon_transaction::{ClientId, ServerId};

use crate::accepted::Accepted;
use crate::content::Content;
use crate::event::{CallEnd, Event, LegReceipt, Receipt};
use crate::headers;
use crate::invite::Caller;
use crate::leg::Leg;
use crate::listening::Listening;
use crate::media::{CallKey, End, MediaRequest, StreamId, StreamStatistics};
use crate::refresh::Refreshes;
use crate::refuse::Asked;
use crate::switchboard::{Purpose, Switchboard};
use crate::tally::Charge;

/// Pairs the two legs of a call.
pub(crate) struct Call {
    pub(crate) key: CallKey,
    /// Prints in events instead of the Call-ID.
    pub(crate) name: Pseudonym,
    pub(crate) is_emergency: bool,
    /// The caller's leg.
    pub(crate) a: Leg,
    /// The callee's leg.
    pub(crate) b: Leg,
    pub(crate) stage: Stage,
    pub(crate) stream: Option<StreamId>,
    /// The INVITE under way from one leg to the other, the first or a later one.
    pub(crate) exchange: Option<Exchange>,
    /// A 2xx of ours that waits for its ACK.
    pub(crate) accepted: Option<Accepted>,
    /// INVITEs of ours that were given up and may still be accepted by somebody.
    pub(crate) given_up: Vec<ClientId>,
    /// BYEs of ours on their way: one of the peer's that crosses them is answered as in a dialog (RFC 5407 §2).
    pub(crate) byes: usize,
    /// How often another branch of a fork that accepted was hung up on.
    pub(crate) branches_ended: usize,
    /// INVITEs of our own, to be sent or under way.
    pub(crate) refreshes: Refreshes,
    /// Redirections followed.
    pub(crate) redirects: usize,
    /// When to try again to tell a peer that could not be reached of the end.
    pub(crate) bye_at: Option<Instant>,
    /// When to look whether a lost leg is still heard.
    pub(crate) look_at: Option<Instant>,
    /// Whether both sides are heard.
    pub(crate) listening: Listening,
    pub(crate) started: Instant,
    pub(crate) answered: Option<Instant>,
    /// The layer above heard of this call.
    pub(crate) is_announced: bool,
    /// What its INVITE is recognised by should it come again.
    pub(crate) caller: Caller,
    /// On whose account it goes.
    pub(crate) charge: Charge,
    /// When the engine is to wake it; kept by the engine.
    pub(crate) wake: Option<Instant>,
    /// The phones' connections its legs are on; kept by the engine.
    pub(crate) flows: [Option<FlowId>; 2],
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The INVITE is admitted; the ports are asked for until then.
    Opening(Instant),
    /// The INVITE is on its way to the callee.
    Inviting,
    /// The caller was challenged with this status; keys and ports wait for its next INVITE until then.
    Challenged(u16, Instant),
    /// Both legs are in a dialog.
    Established,
    /// Over; ports and late answers are waited for until then.
    Ended(CallEnd, Instant),
}

/// One INVITE on its way from one leg to the other, and what its answer means.
pub(crate) struct Exchange {
    /// Whose INVITE it is.
    pub(crate) from: End,
    /// Its transaction.
    pub(crate) server: ServerId,
    pub(crate) origin: Origin,
    /// The INVITE itself, to write responses from; without its body once that has been read.
    pub(crate) request: Request,
    /// Our own INVITE on the other leg, once sent.
    pub(crate) client: Option<ClientId>,
    pub(crate) offer: Offer,
    /// The PBX must have said something by then.
    pub(crate) silent_until: Option<Instant>,
    /// Whoever asks wants no answer later than this (§13.3.1).
    pub(crate) expires_at: Option<Instant>,
}

/// Who makes the offer of an exchange.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Whoever asks; this is what it says.
    Early(Content),
    /// Whoever accepts, in the 2xx; the ACK then carries the answer.
    Late,
}

impl Call {
    /// The leg at this end.
    pub(crate) fn leg(&self, end: End) -> &Leg {
        match end {
            End::A => &self.a,
            End::B => &self.b,
        }
    }

    /// The leg at this end.
    pub(crate) fn leg_mut(&mut self, end: End) -> &mut Leg {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }

    /// Whether the call is between its first 2xx and its end.
    pub(crate) fn is_established(&self) -> bool {
        self.stage == Stage::Established
    }

    /// Whether the call is over and only waits for what is still under way.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(..))
    }

    /// Whether the call is over and its media with it.
    pub(crate) fn has_given_back_its_ports(&self) -> bool {
        self.is_ended() && self.stream.is_none()
    }

    /// Whether a BYE of ours is on its way.
    pub(crate) fn awaits_answers_to_bye(&self) -> bool {
        self.byes > 0
    }

    /// Whether nothing is left to wait for, but for the answer to a BYE.
    pub(crate) fn is_over(&self) -> bool {
        let is_waited_for = self.stream.is_some() || self.accepted.is_some() || !self.given_up.is_empty();
        self.is_ended() && !is_waited_for && !self.owes_bye()
    }

    /// Answers the INVITE under way with a refusal.
    pub(crate) fn refuse(&mut self, now: Instant, board: &mut Switchboard, refusal: Refusal) {
        let Some(exchange) = &self.exchange else { return };
        let asked = Asked {
            server: exchange.server,
            origin: exchange.origin,
            request: &exchange.request,
            tag: Some(self.leg(exchange.from).local_tag()),
            call: Some(self.name),
        };
        board.refuse(now, &asked, refusal);
    }

    /// Refuses the INVITE under way; a call that does not stand yet ends with it.
    pub(crate) fn refuse_and_settle(&mut self, now: Instant, board: &mut Switchboard, refusal: Refusal) {
        self.refuse(now, board, refusal);
        self.settle(now, board, CallEnd::Refused(refusal));
    }

    /// The exchange ended without success: a standing call goes on as before, any other ends.
    pub(crate) fn settle(&mut self, now: Instant, board: &mut Switchboard, end: CallEnd) {
        if self.is_established() {
            self.abandon(now, board);
        } else {
            self.end(now, board, end);
        }
    }

    /// Forgets the exchange under way; nothing it would have changed is changed.
    pub(crate) fn abandon(&mut self, now: Instant, board: &mut Switchboard) {
        let Some(exchange) = self.exchange.take() else { return };
        if board.servers.contains_key(&exchange.server) {
            // Nobody has answered it yet, and nobody else ever will.
            let tag = self.leg(exchange.from).local_tag().clone();
            let response = Response::to(&exchange.request, StatusCode::REQUEST_TERMINATED).with_to_tag(tag);
            board.respond(now, exchange.server, response);
        }
        if let Some(client) = exchange.client
            && board.clients.contains_key(&client)
        {
            board.transactions.cancel(now, client, Headers::new());
            self.given_up.push(client);
        }
        for leg in [&mut self.a, &mut self.b] {
            if let Some(media) = &mut leg.media {
                media.roll_back();
            }
        }
    }

    /// The call is over. Dialogs must be told by the caller of this; ports go back, and late answers are waited for.
    pub(crate) fn end(&mut self, now: Instant, board: &mut Switchboard, end: CallEnd) {
        if self.is_ended() {
            return;
        }
        self.abandon(now, board);
        self.abandon_refresh(now, board);
        self.give_up_late_answer(now, board);
        self.stage = Stage::Ended(end, now + LINGER);
        self.look_at = None;
        self.listening.stop();
        match self.stream {
            Some(stream) => board.media.push_back(MediaRequest::Close { stream }),
            None => self.report(now, board, StreamStatistics::default()),
        }
    }

    /// The ports are back.
    pub(crate) fn closed(&mut self, now: Instant, board: &mut Switchboard, statistics: StreamStatistics) {
        let Some(stream) = self.stream.take() else { return };
        board.streams.remove(&stream);
        let addresses =
            [End::A, End::B].map(|end| self.leg(end).media.as_ref().map(|media| media.local_rtp()));
        board.ports.closed(self.key, addresses);
        self.report(now, board, statistics);
    }

    /// Ends a dialog of ours with BYE, when it stands. A peer that cannot be reached now is owed the BYE for a while:
    /// a connection that is being opened again must not leave it in a call of one.
    pub(crate) fn hang_up(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        let mut why = Headers::new();
        if let Stage::Ended(CallEnd::Refused(refusal), _) = self.stage {
            // RFC 3326: whoever is hung up on hears which rule ended the call.
            let code = Some(Text::from_static(refusal.code()));
            let reason = Reason { text: code, ..Reason::new("SIP", refusal.status()) };
            why.push(HeaderName::REASON, reason.to_text());
        }
        self.pass_bye(now, board, end, &why);
    }

    /// As [`hang_up`](Self::hang_up), with what the other side's BYE carried.
    pub(crate) fn pass_bye(&mut self, now: Instant, board: &mut Switchboard, end: End, carried: &Headers) {
        if let Some(accepted) = self.accepted.as_mut().filter(|accepted| accepted.end == end) {
            accepted.then_bye = true;
            return;
        }
        let side = self.leg(end.other()).side();
        let leg = self.leg_mut(end);
        if !leg.is_confirmed {
            return;
        }
        if leg.is_reachable(now, board) {
            leg.is_confirmed = false;
            let mut bye = leg.next_request(Method::Bye, board);
            headers::copy_for_request(side, &board.site.registration.domain, carried, &mut bye.headers);
            let hop = leg.hop(now, board);
            let client = board.send(now, hop, bye);
            board.clients.insert(client, (self.key, Purpose::Bye));
            self.byes += 1;
        } else {
            self.bye_at = Some(now + BYE_AGAIN);
        }
    }

    /// Whether a dialog stands whose peer has not been told of the end.
    fn owes_bye(&self) -> bool {
        self.bye_at.is_some() && (self.a.is_confirmed || self.b.is_confirmed)
    }

    fn pay_owed_byes(&mut self, now: Instant, board: &mut Switchboard) {
        if self.bye_at.take_if(|at| *at <= now).is_some() {
            self.hang_up(now, board, End::A);
            self.hang_up(now, board, End::B);
        }
    }

    /// Ends both dialogs.
    pub(crate) fn release(&mut self, now: Instant, board: &mut Switchboard, end: CallEnd) {
        self.end(now, board, end);
        self.hang_up(now, board, End::A);
        self.hang_up(now, board, End::B);
    }

    /// Sends our INVITE of the exchange under way.
    pub(crate) fn send_invite(&mut self, now: Instant, board: &mut Switchboard, to: End, invite: Request) {
        let leg = self.leg_mut(to);
        let hop = leg.hop(now, board);
        let is_pbx = leg.flow().is_none();
        if !board.is_up(hop) {
            return self.refuse_and_settle(now, board, Refusal::PhoneUnreachable);
        }
        leg.sends_invite(&invite);
        let client = board.send(now, hop, invite);
        board.clients.insert(client, (self.key, Purpose::Invite));
        if let Some(exchange) = &mut self.exchange {
            exchange.client = Some(client);
            exchange.silent_until = is_pbx.then(|| now + PBX_SILENCE);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let stage = match self.stage {
            Stage::Opening(until) | Stage::Challenged(_, until) | Stage::Ended(_, until) => Some(until),
            Stage::Inviting | Stage::Established => None,
        };
        let silent = self.exchange.as_ref().and_then(|exchange| exchange.silent_until);
        let expired = self.exchange.as_ref().and_then(|exchange| exchange.expires_at);
        let accepted = self.accepted.as_ref().map(Accepted::due);
        [
            stage,
            silent,
            expired,
            accepted,
            self.look_at,
            self.listening.due(),
            self.bye_at,
            self.refresh_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant, board: &mut Switchboard) {
        match self.stage {
            Stage::Opening(until) if until <= now => self.refuse_and_settle(now, board, Refusal::NoPorts),
            Stage::Challenged(status, until) if until <= now => {
                self.end(now, board, CallEnd::Rejected(status))
            }
            Stage::Ended(_, until) if until <= now => {
                // Nobody answered in all this time; whoever still does is answered by the rules for strangers.
                self.given_up.clear();
                self.accepted = None;
                self.bye_at = None;
                self.byes = 0;
                self.closed(now, board, StreamStatistics::default());
            }
            Stage::Opening(_)
            | Stage::Inviting
            | Stage::Challenged(..)
            | Stage::Established
            | Stage::Ended(..) => {}
        }
        if self.exchange.as_ref().and_then(|exchange| exchange.silent_until).is_some_and(|until| until <= now)
        {
            self.refuse_and_settle(now, board, Refusal::PbxSilent);
        }
        if let Some(exchange) = &self.exchange
            && exchange.expires_at.is_some_and(|at| at <= now)
        {
            self.handle_cancel(now, board, exchange.server, &Headers::new());
        }
        self.repeat_acceptance(now, board);
        self.refresh_when_due(now, board);
        self.pay_owed_byes(now, board);
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_for_lost_legs(now, board);
        }
        if self.listening.due().is_some_and(|at| at <= now) {
            self.ask_who_is_heard(now, board);
        }
    }

    fn report(&mut self, now: Instant, board: &mut Switchboard, statistics: StreamStatistics) {
        let Stage::Ended(end, _) = self.stage else { return };
        if !std::mem::take(&mut self.is_announced) {
            return;
        }
        let leg = |end: End| {
            let leg = self.leg(end);
            LegReceipt {
                side: leg.side(),
                tls: leg.facts().map(|facts| (facts.tls.version, facts.tls.suite)),
                suite: leg.media.as_ref().and_then(|media| media.suite()),
                silences: self.listening.silences(end),
                local_rekeys: leg.media.as_ref().map_or(0, |media| media.local_rekeys),
                media: *statistics.end(end),
            }
        };
        let receipt = Receipt {
            call: self.name,
            started: self.started,
            answered: self.answered,
            ended: now,
            legs: [leg(End::A), leg(End::B)],
            end,
        };
        board.events.push_back(Event::CallEnded(Box::new(receipt)));
    }
}

/// RFC 3261 §17.1.1.1.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// 64 * T1: whoever has not answered by then never will.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(32);
/// The phone hears 503 within 4 s when the PBX says nothing at all.
pub(crate) const PBX_SILENCE: Duration = Duration::from_millis(3500);
/// Longest wait for media ports; they are bound on the same machine.
pub(crate) const PORTS: Duration = Duration::from_secs(3);
/// Between two tries to reach a peer that is owed a BYE; a phone needs about as long to come back.
const BYE_AGAIN: Duration = Duration::from_secs(2);
/// Longest wait for what an ended call still expects: a 2xx that crossed our CANCEL, an ACK, a peer to say BYE to, the answer
/// to our BYE, the closing of the ports. Within 64 s everything of it is gone.
const LINGER: Duration = Duration::from_secs(40);
