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

/// The INVITEs of our own in a call: what is to be sent to each leg, and the one under way.
///
/// The relay says once per key that it is to be replaced, and a cancelled change is accepted too late once, whatever the call is
/// doing then. So it is remembered, of each leg by itself, until its peer has accepted an INVITE that says so.
#[derive(Default)]
pub(crate) struct Refreshes {
    a: Option<Refresh>,
    b: Option<Refresh>,
    /// One at a time; what comes up for the same leg meanwhile is sent after it.
    under_way: Option<UnderWay>,
}

/// The session as agreed, told to one leg.
struct Refresh {
    /// With new keys of ours.
    renews_keys: bool,
    /// When to send it; far enough from other changes.
    at: Instant,
    tries: u32,
}

struct UnderWay {
    end: End,
    client: ClientId,
    refresh: Refresh,
}

impl Refreshes {
    fn of(&mut self, end: End) -> &mut Option<Refresh> {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }

    /// The session is to be told to this leg, beside what is to be told to it already.
    fn want(&mut self, end: End, now: Instant) -> &mut Refresh {
        self.of(end).get_or_insert(Refresh { renews_keys: false, at: now, tries: 0 })
    }

    fn want_keys(&mut self, end: End, now: Instant) {
        let is_asked = |under_way: &UnderWay| under_way.end == end && under_way.refresh.renews_keys;
        if self.under_way.as_ref().is_some_and(is_asked) {
            return;
        }
        let refresh = self.want(end, now);
        if !refresh.renews_keys {
            // How often the session was refused without new keys says nothing of these.
            (refresh.renews_keys, refresh.tries) = (true, 0);
        }
    }

    /// The leg to be served next, and when. A leg that cannot be asked stands behind the other.
    fn next(&self) -> Option<(End, Instant)> {
        let legs = [(End::A, &self.a), (End::B, &self.b)];
        let waiting = legs.into_iter().filter_map(|(end, refresh)| Some((end, refresh.as_ref()?.at)));
        waiting.filter(|_| self.under_way.is_none()).min_by_key(|(_, at)| *at)
    }

    /// The refresh of this leg that was refused is tried again, with what has come up meanwhile.
    fn try_again(&mut self, end: End, refused: Refresh, at: Instant) {
        match self.of(end) {
            Some(refresh) if refresh.renews_keys && !refused.renews_keys => refresh.at = at,
            waiting => *waiting = Some(Refresh { at, ..refused }),
        }
    }
}

impl Call {
    /// A key of this leg, ours or the peer's, comes near the end of its life.
    pub(crate) fn renew_keys(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        self.refreshes.want_keys(end, now);
        self.refresh_when_due(now, board);
    }

    /// The peer of this leg accepted a change that nobody wants any more: it is told again what is agreed.
    pub(crate) fn begin_refresh(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        self.refreshes.want(end, now);
        self.refresh_when_due(now, board);
    }

    /// When a refresh is to be sent.
    pub(crate) fn refresh_due(&self) -> Option<Instant> {
        self.refreshes.next().filter(|_| self.is_established()).map(|(_, at)| at)
    }

    /// Whether a refresh of ours is under way, so that no other change may begin.
    pub(crate) fn is_refreshing(&self) -> bool {
        self.refreshes.under_way.is_some()
    }

    /// Sends the refresh that is due, unless another change is under way; of a leg that cannot be asked now the other's.
    pub(crate) fn refresh_when_due(&mut self, now: Instant, board: &mut Switchboard) {
        while let Some((end, at)) = self.refreshes.next()
            && at <= now
            && self.is_established()
        {
            self.send_refresh(now, board, end);
        }
    }

    /// Sends the refresh of this leg, or puts it off.
    fn send_refresh(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        let Some(mut refresh) = self.refreshes.of(end).take() else { return };
        refresh.at = now + RETRY;
        let is_busy = self.exchange.is_some() || self.accepted.is_some() || !self.given_up.is_empty();
        let is_possible = !is_busy && self.leg_mut(end).is_reachable(now, board);
        let Some(rules) = self.rules(board, end).ok().filter(|_| is_possible) else {
            *self.refreshes.of(end) = Some(refresh);
            return;
        };
        let leg = self.leg_mut(end);
        let media = leg.media.as_mut();
        let Some(body) =
            media.and_then(|media| media.write_refresh(&rules, refresh.renews_keys, board.entropy.as_mut()))
        else {
            return;
        };
        let mut invite = leg.next_request(Method::Invite, board);
        invite.set_body(SDP, body);
        let hop = leg.hop(now, board);
        let client = board.send(now, hop, invite);
        board.clients.insert(client, (self.key, Purpose::Refresh));
        refresh.tries += 1;
        self.refreshes.under_way = Some(UnderWay { end, client, refresh });
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
        let under_way = self.refreshes.under_way.take_if(|under_way| under_way.client == client);
        let Some(UnderWay { end, refresh, .. }) = under_way else { return };
        match response {
            Some(response) if response.status.is_success() => self.refreshed(now, board, end, response),
            Some(response) if DIALOG_IS_GONE.contains(&response.status.code()) => {
                self.leg_mut(end).is_confirmed = false;
                self.release(now, board, CallEnd::Lost(self.leg(end).side()));
            }
            Some(response) if response.status == StatusCode::REQUEST_PENDING => {
                let wait = self.after_glare(board, end);
                self.refresh_refused(now, board, end, refresh, wait);
            }
            Some(_) | None => self.refresh_refused(now, board, end, refresh, RETRY),
        }
        self.refresh_when_due(now, board);
    }

    /// The call is over: whatever still comes to the refresh is answered by the rules for late responses.
    pub(crate) fn abandon_refresh(&mut self, now: Instant, board: &mut Switchboard) {
        if let Some(UnderWay { client, .. }) = std::mem::take(&mut self.refreshes).under_way {
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

    fn refresh_refused(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        end: End,
        refresh: Refresh,
        wait: Duration,
    ) {
        if let Some(media) = &mut self.leg_mut(end).media {
            media.roll_back();
        }
        if refresh.tries < TRIES {
            self.refreshes.try_again(end, refresh, now + wait);
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
