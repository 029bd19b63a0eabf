//! INVITEs of our own within a call: a new key before the old one's life ends, or the session as agreed after a change
//! that was cancelled too late.

use std::time::{Duration, Instant};

use cordon_policy::refusal::Refusal;
use cordon_sip::{Headers, Method, Response, StatusCode};
use cordon_transaction::ClientId;

use crate::answer::DIALOG_IS_GONE;
use crate::call::Call;
use crate::description;
use crate::event::{CallEnd, Event};
use crate::leg::SDP;
use crate::media::End;
use crate::switchboard::{Purpose, Switchboard};

/// An INVITE of our own toward one leg, to be sent or under way.
pub(crate) struct Refresh {
    end: End,
    /// With new keys of ours, when it was sent last.
    renews_keys: bool,
    /// When to send it; far enough from other changes.
    at: Instant,
    client: Option<ClientId>,
    tries: u32,
}

/// Since when the keys of a leg are to be replaced. The relay says so once per key, whatever the call is doing then, so it is
/// remembered until the peer has taken new ones.
#[derive(Default)]
pub(crate) struct KeysDue {
    a: Option<Instant>,
    b: Option<Instant>,
}

impl KeysDue {
    /// The leg to be served next, and since when.
    fn next(&self) -> Option<(End, Instant)> {
        [(End::A, self.a), (End::B, self.b)].into_iter().find_map(|(end, since)| Some((end, since?)))
    }

    fn of(&mut self, end: End) -> &mut Option<Instant> {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }
}

impl Refresh {
    fn new(end: End, at: Instant) -> Refresh {
        Refresh { end, renews_keys: false, at, client: None, tries: 0 }
    }
}

impl Call {
    /// A key of this leg, ours or the peer's, comes near the end of its life.
    pub(crate) fn renew_keys(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        *self.keys_due.of(end) = Some(now);
        self.refresh_when_due(now, board);
    }

    /// The peer of this leg accepted a change that nobody wants any more: it is told again what is agreed.
    pub(crate) fn begin_refresh(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        if self.is_established() && self.refresh.is_none() {
            self.refresh = Some(Refresh::new(end, now));
            self.refresh_when_due(now, board);
        }
    }

    /// When a refresh is to be sent.
    pub(crate) fn refresh_due(&self) -> Option<Instant> {
        match &self.refresh {
            Some(refresh) => refresh.client.is_none().then_some(refresh.at),
            None => self.keys_due.next().filter(|_| self.is_established()).map(|(_, since)| since),
        }
    }

    /// Whether a refresh of ours is under way, so that no other change may begin.
    pub(crate) fn is_refreshing(&self) -> bool {
        self.refresh.as_ref().is_some_and(|refresh| refresh.client.is_some())
    }

    /// Sends the refresh, unless another change is under way; whatever its reason, with new keys where they are due.
    pub(crate) fn refresh_when_due(&mut self, now: Instant, board: &mut Switchboard) {
        if self.refresh.is_none() && self.is_established() {
            self.refresh = self.keys_due.next().map(|(end, since)| Refresh::new(end, since));
        }
        let is_busy = self.exchange.is_some() || self.accepted.is_some() || !self.given_up.is_empty();
        let Some(refresh) =
            self.refresh.as_mut().filter(|refresh| refresh.client.is_none() && refresh.at <= now)
        else {
            return;
        };
        refresh.at = now + RETRY;
        let end = refresh.end;
        let renews_keys = self.keys_due.of(end).is_some();
        if is_busy || !self.leg_mut(end).is_reachable(now, board) {
            return;
        }
        let Ok(rules) = self.rules(board, end) else { return };
        let leg = self.leg_mut(end);
        let media = leg.media.as_mut();
        let Some(body) =
            media.and_then(|media| media.write_refresh(&rules, renews_keys, board.entropy.as_mut()))
        else {
            *self.keys_due.of(end) = None;
            return self.refresh = None;
        };
        let mut invite = leg.next_request(Method::Invite, board);
        invite.set_body(SDP, body);
        let hop = leg.hop(now, board);
        let client = board.send(now, hop, invite);
        board.clients.insert(client, (self.key, Purpose::Refresh));
        if let Some(refresh) = &mut self.refresh {
            let is_first_of_its_kind = renews_keys && !refresh.renews_keys;
            refresh.tries = if is_first_of_its_kind { 1 } else { refresh.tries + 1 };
            (refresh.client, refresh.renews_keys) = (Some(client), renews_keys);
        }
    }

