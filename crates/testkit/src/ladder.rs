//! A driver with a clock of its own: writes down what happens, line by line, as a ladder.

use std::time::{Duration, Instant};

use bytes::Bytes;
use cordon_sip::{FlowId, Framing, Headers, Hop, Message, Origin, Request, Response, StatusCode, Text};
use cordon_transaction::{ClientId, Event, Gone, Layer, Limits, ServerId, Timers};

/// A phone's connection.
pub const PHONE: Origin = Origin::Handset(FlowId(1));
/// Another phone's.
pub const OTHER_PHONE: Origin = Origin::Handset(FlowId(2));
/// A connection with the PBX.
pub const PBX: Origin = Origin::Pbx(FlowId(100));
/// Another connection with the PBX.
pub const OTHER_PBX_FLOW: Origin = Origin::Pbx(FlowId(101));
/// Over a reliable transport.
pub const TLS: bool = true;
/// Over an unreliable one.
pub const UDP: bool = false;

/// The layer, a clock, and what has been seen. Times in the ladder are milliseconds since the beginning.
pub struct Ladder {
    /// What is driven.
    pub layer: Layer,
    start: Instant,
    now: Instant,
    lines: Vec<String>,
    /// The requests that came up, oldest first.
    pub servers: Vec<ServerId>,
    /// Everything that was sent.
    pub sent: Vec<(Hop, Message)>,
}

impl Default for Ladder {
    fn default() -> Ladder {
        Ladder::new()
    }
}

impl Ladder {
    /// An empty layer at the time 0.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// As [`new`](Self::new), with other limits.
    pub fn with_limits(limits: Limits) -> Self {
        let start = Instant::now();
        let layer = Layer::new(Timers::default(), limits);
        Self { layer, start, now: start, lines: vec![], servers: vec![], sent: vec![] }
    }

    /// Lets time pass until `ms` after the beginning, with every alarm at its own moment.
    pub fn until(&mut self, ms: u64) -> &mut Self {
        let end = self.start + Duration::from_millis(ms);
        while let Some(due) = self.layer.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.layer.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
        self
    }

    /// A message arrives.
    pub fn receive(&mut self, from: Origin, reliable: bool, text: &str) -> &mut Self {
        let message = parse(text);
        self.lines.push(format!("{} <- {}", self.ms(), name(&message)));
        self.layer.handle_message(self.now, from, reliable, message);
        self.drain();
        self
    }

    /// The layer above sends a request.
    pub fn send(&mut self, to: Hop, reliable: bool, text: &str) -> ClientId {
        let id = self.layer.send_request(self.now, to, reliable, request(text));
        self.drain();
        id
    }

    /// The layer above gives an INVITE up.
    pub fn cancel(&mut self, client: ClientId) -> &mut Self {
        self.layer.cancel(self.now, client, Headers::new());
        self.drain();
        self
    }

    /// Answers the latest request.
    pub fn respond(&mut self, text: &str, status: u16) -> Result<(), Gone> {
        let server = *self.servers.last().expect("a request has come up");
        let response = Response::to(&request(text), StatusCode::new(status).expect("a status code"));
        let response = response.with_to_tag(Text::from("ours"));
        let done = self.layer.respond(self.now, server, response);
        self.drain();
        done
    }

    /// Insists on a request that was turned away.
    pub fn take_regardless(&mut self, origin: Origin, text: &str) -> bool {
        let taken = self.layer.take_regardless(self.now, origin, true, &request(text));
        self.drain();
        taken
    }

    /// Answers a request that was turned away.
    pub fn respond_without_state(&mut self, origin: Origin, text: &str, status: u16) -> &mut Self {
        let request = request(text);
        let response = Response::to(&request, StatusCode::new(status).expect("a status code"));
        self.layer.respond_without_state(origin, &request, response);
        self.drain();
        self
    }

    /// A connection is gone.
    pub fn close(&mut self, flow: u64) -> &mut Self {
        self.layer.handle_flow_closed(self.now, FlowId(flow));
        self.drain();
        self
    }

    /// No connection to the PBX is up.
    pub fn lose_pbx(&mut self) -> &mut Self {
        self.layer.handle_pbx_unreachable(self.now);
        self.drain();
        self
    }

    /// What has been seen since the last look.
    pub fn seen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// The last message sent, as text.
    pub fn last_sent(&self) -> String {
        let (_, message) = self.sent.last().expect("something was sent");
        let bytes = match message {
            Message::Request(request) => request.write(),
            Message::Response(response) => response.write(),
        };
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    /// Nothing is left: no transaction, no alarm.
    pub fn assert_empty(&self) {
        assert_eq!(self.layer.open_transactions(), 0, "a transaction is left");
        assert_eq!(self.layer.poll_timeout(), None, "an alarm is left");
    }

    fn ms(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.layer.poll_transmit() {
            let message = Message::parse(transmit.bytes, Framing::Stream).expect("we write what we can read");
            self.lines.push(format!("{} -> {}", self.ms(), name(&message)));
            self.sent.push((transmit.hop, message));
        }
        while let Some(event) = self.layer.poll_event() {
            let line = match event {
                Event::Request { server, request, .. } => {
                    self.servers.push(server);
                    format!("request {}", request.method.as_str())
                }
                Event::TurnedAway { request, why, .. } => {
                    format!("turned away {} {why:?}", request.method.as_str())
                }
                Event::Ack { .. } => "ack".to_owned(),
                Event::Cancelled { .. } => "cancelled".to_owned(),
                Event::Response { response, .. } => format!("response {}", response.status),
                Event::TimedOut { .. } => "timed out".to_owned(),
                Event::TransportFailed { .. } => "transport failed".to_owned(),
                Event::TooLong { rule, .. } => format!("too long {rule:?}"),
                Event::ServerTimedOut { .. } => "server timed out".to_owned(),
                Event::StrayResponse { response, .. } => format!("stray {}", response.status),
            };
            self.lines.push(format!("{} up: {line}", self.ms()));
        }
    }
}

/// A request of a dialog-to-be. `branch` is without its magic cookie.
pub fn request_text(method: &str, branch: &str) -> String {
    format!(
        "{method} sip:200@example.org SIP/2.0\r\nVia: SIP/2.0/TLS phone.example.org:5061;branch=z9hG4bK{branch}\r\n\
         From: <sip:100@example.org>;tag=from\r\nTo: <sip:200@example.org>\r\nCall-ID: one@example.org\r\n\
         CSeq: 7 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A response to [`request_text`] with the peer's To tag.
pub fn response_text(method: &str, branch: &str, status: u16) -> String {
    format!(
        "SIP/2.0 {status} Whatever\r\nVia: SIP/2.0/TLS phone.example.org:5061;branch=z9hG4bK{branch}\r\n\
         From: <sip:100@example.org>;tag=from\r\nTo: <sip:200@example.org>;tag=theirs\r\nCall-ID: one@example.org\r\n\
         CSeq: 7 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A request of a script.
pub fn request(text: &str) -> Request {
    match parse(text) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request was meant"),
    }
}

/// A message of a script.
pub fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), Framing::Stream).expect("a valid message")
}

fn name(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.as_str().to_owned(),
        Message::Response(response) => response.status.to_string(),
    }
}
