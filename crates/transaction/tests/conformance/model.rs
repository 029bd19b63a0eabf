//! Whatever happens in whatever order: no panic, every transaction of ours ends once, and the tables empty.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_sip::{FlowId, Headers, Hop, Origin, Response, StatusCode, Text};
use cordon_transaction::{ClientId, Event, Layer, Limits, ServerId, Timers};
use proptest::prelude::*;

use crate::support::{parse, request, request_text, response_text};

#[derive(Debug, Clone)]
enum Act {
    Request { from: usize, reliable: bool, method: usize, branch: u8 },
    Response { from: usize, method: usize, branch: u8, status: u16 },
    Send { to: usize, reliable: bool, method: usize, branch: u8 },
    Respond { server: usize, status: u16 },
    Cancel { client: usize },
    Close { flow: u64 },
    LosePbx,
    Wait { ms: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let status = prop_oneof![Just(100u16), Just(180), Just(200), Just(302), Just(401), Just(487), Just(600)];
    prop_oneof![
        4 => (0..4usize, any::<bool>(), 0..METHODS.len(), 0..4u8)
            .prop_map(|(from, reliable, method, branch)| Act::Request { from, reliable, method, branch }),
        4 => (0..4usize, 0..METHODS.len(), 0..12u8, status.clone())
            .prop_map(|(from, method, branch, status)| Act::Response { from, method, branch, status }),
        3 => (0..3usize, any::<bool>(), 0..SENDABLE, 0..12u8)
            .prop_map(|(to, reliable, method, branch)| Act::Send { to, reliable, method, branch }),
        3 => (0..8usize, status).prop_map(|(server, status)| Act::Respond { server, status }),
        2 => (0..8usize).prop_map(|client| Act::Cancel { client }),
        1 => (1..5u64).prop_map(|flow| Act::Close { flow }),
        1 => Just(Act::LosePbx),
        3 => prop_oneof![0..600u64, 0..40_000u64].prop_map(|ms| Act::Wait { ms }),
    ]
}

proptest! {
    #[test]
    fn every_transaction_ends_and_the_tables_empty(acts in proptest::collection::vec(act(), 1..60)) {
        let mut model = Model::new();
        for act in acts {
            model.act(act);
        }
        model.wait(1_000_000);
        prop_assert_eq!(model.layer.open_transactions(), 0);
        prop_assert_eq!(model.layer.poll_timeout(), None);
        for (client, ends) in &model.clients {
            prop_assert_eq!(*ends, 1, "{:?} ended {} times", client, ends);
        }
        for (server, cancels) in &model.cancels {
            prop_assert_eq!(*cancels, 1, "{:?} was cancelled {} times", server, cancels);
        }
    }
}

struct Model {
    layer: Layer,
    now: Instant,
    servers: Vec<ServerId>,
    /// How often each of our requests has ended.
    clients: BTreeMap<ClientId, u32>,
    cancels: BTreeMap<ServerId, u32>,
}

impl Model {
    fn new() -> Self {
        let limits = Limits { servers: 8, servers_per_flow: 4, clients: 8 };
        Self {
            layer: Layer::new(Timers::default(), limits),
            now: Instant::now(),
            servers: vec![],
            clients: BTreeMap::new(),
            cancels: BTreeMap::new(),
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Request { from, reliable, method, branch } => {
                let text = request_text(METHODS[method], &branch.to_string());
                self.layer.handle_message(self.now, ORIGINS[from], reliable, parse(&text));
            }
            Act::Response { from, method, branch, status } => {
                let text = response_text(METHODS[method], &branch.to_string(), status);
                self.layer.handle_message(self.now, ORIGINS[from], true, parse(&text));
            }
            Act::Send { to, reliable, method, branch } => {
                let text = request_text(METHODS[method], &branch.to_string());
                let client = self.layer.send_request(self.now, HOPS[to], reliable, request(&text));
                assert_eq!(self.clients.insert(client, 0), None, "an id is never used twice");
            }
            Act::Respond { server, status } => {
                let Some(server) = self.servers.get(server).copied() else { return };
                let response =
                    Response::to(&request(&request_text("INVITE", "0")), StatusCode::new(status).unwrap());
                let _ = self.layer.respond(self.now, server, response.with_to_tag(Text::from("ours")));
            }
            Act::Cancel { client } => {
                if let Some(client) = self.clients.keys().nth(client).copied() {
                    self.layer.cancel(self.now, client, Headers::new());
                }
            }
            Act::Close { flow } => self.layer.handle_flow_closed(self.now, FlowId(flow)),
            Act::LosePbx => self.layer.handle_pbx_unreachable(self.now),
            Act::Wait { ms } => self.wait(ms),
        }
        self.drain();
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(due) = self.layer.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.layer.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while self.layer.poll_transmit().is_some() {}
        while let Some(event) = self.layer.poll_event() {
            match event {
                Event::Request { server, .. } => self.servers.push(server),
                Event::Response { client, response, .. } if response.status.is_final() => self.end(client),
                Event::TimedOut { client } | Event::TransportFailed { client } => self.end(client),
                Event::Cancelled { server, .. } => *self.cancels.entry(server).or_default() += 1,
                Event::Response { .. }
                | Event::Ack { .. }
                | Event::ServerTimedOut { .. }
                | Event::TurnedAway { .. } => {}
                Event::StrayResponse { response, .. } => assert!(response.status.is_success()),
            }
        }
    }

    fn end(&mut self, client: ClientId) {
        *self.clients.entry(client).or_default() += 1;
    }
}

const ORIGINS: [Origin; 4] =
    [Origin::Handset(FlowId(1)), Origin::Handset(FlowId(2)), Origin::Pbx(FlowId(3)), Origin::Pbx(FlowId(4))];
const HOPS: [Hop; 3] = [Hop::Handset(FlowId(1)), Hop::Pbx, Hop::PbxFlow(FlowId(3))];
const METHODS: [&str; 5] = ["INVITE", "OPTIONS", "BYE", "CANCEL", "ACK"];
/// The first so many of `METHODS` may be sent as requests of ours.
const SENDABLE: usize = 3;
