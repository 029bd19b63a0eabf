//! Where the PBX reaches us by TLS, or TCP in the lab.

use std::net::SocketAddr;
use std::sync::Arc;

use cordon_policy::Refusal;
use cordon_policy::connection;
use cordon_sip::Origin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::admission::Place;
use crate::config::{PbxWay, TransportConfig};
use crate::event::TransportEvent;
use crate::flow::Flow;
use crate::flow_table::Side;
use crate::handshake::{self, Opening};
use crate::inbox::Lane;
use crate::shared::{Phase, Shared};
use crate::transport::StartError;
use crate::write_queue::WriteQueue;
use crate::{keepalive, listener};

/// `pbx.listen` for streams. Its connections only bring messages and take their responses: our own requests go over
/// the connection we verified.
pub(crate) struct PbxListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl PbxListener {
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, StartError> {
        let (listener, address) = listener::bind(address)?;
        Ok(Self { listener, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until the very end: while calls run out, their BYEs have to come through.
    pub(crate) async fn run(self, shared: Arc<Shared>) {
        let accepting = async {
            loop {
                let (stream, peer) = listener::accept(&shared, &self.listener).await;
                let place = connection::admit_pbx_source(&shared.config().pbx.networks, peer.ip())
                    .and_then(|source| shared.pbx_admission.enter(&source));
                match place {
                    Ok(place) => {
                        tokio::spawn(serve(Arc::clone(&shared), stream, peer, place));
                    }
                    Err(refusal) => shared.report_refused(refusal, peer, None, String::new()),
                }
            }
        };
        tokio::select! {
            () = shared.reached(Phase::Stopped) => {}
            () = accepting => {}
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, place: Place) {
    let config = shared.config();
    if keepalive::arm(&stream).is_err() {
        return;
    }
    let opened = tokio::select! {
        opened = open(&config, stream) => opened,
        () = place.made_room() => Err((Refusal::MadeRoom, String::new())),
    };
    match opened {
        Ok(Some(Accepted::Tls(stream))) => establish(&shared, &config, stream, peer, place).await,
        Ok(Some(Accepted::Tcp(stream))) => establish(&shared, &config, stream, peer, place).await,
        Ok(None) => {}
        Err((refusal, details)) => shared.report_refused(refusal, peer, None, details),
    }
}

enum Accepted<T> {
    Tls(T),
    Tcp(TcpStream),
}

/// `None` when the peer closed before its first byte.
async fn open(
    config: &TransportConfig,
    stream: TcpStream,
) -> Result<Option<Accepted<impl AsyncRead + AsyncWrite + use<>>>, (Refusal, String)> {
    let front = match &config.pbx.way {
        PbxWay::Tls { front, .. } => front,
        PbxWay::Tcp { .. } => return Ok(Some(Accepted::Tcp(stream))),
        PbxWay::Udp { .. } => return Ok(None),
    };
    match timeout(config.limits.handshake, handshake::open(stream, front)).await {
        Ok(Opening::Tls(stream, _)) => Ok(Some(Accepted::Tls(*stream))),
        Ok(Opening::Plain(_)) => Err((Refusal::PlainOnTlsPort, String::new())),
        Ok(Opening::Refused(refusal, details)) => Err((refusal, details)),
        Ok(Opening::Nothing) => Ok(None),
        Err(_) => Err((Refusal::TlsTooSlow, String::new())),
    }
}

async fn establish<S: AsyncRead + AsyncWrite>(
    shared: &Arc<Shared>,
    config: &TransportConfig,
    stream: S,
    peer: SocketAddr,
    place: Place,
) {
    if let Err(refusal) = place.establish() {
        return shared.report_refused(refusal, peer, None, String::new());
    }
    // The PBX's own connections make room for nobody.
    place.keep();
    let id = shared.next_flow();
    let flow = Flow {
        shared: Arc::clone(shared),
        origin: Origin::Pbx(id),
        peer,
        queue: WriteQueue::new(config.limits.pbx_queue),
        host: config.pbx.host(),
        phone: None,
    };
    if !shared.add_flow(id, Side::PbxInbound, peer, flow.queue.clone(), config) {
        return shared.report_refused(Refusal::PbxForeignNetwork, peer, None, String::new());
    }
    let reason = flow.run(stream).await;
    shared.flows.remove(id);
    shared.deliver(Lane::Pbx, TransportEvent::PbxFlowClosed { flow: id, reason }).await;
}
