//! The engine's driver in these tests: a clock, a PBX, phones, and a media engine that always has ports.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cordon_call::{
    CallEnd, CallKey, End, EndSetup, Engine, Entropy, Event, MediaAddress, MediaReply, MediaRequest, Receipt,
    SiteRules, StreamId, StreamStatistics,
};
use cordon_policy::connection::{FlowFacts, TlsFacts, TlsVersion};
use cordon_policy::refusal::Refusal;
use cordon_sip::{
    Contacts, FlowId, Framing, HeaderName, Hop, Host, Message, Method, NameAddr, Origin, Request, Response,
    StatusCode, Uri,
};

use crate::site::rules;
use crate::watch::Watch;

/// Everything around the engine.
pub struct World {
    /// What is driven.
    pub engine: Engine,
    /// The time, which moves by hand.
    pub now: Instant,
    phones: HashMap<FlowId, VecDeque<Message>>,
    pbx: VecDeque<Message>,
    /// What the relay was told, oldest first.
    pub told: Vec<Told>,
    /// Every event so far.
    pub events: Vec<Event>,
    /// Streams the engine opened and did not close.
    pub open: Vec<StreamId>,
    /// Questions about streams that nobody answered yet.
    pub asked: Vec<StreamId>,
    /// Whether the media engine has ports left.
    pub has_ports: bool,
    /// The media engine does nothing until it [catches up](World::media_catches_up).
    pub media_is_slow: bool,
    waiting: VecDeque<MediaRequest>,
    watch: Watch,
    /// Every message of the engine, as written.
    pub said: Vec<(Hop, String)>,
    next: u16,
}

/// One `Set`.
pub struct Told {
    /// Which end it is about.
    pub end: End,
    /// What it says.
    pub setup: Box<EndSetup>,
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

impl World {
    /// A site with one location and a PBX, both SRTP, the PBX's connection up.
    pub fn new() -> World {
        World::with(rules())
    }

    /// As [`new`](Self::new), with other rules.
    pub fn with(rules: SiteRules) -> World {
        let mut world = World {
            engine: Engine::new(rules, Box::new(Counter(7))),
            now: Instant::now(),
            phones: HashMap::new(),
            pbx: VecDeque::new(),
            told: Vec::new(),
            events: Vec::new(),
            open: Vec::new(),
            asked: Vec::new(),
            has_ports: true,
            media_is_slow: false,
            waiting: VecDeque::new(),
            watch: Watch::default(),
            said: Vec::new(),
            next: 0,
        };
        world.engine.handle_pbx_up(world.now);
        world
    }

    /// A number nobody else in this world has.
    pub fn fresh(&mut self) -> u16 {
        self.next += 1;
        self.next
    }

    /// A phone connects, by our name.
    pub fn connect(&mut self, flow: u64) -> FlowId {
        self.connect_by(flow, Some("sip.clinic.example.org"))
    }

    /// A phone connects and asks for this name in the handshake, or for none.
    pub fn connect_by(&mut self, flow: u64, name: Option<&str>) -> FlowId {
        let flow = FlowId(flow);
        let facts = FlowFacts {
            flow,
            location: 0,
            peer: SocketAddr::from(([10, 1, 0, flow.0 as u8], 40_000)),
            local: SocketAddr::from(([10, 1, 0, 5], 5061)),
            server_name: name.map(str::to_owned),
            tls: TlsFacts { version: TlsVersion::Tls13, suite: "TLS13_AES_256_GCM_SHA384" },
        };
        self.engine.handle_flow_opened(self.now, facts);
        self.phones.insert(flow, VecDeque::new());
        flow
    }

    /// A phone connects and registers; answers the contact the PBX knows it by.
    pub fn register(&mut self, flow: u64, user: &str) -> (FlowId, Uri) {
        let flow = self.connect(flow);
        let contact = self.register_on(flow, user);
        (flow, contact)
    }

