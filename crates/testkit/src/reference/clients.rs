//! Requests of ours: figures 5 and 6 of RFC 3261, figure 5 as RFC 6026 has it.

use cordon_sip::Hop;

use super::{Answered, CLIENTS, Fault, Said, Sent, T1, T2, T4, TIMER_C, TIMER_D, TIMERS_B_F_H_J_L_M, peer};

#[derive(Default)]
pub(super) struct Clients {
    pub(super) list: Vec<Client>,
    next_number: usize,
}

pub(super) struct Client {
    number: usize,
    sent: Sent,
    /// Nobody above asks after a CANCEL.
    is_asked_after: bool,
    state: State,
    /// When the request is sent again, and the wait before that.
    again: Option<(u64, u64)>,
    end: u64,
    cancel: Cancel,
    /// Timer C rang: the layer above heard the end already.
    is_abandoned: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calling or Trying.
    Asked,
    Proceeding,
    Completed,
    Accepted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    No,
    Wanted,
    Sent,
}

/// When, whose, and whether it is the end.
type Due = (u64, usize, bool);

impl Clients {
    pub(super) fn next(&self) -> Option<Due> {
        let ends = self.list.iter().map(|client| (client.end, client.number, true));
        let agains = self.list.iter().filter_map(|client| Some((client.again?.0, client.number, false)));
        ends.chain(agains).min()
    }

    pub(super) fn sends(&mut self, now: u64, sent: Sent, is_asked_after: bool, said: &mut Said) {
        let number = self.next_number;
        self.next_number += 1;
        let limit = if is_asked_after { CLIENTS } else { 2 * CLIENTS };
        let is_same = |client: &Client| {
            (peer(client.sent.to), client.sent.method, client.sent.branch)
                == (peer(sent.to), sent.method, sent.branch)
        };
        if self.list.len() >= limit || self.list.iter().any(is_same) {
            if is_asked_after {
                said.tell(format!("failed {number}"));
            }
            return;
        }
        said.send(sent.to, sent.method, sent.branch);
        self.list.push(Client {
            number,
            sent,
            is_asked_after,
            state: State::Asked,
            again: (!sent.reliable).then_some((now + T1, T1)),
            end: now + TIMERS_B_F_H_J_L_M,
            cancel: Cancel::No,
            is_abandoned: false,
        });
    }

    pub(super) fn answered(&mut self, now: u64, answered: Answered, said: &mut Said) {
        let Answered { from, method, branch, status, fault } = answered;
        if fault == Fault::TwoVias {
            return;
        }
        let is_its = |client: &Client| {
            (peer(client.sent.to), client.sent.method, client.sent.branch)
                == (peer(from.reply_hop()), method, branch)
        };
        let Some(at) = self.list.iter().position(is_its) else {
            if method == "INVITE" && (200..300).contains(&status) {
                said.tell(format!("stray {status} {branch}"));
            }
            return;
        };
        if fault == Fault::Mangled {
            return;
        }
        let client = &mut self.list[at];
        let (is_over, cancels) = match method {
            "INVITE" => client.invite_answered(now, status, said),
            _ => (client.other_answered(now, status, said), false),
        };
        let sent = client.sent;
        if is_over {
            self.list.remove(at);
        }
        if cancels {
            self.sends(now, Sent { method: "CANCEL", ..sent }, false, said);
        }
    }

    pub(super) fn cancels(&mut self, now: u64, number: usize, said: &mut Said) {
        let Some(client) = self.list.iter_mut().find(|client| client.number == number) else { return };
        if client.sent.method != "INVITE" || client.cancel != Cancel::No {
            return;
        }
        match client.state {
            State::Asked => client.cancel = Cancel::Wanted,
            State::Proceeding => {
                client.gives_up(now);
                let sent = Sent { method: "CANCEL", ..client.sent };
                self.sends(now, sent, false, said);
            }
            State::Completed | State::Accepted => {}
        }
    }

