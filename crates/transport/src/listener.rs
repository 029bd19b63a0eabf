//! SIP over TLS: who comes in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cordon_policy::Refusal;
use cordon_policy::connection::{self, FlowFacts, TlsFacts};
use cordon_sip::{Origin, Text};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::admission::Place;
use crate::config::TransportConfig;
use crate::event::TransportEvent;
use crate::flow::{Flow, Phone};
use crate::flow_table::Side;
use crate::handshake::{self, Opening};
use crate::prefixed::Prefixed;
use crate::shared::{Phase, Shared};
use crate::transport::StartError;
use crate::write_queue::WriteQueue;
use crate::{keepalive, plain};

/// One TLS listener of a location.
pub(crate) struct Door {
    location: usize,
    listener: TcpListener,
    address: SocketAddr,
}

impl Door {
    pub(crate) fn bind(location: usize, address: SocketAddr) -> Result<Self, StartError> {
        let (listener, address) = bind(address)?;
        Ok(Self { location, listener, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until the drain begins. The networks are asked before the first byte is read.
    pub(crate) async fn run(self, shared: Arc<Shared>) {
        let accepting = async {
            loop {
                let (stream, peer) = accept(&shared, &self.listener).await;
                self.admit(&shared, stream, peer);
            }
        };
        tokio::select! {
            () = shared.reached(Phase::Draining) => {}
            () = accepting => {}
        }
    }

    fn admit(&self, shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
        let config = shared.config();
        let Some(location) = config.locations.get(self.location) else { return };
        let place = connection::admit_source(&location.networks, peer.ip())
            .and_then(|source| shared.handset_admission.enter(&source));
        match place {
            Ok(place) => {
                let handset = Handset { location: self.location, local: self.address, peer };
                tokio::spawn(handset.serve(Arc::clone(shared), stream, place));
            }
            Err(refusal) => shared.report_refused(refusal, peer, Some(self.location), String::new()),
        }
    }
}

/// One accepted connection.
struct Handset {
    location: usize,
    local: SocketAddr,
    peer: SocketAddr,
}

/// What a handshake has led to.
struct Established {
    stream: Box<TlsStream<Prefixed<TcpStream>>>,
    tls: TlsFacts,
    config: Arc<TransportConfig>,
}

impl Handset {
    /// The handshake. The flow has a task of its own, so that what only a handshake needs ends with it.
    async fn serve(mut self, shared: Arc<Shared>, stream: TcpStream, place: Place) {
        let established = tokio::select! {
            established = self.open(&shared, stream) => established,
            () = place.made_room() => return self.report(&shared, Refusal::MadeRoom, String::new()),
        };
        if let Some(established) = established {
            place.progress();
            tokio::spawn(self.run_flow(shared, established, place));
        }
    }

    /// `None` when it has been refused.
    async fn open(&mut self, shared: &Arc<Shared>, stream: TcpStream) -> Option<Established> {
        let config = shared.config();
        let location = config.locations.get(self.location)?;
        keepalive::arm(&stream).and_then(|()| keepalive::bound_send_buffer(&stream)).ok()?;
        self.local = stream.local_addr().unwrap_or(self.local);
        match timeout(config.limits.handshake, handshake::open(stream, &location.tls)).await {
            Ok(Opening::Tls(stream, tls)) => return Some(Established { stream, tls, config }),
            Ok(Opening::Plain(stream)) => {
                let visit = plain::Visit {
                    location: self.location,
                    peer: self.peer,
                    refusal: Refusal::PlainOnTlsPort,
                };
                visit.refuse_stream(shared, stream).await;
            }
            Ok(Opening::Refused(refusal, details)) => self.report(shared, refusal, details),
            Ok(Opening::Nothing) => {}
            Err(_) => self.report(shared, Refusal::TlsTooSlow, String::new()),
        }
        None
    }

    async fn run_flow(self, shared: Arc<Shared>, established: Established, place: Place) {
        let Some((flow, facts)) = self.enlist(&shared, &established, place) else { return };
        let Established { stream, config, .. } = established;
        drop(config); // a reload shall not keep every version alive that some flow began with
        let id = facts.flow;
        let is_announced = tokio::select! {
            is_announced = shared.deliver(flow.lane(), TransportEvent::FlowOpened(facts)) => is_announced,
            // Its place may be another's while it waits for signalling: then its socket goes, too.
            () = flow.made_room() => {
                self.report(&shared, Refusal::MadeRoom, String::new());
                false
            }
        };
        if is_announced {
            let reason = flow.run(stream).await;
            shared.flows.remove(id);
            let closed = TransportEvent::FlowClosed { flow: id, peer: self.peer, reason };
            shared.deliver(flow.lane(), closed).await;
        } else {
            shared.flows.remove(id);
        }
    }

    /// The flow as everybody else knows it; `None` when a reload has closed its network.
    fn enlist(
        &self,
        shared: &Arc<Shared>,
        established: &Established,
        place: Place,
    ) -> Option<(Flow, FlowFacts)> {
        let Established { stream, tls, config } = established;
        let id = shared.next_flow();
        let queue = WriteQueue::new(config.limits.queue);
        let location = config.locations.get(self.location)?;
        let host = shared.with_door(location, self.location, |door| Text::from(door.host));
        let side = Side::Handset { location: self.location, place: place.name() };
        if !shared.add_flow(id, side, self.peer, queue.clone(), config) {
            self.report(shared, Refusal::ForeignNetwork, String::new());
            return None;
        }
        let facts = FlowFacts {
            flow: id,
            location: self.location,
            peer: self.peer,
            local: self.local,
            server_name: stream.get_ref().1.server_name().map(str::to_owned),
            tls: *tls,
        };
        let flow = Flow {
            shared: Arc::clone(shared),
            origin: Origin::Handset(id),
            peer: self.peer,
            queue,
            host,
            phone: Some(Phone::new(self.location, place)),
        };
        Some((flow, facts))
    }

    fn report(&self, shared: &Shared, refusal: Refusal, details: String) {
        shared.report_refused(refusal, self.peer, Some(self.location), details);
    }
}

/// Binds a TCP listener; the address comes back with its port filled in.
pub(crate) fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for connections of the last run to leave TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound().map_err(|source| StartError { address, source })
}

/// The next connection. When the process has no descriptor left the loop rests instead of spinning, and whoever has stood
/// still longest without a registration makes room.
pub(crate) async fn accept(shared: &Shared, listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut is_told = false;
    loop {
        let error = match listener.accept().await {
            Ok((stream, peer)) => return (stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())),
            Err(error) => error,
        };
        if !matches!(error.raw_os_error(), Some(EMFILE | ENFILE)) {
            // A connection that broke before it was accepted, or memory the kernel has not got at this moment.
            tokio::time::sleep(ACCEPT_BREATH).await;
            continue;
        }
        if let Ok(listener) = listener.local_addr()
            && !std::mem::replace(&mut is_told, true)
        {
            shared.report(listener.ip(), TransportEvent::NoDescriptors { listener });
        }
        let _ = (0..MAKE_ROOM).all(|_| shared.handset_admission.make_room());
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Phones that all come back at once after a power cut wait here for some milliseconds.
const BACKLOG: u32 = 1_024;

/// Without a descriptor: long enough to cost nothing, short enough that a phone does not notice.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// After any other error.
const ACCEPT_BREATH: Duration = Duration::from_millis(1);

/// Connections that make room in one pause.
const MAKE_ROOM: usize = 16;

/// Linux: no descriptor left of the process's, of the system's.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;