    /// A phone registers on a connection it has; its Contact is the same on every one.
    pub fn register_on(&mut self, flow: FlowId, user: &str) -> Uri {
        let register = self.register_request(user);
        self.phone_says(flow, register);
        let relayed = self.pbx_hears(Method::Register);
        let mut granted = Response::to(&relayed, StatusCode::OK).with_to_tag("registrar");
        granted.contacts = relayed.contacts.clone();
        granted.headers.push(HeaderName::EXPIRES, "300");
        self.pbx_says(granted);
        self.phone_hears_status(flow, 200);
        relayed.contacts.first().expect("a REGISTER has a Contact").uri.clone()
    }

    /// What a phone registers with.
    pub fn register_request(&mut self, user: &str) -> Request {
        let serial = self.fresh();
        let me = NameAddr::new(uri(&format!("sip:{user}@mx.example.org")));
        let call_id = cordon_sip::CallId::new(format!("reg-{serial}").as_str());
        let registrar = uri("sip:mx.example.org");
        let mut register = Request::new(
            Method::Register,
            registrar,
            me.clone().with_tag("reg"),
            me,
            call_id,
            u32::from(serial),
        );
        register.via.push(via(&format!("z9hG4bKreg{serial}")));
        register.contacts =
            Contacts::one(NameAddr::new(uri(&format!("sip:{user}@10.1.0.200:5060;transport=tls"))));
        register.headers.push(HeaderName::EXPIRES, "300");
        register
    }

    /// A phone sends a message.
    pub fn phone_says(&mut self, flow: FlowId, message: impl Said) {
        self.engine.handle_message(self.now, Origin::Handset(flow), message.message());
        self.drain();
    }

    /// The PBX sends a message.
    pub fn pbx_says(&mut self, message: impl Said) {
        self.engine.handle_message(self.now, Origin::Pbx(PBX), message.message());
        self.drain();
    }

    /// Whoever is at this side sends a message.
    pub fn says(&mut self, origin: Origin, message: impl Said) {
        self.engine.handle_message(self.now, origin, message.message());
        self.drain();
    }

    /// The next message at a side, which must be this request; 100 Trying is passed over.
    pub fn hears(&mut self, origin: Origin, method: Method) -> Request {
        match self.next_message(origin) {
            Some(Message::Request(request)) if request.method == method => request,
            other => panic!("{method:?} expected at {origin:?}, heard {other:?}"),
        }
    }

    /// The next message at a side, which must be a response of this status.
    pub fn hears_status(&mut self, origin: Origin, status: u16) -> Response {
        match self.next_message(origin) {
            Some(Message::Response(response)) if response.status.code() == status => response,
            other => panic!("{status} expected at {origin:?}, heard {other:?}"),
        }
    }

    /// As [`hears`](Self::hears), at a phone.
    pub fn phone_hears(&mut self, flow: FlowId, method: Method) -> Request {
        self.hears(Origin::Handset(flow), method)
    }

    /// As [`hears_status`](Self::hears_status), at a phone.
    pub fn phone_hears_status(&mut self, flow: FlowId, status: u16) -> Response {
        self.hears_status(Origin::Handset(flow), status)
    }

    /// As [`hears`](Self::hears), at the PBX.
    pub fn pbx_hears(&mut self, method: Method) -> Request {
        self.hears(Origin::Pbx(PBX), method)
    }

    /// As [`hears_status`](Self::hears_status), at the PBX.
    pub fn pbx_hears_status(&mut self, status: u16) -> Response {
        self.hears_status(Origin::Pbx(PBX), status)
    }

    /// The method of the next message at a phone, of a request or of what a response answers.
    pub fn phone_hears_any(&mut self, flow: FlowId) -> Option<Method> {
        self.next_message(Origin::Handset(flow)).map(|message| match message {
            Message::Request(request) => request.method,
            Message::Response(response) => response.cseq_method,
        })
    }

    /// Nothing is left unheard at this side.
    pub fn is_quiet_at(&mut self, origin: Origin) {
        let heard = self.next_message(origin);
        assert!(heard.is_none(), "{origin:?} hears {heard:?}");
    }

    /// Nothing is left unheard anywhere.
    pub fn is_quiet(&mut self) {
        let flows: Vec<FlowId> = self.phones.keys().copied().collect();
        for flow in flows {
            let heard = self.next_message(Origin::Handset(flow));
            assert!(heard.is_none(), "a phone hears {heard:?}");
        }
        let heard = self.next_message(Origin::Pbx(PBX));
        assert!(heard.is_none(), "the PBX hears {heard:?}");
    }

