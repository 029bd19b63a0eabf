//! The families of media I/O: how often threads wake, how much each waking serves, and what is dropped below the relay.

use std::sync::atomic::AtomicU64;

use cordon_media::IoFigures;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::metrics::register;

/// Counted by the media threads, read here once a second.
pub(crate) struct IoMetrics {
    wakeups: Counter<u64, AtomicU64>,
    naps: Counter<u64, AtomicU64>,
    batches: Counter<u64, AtomicU64>,
    connected: Counter<u64, AtomicU64>,
    datagrams: Family<DirectionLabels, Counter<u64, AtomicU64>>,
    dropped: Family<ReasonLabels, Counter<u64, AtomicU64>>,
}

impl IoMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            wakeups: register(registry, "media_wakeups", "Times media threads were woken from waiting"),
            naps: register(
                registry,
                "media_naps",
                "Times media threads slept on for half a millisecond, so that one waking serves more",
            ),
            batches: register(registry, "media_batches", "Times media threads took in what had arrived"),
            connected: register(
                registry,
                "media_connected",
                "Times a peer that stayed at its address was given a socket of its own",
            ),
            datagrams: register(registry, "media_datagrams", "Datagrams of media ports, by direction"),
            dropped: register(
                registry,
                "media_dropped",
                "Datagrams of media ports that nobody relays: too long, beyond the share of their port, or of no call",
            ),
        };
        metrics.are(IoFigures::default(), 0);
        metrics
    }

    /// What was counted since the start, with datagrams on ports no stream has.
    pub(crate) fn are(&self, figures: IoFigures, strays: u64) {
        let IoFigures {
            wakeups,
            naps,
            batches,
            received,
            truncated,
            shunted,
            sent,
            // Has a family of its own, `cordon_media_unsent_total`.
            unsent: _,
            connected,
        } = figures;
        for (counter, total) in [
            (&self.wakeups, wakeups),
            (&self.naps, naps),
            (&self.batches, batches),
            (&self.connected, connected),
        ] {
            is(counter, total);
        }
        for (direction, total) in [("from", received), ("to", sent)] {
            is(&self.datagrams.get_or_create(&DirectionLabels { direction }), total);
        }
        for (reason, total) in [("truncated", truncated), ("shunted", shunted), ("stray", strays)] {
            is(&self.dropped.get_or_create(&ReasonLabels { reason }), total);
        }
    }
}

/// `total` never falls.
fn is(counter: &Counter<u64, AtomicU64>, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DirectionLabels {
    direction: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metrics;

    use super::*;

    #[test]
    fn every_figure_has_a_series_from_the_start_and_moves_by_what_it_grew() {
        let metrics = Metrics::new();
        assert!(metrics.text().contains("cordon_media_dropped_total{reason=\"shunted\"} 0\n"));
        let figures = IoFigures {
            wakeups: 1,
            naps: 2,
            batches: 3,
            received: 4,
            truncated: 5,
            shunted: 6,
            sent: 7,
            unsent: 8,
            connected: 9,
        };

        metrics.io.are(IoFigures { wakeups: 1, ..IoFigures::default() }, 0);
        metrics.io.are(figures, 10);

        let text = metrics.text();
        for series in [
            "cordon_media_wakeups_total 1",
            "cordon_media_naps_total 2",
            "cordon_media_batches_total 3",
            "cordon_media_datagrams_total{direction=\"from\"} 4",
            "cordon_media_dropped_total{reason=\"truncated\"} 5",
            "cordon_media_dropped_total{reason=\"shunted\"} 6",
            "cordon_media_datagrams_total{direction=\"to\"} 7",
            "cordon_media_connected_total 9",
            "cordon_media_dropped_total{reason=\"stray\"} 10",
        ] {
            assert!(text.contains(&format!("{series}\n")), "{series} is not in\n{text}");
        }
    }
}
