//! Legs whose connection is gone. The call goes on: media needs no signalling. Only a leg that is neither heard nor
//! reached for 30 s is released.

use std::time::{Duration, Instant};

use cordon_policy::refusal::Refusal;
use cordon_sip::{FlowId, Method, Response};

use crate::call::Call;
use crate::event::{CallEnd, Side};
use crate::media::{End, MediaRequest, StreamStatistics};
use crate::switchboard::{Purpose, Switchboard};

impl Call {
    /// A phone's connection is gone.
    pub(crate) fn handle_flow_closed(&mut self, now: Instant, board: &mut Switchboard, flow: FlowId) {
        for end in [End::A, End::B] {
            if self.leg(end).flow() == Some(flow) {
                self.lose(now, board, end);
            }
        }
    }

    /// No connection to the PBX is up.
    pub(crate) fn handle_pbx_unreachable(&mut self, now: Instant, board: &mut Switchboard) {
        for end in [End::A, End::B] {
            if self.leg(end).flow().is_none() {
                self.lose(now, board, end);
            }
        }
    }

    /// A leg that nobody can reach any more.
    pub(crate) fn lose(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        let is_answered = self.is_established() || self.accepted.is_some();
        if is_answered && !self.is_ended() {
            self.leg_mut(end).lost_since.get_or_insert(now);
            self.look_at.get_or_insert(now + SILENCE);
        } else if end == End::A && !self.is_ended() {
            let side = self.leg(end).side();
            match side {
                Side::Handset => {} // nobody is left to hear an answer
                // It may have called over a connection of its own, on which it still waits.
                Side::Pbx => self.refuse(now, board, Refusal::PbxUnreachable),
            }
            self.end(now, board, CallEnd::Lost(side));
        }
    }

    /// Asks how long the lost legs have not been heard.
    pub(crate) fn look_for_lost_legs(&mut self, now: Instant, board: &mut Switchboard) {
        self.look_at = None;
        let is_lost = self.a.lost_since.is_some() || self.b.lost_since.is_some();
        if let Some(stream) = self.stream.filter(|_| is_lost) {
            board.media.push_back(MediaRequest::Query { stream });
            // Comes again should the question get lost.
            self.look_at = Some(now + SILENCE);
        }
    }

    /// How the media is doing.
    pub(crate) fn handle_counted(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        statistics: &StreamStatistics,
    ) {
        if !self.is_established() {
            return;
        }
        self.listen(now, board, statistics);
        for end in [End::A, End::B] {
            let Some(lost_since) = self.leg(end).lost_since else { continue };
            let heard =
                statistics.end(end).last_authenticated.map_or(lost_since, |heard| heard.max(lost_since));
            let due = heard + SILENCE;
            if due > now {
                self.look_at = Some(self.look_at.map_or(due, |at| at.min(due)));
            } else if self.leg_mut(end).is_reachable(now, board) {
                self.probe(now, board, end);
            } else {
                return self.release(now, board, CallEnd::Lost(self.leg(end).side()));
            }
        }
    }

    /// The peer is back on a new connection, or the PBX is: does it still know the dialog?
    pub(crate) fn probe(&mut self, now: Instant, board: &mut Switchboard, end: End) {
        let leg = self.leg_mut(end);
        let options = leg.next_request(Method::Options, board);
        let hop = leg.hop(now, board);
        let client = board.send(now, hop, options);
        board.clients.insert(client, (self.key, Purpose::Probe(end)));
    }

    /// The answer to a probe; none at all counts like a peer that has forgotten the dialog.
    pub(crate) fn handle_probed(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        end: End,
        response: Option<&Response>,
    ) {
        if response.is_some_and(|response| response.status.is_provisional()) || !self.is_established() {
            return;
        }
        let is_known =
            response.is_some_and(|response| !matches!(response.status.code(), 404 | 408 | 410 | 480 | 481));
        if is_known {
            self.leg_mut(end).proved_alive();
        } else {
            self.leg_mut(end).is_confirmed = false;
            self.release(now, board, CallEnd::Lost(self.leg(end).side()));
        }
    }
}

/// A phone on a lost network says nothing; one that is only changing connections is heard every 20 ms.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