    /// Time passes, timer by timer.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// A phone's connection is gone, and whatever it had not read.
    pub fn disconnect(&mut self, flow: FlowId) {
        self.engine.handle_flow_closed(self.now, flow);
        self.phones.remove(&flow);
        self.drain();
    }

    /// No connection to the PBX is up.
    pub fn lose_pbx(&mut self) {
        self.engine.handle_pbx_unreachable(self.now);
        self.drain();
    }

    /// A connection to the PBX is up again.
    pub fn find_pbx(&mut self) {
        self.engine.handle_pbx_up(self.now);
        self.drain();
    }

    /// Cordon is about to end.
    pub fn end_calls(&mut self) {
        self.engine.end_calls(self.now);
        self.drain();
    }

    /// A key of ours toward this end comes near the end of its life.
    pub fn key_nearly_spent(&mut self, end: End) {
        let stream = *self.open.last().expect("a stream is open");
        self.engine.handle_media(self.now, MediaReply::KeyNearlySpent { stream, end });
        self.drain();
    }

    /// The relay refuses to send where this end wants media.
    pub fn relay_finds_a_loop(&mut self, end: End) {
        let stream = *self.open.last().expect("a stream is open");
        self.engine.handle_media(self.now, MediaReply::LoopRefused { stream, end });
        self.drain();
    }

    /// The media engine has no sockets for what it promised.
    pub fn media_is_lost(&mut self) {
        let stream = *self.open.last().expect("a stream is open");
        self.engine.handle_media(self.now, MediaReply::Lost { stream });
        self.drain();
    }

    /// Answers the question about a stream: this end was last heard then.
    pub fn answer_asked(&mut self, a: Option<Instant>, b: Option<Instant>) {
        let mut statistics = StreamStatistics::default();
        statistics.a.last_authenticated = a;
        statistics.b.last_authenticated = b;
        self.answer_asked_with(statistics);
    }

    /// Answers the question about a stream with these figures.
    pub fn answer_asked_with(&mut self, statistics: StreamStatistics) {
        let stream = self.asked.pop().expect("the engine asked about a stream");
        self.engine.handle_media(self.now, MediaReply::Counted { stream, statistics });
        self.drain();
    }

    /// The newest setup of an end.
    pub fn setup(&self, end: End) -> &EndSetup {
        &self.told.iter().rev().find(|told| told.end == end).expect("the relay was told of this end").setup
    }

    /// Every refusal so far.
    pub fn refusals(&self) -> Vec<Refusal> {
        let refusal = |event: &Event| match event {
            Event::Refused { refusal, .. } => Some(*refusal),
            _ => None,
        };
        self.events.iter().filter_map(refusal).collect()
    }

    /// The receipts of the calls that ended, oldest first.
    pub fn receipts(&self) -> Vec<&Receipt> {
        let mut receipts = Vec::new();
        for event in &self.events {
            if let Event::CallEnded(receipt) = event {
                receipts.push(receipt.as_ref());
            }
        }
        receipts
    }

    /// Every event as it prints itself, without the digits of clocks: they may happen to be somebody's number.
    pub fn printed_events(&self) -> String {
        let text = format!("{:?}", self.events);
        let mut parts = text.split("sec: ");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.trim_start_matches(|letter: char| letter.is_ascii_digit()))
    }

    /// How the calls ended, oldest first.
    pub fn ends(&self) -> Vec<CallEnd> {
        self.receipts().iter().map(|receipt| receipt.end).collect()
    }

    /// Everything is given back: calls, ports, and nothing unheard.
    pub fn is_clean(&mut self) {
        self.is_quiet();
        self.pass(Duration::from_secs(64));
        assert!(self.engine.is_idle(), "{} calls are left", self.engine.call_count());
        assert_eq!(self.engine.parting_count(), 0, "calls wait for the answer to a BYE");
        assert!(self.open.is_empty(), "a stream is still open");
    }