    /// What the peer says to our refresh; `None` when it cannot be reached.
    pub(crate) fn handle_refreshed(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        client: ClientId,
        response: Option<&Response>,
    ) {
        if response.is_some_and(|response| response.status.is_provisional()) {
            return;
        }
        let Some(refresh) = self.refresh.take_if(|refresh| refresh.client == Some(client)) else { return };
        match response {
            Some(response) if response.status.is_success() => {
                if refresh.renews_keys {
                    *self.keys_due.of(refresh.end) = None;
                }
                self.refreshed(now, board, refresh.end, response)
            }
            Some(response) if DIALOG_IS_GONE.contains(&response.status.code()) => {
                self.leg_mut(refresh.end).is_confirmed = false;
                self.release(now, board, CallEnd::Lost(self.leg(refresh.end).side()));
            }
            Some(response) if response.status == StatusCode::REQUEST_PENDING => {
                let wait = self.after_glare(board, refresh.end);
                self.refresh_refused(now, board, refresh, wait);
            }
            Some(_) | None => self.refresh_refused(now, board, refresh, RETRY),
        }
        self.refresh_when_due(now, board);
    }

    /// The call is over: whatever still comes to the refresh is answered by the rules for late responses.
    pub(crate) fn abandon_refresh(&mut self, now: Instant, board: &mut Switchboard) {
        if let Some(client) = self.refresh.take().and_then(|refresh| refresh.client) {
            board.clients.insert(client, (self.key, Purpose::Invite));
            board.transactions.cancel(now, client, Headers::new());
            self.given_up.push(client);
        }
    }

    fn refreshed(&mut self, now: Instant, board: &mut Switchboard, end: End, response: &Response) {
        self.leg_mut(end).accepted_by(response);
        self.acknowledge(now, board, end, response.cseq, None);
        let admitted =
            description::of_response(response).and_then(|answer| self.admit_answer(board, end, answer));
        match admitted {
            Ok(_) => {
                self.configure(board);
                self.commit();
            }
            Err(refusal) => {
                self.tell_refusal(board, end, refusal);
                self.release(now, board, CallEnd::Refused(refusal));
            }
        }
    }

    /// §14.1: whoever made the Call-ID waits longer, so that two that met do not meet again.
    fn after_glare(&self, board: &mut Switchboard, end: End) -> Duration {
        match end {
            // The caller made the Call-ID of its leg, we that of the callee's.
            End::A => Duration::from_millis(u64::from(board.draw(200)) * 10),
            End::B => Duration::from_millis(2_100 + u64::from(board.draw(190)) * 10),
        }
    }

    fn refresh_refused(&mut self, now: Instant, board: &mut Switchboard, refresh: Refresh, wait: Duration) {
        let end = refresh.end;
        if let Some(media) = &mut self.leg_mut(end).media {
            media.roll_back();
        }
        if refresh.tries < TRIES {
            self.refresh = Some(Refresh { at: now + wait, client: None, ..refresh });
        } else if refresh.renews_keys {
            // Better an ended call than one whose key is used beyond its life.
            self.release(now, board, CallEnd::KeySpent(self.leg(end).side()));
        }
    }

    /// Tells the layer above of a refusal that no request is there to be answered with.
    pub(crate) fn tell_refusal(&self, board: &mut Switchboard, end: End, refusal: Refusal) {
        let leg = self.leg(end);
        let (side, flow, call) = (leg.side(), leg.flow(), Some(self.name));
        board.events.push_back(Event::Refused { refusal, side, flow, call });
    }
}

/// Between two tries of a refresh that was refused for another reason than glare, or had no way to its peer.
const RETRY: Duration = Duration::from_secs(5);

/// A peer that refuses its own session this often will not take it.
const TRIES: u32 = 5;
