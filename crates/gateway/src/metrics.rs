//! Prometheus metrics: families and labels of bounded size, none of which can hold a number or a name.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use cordon_call::{CallEnd, Side, Withheld};
use cordon_policy::connection::{TlsFacts, TlsVersion};
use cordon_policy::overload::Priority;
use cordon_policy::refusal::Refusal;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::io_metrics::IoMetrics;
use crate::media_metrics::MediaMetrics;

/// Every family, counted by whoever holds a reference, printed by `/metrics`.
pub struct Metrics {
    registry: Registry,
    flows: Gauge<i64, AtomicI64>,
    handshakes: Family<TlsLabels, Counter<u64, AtomicU64>>,
    refusals: Family<RefusalLabels, Counter<u64, AtomicU64>>,
    exposures: Counter<u64, AtomicU64>,
    unreported: Counter<u64, AtomicU64>,
    shed: Family<PriorityLabels, Counter<u64, AtomicU64>>,
    delay: Gauge<f64, AtomicU64>,
    proofs_withheld: Family<WithheldLabels, Counter<u64, AtomicU64>>,
    pbx_delay: Gauge<f64, AtomicU64>,
    log_lines_suppressed: Counter<u64, AtomicU64>,
    unsent: Counter<u64, AtomicU64>,
    registrations: Counter<u64, AtomicU64>,
    bindings: Gauge<i64, AtomicI64>,
    calls_started: Family<SideLabels, Counter<u64, AtomicU64>>,
    calls_active: Gauge<i64, AtomicI64>,
    calls_ended: Family<EndLabels, Counter<u64, AtomicU64>>,
    pbx_up: Gauge<i64, AtomicI64>,
    certificate_days: Family<CertificateLabels, Gauge<i64, AtomicI64>>,
    reloads: Family<OutcomeLabels, Counter<u64, AtomicU64>>,
    draining: Gauge<i64, AtomicI64>,
    enforcement_weakened: Gauge<i64, AtomicI64>,
    pub(crate) media: MediaMetrics,
    pub(crate) io: IoMetrics,
}