    /// The next message at this side; 100 Trying is passed over.
    pub fn next_message(&mut self, origin: Origin) -> Option<Message> {
        let inbox = match origin {
            Origin::Handset(flow) => self.phones.get_mut(&flow)?,
            Origin::Pbx(_) => &mut self.pbx,
        };
        loop {
            match inbox.pop_front()? {
                Message::Response(response) if response.status.code() == 100 => {}
                message => return Some(message),
            }
        }
    }

    fn drain(&mut self) {
        loop {
            while let Some(transmit) = self.engine.poll_transmit() {
                self.said.push((transmit.hop, String::from_utf8_lossy(&transmit.bytes).into_owned()));
                let message =
                    Message::parse(transmit.bytes, Framing::Stream).expect("the engine writes valid SIP");
                self.watch.read(transmit.hop, &message);
                match transmit.hop {
                    Hop::Handset(flow) => {
                        let inbox = self.phones.get_mut(&flow);
                        inbox.expect("the engine sends only to connections that are up").push_back(message);
                    }
                    Hop::Pbx | Hop::PbxFlow(_) => self.pbx.push_back(message),
                }
            }
            while let Some(event) = self.engine.poll_event() {
                self.events.push(event);
            }
            match self.engine.poll_media() {
                Some(request) => self.serve(request),
                None => return,
            }
        }
    }

    /// The media engine does what it was asked meanwhile.
    pub fn media_catches_up(&mut self) {
        self.media_is_slow = false;
        while let Some(request) = self.waiting.pop_front() {
            self.carry_out(request);
            self.drain();
        }
    }

    fn serve(&mut self, request: MediaRequest) {
        self.watch.look(&request);
        match self.media_is_slow {
            true => self.waiting.push_back(request),
            false => self.carry_out(request),
        }
    }

    fn carry_out(&mut self, request: MediaRequest) {
        let reply = match request {
            MediaRequest::Open { call, .. } if !self.has_ports => MediaReply::NoPorts { call },
            MediaRequest::Open { call, .. } => self.ports(call),
            MediaRequest::Set { stream, end, setup } => {
                assert!(self.open.contains(&stream), "a stream is told of after its end");
                return self.told.push(Told { end, setup });
            }
            MediaRequest::Query { stream } => return self.asked.push(stream),
            MediaRequest::Close { stream } => {
                self.open.retain(|open| *open != stream);
                MediaReply::Closed { stream, statistics: StreamStatistics::default() }
            }
        };
        self.engine.handle_media(self.now, reply);
    }

    fn ports(&mut self, call: CallKey) -> MediaReply {
        let serial = self.fresh();
        let stream = StreamId(u64::from(serial));
        self.open.push(stream);
        self.watch.opened(call, stream);
        let at = |ip: [u8; 4], port| MediaAddress {
            rtp: SocketAddr::from((ip, port)),
            rtcp: SocketAddr::from((ip, port + 1)),
        };
        let port = 20_000 + serial * 4;
        MediaReply::Ready { call, stream, a: at([10, 9, 0, 5], port), b: at([10, 9, 0, 5], port + 2) }
    }
}

/// What can be said to the engine.
pub trait Said {
    /// The message as the engine parses it.
    fn message(self) -> Message;
}

impl Said for Request {
    /// Goes over the wire format: what the engine sees has been parsed.
    fn message(self) -> Message {
        Message::parse(self.write(), Framing::Stream).expect("the script writes valid SIP")
    }
}

impl Said for Bytes {
    fn message(self) -> Message {
        Message::parse(self, Framing::Stream).expect("the script writes valid SIP")
    }
}

impl Said for Response {
    fn message(self) -> Message {
        Message::parse(self.write(), Framing::Stream).expect("the script writes valid SIP")
    }
}

/// A URI of a script.
pub fn uri(text: &str) -> Uri {
    Uri::parse(text).expect("the script writes valid URIs")
}

/// A Via of a phone or the PBX.
pub fn via(branch: &str) -> cordon_sip::Via {
    cordon_sip::Via::new("TLS", Host::V4([10, 1, 0, 77].into()), Some(5061), branch)
}

/// The connection the PBX of these tests has with us.
pub const PBX: FlowId = FlowId(9000);

/// Bytes that never repeat, which is all these tests ask of randomness.
struct Counter(u64);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
    }
}
