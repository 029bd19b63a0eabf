//! A PBX as far as a gateway in front of it can tell: registrar, digest, and a proxy that stays in the path.

mod peers;
mod proxy;
mod registrar;

use std::net::SocketAddr;
use std::sync::Arc;

use cordon_sip::{Framing, Message};
use rustls::{ClientConfig, ServerConfig};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::digest::{Account, Algorithm};
use crate::link::{Link, LinkEvent, Transport};
use crate::{LabError, Trace};
use peers::{Arrival, Peers};
use proxy::Proxy;

/// What a PBX has to know.
#[derive(Clone)]
pub struct PbxConfig {
    /// Its name in ladders.
    pub name: String,
    /// Where it listens; port 0 takes any.
    pub listen: SocketAddr,
    /// How SIP travels to it, and from it.
    pub transport: Transport,
    /// Its certificate, for TLS.
    pub certificate: Option<Arc<ServerConfig>>,
    /// Whom it trusts when it connects to a contact over TLS.
    pub trust: Option<Arc<ClientConfig>>,
    /// Its SIP domain; also the digest realm.
    pub domain: String,
    /// Who may register.
    pub accounts: Vec<Account>,
    /// The digest algorithms it asks for, preferred first; none: everybody is believed.
    pub algorithms: Vec<Algorithm>,
    /// The `qop` it asks for.
    pub qop: String,
    /// Whether INVITE is challenged too (407).
    pub challenge_invites: bool,
    /// How it reaches a registered phone.
    pub reach: Reach,
    /// Users that are answered 302 with this contact.
    pub redirects: Vec<(String, String)>,
    /// Where it notes what is said.
    pub trace: Trace,
}

/// How the PBX reaches a registered phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Over the connection the phone registered on, while it lasts.
    Registered,
    /// By connecting to the host and port of its contact.
    Connect,
}

impl PbxConfig {
    /// A PBX that asks for MD5 and SHA-256, reaches phones over their connections, and has no certificate yet.
    pub fn new(listen: SocketAddr, transport: Transport, domain: &str, accounts: Vec<Account>) -> Self {
        PbxConfig {
            name: "PBX".to_owned(),
            listen,
            transport,
            certificate: None,
            trust: None,
            domain: domain.to_owned(),
            accounts,
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            qop: "auth".to_owned(),
            challenge_invites: false,
            reach: Reach::Registered,
            redirects: Vec::new(),
            trace: Trace::default(),
        }
    }
}

/// A PBX that runs until it is dropped; then its connections break.
pub struct LabPbx {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    tasks: Vec<AbortHandle>,
}

pub(crate) enum Command {
    Registered(String, oneshot::Sender<usize>),
    SetSilent(bool, oneshot::Sender<()>),
    DropConnections(oneshot::Sender<()>),
}

impl LabPbx {
    /// Binds and runs.
    ///
    /// # Errors
    /// When the address cannot be bound, or TLS has no certificate.
    pub async fn start(mut config: PbxConfig) -> Result<LabPbx, LabError> {
        if config.transport != Transport::Tls {
            (config.certificate, config.trust) = (None, None);
        }
        let (link_events, inbox) = mpsc::channel(QUEUE);
        let (arrivals, arriving) = mpsc::channel(QUEUE);
        let (commands, orders) = mpsc::channel(8);
        let mut tasks = Vec::new();
        let (udp, address) = if config.transport == Transport::Udp {
            let socket = UdpSocket::bind(config.listen).await.map_err(LabError::io("binding the PBX"))?;
            let address = socket.local_addr().map_err(LabError::io("reading an address"))?;
            (Some(Arc::new(socket)), address)
        } else {
            if config.transport == Transport::Tls && config.certificate.is_none() {
                return Err(LabError::Misbehaved("a PBX over TLS needs a certificate"));
            }
            let listener = TcpListener::bind(config.listen).await.map_err(LabError::io("binding the PBX"))?;
            let address = listener.local_addr().map_err(LabError::io("reading an address"))?;
            let accepting =
                accept(listener, config.certificate.clone(), link_events.clone(), arrivals.clone());
            tasks.push(tokio::spawn(accepting).abort_handle());
            (None, address)
        };
        let peers = Peers::new(config.transport, config.trust.clone(), udp.clone(), link_events, arrivals);
        let proxy = Proxy::new(config, address, peers);
        tasks.push(tokio::spawn(run(proxy, udp, inbox, arriving, orders)).abort_handle());
        Ok(LabPbx { address, commands, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many live contacts this user has.
    ///
    /// # Errors
    /// When the PBX is gone.
    pub async fn registered(&self, user: &str) -> Result<usize, LabError> {
        self.command(|reply| Command::Registered(user.to_owned(), reply)).await
    }

    /// Takes everything and says nothing, as a hung PBX does, or comes back.
    ///
    /// # Errors
    /// When the PBX is gone.
    pub async fn set_silent(&self, silent: bool) -> Result<(), LabError> {
        self.command(|reply| Command::SetSilent(silent, reply)).await
    }

    /// Breaks every connection; it goes on listening.
    ///
    /// # Errors
    /// When the PBX is gone.
    pub async fn drop_connections(&self) -> Result<(), LabError> {
        self.command(Command::DropConnections).await
    }

    async fn command<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, LabError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).await.map_err(|_| LabError::Closed)?;
        answer.await.map_err(|_| LabError::Closed)
    }
}

impl Drop for LabPbx {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn run(
    mut proxy: Proxy,
    udp: Option<Arc<UdpSocket>>,
    mut inbox: mpsc::Receiver<(u64, LinkEvent)>,
    mut arriving: mpsc::Receiver<Arrival>,
    mut orders: mpsc::Receiver<Command>,
) {
    let mut datagram = vec![0; 65_535];
    loop {
        tokio::select! {
            Some(arrival) = arriving.recv() => proxy.peers.arrived(arrival),
            Some(order) = orders.recv() => proxy.obey(order),
            Some((peer, event)) = inbox.recv() => match event {
                LinkEvent::Message(message) => proxy.handle(peer, *message).await,
                LinkEvent::Closed => proxy.peers.closed(peer),
            },
            received = receive(udp.as_deref(), &mut datagram) => {
                let Some((length, from)) = received else { continue };
                let bytes = bytes::Bytes::copy_from_slice(datagram.get(..length).unwrap_or_default());
                let message = Message::parse(bytes, Framing::Datagram);
                if let (Ok(message), Some(peer)) = (message, proxy.peers.number_of(from)) {
                    proxy.handle(peer, message).await;
                }
            }
        }
    }
}

async fn receive(udp: Option<&UdpSocket>, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    match udp {
        Some(udp) => udp.recv_from(buffer).await.ok(),
        None => std::future::pending().await,
    }
}

async fn accept(
    listener: TcpListener,
    certificate: Option<Arc<ServerConfig>>,
    events: mpsc::Sender<(u64, LinkEvent)>,
    arrivals: mpsc::Sender<Arrival>,
) {
    // Accepted connections count from the top, those the PBX makes from the bottom.
    let mut number = u64::MAX;
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        number -= 1;
        let (certificate, events, arrivals) = (certificate.clone(), events.clone(), arrivals.clone());
        tokio::spawn(async move {
            match Link::accept(number, stream, certificate, events).await {
                // The PBX is gone when nobody takes it.
                Ok(link) => drop(arrivals.send(Arrival::Accepted(link, number)).await),
                Err(error) => tracing::debug!(%error, "the lab PBX refused a connection"),
            }
        });
    }
}

const QUEUE: usize = 1_024; // messages and connections; 200 calls set up at once need fewer
