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
use crate::flow::Flow;
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
                let (stream, peer) = accept(&self.listener).await;
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

impl Handset {
    async fn serve(mut self, shared: Arc<Shared>, stream: TcpStream, place: Place) {
        let config = shared.config();
        let Some(location) = config.locations.get(self.location) else { return };
        if keepalive::arm(&stream).is_err() {
            return;
        }
        self.local = stream.local_addr().unwrap_or(self.local);
        let opening = timeout(config.limits.handshake, handshake::open(stream, &location.tls)).await;
        match opening {
            Ok(Opening::Tls(stream, tls)) => match place.establish() {
                Ok(place) => self.run_flow(&shared, &config, *stream, tls, place).await,
                Err(refusal) => self.report(&shared, refusal, String::new()),
            },
            Ok(Opening::Plain(stream)) => {
                let visit = plain::Visit {
                    location: self.location,
                    peer: self.peer,
                    refusal: Refusal::PlainOnTlsPort,
                };
                visit.refuse_stream(&shared, stream).await;
            }
            Ok(Opening::Refused(refusal, details)) => self.report(&shared, refusal, details),
            Ok(Opening::Nothing) => {}
            Err(_) => self.report(&shared, Refusal::TlsTooSlow, String::new()),
        }
    }

    async fn run_flow(
        &self,
        shared: &Arc<Shared>,
        config: &TransportConfig,
        stream: TlsStream<Prefixed<TcpStream>>,
        tls: TlsFacts,
        _place: Place,
    ) {
        let id = shared.next_flow();
        let limits = &config.limits;
        let Some(location) = config.locations.get(self.location) else { return };
        let host = shared.with_door(location, self.location, |door| Text::from(door.host));
        let flow = Flow {
            shared: Arc::clone(shared),
            origin: Origin::Handset(id),
            peer: self.peer,
            queue: WriteQueue::new(limits.queue),
            host,
            first_byte: Some(limits.first_byte),
        };
        let side = Side::Handset { location: self.location };
        if !shared.add_flow(id, side, self.peer, flow.queue.clone(), config) {
            return self.report(shared, Refusal::ForeignNetwork, String::new());
        }
        let facts = FlowFacts {
            flow: id,
            location: self.location,
            peer: self.peer,
            local: self.local,
            server_name: stream.get_ref().1.server_name().map(str::to_owned),
            tls,
        };
        if shared.deliver(TransportEvent::FlowOpened(facts)).await {
            let reason = flow.run(stream).await;
            shared.flows.remove(id);
            shared.deliver(TransportEvent::FlowClosed { flow: id, peer: self.peer, reason }).await;
        } else {
            shared.flows.remove(id);
        }
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

/// The next connection. When the process has no descriptor left the loop rests instead of spinning.
pub(crate) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Phones that all come back at once after a power cut wait here for some milliseconds.
const BACKLOG: u32 = 1_024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
