//! A phone, a PBX and a clock around the registrar.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cordon_policy::connection::FlowFacts;
use cordon_policy::media::{CodecRule, LegRules, MediaRule, Opportunistic};
use cordon_policy::request::EmergencyNumbers;
use cordon_sip::{
    Contacts, FlowId, Framing, HeaderName, Hop, Host, Message, NameAddr, Origin, Request, Response,
    StatusCode, Text,
};
use cordon_transaction::{Event as Transaction, Layer, Limits, Timers};

use super::{Nonces, Registrar, Route};
use crate::event::{Event, UnregisterReason};
use crate::first_words::FirstWords;
use crate::in_dialog::Failure;
use crate::rules::{Advertise, PbxRules, PbxTransport, RegistrationRules, SiteLimits, SiteRules};
use crate::wire::{Entropy, Wire};

/// The registrar with its transactions, a phone's end and the PBX's end, and a clock.
pub(super) struct House {
    start: Instant,
    pub(super) now: Instant,
    pub(super) site: SiteRules,
    pub(super) layer: Layer,
    pub(super) registrar: Registrar,
    nonces: Nonces,
    events: VecDeque<Event>,
    first_words: FirstWords,
    flows: BTreeMap<FlowId, FlowFacts>,
    entropy: Counter,
    pub(super) phone_inbox: Vec<Response>,
    pub(super) pbx_inbox: Vec<Request>,
}

impl House {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        // Long after a start: lifetimes are granted as they are.
        let mut registrar = Registrar::new();
        registrar.settled_at = Some(start);
        Self {
            start,
            now: start,
            site: site(),
            layer: Layer::new(Timers::default(), Limits::default()),
            registrar,
            nonces: Nonces::new(),
            events: VecDeque::new(),
            first_words: FirstWords::default(),
            flows: BTreeMap::new(),
            entropy: Counter(0),
            phone_inbox: vec![],
            pbx_inbox: vec![],
        }
    }

    pub(super) fn phone(&mut self, flow: FlowId, text: &str) {
        let message = Message::parse(Bytes::copy_from_slice(text.as_bytes()), Framing::Stream).unwrap();
        self.layer.handle_message(self.now, Origin::Handset(flow), true, message);
        self.pump();
    }

    /// Answers the latest REGISTER.
    pub(super) fn pbx(&mut self, status: u16, headers: &[(HeaderName, &str)], contacts: &[NameAddr]) {
        let mut response =
            Response::to(self.at_pbx(), StatusCode::new(status).unwrap()).with_to_tag("pbx-tag");
        for (name, value) in headers {
            response.headers.push(name.clone(), *value);
        }
        response.contacts = Contacts::List(contacts.to_vec());
        self.layer.handle_message(self.now, PBX, true, Message::Response(response));
        self.pump();
    }

    /// Grants the latest REGISTER what it asked for.
    pub(super) fn grant(&mut self, seconds: u32) {
        let contacts = self.at_pbx().contacts.as_slice().to_vec();
        let contacts: Vec<_> = contacts.into_iter().map(|contact| with_expires(contact, seconds)).collect();
        self.pbx(200, &[], &contacts);
    }

    /// A whole registration without a challenge; returns what the PBX got.
    pub(super) fn register(&mut self, flow: FlowId, text: &str) -> Request {
        self.phone(flow, text);
        let request = self.at_pbx().clone();
        self.grant(3600);
        request
    }

    pub(super) fn close(&mut self, flow: FlowId) {
        self.layer.handle_flow_closed(self.now, flow);
        self.nonces.handle_flow_closed(flow);
        self.with(|registrar, _, wire, now| registrar.handle_flow_closed(now, wire, flow));
        self.pump();
    }

    pub(super) fn until(&mut self, seconds: u64) {
        let end = self.start + Duration::from_secs(seconds);
        let next = |house: &Self| {
            [house.layer.poll_timeout(), house.registrar.poll_timeout()].into_iter().flatten().min()
        };
        while let Some(due) = next(self).filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.layer.handle_timeout(self.now);
            self.with(|registrar, _, wire, now| registrar.handle_timeout(now, wire));
            self.pump();
        }
        self.now = end;
    }

    pub(super) fn at_pbx(&self) -> &Request {
        self.pbx_inbox.last().expect("the PBX has a request")
    }

    pub(super) fn at_phone(&self) -> &Response {
        self.phone_inbox.last().expect("the phone has a response")
    }

    /// When the phone shall come back, in seconds.
    pub(super) fn retry_after(&self) -> Option<u32> {
        self.at_phone().headers.retry_after()
    }

    pub(super) fn warning(&self) -> String {
        self.at_phone().headers.get(&HeaderName::WARNING).unwrap().as_str().to_owned()
    }

    pub(super) fn route(&self, request: &Request) -> Route {
        self.registrar.route(self.now, &request.contacts.first().unwrap().uri)
    }

    /// What the layer above has heard since the last look.
    pub(super) fn told(&mut self) -> Vec<String> {
        let tell = |event: Event| match event {
            Event::Registered { expires, replaced: None, .. } => {
                format!("registered for {} s", expires.as_secs())
            }
            Event::Registered { expires, replaced: Some(flow), .. } => {
                format!("registered for {} s instead of {flow:?}", expires.as_secs())
            }
            Event::Unregistered { reason, .. } => match reason {
                UnregisterReason::Asked
                | UnregisterReason::Expired
                | UnregisterReason::Refused
                | UnregisterReason::FlowClosed => format!("unregistered: {reason:?}"),
            },
            Event::Refused { refusal, .. } => format!("refused {}", refusal.code()),
            Event::AccountLocked { lasts, .. } => format!("account locked for {} s", lasts.as_secs()),
            Event::ProofWithheld { why, .. } => format!("proof withheld: {}", why.name()),
            other => panic!("not of a registration: {other:?}"),
        };
        self.events.drain(..).map(tell).collect()
    }

    fn with(&mut self, act: impl FnOnce(&mut Registrar, &mut Nonces, &mut Wire<'_>, Instant)) {
        let mut wire = Wire {
            transactions: &mut self.layer,
            entropy: &mut self.entropy,
            events: &mut self.events,
            first_words: &mut self.first_words,
            site: &self.site,
            flows: &self.flows,
        };
        act(&mut self.registrar, &mut self.nonces, &mut wire, self.now);
    }

    pub(super) fn pump(&mut self) {
        while let Some(event) = self.layer.poll_event() {
            self.with(|registrar, nonces, wire, now| match event {
                Transaction::Request { server, origin, request } => {
                    registrar.handle_register(now, wire, nonces, server, origin.flow(), request);
                }
                Transaction::Response { client, response, .. } => {
                    assert!(registrar.owns(client));
                    registrar.handle_response(now, wire, nonces, client, response);
                }
                Transaction::TimedOut { client } => {
                    registrar.handle_failure(now, wire, client, Failure::Silence);
                }
                Transaction::TransportFailed { client } => {
                    registrar.handle_failure(now, wire, client, Failure::Transport);
                }
                other => panic!("not of a REGISTER: {other:?}"),
            });
        }
        while let Some(transmit) = self.layer.poll_transmit() {
            match (transmit.hop, Message::parse(transmit.bytes, Framing::Stream).unwrap()) {
                (Hop::Handset(_), Message::Response(response)) => self.phone_inbox.push(response),
                (Hop::Pbx, Message::Request(request)) => self.pbx_inbox.push(request),
                (hop, message) => panic!("{message:?} to {hop:?}"),
            }
        }
    }
}

