//! The signalling loop: one task owns the call engine and joins it to the wires, the media and the book.
//!
//! Each turn: what has arrived (within a budget), what is due, then everything the engine wants done. One message's error
//! is counted, never carried out of the loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_call::{Engine, Event, SiteRules};
use cordon_certs::TrustAnchors;
use cordon_policy::connection::TlsFacts;
use cordon_sip::{FlowId, Origin};
use cordon_transport::{Events, SendError, Transport, TransportEvent};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::admin::Readiness;
use crate::crowd::Crowd;
use crate::expiry::{Expiry, wall_clock};
use crate::media_bridge::MediaBridge;
use crate::metrics::Metrics;
use crate::pbx_proof::PbxProof;
use crate::records::Records;
use crate::tenure::Tenure;

/// What the rest of the process asks of the loop.
pub(crate) enum Control {
    /// What a reload brings.
    Reloaded(Box<Reloaded>),
    /// Take no new calls and registrations; say when the last call is over.
    Drain(oneshot::Sender<()>),
    /// End every call; say when the last one is over.
    EndCalls(oneshot::Sender<()>),
    /// Stop now.
    Stop,
}

/// What a reload changes in the loop.
pub(crate) struct Reloaded {
    pub(crate) rules: SiteRules,
    /// Who is believed about the PBX.
    pub(crate) trust: TrustAnchors,
}

/// The loop and all it joins.
pub(crate) struct Signalling {
    pub(crate) engine: Engine,
    pub(crate) transport: Arc<Transport>,
    pub(crate) media: MediaBridge,
    pub(crate) records: Records,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) expiry: Expiry,
    pub(crate) pbx_proof: PbxProof,
    pub(crate) pbx_tls: Option<TlsFacts>,
    pub(crate) tenure: Tenure,
    pub(crate) crowd: Crowd,
    pub(crate) drained: Option<oneshot::Sender<()>>,
}

impl Signalling {
    /// Runs until told to stop, or until the wires are gone.
    pub(crate) async fn run(
        mut self,
        mut wires: Events,
        mut relay: mpsc::Receiver<cordon_relay::RelayEvent>,
        mut control: mpsc::Receiver<Control>,
    ) {
        let mut watch = tokio::time::interval(WATCH);
        loop {
            let due = self.engine.poll_timeout().map_or_else(far_away, tokio::time::Instant::from_std);
            tokio::select! {
                event = wires.recv() => {
                    let Some(event) = event else { return };
                    self.handle_wire(event);
                    // A burst is taken in one turn, but not so long that timers wait.
                    for _ in 1..BUDGET {
                        let Some(event) = wires.try_recv() else { break };
                        self.handle_wire(event);
                    }
                }
                Some(event) = relay.recv() => self.media.handle_relay(event),
                command = control.recv() => match command {
                    Some(Control::Reloaded(reloaded)) => self.handle_reload(*reloaded),
                    Some(Control::Drain(done)) => {
                        self.engine.drain(Instant::now());
                        self.readiness.serves(false);
                        self.drained = Some(done);
                    }
                    Some(Control::EndCalls(done)) => {
                        self.engine.end_calls(Instant::now());
                        self.drained = Some(done);
                    }
                    Some(Control::Stop) | None => return,
                },
                () = tokio::time::sleep_until(due) => {}
                _ = watch.tick() => {
                    self.watch();
                    if !self.media.is_alive() {
                        self.readiness.media_is_lost();
                        error!("a media thread has ended: its calls are deaf, and a supervisor must start anew");
                        return;
                    }
                }
            }
            let now = Instant::now();
            if self.engine.poll_timeout().is_some_and(|due| due <= now) {
                self.engine.handle_timeout(now);
            }
            self.carry_out();
        }
    }

