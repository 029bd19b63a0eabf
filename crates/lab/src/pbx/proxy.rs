use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use cordon_sip::{
    CallId, Contacts, HeaderName, Host, Message, Method, NameAddr, Request, Response, StatusCode, Text, Uri,
    Via,
};

use crate::pbx::peers::{Peers, Target};
use crate::pbx::registrar::{Proof, Registrar};
use crate::pbx::{Command, PbxConfig, Reach};
use crate::random;

/// Registrar and proxy. The proxy keeps no transactions: a branch is computed from the one that came in, so that ACK,
/// CANCEL and repeated requests take the same way (RFC 3261 §16.11), and it names the connection its answers go back to.
pub(crate) struct Proxy {
    config: PbxConfig,
    name: Arc<str>,
    address: SocketAddr,
    registrar: Registrar,
    pub(crate) peers: Peers,
    is_silent: bool,
    /// Branches of INVITEs this PBX refused itself: their ACKs end here (RFC 3261 §17.2.1).
    refused: VecDeque<Text>,
    /// The caller's tag of each call seen, to tell in ladders on which side of the PBX a message travels.
    callers: HashMap<CallId, Option<Text>>,
}

/// Where a request goes on to.
enum Next {
    Peer(u64),
    Target(Target),
}

impl Proxy {
    pub(crate) fn new(config: PbxConfig, address: SocketAddr, peers: Peers) -> Self {
        let registrar =
            Registrar::new(&config.domain, config.accounts.clone(), config.algorithms.clone(), &config.qop);
        let name = Arc::from(config.name.as_str());
        Proxy {
            config,
            name,
            address,
            registrar,
            peers,
            is_silent: false,
            refused: VecDeque::new(),
            callers: HashMap::new(),
        }
    }

    pub(crate) fn obey(&mut self, command: Command) {
        // Whoever ordered may be gone.
        match command {
            Command::Registered(user, reply) => {
                let _ = reply.send(self.registrar.bindings(Instant::now(), &user).len());
            }
            Command::SetSilent(silent, reply) => {
                self.is_silent = silent;
                let _ = reply.send(());
            }
            Command::DropConnections(reply) => {
                self.peers.drop_all();
                let _ = reply.send(());
            }
        }
    }

    pub(crate) async fn handle(&mut self, peer: u64, message: Message) {
        if self.is_silent {
            return;
        }
        match message {
            Message::Request(request) => self.handle_request(peer, request).await,
            Message::Response(response) => self.handle_response(response).await,
        }
    }

    async fn handle_request(&mut self, peer: u64, mut request: Request) {
        self.note_caller(&request);
        let side = self.is_from_caller(&request.call_id, request.from.tag());
        self.config.trace.note(&self.name, false, side, &Message::Request(request.clone()));
        if let (Some(via), Some(from)) = (request.via.first_mut(), self.peers.address(peer)) {
            via.set_received_rport(from);
        }
        if request.route.first().is_some_and(|route| self.is_me(&route.uri)) {
            request.route.remove(0);
        }
        if request.method == Method::Ack
            && request.branch().is_some_and(|branch| self.refused.contains(branch))
        {
            return;
        }
        match self.decide(peer, &request) {
            Ok((next, uri)) => {
                if request.method == Method::Invite {
                    self.respond(peer, Response::to(&request, StatusCode::TRYING)).await;
                }
                self.forward(peer, request, next, uri).await;
            }
            Err(_) if request.method == Method::Ack => {}
            Err(response) => {
                self.note_refused(&request);
                self.respond(peer, *response).await;
            }
        }
    }

