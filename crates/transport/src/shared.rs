//! What all tasks of the wires share.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use cordon_policy::connection;
use cordon_policy::{Door, Refusal};
use cordon_sip::FlowId;
use tokio::sync::{Semaphore, watch};

use crate::admission::Admission;
use crate::answer::Answerer;
use crate::config::{LocationConfig, TransportConfig};
use crate::event::{CloseReason, TransportEvent};
use crate::flow_table::{FlowTable, Side};
use crate::inbox::{Inbox, Lane};
use crate::pbx_link::PbxLink;
use crate::rate_limit::{RateLimit, Verdict};
use crate::transport::{Listening, SendError};
use crate::write_queue::WriteQueue;

/// One per [`Transport`](crate::Transport).
#[derive(Debug)]
pub(crate) struct Shared {
    config: RwLock<Arc<TransportConfig>>,
    /// By location: host and port of SIP over TLS for the text of refusals, where the configuration names no host.
    tls_addresses: Vec<Option<SocketAddr>>,
    phase: watch::Sender<Phase>,
    pub(crate) inbox: Inbox,
    next_flow: AtomicU64,
    pub(crate) flows: FlowTable,
    pub(crate) link: PbxLink,
    pub(crate) handset_admission: Arc<Admission>,
    pub(crate) pbx_admission: Arc<Admission>,
    pub(crate) refusal_rate: RateLimit,
    report_rate: RateLimit,
    unreported: AtomicU64,
    pub(crate) answerer: Answerer,
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everything is taken.
    Running,
    /// No new connections of phones.
    Draining,
    /// Nothing at all.
    Stopped,
}

impl Shared {
    pub(crate) fn new(config: TransportConfig, inbox: Inbox, listening: &Listening) -> Self {
        Self {
            tls_addresses: listening.listen.iter().map(|addresses| addresses.first().copied()).collect(),
            phase: watch::Sender::new(Phase::Running),
            inbox,
            next_flow: AtomicU64::new(1),
            flows: FlowTable::default(),
            link: PbxLink::new(&config.limits),
            handset_admission: Admission::new(&config.limits),
            pbx_admission: Admission::new(&config.limits),
            answerer: Answerer::default(),
            report_rate: RateLimit::new(REPORTS_PER_SECOND),
            unreported: AtomicU64::new(0),
            refusal_rate: RateLimit::new(config.limits.refusals_per_second),
            config: RwLock::new(Arc::new(config)),
        }
    }

    /// The settings of now; hold them for one decision only.
    pub(crate) fn config(&self) -> Arc<TransportConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A name for one more connection. 2^64 of them are never used up.
    pub(crate) fn next_flow(&self) -> FlowId {
        FlowId(self.next_flow.fetch_add(1, Ordering::Relaxed))
    }

    /// Hands an event of a connection up, and waits while its lane is full: its peer waits with us. False when nobody
    /// listens any more.
    pub(crate) async fn deliver(&self, lane: Lane, event: TransportEvent) -> bool {
        self.inbox.put(lane, None, Instant::now(), event).await
    }

    /// The same for what was read at `received`; it takes one of the flow's `turns`, too.
    pub(crate) async fn deliver_read(
        &self,
        lane: Lane,
        turns: Option<&Arc<Semaphore>>,
        received: Instant,
        event: TransportEvent,
    ) -> bool {
        self.inbox.put(lane, turns, received, event).await
    }

    /// Hands up what strangers can cause in any number. They hold up no accept loop and may not fill the lane that
    /// messages wait in: one source is told about [`REPORTS_PER_SECOND`] times, and half of the lane stays free.
    pub(crate) fn report(&self, source: IpAddr, event: TransportEvent) {
        let is_rare = self.report_rate.admit(Instant::now(), source) == Verdict::Answer;
        if !(is_rare && self.inbox.try_put(event)) {
            self.unreported.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// [`Shared::report`] for a refusal.
    pub(crate) fn report_refused(
        &self,
        refusal: Refusal,
        peer: SocketAddr,
        location: Option<usize>,
        details: String,
    ) {
        self.report(peer.ip(), TransportEvent::Refused { refusal, peer, location, details });
    }

    /// How much was left out.
    pub(crate) fn unreported(&self) -> u64 {
        self.unreported.load(Ordering::Relaxed)
    }

    /// Calls `refuse` with the place where phones of this location should knock.
    pub(crate) fn with_door<T>(
        &self,
        location: &LocationConfig,
        index: usize,
        refuse: impl FnOnce(&Door<'_>) -> T,
    ) -> T {
        let address = self.tls_addresses.get(index).copied().flatten();
        // RFC 3261 §25.1: an IPv6 address stands in brackets where a host does.
        let ip = address.map(|address| match address.ip() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        });
        let host = location.host.as_deref().or(ip.as_deref()).unwrap_or("cordon.invalid");
        refuse(&Door { host, port: address.map_or(SIPS_PORT, |address| address.port()) })
    }

    /// A response to the PBX, on the connection or to the address its request came from.
    pub(crate) fn send_to_pbx_flow(&self, flow: FlowId, bytes: Bytes) -> Result<(), SendError> {
        match self.link.send_datagram_to(flow, &bytes) {
            Some(result) => result,
            None => self.flows.send_to_pbx(flow, bytes),
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let is_later = phase > *current;
            *current = phase.max(*current);
            is_later
        });
    }

    /// Resolves once the end has come as far as `phase`.
    pub(crate) async fn reached(&self, phase: Phase) {
        // An error would mean that the sender is gone, and it lives in `self`.
        let _ = self.phase.subscribe().wait_for(|&current| current >= phase).await;
    }

    /// Puts a connection that was opened under `begun` into the table. A reload that came meanwhile has not seen it there,
    /// so that it is judged now; one that comes later finds it. False when it may not stand any more: it is out again.
    pub(crate) fn add_flow(
        &self,
        flow: FlowId,
        side: Side,
        peer: SocketAddr,
        queue: WriteQueue,
        begun: &TransportConfig,
    ) -> bool {
        self.flows.add(flow, side, peer, queue);
        let is_kept = is_kept(side, peer, begun, &self.config());
        if !is_kept {
            self.flows.remove(flow);
        }
        is_kept
    }

    pub(crate) fn replace_config(&self, new: TransportConfig) {
        let old = std::mem::replace(
            &mut *self.config.write().unwrap_or_else(PoisonError::into_inner),
            Arc::new(new),
        );
        let new = self.config();
        self.flows.close_where(CloseReason::NoLongerAdmitted, |side, peer| !is_kept(side, peer, &old, &new));
        self.link.retry_now();
    }
}

/// Whether a connection that was admitted under `old` may stand under `new`.
fn is_kept(side: Side, peer: SocketAddr, old: &TransportConfig, new: &TransportConfig) -> bool {
    match side {
        Side::Handset { location, .. } => new
            .locations
            .get(location)
            .is_some_and(|settings| connection::contains(&settings.networks, peer.ip())),
        Side::PbxInbound => connection::contains(&new.pbx.networks, peer.ip()),
        Side::PbxLink => old.pbx.way.leads_where(&new.pbx.way),
    }
}

/// RFC 3261 §19.1.2: the default port of SIP over TLS; named when a location has no TLS listener of its own.
const SIPS_PORT: u16 = 5061;

/// Of one source. Above the refusals it can get, so that the event about being too fast still comes.
const REPORTS_PER_SECOND: usize = 32;
