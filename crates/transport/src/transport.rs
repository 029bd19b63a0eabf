//! The handle on all wires.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cordon_policy::overload::{PbxPace, Priority};
use cordon_sip::{FlowId, Hop};

use crate::config::TransportConfig;
use crate::event::CloseReason;
use crate::inbox::{Events, inbox};
use crate::shared::{Phase, Shared};
use crate::{listener, pbx_datagram, pbx_link, pbx_listener, plain};

/// All listeners and connections. Dropping it leaves them running until the runtime ends; [`Transport::shutdown`]
/// closes them.
#[derive(Debug)]
pub struct Transport {
    shared: Arc<Shared>,
    listening: Listening,
}

/// The addresses that were bound: what was configured, with the port filled in where it was 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// By location: SIP over TLS.
    pub listen: Vec<Vec<SocketAddr>>,
    /// By location: the refusing listeners.
    pub refuse: Vec<Vec<SocketAddr>>,
    /// Where the PBX reaches us.
    pub pbx: SocketAddr,
}

/// A listener could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{address} cannot be bound: {source}")]
pub struct StartError {
    /// Which.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// Bytes that could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The flow is not there any more.
    #[error("the connection is gone")]
    Gone,
    /// The peer does not read; its connection is being closed.
    #[error("the peer does not read, its connection is closed")]
    NotRead,
    /// No connection to the PBX, and the last attempt failed.
    #[error("the PBX is unreachable")]
    PbxUnreachable,
}

impl Transport {
    /// Binds every listener, begins to connect to the PBX and returns. Must be called inside a tokio runtime with I/O
    /// and time.
    ///
    /// # Errors
    /// The first address that cannot be bound; what was bound before is closed again.
    pub async fn start(config: TransportConfig) -> Result<(Self, Events), StartError> {
        let mut doors = Vec::new();
        let mut refusing = Vec::new();
        let mut listening = Listening { listen: Vec::new(), refuse: Vec::new(), pbx: config.pbx.listen };
        for (location, settings) in config.locations.iter().enumerate() {
            let bound = settings.listen.iter().map(|&address| listener::Door::bind(location, address));
            let bound = bound.collect::<Result<Vec<_>, _>>()?;
            listening.listen.push(bound.iter().map(listener::Door::address).collect());
            doors.extend(bound);
            let mut addresses = Vec::new();
            for &address in &settings.refuse {
                let listener = plain::Refuser::bind(location, address).await?;
                addresses.push(listener.address());
                refusing.push(listener);
            }
            listening.refuse.push(addresses);
        }
        let pbx = PbxDoor::bind(&config).await?;
        listening.pbx = pbx.address();

        let (inbox, events) = inbox(config.limits.events);
        let shared = Arc::new(Shared::new(config, inbox, &listening));
        for door in doors {
            tokio::spawn(door.run(Arc::clone(&shared)));
        }
        for refuser in refusing {
            refuser.spawn(&shared);
        }
        pbx.spawn(&shared);
        Ok((Self { shared, listening }, events))
    }

    /// What was bound.
    pub fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Puts one message on its way, at once or not at all. A hop of one side never leaves on a connection of the other.
    ///
    /// # Errors
    /// When the connection is gone, does not read, or the PBX is known to be unreachable. While the first attempts
    /// to reach the PBX run, messages wait up to 3 s; then comes [`PbxUnreachable`](crate::TransportEvent::PbxUnreachable).
    pub fn send(&self, hop: Hop, bytes: Bytes) -> Result<(), SendError> {
        match hop {
            Hop::Handset(flow) => self.shared.flows.send_to_handset(flow, bytes),
            Hop::PbxFlow(flow) => self.shared.send_to_pbx_flow(flow, bytes),
            Hop::Pbx => self.shared.link.send(bytes),
        }
    }

    /// Closes a flow after what waits for it has been written.
    pub fn close(&self, flow: FlowId) {
        self.shared.flows.close(flow, CloseReason::Asked);
    }

