//! The watch over certificates that end: ours, its chain, and what the PBX showed last.

use std::time::{SystemTime, UNIX_EPOCH};

use cordon_certs::{ExpiryWatch, LeafFacts, SharedIdentity, days_left};
use rustls::pki_types::CertificateDer;
use tracing::warn;

use crate::metrics::Metrics;

/// Every certificate a call depends on.
pub(crate) struct Expiry {
    identity: SharedIdentity,
    own: ExpiryWatch,
    chain: Vec<ExpiryWatch>,
    pbx: Vec<(i64, ExpiryWatch)>,
    lists: ExpiryWatch,
}

impl Expiry {
    pub(crate) fn new(identity: SharedIdentity) -> Self {
        Self {
            identity,
            own: ExpiryWatch::default(),
            chain: Vec::new(),
            pbx: Vec::new(),
            lists: ExpiryWatch::default(),
        }
    }

    /// Remembers when each certificate of the PBX's chain ends. One that cannot be read was refused before.
    pub(crate) fn pbx_showed(&mut self, chain: &[CertificateDer<'static>]) {
        let ends: Vec<i64> = chain
            .iter()
            .filter_map(|certificate| LeafFacts::read(certificate).ok())
            .map(|facts| facts.not_after)
            .collect();
        if !self.pbx.iter().map(|(end, _)| *end).eq(ends.iter().copied()) {
            self.pbx = ends.into_iter().map(|end| (end, ExpiryWatch::default())).collect();
        }
    }

    /// Looks at the wall clock, sets the gauges and warns once at each threshold. `lists_end` is when the first revocation
    /// list should have been replaced.
    pub(crate) fn watch(&mut self, metrics: &Metrics, lists_end: Option<i64>) {
        let now = wall_clock();
        let identity = self.identity.current();
        let end = identity.leaf().not_after;
        metrics.certificate_days_are("own", days_left(end, now));
        warn_about("own", &mut self.own, end, now);
        let intermediates = identity.intermediates();
        self.chain.resize_with(intermediates.len(), ExpiryWatch::default);
        for (facts, watch) in intermediates.iter().zip(&mut self.chain) {
            warn_about("own chain", watch, facts.not_after, now);
        }
        if let Some(first) = intermediates.iter().map(|facts| facts.not_after).min() {
            metrics.certificate_days_are("own_chain", days_left(first, now));
        }
        for (end, watch) in &mut self.pbx {
            warn_about("pbx", watch, *end, now);
        }
        if let Some(first) = self.pbx.iter().map(|(end, _)| *end).min() {
            metrics.certificate_days_are("pbx", days_left(first, now));
        }
        self.watch_lists(metrics, lists_end, now);
    }

    /// Lists live for days, so that a warning before their end would never be silent.
    fn watch_lists(&mut self, metrics: &Metrics, end: Option<i64>, now: i64) {
        let Some(end) = end else { return metrics.certificate_is_gone(LISTS) };
        metrics.certificate_days_are(LISTS, days_left(end, now));
        if end < now && self.lists.check(end, now).is_some() {
            warn!(
                "a revocation list should have been replaced: certificates revoked since then are believed"
            );
        }
    }
}

/// Seconds since 1970: certificates are the one thing that is judged by the wall clock.
pub(crate) fn wall_clock() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn warn_about(of: &'static str, watch: &mut ExpiryWatch, end: i64, now: i64) {
    if let Some(warning) = watch.check(end, now) {
        warn!(
            certificate = of,
            days_left = warning.days_left,
            threshold = warning.threshold,
            "a certificate ends soon"
        );
    }
}

/// What revocation lists are called among the certificates that end.
const LISTS: &str = "revocation_lists";
