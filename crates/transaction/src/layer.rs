//! The door of the transaction layer.

use std::time::Instant;

use cordon_sip::{FlowId, Headers, Hop, Message, Method, Origin, Request, Response, Text};

use crate::bounds;
use crate::client::Asker;
use crate::clients::{Clients, Follow, Found, Turn};
use crate::event::{ClientId, Event, Gone, ServerId, Transmit, TurnedAway};
use crate::limits::Limits;
use crate::output::Output;
use crate::schedule::Owner;
use crate::servers::{Match, Servers};
use crate::stateless;
use crate::timers::Timers;

/// Every transaction of the process: matches what comes, repeats what the network may have lost, gives up in time.
///
/// After each call the driver drains [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event).
/// `reliable` is true for TLS and TCP, where the retransmission timers are off.
pub struct Layer {
    timers: Timers,
    limits: Limits,
    clients: Clients,
    servers: Servers,
    output: Output,
}

impl Layer {
    /// An empty layer.
    pub fn new(timers: Timers, limits: Limits) -> Self {
        Self {
            timers,
            limits,
            clients: Clients::default(),
            servers: Servers::default(),
            output: Output::default(),
        }
    }

    /// Takes a message from the network.
    pub fn handle_message(&mut self, now: Instant, origin: Origin, reliable: bool, message: Message) {
        match message {
            Message::Response(response) => self.handle_response(now, origin, response),
            Message::Request(request) => match request.method {
                Method::Ack => self.handle_ack(now, origin, request),
                Method::Cancel => self.handle_cancel(now, origin, request),
                _ => self.handle_request(now, origin, reliable, request),
            },
        }
    }

    /// A connection has closed: what waited for an answer on it fails, and a phone's own requests are forgotten
    /// (answering them is [`Gone`]). Requests of the PBX are answered over another of its connections.
    pub fn handle_flow_closed(&mut self, now: Instant, flow: FlowId) {
        for hop in [Hop::Handset(flow), Hop::PbxFlow(flow)] {
            self.clients.fail(hop, now, self.timers, &mut self.output);
            self.servers.handle_hop_closed(hop, &mut self.output.schedule);
        }
    }

    /// No connection to the PBX is up: every request on its way there fails.
    pub fn handle_pbx_unreachable(&mut self, now: Instant) {
        self.clients.fail(Hop::Pbx, now, self.timers, &mut self.output);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((owner, alarm)) = self.output.schedule.pop_due(now) {
            let turn = Turn { now, timers: self.timers, output: &mut self.output };
            match owner {
                Owner::Client(id) => {
                    let follow = self.clients.handle_alarm(id, alarm, turn);
                    self.follow(now, follow);
                }
                Owner::Server(id) => self.servers.handle_alarm(id, alarm, turn),
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.output.schedule.next()
    }

    /// The next message for the wire.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.output.transmits.pop_front()
    }

    /// The next thing the layer above should hear.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.output.events.pop_front()
    }

    /// Sends a request in a new client transaction. Its top Via must carry a fresh branch; an ACK takes
    /// [`send_ack`](Self::send_ack) and a CANCEL [`cancel`](Self::cancel). A full table or a branch that is not new
    /// shows as [`Event::TransportFailed`], and one toward the PBX that is too long as [`Event::TooLong`].
    pub fn send_request(&mut self, now: Instant, hop: Hop, reliable: bool, request: Request) -> ClientId {
        self.open_client(now, (hop, reliable), request, Asker::Above)
    }

