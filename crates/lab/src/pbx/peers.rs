use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use cordon_sip::Uri;
use rustls::ClientConfig;
use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::mpsc;

use crate::LabError;
use crate::link::{Link, LinkEvent, Transport};

/// Everybody the PBX can send to: by number, or by the address a URI names.
pub(crate) struct Peers {
    transport: Transport,
    trust: Option<Arc<ClientConfig>>,
    udp: Option<Arc<UdpSocket>>,
    by_number: HashMap<u64, Peer>,
    by_target: HashMap<Target, u64>,
    /// What waits for a connection that is being made.
    waiting: HashMap<Target, Vec<Bytes>>,
    next: u64,
    events: mpsc::Sender<(u64, LinkEvent)>,
    arrivals: mpsc::Sender<Arrival>,
}

enum Peer {
    Stream(Link),
    Datagram(SocketAddr),
}

/// Host and port a URI leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    host: String,
    port: u16,
}

/// A connection that has come about, or not.
pub(crate) enum Arrival {
    Accepted(Link, u64),
    Connected(Target, u64, Result<Link, LabError>),
}

impl Target {
    pub(crate) fn of(uri: &Uri, transport: Transport) -> Option<Target> {
        let default_port = if transport == Transport::Tls { 5061 } else { 5060 };
        let host = uri.host()?;
        let host = match (host.ip(), host.name()) {
            (Some(ip), _) => ip.to_string(),
            (None, name) => name?.as_str().to_ascii_lowercase(),
        };
        Some(Target { host, port: uri.port().unwrap_or(default_port) })
    }
}

impl Peers {
    pub(crate) fn new(
        transport: Transport,
        trust: Option<Arc<ClientConfig>>,
        udp: Option<Arc<UdpSocket>>,
        events: mpsc::Sender<(u64, LinkEvent)>,
        arrivals: mpsc::Sender<Arrival>,
    ) -> Peers {
        Peers {
            transport,
            trust,
            udp,
            by_number: HashMap::new(),
            by_target: HashMap::new(),
            waiting: HashMap::new(),
            next: 0,
            events,
            arrivals,
        }
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Accepted(mut link, number) => {
                link.begin();
                self.by_number.insert(number, Peer::Stream(link));
            }
            Arrival::Connected(target, number, Ok(mut link)) => {
                link.begin();
                for bytes in self.waiting.remove(&target).unwrap_or_default() {
                    // A link that breaks this early is reported as closed.
                    let _ = link.send(bytes);
                }
                self.by_number.insert(number, Peer::Stream(link));
                self.by_target.insert(target, number);
            }
            Arrival::Connected(target, _, Err(error)) => {
                self.waiting.remove(&target);
                tracing::debug!(%error, "the lab PBX could not connect");
            }
        }
    }

    pub(crate) fn closed(&mut self, number: u64) {
        self.by_number.remove(&number);
        self.by_target.retain(|_, known| *known != number);
    }

    pub(crate) fn drop_all(&mut self) {
        self.by_number.clear();
        self.by_target.clear();
        self.waiting.clear();
    }

    pub(crate) fn is_up(&self, number: u64) -> bool {
        self.by_number.contains_key(&number)
    }

    pub(crate) fn address(&self, number: u64) -> Option<SocketAddr> {
        self.by_number.get(&number).map(|peer| match peer {
            Peer::Stream(link) => link.peer,
            Peer::Datagram(address) => *address,
        })
    }

    /// The number of whoever sends datagrams from here.
    pub(crate) fn number_of(&mut self, address: SocketAddr) -> Option<u64> {
        let target = Target { host: address.ip().to_string(), port: address.port() };
        if let Some(number) = self.by_target.get(&target) {
            return Some(*number);
        }
        if self.by_number.len() >= MAX_PEERS {
            return None;
        }
        let number = self.next_number();
        self.by_number.insert(number, Peer::Datagram(address));
        self.by_target.insert(target, number);
        Some(number)
    }

    /// From now on requests for this address go over this connection.
    pub(crate) fn remember(&mut self, target: Target, number: u64) {
        if self.by_target.len() < MAX_PEERS {
            self.by_target.insert(target, number);
        }
    }

    /// Sends to a connection; nothing happens when it is gone.
    pub(crate) async fn send(&mut self, number: u64, bytes: Bytes) {
        match self.by_number.get(&number) {
            Some(Peer::Stream(link)) if link.send(bytes.clone()).is_err() => self.closed(number),
            Some(Peer::Stream(_)) => {}
            Some(Peer::Datagram(address)) => {
                if let Some(udp) = &self.udp {
                    // Datagrams get lost; SIP over UDP repeats itself.
                    let _ = udp.send_to(&bytes, address).await;
                }
            }
            None => {}
        }
    }

    /// Sends to whoever is reached at this address, connecting when nobody is yet.
    pub(crate) async fn send_to(&mut self, target: Target, bytes: Bytes) {
        if let Some(number) = self.by_target.get(&target).copied() {
            return self.send(number, bytes).await;
        }
        if self.transport == Transport::Udp {
            let address =
                lookup_host((target.host.as_str(), target.port)).await.ok().and_then(|mut all| all.next());
            if let (Some(udp), Some(address)) = (&self.udp, address) {
                let _ = udp.send_to(&bytes, address).await;
            }
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&target) {
            if waiting.len() < MAX_WAITING {
                waiting.push(bytes);
            }
            return;
        }
        if self.by_number.len() >= MAX_PEERS {
            return;
        }
        self.waiting.insert(target.clone(), vec![bytes]);
        let number = self.next_number();
        let (events, arrivals, trust) = (self.events.clone(), self.arrivals.clone(), self.trust.clone());
        tokio::spawn(async move {
            let link = connect(&target, number, trust, events).await;
            // The PBX is gone when nobody takes it.
            let _ = arrivals.send(Arrival::Connected(target, number, link)).await;
        });
    }
}

async fn connect(
    target: &Target,
    number: u64,
    trust: Option<Arc<ClientConfig>>,
    events: mpsc::Sender<(u64, LinkEvent)>,
) -> Result<Link, LabError> {
    let mut addresses = lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(LabError::io("resolving a contact"))?;
    let address = addresses.next().ok_or(LabError::Misbehaved("a contact resolves to nothing"))?;
    Link::connect(number, address, None, trust.map(|trust| (trust, target.host.as_str())), events).await
}

const MAX_PEERS: usize = 1024; // a lab; each is a socket
const MAX_WAITING: usize = 64; // messages for one connection that is being made