    pub(super) fn ring(&mut self, now: u64, (_, number, is_end): Due, said: &mut Said) {
        let Some(at) = self.list.iter().position(|client| client.number == number) else { return };
        let client = &mut self.list[at];
        if !is_end {
            return client.repeats(now, said);
        }
        let is_invite = client.sent.method == "INVITE";
        if is_invite && client.state == State::Proceeding && client.cancel != Cancel::Sent {
            client.is_abandoned = true;
            said.tell(format!("timed out {number}"));
            client.gives_up(now);
            let sent = Sent { method: "CANCEL", ..client.sent };
            return self.sends(now, sent, false, said);
        }
        if client.waits() {
            said.tell(format!("timed out {number}"));
        }
        self.list.remove(at);
    }

    pub(super) fn loses(&mut self, hop: Hop, said: &mut Said) {
        for client in self.list.iter().filter(|client| client.sent.to == hop && client.waits()) {
            said.tell(format!("failed {}", client.number));
        }
        self.list.retain(|client| client.sent.to != hop);
    }
}

impl Client {
    /// Somebody still wants to hear how it went.
    fn waits(&self) -> bool {
        let is_open = matches!(self.state, State::Asked | State::Proceeding);
        is_open && self.is_asked_after && !self.is_abandoned
    }

    fn gives_up(&mut self, now: u64) {
        self.cancel = Cancel::Sent;
        self.end = now + TIMERS_B_F_H_J_L_M;
    }

    fn repeats(&mut self, now: u64, said: &mut Said) {
        let Some((_, wait)) = self.again else { return };
        said.send(self.sent.to, self.sent.method, self.sent.branch);
        let wait = match (self.sent.method, self.state) {
            ("INVITE", _) => wait * 2,
            (_, State::Asked) => (wait * 2).min(T2),
            (_, _) => T2,
        };
        self.again = Some((now + wait, wait));
    }

    /// Whether it is over, and whether a CANCEL goes out.
    fn invite_answered(&mut self, now: u64, status: u16, said: &mut Said) -> (bool, bool) {
        match (self.state, status) {
            (State::Asked | State::Proceeding, 100..200) => {
                if self.cancel != Cancel::Sent && (self.state == State::Asked || status > 100) {
                    self.end = now + TIMER_C;
                }
                (self.state, self.again) = (State::Proceeding, None);
                self.reports(status, said);
                let cancels = self.cancel == Cancel::Wanted;
                if cancels {
                    self.gives_up(now);
                }
                return (false, cancels);
            }
            (State::Asked | State::Proceeding, 200..300) => {
                (self.state, self.again, self.end) = (State::Accepted, None, now + TIMERS_B_F_H_J_L_M);
                match self.is_abandoned {
                    true => said.tell(format!("stray {status} {}", self.sent.branch)),
                    false => self.reports(status, said),
                }
            }
            (State::Asked | State::Proceeding, _) => {
                said.send(self.sent.to, "ACK", self.sent.branch);
                self.reports(status, said);
                (self.state, self.again, self.end) = (State::Completed, None, now + TIMER_D);
                return (self.sent.reliable, false);
            }
            (State::Completed, 300..) => said.send(self.sent.to, "ACK", self.sent.branch),
            (State::Accepted, 200..300) => said.tell(format!("stray {status} {}", self.sent.branch)),
            (State::Completed | State::Accepted, _) => {}
        }
        (false, false)
    }

    fn other_answered(&mut self, now: u64, status: u16, said: &mut Said) -> bool {
        if !matches!(self.state, State::Asked | State::Proceeding) {
            return false;
        }
        if self.is_asked_after {
            self.reports(status, said);
        }
        if status < 200 {
            self.state = State::Proceeding;
            return false;
        }
        (self.state, self.again, self.end) = (State::Completed, None, now + T4);
        self.sent.reliable
    }

    fn reports(&self, status: u16, said: &mut Said) {
        if !self.is_abandoned {
            said.tell(format!("response {} {status}", self.number));
        }
    }
}