    /// Where a request goes and with which Request-URI, or what it is answered.
    fn decide(&mut self, peer: u64, request: &Request) -> Result<(Next, Uri), Box<Response>> {
        let refuse = |status| Box::new(Response::to(request, status).with_to_tag(random::token()));
        if request.max_forwards == Some(0) {
            return Err(refuse(StatusCode::TOO_MANY_HOPS));
        }
        if request.method == Method::Register {
            return Err(Box::new(self.register(peer, request)));
        }
        if let Some(route) = request.route.first() {
            let target =
                Target::of(&route.uri, self.config.transport).ok_or_else(|| refuse(StatusCode::NOT_FOUND))?;
            return Ok((Next::Target(target), request.uri.clone()));
        }
        if request.to.tag().is_some() && !self.is_me(&request.uri) {
            let target = Target::of(&request.uri, self.config.transport)
                .ok_or_else(|| refuse(StatusCode::NOT_FOUND))?;
            return Ok((Next::Target(target), request.uri.clone()));
        }
        if !self.is_me(&request.uri) {
            return Err(refuse(StatusCode::NOT_FOUND));
        }
        let Some(user) = request.uri.user().map(|user| user.as_str().to_owned()) else {
            let status = if request.method == Method::Options {
                StatusCode::OK
            } else {
                StatusCode::ADDRESS_INCOMPLETE
            };
            return Err(refuse(status));
        };
        if request.method == Method::Invite && request.to.tag().is_none() && self.config.challenge_invites {
            self.prove_caller(request)?;
        }
        if let Some((_, contact)) = self.config.redirects.iter().find(|(from, _)| *from == user) {
            let mut response = refuse(StatusCode::MOVED_TEMPORARILY);
            response.contacts = NameAddr::parse(contact.as_str()).map(Contacts::one).unwrap_or_default();
            return Err(response);
        }
        if !self.registrar.has_account(&user) {
            return Err(refuse(StatusCode::NOT_FOUND));
        }
        let Some(binding) = self.registrar.bindings(Instant::now(), &user).last().cloned() else {
            return Err(refuse(StatusCode::TEMPORARILY_UNAVAILABLE));
        };
        let uri = binding.uri().clone();
        if self.config.reach == Reach::Registered && self.peers.is_up(binding.peer) {
            return Ok((Next::Peer(binding.peer), uri));
        }
        let target = Target::of(&uri, self.config.transport).ok_or_else(|| refuse(StatusCode::NOT_FOUND))?;
        Ok((Next::Target(target), uri))
    }

    fn register(&mut self, peer: u64, request: &Request) -> Response {
        let refuse = |status| Response::to(request, status).with_to_tag(random::token());
        let Some(user) = request.to.uri.user().map(|user| user.as_str().to_owned()) else {
            return refuse(StatusCode::ADDRESS_INCOMPLETE);
        };
        if !request.to.uri.host().is_some_and(|host| host.is(&self.config.domain)) {
            return refuse(StatusCode::NOT_FOUND);
        }
        match self.registrar.prove(request, &HeaderName::AUTHORIZATION, &user) {
            Proof::Proven => {}
            Proof::Challenge(values) => {
                return values.into_iter().fold(refuse(StatusCode::UNAUTHORIZED), |response, value| {
                    response.with_header(HeaderName::WWW_AUTHENTICATE, value)
                });
            }
            Proof::Refused => return refuse(StatusCode::FORBIDDEN),
        }
        if self.config.reach == Reach::Registered {
            for contact in request.contacts.as_slice() {
                if let Some(target) = Target::of(&contact.uri, self.config.transport) {
                    self.peers.remember(target, peer);
                }
            }
        }
        self.registrar.register(Instant::now(), peer, &user, request)
    }

