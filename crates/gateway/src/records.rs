//! What was enforced, written down: one structured event each, one counter each, and the last receipts in memory.
//!
//! Nothing here holds a number, a name or a key: calls and phones are pseudonyms, connections are numbers. A device's
//! address appears only where its connection was refused. Events that strangers can cause in any number are written as
//! far as the log's budget goes; counted they are all.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cordon_call::{CallEnd, Event, Receipt, Side, Silence};
use cordon_policy::connection::{FlowFacts, TlsFacts};
use cordon_policy::overload::Priority;
use cordon_policy::refusal::{Family, Refusal};
use cordon_sip::Origin;
use cordon_srtp::Provider;
use cordon_transport::{CloseReason, TransportEvent};
use tracing::{info, warn};

use crate::log_budget::{Kind, LogBudget, Source, Suppressed};
use crate::media_metrics::not_heard;
use crate::metrics::{Metrics, ending, side};
use crate::receipt::CallReceipt;

/// The book of admissions, refusals and receipts.
#[derive(Clone)]
pub struct Records {
    metrics: Arc<Metrics>,
    /// As the file names them, by index; a reload cannot change it.
    locations: Arc<[String]>,
    receipts: Arc<Mutex<VecDeque<CallReceipt>>>,
    refusals: Arc<Mutex<VecDeque<Refusal>>>,
    budget: Arc<Mutex<LogBudget>>,
    /// Who computes the ciphers of media.
    ciphers: Provider,
}

impl Records {
    pub(crate) fn new(metrics: Arc<Metrics>, locations: Arc<[String]>, ciphers: Provider) -> Self {
        let budget = Arc::new(Mutex::new(LogBudget::new()));
        Self { metrics, locations, receipts: Arc::default(), refusals: Arc::default(), budget, ciphers }
    }

    /// The last receipts, newest last; at most 100.
    pub fn receipts(&self) -> Vec<CallReceipt> {
        self.receipts.lock().expect("no holder panics").iter().cloned().collect()
    }

