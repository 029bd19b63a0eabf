//! Whatever happens in whatever order, the layer says what the reference says, at the same moment; and in the end
//! nothing is left of either.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use cordon_sip::{
    FlowId, Framing, Headers, Hop, MAGIC_COOKIE, Message, Origin, Request, Response, StatusCode, Text,
};
use cordon_transaction::{ClientId, Event, Layer, Limits, ServerId, Timers};

use crate::draws::Draws;
use crate::ladder::{parse, request, request_text, response_text};
use crate::reference::{Answered, Asked, CLIENTS, Fault, Reference, SERVERS, SERVERS_PER_FLOW, Said, Sent};

/// Walks as these bytes choose, then lets all time pass that anything may take.
///
/// # Panics
/// When the layer does anything else than the reference.
pub fn walk(bytes: &[u8]) {
    let mut draws = Draws::new(bytes);
    let mut walk = Walk::new();
    for _ in 0..MAX_STEPS {
        if draws.is_empty() {
            break;
        }
        walk.step(&mut draws);
    }
    walk.wait(1_000_000);
    assert_eq!(walk.layer.open_transactions(), 0, "a transaction is left");
    assert_eq!(walk.layer.poll_timeout(), None, "an alarm is left");
}

struct Walk {
    layer: Layer,
    reference: Reference,
    start: Instant,
    now: u64,
    servers: Vec<(ServerId, Request)>,
    clients: Vec<ClientId>,
    turned_away: Option<Asked>,
}

impl Walk {
    fn new() -> Walk {
        let limits = Limits { servers: SERVERS, servers_per_flow: SERVERS_PER_FLOW, clients: CLIENTS };
        Walk {
            layer: Layer::new(Timers::default(), limits),
            reference: Reference::default(),
            start: Instant::now(),
            now: 0,
            servers: Vec::new(),
            clients: Vec::new(),
            turned_away: None,
        }
    }

    fn step(&mut self, draws: &mut Draws<'_>) {
        match draws.below(24) {
            0..7 => self.ask(draws),
            7..11 => self.answer(draws),
            11..14 => self.send(draws),
            14..17 => self.respond(draws),
            17 | 18 => self.cancel(draws),
            19 => self.close(FlowId(1 + draws.below(4) as u64)),
            20 => {
                self.reference.loses_pbx();
                self.layer.handle_pbx_unreachable(self.at());
                self.compare();
            }
            21 => self.insist(),
            22 => self.wait(u64::from(draws.wide())),
            _ => self.wait(100 * draws.below(60) as u64),
        }
    }

    fn ask(&mut self, draws: &mut Draws<'_>) {
        let bits = draws.byte();
        let asked = Asked {
            from: draws.one_of(&ORIGINS),
            reliable: bits & 1 == 1,
            method: draws.one_of(&METHODS),
            branch: bits >> 1 & 3,
            call: bits >> 3 & 3,
            in_dialog: bits >> 5 == 7,
        };
        self.turned_away = Some(asked);
        self.reference.asked(asked);
        self.layer.handle_message(self.at(), asked.from, asked.reliable, parse(&text_of(asked)));
        self.compare();
    }

    fn answer(&mut self, draws: &mut Draws<'_>) {
        let answered = Answered {
            from: draws.one_of(&ORIGINS),
            method: draws.one_of(&METHODS),
            branch: draws.below(8) as u8,
            status: draws.one_of(&STATUSES),
            fault: match draws.below(12) {
                0 => Fault::Mangled,
                1 => Fault::TwoVias,
                _ => Fault::None,
            },
        };
        self.reference.answered(answered);
        let text = response_text(answered.method, &answered.branch.to_string(), answered.status);
        let text = match answered.fault {
            Fault::None => text,
            Fault::Mangled => text.replacen("CSeq: 7", "CSeq: 6", 1),
            Fault::TwoVias => text.replacen("\r\nFrom", "\r\nVia: SIP/2.0/TLS x;branch=z9hG4bKx\r\nFrom", 1),
        };
        self.layer.handle_message(self.at(), answered.from, true, parse(&text));
        self.compare();
    }

    fn send(&mut self, draws: &mut Draws<'_>) {
        let sent = Sent {
            to: draws.one_of(&HOPS),
            reliable: draws.flag(),
            method: draws.one_of(&METHODS[..SENDABLE]),
            branch: draws.below(8) as u8,
        };
        self.reference.sends(sent);
        let text = request_text(sent.method, &sent.branch.to_string());
        let client = self.layer.send_request(self.at(), sent.to, sent.reliable, request(&text));
        assert!(!self.clients.contains(&client), "an id is never used twice");
        self.clients.push(client);
        self.compare();
    }

    fn respond(&mut self, draws: &mut Draws<'_>) {
        let (nth_last, status) = (draws.below(4), draws.one_of(&STATUSES));
        let Some(index) = self.servers.len().checked_sub(nth_last + 1) else { return };
        let (server, request) = &self.servers[index];
        let response = Response::to(request, StatusCode::new(status).expect("a status"));
        let is_taken = self.reference.responds(number(server), status);
        let done = self.layer.respond(self.at(), *server, response.with_to_tag(Text::from("ours")));
        assert_eq!(done.is_ok(), is_taken);
        self.compare();
    }