    /// Sends the ACK of a 2xx, which belongs to no transaction (13.2.2.4). Called again for each
    /// [`Event::StrayResponse`] of the same dialog. Toward the PBX one with a body beyond every bound is not sent.
    pub fn send_ack(&mut self, _now: Instant, hop: Hop, request: Request) {
        if let Ok(bytes) = bounds::request(hop, &request) {
            self.output.transmits.push_back(Transmit { hop, bytes });
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`Gone`] when the transaction has had its final response or its connection is closed; nothing is sent. A
    /// further 2xx to an INVITE answered with 2xx is sent, as 13.3.1.4 asks until the ACK comes.
    pub fn respond(&mut self, now: Instant, server: ServerId, response: Response) -> Result<(), Gone> {
        let turn = Turn { now, timers: self.timers, output: &mut self.output };
        self.servers.respond(server, &response, turn)
    }

    /// Tells which To tag the answers to this INVITE will carry, so that the 200 to a CANCEL of it carries the same
    /// (9.2), though it comes before any of them.
    pub fn speaks_as(&mut self, server: ServerId, to_tag: &Text) {
        self.servers.speaks_as(server, to_tag);
    }

    /// Makes a transaction for a request that was turned away from a full table, within twice its bound: for calls that no
    /// limit may stop. False where that bound is reached too, or the request is here already.
    pub fn take_regardless(
        &mut self,
        now: Instant,
        origin: Origin,
        reliable: bool,
        request: &Request,
    ) -> bool {
        let has_room = self.servers.len() < self.limits.servers.saturating_mul(2);
        match self.servers.find(origin, request) {
            Match::New(key, merge) if has_room => {
                let turn = Turn { now, timers: self.timers, output: &mut self.output };
                self.servers.open((key, merge), (origin, reliable), request.clone(), turn);
                true
            }
            Match::New(..) | Match::Merged | Match::Retransmission(_) => false,
        }
    }

    /// Answers a request that was [turned away](Event::TurnedAway): the same for every copy of it, the To tag included
    /// (8.2.7).
    pub fn respond_without_state(&mut self, origin: Origin, request: &Request, response: Response) {
        let response = response.with_to_tag(stateless::tag(request));
        self.reply(origin, &response);
    }

    /// Gives an INVITE of ours up: the CANCEL leaves now or after the first provisional response (9.1), and the
    /// INVITE ends with its final response (487, or a 2xx that was faster) or with [`Event::TimedOut`]. The CANCEL carries
    /// `headers`; of a second call nothing comes.
    pub fn cancel(&mut self, now: Instant, client: ClientId, headers: Headers) {
        let turn = Turn { now, timers: self.timers, output: &mut self.output };
        let follow = self.clients.cancel(client, headers, turn);
        self.follow(now, follow);
    }

    /// How many transactions are open, both kinds.
    pub fn open_transactions(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    fn handle_response(&mut self, now: Instant, origin: Origin, response: Response) {
        // §8.1.3.3: our requests have one Via, so a response with more is on its way to somebody else.
        let [_] = response.via.as_slice() else { return };
        match self.clients.find(origin, &response) {
            Found::Ours(id) => {
                let turn = Turn { now, timers: self.timers, output: &mut self.output };
                let follow = self.clients.handle_response(id, origin, response, turn);
                self.follow(now, follow);
            }
            Found::Nobodys if response.cseq_method == Method::Invite && response.status.is_success() => {
                self.output.events.push_back(Event::StrayResponse { origin, response });
            }
            // RFC 6026 §8.9: a response without a transaction goes nowhere.
            Found::Nobodys | Found::Mangled => {}
        }
    }

    fn handle_ack(&mut self, now: Instant, origin: Origin, request: Request) {
        let turn = Turn { now, timers: self.timers, output: &mut self.output };
        if self.servers.handle_ack(origin, &request, turn) {
            self.output.events.push_back(Event::Ack { origin, request });
        }
    }

    fn handle_cancel(&mut self, now: Instant, origin: Origin, request: Request) {
        let turn = Turn { now, timers: self.timers, output: &mut self.output };
        match self.servers.handle_cancel(origin, &request, turn) {
            Some(to_tag) => self.reply(origin, &stateless::cancel_ok(&request, to_tag)),
            None => self.turn_away(origin, request, TurnedAway::NothingToCancel),
        }
    }

    fn handle_request(&mut self, now: Instant, origin: Origin, reliable: bool, request: Request) {
        let keys = match self.servers.find(origin, &request) {
            Match::Retransmission(id) => {
                let turn = Turn { now, timers: self.timers, output: &mut self.output };
                return self.servers.handle_retransmission(id, origin, turn);
            }
            Match::Merged => return self.turn_away(origin, request, TurnedAway::Merged),
            Match::New(key, merge) => (key, merge),
        };
        if !self.servers.has_room(&self.limits, origin, &request, &mut self.output.schedule) {
            return self.turn_away(origin, request, TurnedAway::Full);
        }
        let turn = Turn { now, timers: self.timers, output: &mut self.output };
        self.servers.open(keys, (origin, reliable), request, turn);
    }

    fn turn_away(&mut self, origin: Origin, request: Request, why: TurnedAway) {
        self.output.events.push_back(Event::TurnedAway { origin, request, why });
    }

    fn reply(&mut self, origin: Origin, answer: &Response) {
        let hop = origin.reply_hop();
        self.output.transmits.push_back(Transmit { hop, bytes: bounds::response(hop, answer) });
    }

    /// Sends the CANCEL an INVITE transaction asked for.
    fn follow(&mut self, now: Instant, follow: Option<Follow>) {
        if let Some(Follow { hop, reliable, cancel }) = follow {
            self.open_client(now, (hop, reliable), cancel, Asker::Nobody);
        }
    }

    fn open_client(&mut self, now: Instant, to: (Hop, bool), request: Request, asker: Asker) -> ClientId {
        // A CANCEL ends something: it may use the room that is left to nobody else.
        let limit = match asker {
            Asker::Above => self.limits.clients,
            Asker::Nobody => self.limits.clients.saturating_mul(2),
        };
        let turn = Turn { now, timers: self.timers, output: &mut self.output };
        self.clients.send(to, &request, asker, limit, turn)
    }
}