    fn prove_caller(&mut self, request: &Request) -> Result<(), Box<Response>> {
        let refuse = |status| Box::new(Response::to(request, status).with_to_tag(random::token()));
        let user = request.from.uri.user().map(|user| user.as_str().to_owned()).unwrap_or_default();
        match self.registrar.prove(request, &HeaderName::PROXY_AUTHORIZATION, &user) {
            Proof::Proven => Ok(()),
            Proof::Challenge(values) => {
                let challenge = Response::to(request, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
                let challenge = challenge.with_to_tag(random::token());
                Err(Box::new(values.into_iter().fold(challenge, |response, value| {
                    response.with_header(HeaderName::PROXY_AUTHENTICATE, value)
                })))
            }
            Proof::Refused => Err(refuse(StatusCode::FORBIDDEN)),
        }
    }

    async fn forward(&mut self, peer: u64, mut request: Request, next: Next, uri: Uri) {
        let side = self.is_from_caller(&request.call_id, request.from.tag());
        let branch = branch_for(peer, &request);
        request.uri = uri;
        request.max_forwards = Some(request.max_forwards.unwrap_or(70).saturating_sub(1));
        request.headers.remove(&HeaderName::PROXY_AUTHORIZATION);
        if request.method == Method::Invite && request.to.tag().is_none() {
            let own = Uri::sip(None, ip_host(self.address), Some(self.address.port()))
                .with_param("transport", Some(self.config.transport.uri_name()))
                .with_param("lr", None);
            request.record_route.insert(0, NameAddr::new(own));
        }
        let transport = self.config.transport.via_name();
        let via = Via::new(transport, ip_host(self.address), Some(self.address.port()), branch);
        request.via.insert(0, via);
        let message = Message::Request(request);
        self.config.trace.note(&self.name, true, !side, &message);
        match next {
            Next::Peer(number) => self.peers.send(number, message.write()).await,
            Next::Target(target) => self.peers.send_to(target, message.write()).await,
        }
    }

    async fn handle_response(&mut self, mut response: Response) {
        let side = self.is_from_caller(&response.call_id, response.from.tag());
        self.config.trace.note(&self.name, false, !side, &Message::Response(response.clone()));
        let Some(peer) = response.branch().and_then(peer_of) else { return };
        // The 100 of the next hop is for us; ours is out already.
        if response.status == StatusCode::TRYING {
            return;
        }
        response.via.remove(0);
        if !response.via.is_empty() {
            self.respond(peer, response).await;
        }
    }

    async fn respond(&mut self, peer: u64, response: Response) {
        let side = self.is_from_caller(&response.call_id, response.from.tag());
        let message = Message::Response(response);
        self.config.trace.note(&self.name, true, side, &message);
        self.peers.send(peer, message.write()).await;
    }

    /// Whether a URI means this PBX: its domain, or the address it listens on.
    fn is_me(&self, uri: &Uri) -> bool {
        let Some(host) = uri.host() else { return false };
        host.is(&self.config.domain)
            || (host.ip() == Some(self.address.ip()) && uri.port() == Some(self.address.port()))
    }

    fn note_refused(&mut self, request: &Request) {
        if let (Method::Invite, Some(branch)) = (&request.method, request.branch()) {
            if self.refused.len() == MAX_REFUSED {
                self.refused.pop_front();
            }
            self.refused.push_back(branch.clone());
        }
    }

    fn note_caller(&mut self, request: &Request) {
        let tag = match &request.method {
            Method::Invite if request.to.tag().is_none() => request.from.tag().cloned(),
            // A registration is drawn on the side of whom it belongs to; the first account is the caller's.
            Method::Register => {
                let user = request.to.uri.user().map(Text::as_str).unwrap_or_default();
                self.registrar.is_first_account(user).then(|| request.from.tag().cloned()).flatten()
            }
            _ => return,
        };
        if self.callers.len() < MAX_CALLERS {
            self.callers.insert(request.call_id.clone(), tag);
        }
    }

    fn is_from_caller(&self, call_id: &CallId, from_tag: Option<&Text>) -> bool {
        self.callers.get(call_id).is_none_or(|tag| tag.as_ref() == from_tag)
    }
}

/// `z9hG4bKlab-PEER-HASH`: the same for an INVITE, its CANCEL and its ACK.
fn branch_for(peer: u64, request: &Request) -> String {
    let mut hasher = DefaultHasher::new();
    request.branch().map(Text::as_str).hash(&mut hasher);
    request.call_id.as_str().hash(&mut hasher);
    request.cseq.hash(&mut hasher);
    format!("{}lab-{peer:x}-{:016x}", cordon_sip::MAGIC_COOKIE, hasher.finish())
}

fn peer_of(branch: &Text) -> Option<u64> {
    let rest = branch.as_str().strip_prefix(cordon_sip::MAGIC_COOKIE)?.strip_prefix("lab-")?;
    u64::from_str_radix(rest.split_once('-')?.0, 16).ok()
}

fn ip_host(address: SocketAddr) -> Host {
    match address {
        SocketAddr::V4(address) => Host::V4(*address.ip()),
        SocketAddr::V6(address) => Host::V6(*address.ip()),
    }
}

const MAX_CALLERS: usize = 10_000; // only ladders need them
const MAX_REFUSED: usize = 1_000; // refused INVITEs whose ACK is still on its way