    fn cancel(&mut self, draws: &mut Draws<'_>) {
        let Some(index) = self.clients.len().checked_sub(draws.below(4) + 1) else { return };
        let client = self.clients[index];
        self.reference.cancels(number(client));
        self.layer.cancel(self.at(), client, Headers::new());
        self.compare();
    }

    fn insist(&mut self) {
        let Some(asked) = self.turned_away.filter(|asked| !matches!(asked.method, "ACK" | "CANCEL")) else {
            return;
        };
        let is_taken = self.reference.insisted(asked);
        let text = request(&text_of(asked));
        assert_eq!(self.layer.take_regardless(self.at(), asked.from, asked.reliable, &text), is_taken);
        self.compare();
    }

    fn close(&mut self, flow: FlowId) {
        self.reference.closes(flow);
        self.layer.handle_flow_closed(self.at(), flow);
        self.compare();
    }

    fn wait(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(due) = self.layer.poll_timeout() {
            assert_eq!(self.reference.next().map(|at| self.start + Duration::from_millis(at)), Some(due));
            if due > self.start + Duration::from_millis(end) {
                break;
            }
            self.now = (due - self.start).as_millis() as u64;
            while self.reference.next() == Some(self.now) {
                self.reference.ring(self.now);
            }
            self.layer.handle_timeout(due);
            self.compare();
        }
        self.now = end;
        self.reference.pass_to(end);
    }

    fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    /// Everything the layer has said since the last look is what the reference has said.
    fn compare(&mut self) {
        let mut said = Said::default();
        while let Some(transmit) = self.layer.poll_transmit() {
            let message = Message::parse(transmit.bytes, Framing::Stream).expect("we write what we can read");
            said.sent.push(format!("{:?} {}", transmit.hop, name(&message)));
        }
        while let Some(event) = self.layer.poll_event() {
            let line = self.line(event);
            said.told.push(line);
        }
        assert_eq!(said, self.reference.said());
        assert_eq!(self.layer.open_transactions(), self.reference.open());
    }

    fn line(&mut self, event: Event) -> String {
        match event {
            Event::Request { server, request, .. } => {
                let line = format!("request {} {}", number(server), request_name(&request));
                self.servers.push((server, request));
                line
            }
            Event::TurnedAway { request, why, .. } => {
                format!("turned away {why:?} {}", request_name(&request))
            }
            Event::Ack { request, .. } => format!("ack {}", branch(request.branch())),
            Event::Cancelled { server, .. } => format!("cancelled {}", number(server)),
            Event::Response { client, response, .. } => {
                format!("response {} {}", number(client), response.status.code())
            }
            Event::TimedOut { client } => format!("timed out {}", number(client)),
            Event::TransportFailed { client } => format!("failed {}", number(client)),
            Event::TooLong { client, rule } => format!("too long {} {rule:?}", number(client)),
            Event::ServerTimedOut { server } => format!("server timed out {}", number(server)),
            Event::StrayResponse { response, .. } => {
                format!("stray {} {}", response.status.code(), branch(response.branch()))
            }
        }
    }
}

/// An id prints as its number, and has no other way out.
fn number(id: impl Debug) -> usize {
    let text = format!("{id:?}");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("an id has a number")
}

fn text_of(asked: Asked) -> String {
    let text = request_text(asked.method, &asked.branch.to_string());
    let text = text.replacen("Call-ID: one", &format!("Call-ID: call-{}", asked.call), 1);
    match asked.in_dialog {
        true => text.replacen("To: <sip:200@example.org>", "To: <sip:200@example.org>;tag=ours", 1),
        false => text,
    }
}

fn name(message: &Message) -> String {
    match message {
        Message::Request(request) => request_name(request),
        Message::Response(response) => {
            let method = response.cseq_method.as_str();
            format!("{} {method} {}", response.status.code(), branch(response.branch()))
        }
    }
}

fn request_name(request: &Request) -> String {
    format!("{} {}", request.method.as_str(), branch(request.branch()))
}

fn branch(branch: Option<&Text>) -> &str {
    branch.and_then(|branch| branch.as_str().strip_prefix(MAGIC_COOKIE)).expect("every message has a branch")
}

const ORIGINS: [Origin; 4] =
    [Origin::Handset(FlowId(1)), Origin::Handset(FlowId(2)), Origin::Pbx(FlowId(3)), Origin::Pbx(FlowId(4))];

const HOPS: [Hop; 3] = [Hop::Handset(FlowId(1)), Hop::Pbx, Hop::PbxFlow(FlowId(3))];

const METHODS: [&str; 8] = ["INVITE", "INVITE", "OPTIONS", "BYE", "INVITE", "ACK", "CANCEL", "INVITE"];

/// The first so many of `METHODS` may be sent as requests of ours.
const SENDABLE: usize = 4;

const STATUSES: [u16; 8] = [100, 180, 183, 200, 202, 302, 401, 600];

/// Longer walks find nothing that shorter ones do not.
const MAX_STEPS: usize = 128;