/// Not random, so that a failing test fails again.
struct Counter(u64);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

fn site() -> SiteRules {
    let media = LegRules {
        suites: vec![],
        codecs: CodecRule::Any,
        opportunistic: Opportunistic::Refuse,
        media: MediaRule::Srtp,
        networks: vec![],
    };
    SiteRules {
        host: Some(Host::parse("sip.example.org").unwrap()),
        emergency: EmergencyNumbers::new([]).unwrap(),
        registration: RegistrationRules {
            domain: Text::from("mx.example.org"),
            advertise: Advertise {
                host: Host::parse("sbc.example.org").unwrap(),
                port: 5071,
                transport: PbxTransport::Tls,
            },
            maximum: Duration::from_secs(600),
            contact_secret: [7; 32],
        },
        locations: vec![],
        pbx: PbxRules { hosts: vec![], media, interfaces: vec![] },
        limits: SiteLimits::default(),
    }
}

pub(super) const A: FlowId = FlowId(1);
pub(super) const B: FlowId = FlowId(2);
const PBX: Origin = Origin::Pbx(FlowId(900));

pub(super) fn register(cseq: u32, authorization: &str) -> String {
    format!(
        "REGISTER sip:mx.example.org SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.0.20:40000;branch=z9hG4bK{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:100@mx.example.org>;tag=phone-tag\r\nTo: <sip:100@mx.example.org>\r\n\
         Call-ID: phone-side\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:100@10.1.0.20:40000;transport=tls>\
         ;methods=\"INVITE,BYE\";+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\nUser-Agent: Zip/1\r\nExpires: 3600\r\n\
         Supported: path, outbound\r\n{authorization}Content-Length: 0\r\n\r\n"
    )
}

pub(super) fn challenge(nonce: &str) -> String {
    format!("Digest realm=\"mx.example.org\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\"")
}

pub(super) fn proof(nonce: &str) -> String {
    format!(
        "Authorization: Digest username=\"100\", realm=\"mx.example.org\", nonce=\"{nonce}\", \
         uri=\"sip:mx.example.org\", response=\"00\", qop=auth, nc=00000001, cnonce=\"c\"\r\n"
    )
}

pub(super) fn with_expires(mut contact: NameAddr, seconds: u32) -> NameAddr {
    contact.params.set("expires", Some(Text::from(seconds.to_string())));
    contact
}