    /// The last refusals, newest last; at most 1,000.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refusals.lock().expect("no holder panics").iter().copied().collect()
    }

    pub(crate) fn flow_opened(&self, facts: &FlowFacts) {
        self.metrics.flow_opened(&facts.tls);
        if !self.may_write("connection_admitted", Source::Location(facts.location)) {
            return;
        }
        info!(
            flow = facts.flow.0,
            location = self.name_of(facts.location),
            tls = facts.tls.version.name(),
            suite = facts.tls.suite,
            "connection admitted"
        );
    }

    /// Takes down what the wires tell beside messages.
    pub(crate) fn transport(&self, event: &TransportEvent) {
        match event {
            TransportEvent::FlowClosed { flow, peer, reason } => {
                self.metrics.flow_closed();
                match reason.refusal() {
                    None if self.may_write("connection_closed", Source::Handset) => {
                        info!(flow = flow.0, ?reason, "connection closed");
                    }
                    None => {}
                    Some(refusal) => {
                        self.refused(refusal);
                        if !self.may_write(refusal.code(), Source::Handset) {
                            return;
                        }
                        info!(
                            flow = flow.0,
                            refusal = refusal.code(),
                            rule = refusal.label(),
                            device = %peer,
                            ?reason,
                            "connection closed by a rule"
                        );
                    }
                }
            }
            TransportEvent::Refused { refusal, peer, location, details } => {
                self.refused_device(*refusal, *peer, *location, details);
            }
            TransportEvent::Unreadable { origin, refusal, error, status, peer } => {
                self.refused(*refusal);
                if !self.may_write(refusal.code(), source_of(*origin)) {
                    return;
                }
                info!(
                    refusal = refusal.code(),
                    rule = refusal.label(),
                    device = %peer,
                    status,
                    error,
                    "message refused"
                );
            }
            TransportEvent::Exposure { peer, location } => {
                self.metrics.exposed();
                self.refused(Refusal::CredentialsExposed);
                if !self.may_write(Refusal::CredentialsExposed.code(), Source::Location(*location)) {
                    return;
                }
                warn!(
                    device = %peer,
                    location = self.name_of(*location),
                    refusal = Refusal::CredentialsExposed.code(),
                    "credentials crossed the network in clear: change this phone's password"
                );
            }
            TransportEvent::NoDescriptors { listener } => {
                self.refused(Refusal::NoDescriptors);
                if self.may_write(Refusal::NoDescriptors.code(), Source::Handset) {
                    warn!(
                        refusal = Refusal::NoDescriptors.code(),
                        %listener,
                        "no file descriptor is free: new connections wait until one is"
                    );
                }
            }
            TransportEvent::PbxUp { key, tls, .. } => {
                self.metrics.pbx_is_up(true);
                info!(
                    address = %key.address,
                    tls = tls.map_or("none", |tls| tls.version.name()),
                    suite = tls.map_or("none", |tls| tls.suite),
                    "connection to the PBX is up"
                );
            }
            TransportEvent::PbxDown { reason, .. } => {
                self.metrics.pbx_is_up(false);
                match reason {
                    CloseReason::ShuttingDown => info!("connection to the PBX is closed"),
                    reason => warn!(?reason, "connection to the PBX is gone"),
                }
            }
            TransportEvent::PbxUnreachable { refusal, details } => {
                self.metrics.pbx_is_up(false);
                self.refused(*refusal);
                warn!(refusal = refusal.code(), details, "the PBX is unreachable");
            }
            TransportEvent::PbxFlowClosed { .. }
            | TransportEvent::FlowOpened(_)
            | TransportEvent::Message { .. } => {}
        }
    }

    /// Takes down what the call core tells.
    pub(crate) fn call(&self, event: Event, pbx_tls: Option<TlsFacts>) {
        match event {
            Event::Refused { refusal, side: of, flow, call } => {
                self.refused(refusal);
                let source = match of {
                    Side::Handset => Source::Handset,
                    Side::Pbx => Source::Pbx,
                };
                if !self.may_write(refusal.code(), source) {
                    return;
                }
                info!(
                    refusal = refusal.code(),
                    rule = refusal.label(),
                    side = side(of),
                    flow = flow.map(|flow| flow.0),
                    call = call.map(tracing::field::display),
                    "request refused"
                );
            }
            Event::Registered { flow, phone, expires, replaced } => {
                self.metrics.registered();
                info!(
                    flow = flow.0,
                    %phone,
                    expires = expires.as_secs(),
                    replaced = replaced.map(|flow| flow.0),
                    "phone registered"
                );
            }
            Event::Unregistered { phone, reason } => info!(%phone, ?reason, "phone unregistered"),
            Event::AccountLocked { account, flow, lasts } => {
                if self.may_write("account locked", Source::Handset) {
                    info!(
                        %account,
                        flow = flow.map(|flow| flow.0),
                        seconds = lasts.as_secs(),
                        refusal = Refusal::AccountLocked.code(),
                        "account locked: its password is being guessed"
                    );
                }
            }
            Event::ProofWithheld { flow, why } => {
                // By its reason, so that what happens every day leaves room for a theft.
                if self.may_write(why.name(), Source::Handset) {
                    info!(flow = flow.0, why = why.name(), "proof withheld: the PBX challenges afresh");
                }
            }
            Event::CallStarted { call, from, emergency } => {
                self.metrics.call_started(from);
                info!(%call, from = side(from), emergency, "call admitted");
            }
            Event::CallAnswered { call } => info!(%call, "call answered"),
            Event::MediaSilent { call, silence } => {
                self.metrics.media.fell_silent(silence);
                let (what, source) = match silence {
                    Silence::OneWay(Side::Handset) => ("one-way audio", Source::Handset),
                    Silence::OneWay(Side::Pbx) => ("one-way audio", Source::Pbx),
                    Silence::Both => ("no media", Source::Handset),
                };
                if self.may_write(what, source) {
                    info!(%call, not_heard = not_heard(silence), "{what}");
                }
            }
            Event::CallEnded(receipt) => self.receipt(*receipt, pbx_tls),
        }
    }

    /// Once a second: what was shed, and what was left out of the log. `shed` counts from the start; `delay` is how long
    /// messages wait for signalling, `pbx_delay` how much later than usual the PBX says its first word.
    pub(crate) fn watch(
        &self,
        now: Instant,
        shed: &[u64; Priority::COUNT],
        delay: Duration,
        pbx_delay: Duration,
    ) {
        let grown = self.metrics.shed_are(shed);
        if grown.iter().any(|&count| count > 0) {
            let [strangers, probes, registers, invites, refreshes] = grown;
            warn!(
                refusal = Refusal::Overloaded.code(),
                rule = Refusal::Overloaded.label(),
                strangers,
                probes,
                registers,
                invites,
                refreshes,
                signalling_ms = delay.as_millis(),
                pbx_ms = pbx_delay.as_millis(),
                "overloaded: requests were turned away with 503"
            );
        }
        let suppressed = self.budget.lock().expect("no holder panics").suppressed(now);
        self.tell(&suppressed);
    }

    /// Tells what is left to be told of.
    pub(crate) fn close(&self) {
        let suppressed = self.budget.lock().expect("no holder panics").rest();
        self.tell(&suppressed);
    }

    fn tell(&self, suppressed: &[Suppressed]) {
        for Suppressed { kind: Kind { reason, source }, count } in suppressed {
            let (side, location) = match source {
                Source::Location(location) => (side(Side::Handset), Some(self.name_of(*location))),
                Source::Handset => (side(Side::Handset), None),
                Source::Pbx => (side(Side::Pbx), None),
            };
            info!(reason, side, location, count, "events suppressed");
        }
    }

    /// Whether this event, which a stranger may have caused, is written down in the log.
    fn may_write(&self, reason: &'static str, source: Source) -> bool {
        let may =
            self.budget.lock().expect("no holder panics").admits(Instant::now(), Kind { reason, source });
        if !may {
            self.metrics.suppressed_line();
        }
        may
    }

    fn refused(&self, refusal: Refusal) {
        self.metrics.refused(refusal);
        let mut refusals = self.refusals.lock().expect("no holder panics");
        if refusals.len() >= REFUSALS_KEPT {
            refusals.pop_front();
        }
        refusals.push_back(refusal);
    }

    fn name_of(&self, location: usize) -> &str {
        self.locations.get(location).map_or("unknown", String::as_str)
    }

    fn refused_device(&self, refusal: Refusal, device: SocketAddr, location: Option<usize>, details: &str) {
        self.refused(refusal);
        if !self.may_write(refusal.code(), location.map_or(Source::Pbx, Source::Location)) {
            return;
        }
        info!(
            refusal = refusal.code(),
            rule = refusal.label(),
            %device,
            location = location.map(|location| self.name_of(location)),
            details = Some(details).filter(|details| !details.is_empty()),
            remedy = refusal.fix(Family::Generic),
            "connection refused"
        );
    }

    fn receipt(&self, receipt: Receipt, pbx_tls: Option<TlsFacts>) {
        self.metrics.call_ended(&receipt.end);
        let kept = CallReceipt { receipt, pbx_tls, ciphers: self.ciphers };
        let ([a, b], [a_media, b_media]) = (kept.legs(), kept.media());
        info!(
            call = %kept.receipt.call,
            end = ending(&kept.receipt.end),
            refusal = refusal_of(&kept.receipt.end).map(Refusal::code),
            seconds = kept.receipt.ended.saturating_duration_since(kept.receipt.started).as_secs(),
            ciphers = kept.ciphers.name(),
            caller = %a,
            callee = %b,
            caller_media = %a_media,
            callee_media = %b_media,
            "call receipt"
        );
        let mut receipts = self.receipts.lock().expect("no holder panics");
        if receipts.len() >= RECEIPTS_KEPT {
            receipts.pop_front();
        }
        receipts.push_back(kept);
    }
}

fn source_of(origin: Origin) -> Source {
    match origin {
        Origin::Handset(_) => Source::Handset,
        Origin::Pbx(_) => Source::Pbx,
    }
}

fn refusal_of(end: &CallEnd) -> Option<Refusal> {
    match end {
        CallEnd::Refused(refusal) => Some(*refusal),
        CallEnd::HungUp(_)
        | CallEnd::Cancelled
        | CallEnd::Rejected(_)
        | CallEnd::TimedOut
        | CallEnd::Lost(_)
        | CallEnd::KeySpent(_) => None,
    }
}

/// A console shows a screenful; stored records are another matter. 100 receipts are under 100 kB.
pub(crate) const RECEIPTS_KEPT: usize = 100;
/// Enough to see what a phone just ran into.
pub(crate) const REFUSALS_KEPT: usize = 1_000;