    /// A phone is registered on this connection, or calls on it: from now on it makes room for nobody, and its requests
    /// count for more when too many come.
    pub fn keep(&self, flow: FlowId) {
        if let Some(place) = self.shared.flows.place_of(flow) {
            self.shared.handset_admission.keep(place);
        }
    }

    /// Nobody is registered on it any more, and no call is up.
    pub fn release(&self, flow: FlowId) {
        if let Some(place) = self.shared.flows.place_of(flow) {
            self.shared.handset_admission.release(place);
        }
    }

    /// Requests that were shed since the start, in the order of [`Priority::ALL`].
    pub fn shed(&self) -> [u64; Priority::COUNT] {
        self.shared.inbox.congestion.shed()
    }

    /// How long messages wait for signalling: the shortest wait of the last 100 ms in which there was one.
    pub fn delay(&self) -> Duration {
        self.shared.inbox.congestion.delay()
    }

    /// How many connections of phones stand, those without a handshake and a message yet included.
    pub fn phones(&self) -> usize {
        self.shared.handset_admission.count()
    }

    /// What signalling has seen of the PBX: where it falls behind, less is taken.
    pub fn pbx_paced(&self, now: Instant, pace: PbxPace) {
        self.shared.inbox.congestion.pbx_paced(now, pace);
    }

    /// By how much the first words of the PBX come later than usual: the quickest of the last 100 ms in which there was one.
    pub fn pbx_delay(&self) -> Duration {
        self.shared.inbox.congestion.pbx_delay()
    }

    /// How many phones are connected.
    pub fn handset_flows(&self) -> usize {
        self.shared.flows.handset_count()
    }

    /// Refusals and exposures that were not told in an event, because one source caused too many or the events were not
    /// read. Counts from the start.
    pub fn unreported(&self) -> u64 {
        self.shared.unreported()
    }

    /// Takes new networks, names, TLS settings and PBX targets. Listeners stay as they are: `listen`, `refuse` and
    /// `limits` of `config` are ignored. Flows whose network is gone are closed; the PBX connection is replaced when its
    /// targets changed.
    pub fn reload(&self, config: TransportConfig) {
        self.shared.replace_config(config);
    }

    /// Accepts no new connections of phones. Everything established lives on, and so does the side of the PBX.
    pub fn drain(&self) {
        self.shared.enter(Phase::Draining);
    }

    /// Closes everything and waits, shortly, until what was queued has been written.
    pub async fn shutdown(&self) {
        self.shared.enter(Phase::Stopped);
        self.shared.flows.close_all(CloseReason::ShuttingDown);
        // A peer that does not read may not hold us: each flow has its own farewell deadline of the same length.
        let _ = tokio::time::timeout(crate::flow::FAREWELL, self.shared.flows.emptied()).await;
    }
}

/// Where the PBX reaches us, bound and not yet running.
enum PbxDoor {
    Stream(pbx_listener::PbxListener),
    Datagram(Arc<pbx_datagram::PbxSocket>),
}

impl PbxDoor {
    async fn bind(config: &TransportConfig) -> Result<Self, StartError> {
        use crate::config::PbxWay;
        match &config.pbx.way {
            PbxWay::Tls { .. } | PbxWay::Tcp { .. } => {
                pbx_listener::PbxListener::bind(config.pbx.listen).map(Self::Stream)
            }
            PbxWay::Udp { .. } => pbx_datagram::PbxSocket::bind(config.pbx.listen)
                .await
                .map(|socket| Self::Datagram(Arc::new(socket))),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Stream(listener) => listener.address(),
            Self::Datagram(socket) => socket.address(),
        }
    }

    fn spawn(self, shared: &Arc<Shared>) {
        match self {
            Self::Stream(listener) => {
                tokio::spawn(listener.run(Arc::clone(shared)));
                tokio::spawn(pbx_link::run(Arc::clone(shared)));
            }
            Self::Datagram(socket) => {
                shared.link.use_datagrams(Arc::clone(&socket));
                tokio::spawn(pbx_datagram::run(socket, Arc::clone(shared)));
            }
        }
    }
}