    fn handle_wire(&mut self, event: TransportEvent) {
        let now = Instant::now();
        self.records.transport(&event);
        match event {
            TransportEvent::FlowOpened(facts) => {
                self.records.flow_opened(&facts);
                self.engine.handle_flow_opened(now, facts);
            }
            TransportEvent::Message { origin, reliable: _, message } => {
                self.engine.handle_message(now, origin, message);
                // An emergency call needs no registration, and counts like one.
                if let Origin::Handset(flow) = origin {
                    self.look_at(now, flow);
                }
            }
            TransportEvent::FlowClosed { flow, .. } => {
                self.tenure.closed(flow);
                self.engine.handle_flow_closed(now, flow);
            }
            TransportEvent::PbxUp { flow, key, tls, chain } => {
                self.pbx_tls = tls;
                self.readiness.pbx_is_up(true);
                self.expiry.pbx_showed(&chain);
                self.pbx_proof.showed(flow, &key, &chain);
                self.engine.handle_pbx_up(now);
                // A reload may have come during the handshake.
                self.close_if_revoked();
            }
            // What was under way on that connection gets no answer any more; calls that are up go on.
            TransportEvent::PbxDown { .. } | TransportEvent::PbxUnreachable { .. } => {
                self.readiness.pbx_is_up(false);
                self.pbx_proof.is_gone();
                self.engine.handle_pbx_unreachable(now);
            }
            TransportEvent::PbxFlowClosed { .. }
            | TransportEvent::Unreadable { .. }
            | TransportEvent::Refused { .. }
            | TransportEvent::NoDescriptors { .. }
            | TransportEvent::Exposure { .. } => {}
        }
        // Outputs leave with the message that caused them: the queues stay short under load.
        self.carry_out();
    }

    fn handle_reload(&mut self, reloaded: Reloaded) {
        let Reloaded { rules, trust } = reloaded;
        self.engine.handle_rules(Instant::now(), rules);
        self.pbx_proof.believe(trust);
        self.close_if_revoked();
    }

    /// The next connection is refused in its handshake, with the code.
    fn close_if_revoked(&self) {
        if let Some(flow) = self.pbx_proof.revoked(wall_clock()) {
            warn!("the certificate of the PBX is revoked: its connection is closed");
            self.transport.close(flow);
        }
    }

    /// Does everything the engine wants done, until it wants nothing more.
    fn carry_out(&mut self) {
        loop {
            let now = Instant::now();
            while let Some(request) = self.engine.poll_media() {
                self.media.handle_request(request);
            }
            while let Some(transmit) = self.engine.poll_transmit() {
                // A flow that is gone has said so by its own event; an unreachable PBX has no other voice here.
                if let Err(SendError::PbxUnreachable) = self.transport.send(transmit.hop, transmit.bytes) {
                    self.engine.handle_pbx_unreachable(now);
                }
            }
            while let Some(event) = self.engine.poll_event() {
                if let Event::Registered { flow, .. } = event {
                    self.look_at(now, flow);
                }
                self.records.call(event, self.pbx_tls);
            }
            let Some(reply) = self.media.poll_reply() else { break };
            self.engine.handle_media(now, reply);
        }
        if let Some(pace) = self.engine.poll_pbx_pace() {
            self.transport.pbx_paced(Instant::now(), pace);
        }
        if self.engine.is_idle()
            && let Some(done) = self.drained.take()
        {
            // Whoever waited may have given up: then there is nobody to tell.
            let _ = done.send(());
        }
    }

    fn look_at(&mut self, now: Instant, flow: FlowId) {
        self.tenure.look_at(now, flow, &self.engine, &self.transport);
    }

    /// Once a second: what changes by itself.
    fn watch(&mut self) {
        let now = Instant::now();
        self.readiness.beats(now);
        self.tenure.watch(now, &self.engine, &self.transport);
        let held = self.engine.holdings();
        self.crowd.watch(now, self.transport.phones() + held.transactions + held.calls);
        let (delay, pbx_delay) = (self.transport.delay(), self.transport.pbx_delay());
        self.records.watch(now, &self.transport.shed(), delay, pbx_delay);
        self.metrics.delays_are(delay, pbx_delay);
        self.metrics.bindings_are(self.engine.binding_count());
        self.metrics.withheld_are(&self.engine.withheld_proofs());
        self.metrics.unreported_are(self.transport.unreported());
        self.media.read_figures(now, &self.metrics);
        self.expiry.watch(&self.metrics, self.pbx_proof.lists_end());
    }
}

fn far_away() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(3600)
}

/// Messages per turn before timers are looked at again: 64 take about a millisecond.
const BUDGET: usize = 64;
/// Gauges are read every 10 s or more seldom; certificates end by the day.
const WATCH: Duration = Duration::from_secs(1);
