//! The way to a PBX that speaks UDP: profile `lab` only.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cordon_policy::Refusal;
use cordon_policy::connection::{self, refusal_for};
use cordon_sip::{FlowId, Frame, Origin};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::config::{PbxWay, Target};
use crate::event::{ConnectionKey, PbxTransport, TransportEvent};
use crate::flow::{explained, with_source};
use crate::inbox::Lane;
use crate::pbx_connector::resolve;
use crate::shared::{Phase, Shared};
use crate::transport::{SendError, StartError};

/// The one socket on `pbx.listen`.
#[derive(Debug)]
pub(crate) struct PbxSocket {
    socket: UdpSocket,
    address: SocketAddr,
    peers: Mutex<Peers>,
}

#[derive(Debug, Default)]
struct Peers {
    /// Where requests of ours go.
    target: Option<SocketAddr>,
    /// The nodes of the PBX that have spoken, the latest last: responses go back to them.
    heard: VecDeque<(FlowId, SocketAddr)>,
}

impl PbxSocket {
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, StartError> {
        let bound = async {
            let socket = UdpSocket::bind(address).await?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address, peers: Mutex::default() })
        };
        bound.await.map_err(|source| StartError { address, source })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// To the PBX. A full socket buffer loses the datagram, as the network may; transactions send again.
    pub(crate) fn send(&self, message: &Bytes) -> Result<(), SendError> {
        let target = self.peers().target.ok_or(SendError::PbxUnreachable)?;
        let _ = self.socket.try_send_to(message, target);
        Ok(())
    }

    /// To the node that a request came from.
    pub(crate) fn send_to(&self, flow: FlowId, message: &Bytes) -> Result<(), SendError> {
        let node = self.peers().heard.iter().find(|(id, _)| *id == flow).map(|&(_, node)| node);
        let _ = self.socket.try_send_to(message, node.ok_or(SendError::Gone)?);
        Ok(())
    }

    fn flow_of(&self, shared: &Shared, node: SocketAddr) -> FlowId {
        let mut peers = self.peers();
        if let Some(&(flow, _)) = peers.heard.iter().find(|(_, known)| *known == node) {
            return flow;
        }
        if peers.heard.len() >= MAX_NODES {
            peers.heard.pop_front();
        }
        let flow = shared.next_flow();
        peers.heard.push_back((flow, node));
        flow
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the PBX and hears it until everything stops.
pub(crate) async fn run(socket: Arc<PbxSocket>, shared: Arc<Shared>) {
    tokio::select! {
        () = shared.reached(Phase::Stopped) => {}
        () = keep_target(&socket, &shared) => {}
        () = hear(&socket, &shared) => {}
    }
}

/// Looks the target up again now and then: names move, and there is no connection that would break.
async fn keep_target(socket: &PbxSocket, shared: &Shared) {
    loop {
        let config = shared.config();
        let targets: &[Target] = match &config.pbx.way {
            PbxWay::Udp { targets } => targets,
            PbxWay::Tls { .. } | PbxWay::Tcp { .. } => &[],
        };
        let mut found = None;
        for target in targets {
            let addresses = timeout(config.limits.pbx_attempt, resolve(target)).await.unwrap_or_default();
            found = addresses.into_iter().find(|address| address.is_ipv4() == socket.address.is_ipv4());
            if found.is_some() {
                break;
            }
        }
        let old = std::mem::replace(&mut socket.peers().target, found);
        match found {
            Some(address) if old != found => {
                let key = ConnectionKey { transport: PbxTransport::Udp, address, name: None };
                let flow = socket.flow_of(shared, address);
                shared
                    .deliver(Lane::Pbx, TransportEvent::PbxUp { flow, key, tls: None, chain: Vec::new() })
                    .await;
            }
            Some(_) => {}
            None => {
                let details = "no target has an address".to_owned();
                let refusal = Refusal::PbxUnreachable;
                shared.deliver(Lane::Pbx, TransportEvent::PbxUnreachable { refusal, details }).await;
            }
        }
        let pause = if found.is_some() { LOOK_UP_AGAIN } else { LOOK_UP_SOON };
        let _ = timeout(pause, shared.link.retried()).await;
    }
}

async fn hear(socket: &PbxSocket, shared: &Shared) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let Ok((count, node)) = socket.socket.recv_from(&mut buffer).await else {
            // An ICMP error of something we sent; there is always a next datagram.
            tokio::task::yield_now().await;
            continue;
        };
        let received = std::time::Instant::now();
        if let Err(refusal) = connection::admit_pbx_source(&shared.config().pbx.networks, node.ip()) {
            shared.report_refused(refusal, node, None, String::new());
            continue;
        }
        let datagram = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
        let Frame::Message(framed) = Frame::datagram(datagram) else { continue };
        let origin = Origin::Pbx(socket.flow_of(shared, node));
        let event = match framed.parse() {
            Ok(message) => {
                let message = with_source(message, node);
                TransportEvent::Message { origin, reliable: false, message }
            }
            Err(error) => {
                let status = error.status().code();
                let refusal = refusal_for(error.rule());
                if let Some(reply) = error.reply() {
                    let reply = explained(reply, refusal, &shared.config().pbx.host());
                    let _ = socket.socket.try_send_to(&reply.write(), node);
                }
                TransportEvent::Unreadable { origin, peer: node, refusal, error: error.reason(), status }
            }
        };
        shared.deliver_read(Lane::Pbx, None, received, event).await;
    }
}

/// Nodes of one PBX that are remembered for responses.
const MAX_NODES: usize = 64;

/// The largest a UDP datagram can be.
const MAX_DATAGRAM: usize = 65_535;

const LOOK_UP_AGAIN: Duration = Duration::from_secs(60);
const LOOK_UP_SOON: Duration = Duration::from_secs(2);
