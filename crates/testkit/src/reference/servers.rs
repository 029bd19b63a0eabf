//! Requests of peers: figures 7 and 8 of RFC 3261, figure 7 as RFC 6026 has it.

use cordon_sip::Hop;

use super::{Asked, FORGOTTEN, SERVERS, SERVERS_PER_FLOW, Said, T1, T2, T4, TIMERS_B_F_H_J_L_M, peer};

#[derive(Default)]
pub(super) struct Servers {
    pub(super) list: Vec<Server>,
    next_number: usize,
}

pub(super) struct Server {
    number: usize,
    asked: Asked,
    hop: Hop,
    state: State,
    /// What a copy of the request is answered with.
    last: Option<String>,
    again: Option<(u64, u64)>,
    end: u64,
    is_cancelled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Trying or Proceeding.
    Open,
    Completed,
    Confirmed,
    Accepted,
}

/// When, whose, and whether it is the end.
type Due = (u64, usize, bool);

impl Servers {
    pub(super) fn next(&self) -> Option<Due> {
        let ends = self.list.iter().map(|server| (server.end, server.number, true));
        let agains = self.list.iter().filter_map(|server| Some((server.again?.0, server.number, false)));
        ends.chain(agains).min()
    }

    /// Takes a request; `insists` is for one that was turned away before. Whether a transaction was made.
    pub(super) fn asked(&mut self, now: u64, asked: Asked, insists: bool, said: &mut Said) -> bool {
        let Asked { from, method, branch, .. } = asked;
        let (hop, whose) = (from.reply_hop(), peer(from.reply_hop()));
        let on_branch = |server: &Server| (peer(server.hop), server.asked.branch) == (whose, branch);
        let invite = self.list.iter().position(|server| on_branch(server) && server.asked.method == "INVITE");
        let same = self.list.iter().position(|server| on_branch(server) && server.asked.method == method);
        match (method, same) {
            ("ACK", _) => self.acknowledged(now, invite, branch, said),
            ("CANCEL", _) => {
                match self.list.iter().any(on_branch) {
                    true => said.send(hop, "200 CANCEL", branch),
                    false => said.tell(format!("turned away NothingToCancel CANCEL {branch}")),
                }
                if let Some(at) = invite {
                    self.list[at].cancelled(said);
                }
            }
            (_, Some(_)) if insists => {}
            (_, Some(at)) => {
                let server = &mut self.list[at];
                server.hop = hop;
                server.repeats(said);
            }
            (_, None) => return self.opens(now, asked, insists, said),
        }
        false
    }

    fn opens(&mut self, now: u64, asked: Asked, insists: bool, said: &mut Said) -> bool {
        let Asked { from, method, branch, call, in_dialog, .. } = asked;
        let hop = from.reply_hop();
        let is_same = |server: &Server| {
            (peer(server.hop), server.asked.method, server.asked.call) == (peer(hop), method, call)
                && !server.asked.in_dialog
        };
        let is_merged = !in_dialog && self.list.iter().any(is_same);
        let on_flow = self.list.iter().filter(|server| peer(hop).is_some() && server.hop == hop).count();
        let is_of_a_call = in_dialog && !matches!(method, "REGISTER" | "OPTIONS");
        let (bound, of_flow) = match is_of_a_call {
            true => (SERVERS, 2 * SERVERS_PER_FLOW),
            false => (SERVERS - SERVERS / 4, SERVERS_PER_FLOW),
        };
        let has_room = match insists {
            true => self.list.len() < 2 * SERVERS,
            false => on_flow < of_flow && (self.list.len() < bound || self.makes_room(is_merged)),
        };
        let refused = match is_merged {
            true => Some("Merged"),
            false => (!has_room).then_some("Full"),
        };
        if let Some(why) = refused {
            if !insists {
                said.tell(format!("turned away {why} {method} {branch}"));
            }
            return false;
        }
        let number = self.next_number;
        self.next_number += 1;
        said.tell(format!("request {number} {method} {branch}"));
        let mut server = Server {
            number,
            asked,
            hop,
            state: State::Open,
            last: None,
            again: None,
            end: now + FORGOTTEN,
            is_cancelled: false,
        };
        if method == "INVITE" {
            server.says(100, said);
        }
        self.list.push(server);
        true
    }