impl Metrics {
    /// Registers every family.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("cordon");
        let metrics = Self {
            flows: register(&mut registry, "flows", "TLS connections of phones that are open"),
            handshakes: register(&mut registry, "tls_handshakes", "TLS handshakes completed with phones"),
            refusals: register(&mut registry, "refusals", "What was refused, by code"),
            exposures: register(&mut registry, "exposures", "Credentials seen in clear on a plain transport"),
            unsent: register(&mut registry, "media_unsent", "Media packets that the kernel did not take"),
            unreported: register(
                &mut registry,
                "refusals_unreported",
                "Refusals and exposures without an event of their own: one source caused too many, or the loop was busy",
            ),
            shed: register(&mut registry, "shed", "Requests answered with 503 in an overload, by priority"),
            delay: register(
                &mut registry,
                "signalling_delay_seconds",
                "How long messages wait for signalling, the shortest wait of 100 ms",
            ),
            proofs_withheld: register(
                &mut registry,
                "proofs_withheld",
                "Proofs of passwords taken out of phones' requests before the PBX saw them, by reason",
            ),
            pbx_delay: register(
                &mut registry,
                "pbx_delay_seconds",
                "How much later than usual the PBX says its first word, the quickest of 100 ms",
            ),
            log_lines_suppressed: register(
                &mut registry,
                "log_lines_suppressed",
                "Events that strangers cause and that were left out of the log",
            ),
            registrations: register(
                &mut registry,
                "registrations",
                "Registrations granted or refreshed by the PBX",
            ),
            bindings: register(
                &mut registry,
                "bindings",
                "Registrations the PBX has granted and not yet ended, also of phones whose connection is gone",
            ),
            calls_started: register(
                &mut registry,
                "calls_started",
                "Calls admitted, by the side that called",
            ),
            calls_active: register(&mut registry, "calls_active", "Calls admitted and not yet over"),
            calls_ended: register(&mut registry, "calls_ended", "Calls over, by how they ended"),
            pbx_up: register(&mut registry, "pbx_up", "1 while a verified connection to the PBX is open"),
            certificate_days: register(
                &mut registry,
                "certificate_days_left",
                "Whole days until a certificate ends",
            ),
            reloads: register(
                &mut registry,
                "reloads",
                "Reloads of configuration and certificates, by outcome",
            ),
            draining: register(&mut registry, "draining", "1 from SIGTERM on"),
            enforcement_weakened: register(
                &mut registry,
                "enforcement_weakened",
                "1 in profile lab or with a waiver in force",
            ),
            media: MediaMetrics::new(&mut registry),
            io: IoMetrics::new(&mut registry),
            registry,
        };
        metrics.begin_at_zero();
        metrics
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes every write");
        text
    }

    pub(crate) fn flow_opened(&self, tls: &TlsFacts) {
        self.flows.inc();
        self.handshakes.get_or_create(&TlsLabels { version: tls.version.name(), suite: tls.suite }).inc();
    }

    pub(crate) fn flow_closed(&self) {
        self.flows.dec();
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refusals.get_or_create(&RefusalLabels { code: refusal.code(), rule: refusal.label() }).inc();
    }

    pub(crate) fn exposed(&self) {
        self.exposures.inc();
    }

    /// `total` since the start; it never falls.
    pub(crate) fn unsent_are(&self, total: u64) {
        self.unsent.inc_by(total.saturating_sub(self.unsent.get()));
    }

    pub(crate) fn unreported_are(&self, total: u64) {
        self.unreported.inc_by(total.saturating_sub(self.unreported.get()));
    }

    /// What was shed since the start, in the order of [`Priority::ALL`]. Returns by how much each has grown.
    pub(crate) fn shed_are(&self, totals: &[u64; Priority::COUNT]) -> [u64; Priority::COUNT] {
        let mut grown = [0; Priority::COUNT];
        for ((priority, total), grown) in Priority::ALL.into_iter().zip(totals).zip(&mut grown) {
            let counter = self.shed.get_or_create(&PriorityLabels { priority: priority.name() });
            *grown = total.saturating_sub(counter.get());
            counter.inc_by(*grown);
        }
        let refusal = Refusal::Overloaded;
        self.refusals
            .get_or_create(&RefusalLabels { code: refusal.code(), rule: refusal.label() })
            .inc_by(grown.iter().sum());
        grown
    }

    pub(crate) fn delays_are(&self, signalling: Duration, pbx: Duration) {
        self.delay.set(signalling.as_secs_f64());
        self.pbx_delay.set(pbx.as_secs_f64());
    }

    /// What was withheld since the start, in the order of [`Withheld::ALL`].
    pub(crate) fn withheld_are(&self, totals: &[u64; Withheld::COUNT]) {
        for (why, total) in Withheld::ALL.into_iter().zip(totals) {
            let counter = self.proofs_withheld.get_or_create(&WithheldLabels { why: why.name() });
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }

    pub(crate) fn suppressed_line(&self) {
        self.log_lines_suppressed.inc();
    }

    pub(crate) fn registered(&self) {
        self.registrations.inc();
    }

    pub(crate) fn bindings_are(&self, count: usize) {
        self.bindings.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn call_started(&self, from: Side) {
        self.calls_started.get_or_create(&SideLabels { side: side(from) }).inc();
        self.calls_active.inc();
    }

    pub(crate) fn call_ended(&self, end: &CallEnd) {
        self.calls_active.dec();
        self.calls_ended.get_or_create(&EndLabels { end: ending(end) }).inc();
    }

    pub(crate) fn pbx_is_up(&self, up: bool) {
        self.pbx_up.set(i64::from(up));
    }

    pub(crate) fn certificate_days_are(&self, of: &'static str, days: i64) {
        self.certificate_days.get_or_create(&CertificateLabels { of }).set(days);
    }

    pub(crate) fn certificate_is_gone(&self, of: &'static str) {
        self.certificate_days.remove(&CertificateLabels { of });
    }

    pub(crate) fn reloaded(&self, taken: bool) {
        self.reloads.get_or_create(&OutcomeLabels { outcome: if taken { TAKEN } else { REFUSED } }).inc();
    }

    pub(crate) fn drains(&self) {
        self.draining.set(1);
    }

    pub(crate) fn enforcement_is_weakened(&self, weakened: bool) {
        self.enforcement_weakened.set(i64::from(weakened));
    }
}

impl Metrics {
    /// Makes every series whose labels are known beforehand: a dashboard sees all families from the first reading, and
    /// the first refusal of its kind is a change from 0 to 1.
    fn begin_at_zero(&self) {
        for (version, suite) in HANDSHAKES {
            self.handshakes.get_or_create(&TlsLabels { version: version.name(), suite }).inc_by(0);
        }
        // What is wrong with a configuration is said before there are metrics.
        for refusal in Refusal::ALL.iter().filter(|refusal| !refusal.code().starts_with("CD-CONFIG")) {
            self.refusals
                .get_or_create(&RefusalLabels { code: refusal.code(), rule: refusal.label() })
                .inc_by(0);
        }
        for priority in Priority::ALL {
            self.shed.get_or_create(&PriorityLabels { priority: priority.name() }).inc_by(0);
        }
        self.withheld_are(&[0; Withheld::COUNT]);
        for of in [Side::Handset, Side::Pbx] {
            self.calls_started.get_or_create(&SideLabels { side: side(of) }).inc_by(0);
        }
        for end in ENDS {
            self.calls_ended.get_or_create(&EndLabels { end }).inc_by(0);
        }
        for outcome in [TAKEN, REFUSED] {
            self.reloads.get_or_create(&OutcomeLabels { outcome }).inc_by(0);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// How a call's end is named in labels and log lines.
pub(crate) fn ending(end: &CallEnd) -> &'static str {
    match end {
        CallEnd::HungUp(Side::Handset) => "handset_hung_up",
        CallEnd::HungUp(Side::Pbx) => "pbx_hung_up",
        CallEnd::Cancelled => "cancelled",
        CallEnd::Rejected(_) => "rejected",
        CallEnd::Refused(_) => "refused",
        CallEnd::TimedOut => "timed_out",
        CallEnd::Lost(_) => "lost",
        CallEnd::KeySpent(_) => "key_spent",
    }
}

/// How a side is named in labels and log lines.
pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Handset => "handset",
        Side::Pbx => "pbx",
    }
}

pub(crate) fn register<M>(registry: &mut Registry, name: &'static str, help: &'static str) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TlsLabels {
    version: &'static str,
    suite: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    code: &'static str,
    rule: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PriorityLabels {
    priority: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WithheldLabels {
    why: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SideLabels {
    side: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndLabels {
    end: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CertificateLabels {
    of: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// The six suites of the TLS front.
const HANDSHAKES: [(TlsVersion, &str); 6] = [
    (TlsVersion::Tls13, "TLS_AES_256_GCM_SHA384"),
    (TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"),
    (TlsVersion::Tls12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (TlsVersion::Tls12, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (TlsVersion::Tls12, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (TlsVersion::Tls12, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
];

/// Every answer of [`ending`].
const ENDS: [&str; 8] =
    ["handset_hung_up", "pbx_hung_up", "cancelled", "rejected", "refused", "timed_out", "lost", "key_spent"];

const TAKEN: &str = "taken";
const REFUSED: &str = "refused";