    /// The oldest failed INVITE of a phone goes, but not for a request that is turned away for another reason.
    fn makes_room(&mut self, is_merged: bool) -> bool {
        let waits_for_ack_alone = |server: &Server| {
            let is_of_phone = peer(server.hop).is_some() && server.asked.reliable;
            is_of_phone && server.asked.method == "INVITE" && server.state == State::Completed
        };
        let oldest = self.list.iter().position(waits_for_ack_alone).filter(|_| !is_merged);
        oldest.map(|at| self.list.remove(at)).is_some()
    }

    fn acknowledged(&mut self, now: u64, at: Option<usize>, branch: u8, said: &mut Said) {
        let Some(at) = at else { return said.tell(format!("ack {branch}")) };
        let server = &mut self.list[at];
        match server.state {
            State::Completed => {
                (server.state, server.again, server.end) = (State::Confirmed, None, now + T4);
                if server.asked.reliable {
                    self.list.remove(at);
                }
            }
            State::Accepted => said.tell(format!("ack {branch}")),
            State::Open | State::Confirmed => {}
        }
    }

    /// Whether the response was taken.
    pub(super) fn responds(&mut self, now: u64, number: usize, status: u16, said: &mut Said) -> bool {
        let Some(at) = self.list.iter().position(|server| server.number == number) else { return false };
        let server = &mut self.list[at];
        let (is_invite, is_reliable) = (server.asked.method == "INVITE", server.asked.reliable);
        match (server.state, status) {
            (State::Accepted, 200..300) => {
                said.send(server.hop, &format!("{status} INVITE"), server.asked.branch)
            }
            (State::Open, _) => {
                server.says(status, said);
                match (is_invite, status) {
                    (true, ..200) => server.end = now + FORGOTTEN,
                    (false, ..200) => {}
                    (true, 200..300) => {
                        (server.state, server.end) = (State::Accepted, now + TIMERS_B_F_H_J_L_M);
                    }
                    (true, 300..) => {
                        (server.state, server.end) = (State::Completed, now + TIMERS_B_F_H_J_L_M);
                        server.again = (!is_reliable).then_some((now + T1, T1));
                    }
                    (false, 200..) => {
                        (server.state, server.end) = (State::Completed, now + TIMERS_B_F_H_J_L_M);
                        if is_reliable {
                            self.list.remove(at);
                        }
                    }
                }
            }
            (State::Accepted | State::Completed | State::Confirmed, _) => return false,
        }
        true
    }

    pub(super) fn ring(&mut self, now: u64, (_, number, is_end): Due, said: &mut Said) {
        let Some(at) = self.list.iter().position(|server| server.number == number) else { return };
        let server = &mut self.list[at];
        if !is_end {
            server.repeats(said);
            server.again = server.again.map(|(_, wait)| (now + (wait * 2).min(T2), (wait * 2).min(T2)));
            return;
        }
        let is_unanswered = server.state == State::Open;
        let is_unacknowledged = server.state == State::Completed && server.asked.method == "INVITE";
        if is_unanswered || is_unacknowledged {
            said.tell(format!("server timed out {number}"));
        }
        self.list.remove(at);
    }

    pub(super) fn loses(&mut self, hop: Hop) {
        self.list.retain(|server| server.hop != hop || peer(hop).is_none());
        for server in self.list.iter_mut().filter(|server| server.hop == hop) {
            server.hop = Hop::Pbx;
        }
    }
}

impl Server {
    fn says(&mut self, status: u16, said: &mut Said) {
        let what = format!("{status} {}", self.asked.method);
        said.send(self.hop, &what, self.asked.branch);
        // A phone's connection loses nothing: what an INVITE was answered need not be kept.
        let is_kept = self.asked.method != "INVITE" || peer(self.hop).is_none() || !self.asked.reliable;
        self.last = is_kept.then_some(what);
    }

    fn repeats(&self, said: &mut Said) {
        if let (State::Open | State::Completed, Some(last)) = (self.state, &self.last) {
            said.send(self.hop, last, self.asked.branch);
        }
    }

    fn cancelled(&mut self, said: &mut Said) {
        if self.state == State::Open && !self.is_cancelled {
            self.is_cancelled = true;
            said.tell(format!("cancelled {}", self.number));
        }
    }
}
