//! Reads the figures of every stream by interval and turns what they grew by into metrics, also in the middle of a call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_call::Side;
use cordon_media::{EndStatistics, StreamId, StreamStatistics};

use crate::media_metrics::{Observed, Way};
use crate::metrics::Metrics;

/// The streams that are open, and what was counted of each.
pub(crate) struct MediaWatch {
    streams: BTreeMap<StreamId, Watched>,
    metrics: Arc<Metrics>,
    read_at: Option<Instant>,
}

struct Watched {
    /// Of end A and end B.
    sides: [Side; 2],
    counted: StreamStatistics,
}

impl MediaWatch {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { streams: BTreeMap::new(), metrics, read_at: None }
    }

    /// A stream is open, with its ends on these sides.
    pub(crate) fn opened(&mut self, stream: StreamId, sides: [Side; 2]) {
        self.streams.insert(stream, Watched { sides, counted: StreamStatistics::default() });
        self.metrics.media.streams_are(self.streams.len());
    }

    /// A stream is closed; these are its last figures.
    pub(crate) fn closed(&mut self, stream: StreamId, last: &StreamStatistics) {
        if let Some(mut watched) = self.streams.remove(&stream) {
            watched.count(last, &self.metrics);
        }
        self.metrics.media.streams_are(self.streams.len());
    }

    /// Reads the figures when they are due. A stream that was closed meanwhile may still be in the snapshot: it is not
    /// counted again.
    pub(crate) fn read_when_due(
        &mut self,
        now: Instant,
        snapshot: impl FnOnce() -> Vec<(StreamId, StreamStatistics)>,
    ) {
        if self.streams.is_empty() || self.read_at.is_some_and(|at| now < at) {
            return;
        }
        self.read_at = Some(now + INTERVAL);
        for (stream, statistics) in snapshot() {
            if let Some(watched) = self.streams.get_mut(&stream) {
                watched.count(&statistics, &self.metrics);
            }
        }
    }
}

impl Watched {
    fn count(&mut self, now: &StreamStatistics, metrics: &Metrics) {
        let [a, b] = self.sides;
        let Watched { counted, .. } = self;
        for (side, end, other, counted) in
            [(a, now.a, now.b, &mut counted.a), (b, now.b, now.a, &mut counted.b)]
        {
            let grown = end.since(counted);
            metrics.media.count(side, &grown);
            observe(metrics, side, &grown, &other);
            *counted = with_highest_loss(end, counted);
        }
    }
}

fn observe(metrics: &Metrics, side: Side, grown: &EndStatistics, other: &EndStatistics) {
    let EndStatistics { arrived, reported, round_trip, .. } = *grown;
    if arrived.expected > 0 {
        let jitter = arrived.jitter.map(|jitter| jitter.seconds());
        let mos = arrived.rating(round_trip).map(|rating| rating.mos());
        metrics.media.observe(side, Way::From, Observed { jitter, mos });
    }
    if reported.reports > 0 {
        let jitter = reported.jitter.map(|jitter| jitter.seconds());
        let rating = reported.rating(other.arrived.coding, [round_trip, other.round_trip]);
        metrics.media.observe(side, Way::To, Observed { jitter, mos: rating.map(|rating| rating.mos()) });
        if let Some(round_trip) = round_trip {
            metrics.media.observe_round_trip(side, round_trip.last.seconds());
        }
    }
}

/// A late packet takes back a loss that was counted already, and a counter never falls: what was counted highest stays, so
/// that the next loss is not counted before it makes up for it.
fn with_highest_loss(mut now: EndStatistics, before: &EndStatistics) -> EndStatistics {
    now.arrived.lost = now.arrived.lost.max(before.arrived.lost);
    now.reported.lost = now.reported.lost.max(before.reported.lost);
    now
}

/// Peers report every five seconds too.
const INTERVAL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use cordon_rtp::Coding;

    use super::*;

    #[test]
    fn a_call_moves_the_counters_while_it_lasts_and_is_counted_once() {
        let (mut watch, metrics, now) = (watch(), Arc::new(Metrics::new()), Instant::now());
        watch.metrics = metrics.clone();
        watch.opened(StreamId(1), [Side::Handset, Side::Pbx]);
        watch.read_when_due(now, || vec![(StreamId(1), figures(100, 10))]);
        assert_eq!(value(&metrics, "cordon_media_packets_total{side=\"handset\",fate=\"opened\"}"), 90.0);
        assert_eq!(
            value(&metrics, "cordon_media_lost_packets_total{side=\"handset\",direction=\"from\"}"),
            10.0
        );
        assert_eq!(value(&metrics, "cordon_media_streams"), 1.0);

        watch.read_when_due(now + INTERVAL / 2, || unreachable!("not due"));
        // Five packets came late, and then seven more were lost.
        watch.read_when_due(now + INTERVAL, || vec![(StreamId(1), figures(200, 5))]);
        watch.closed(StreamId(1), &figures(300, 12));
        watch.opened(StreamId(2), [Side::Pbx, Side::Handset]);
        watch.read_when_due(now + 2 * INTERVAL, || vec![(StreamId(1), figures(300, 12))]);

        assert_eq!(value(&metrics, "cordon_media_packets_total{side=\"handset\",fate=\"opened\"}"), 288.0);
        assert_eq!(
            value(&metrics, "cordon_media_lost_packets_total{side=\"handset\",direction=\"from\"}"),
            12.0
        );
        assert_eq!(value(&metrics, "cordon_media_mos_count{side=\"handset\",direction=\"from\"}"), 3.0);
        assert_eq!(value(&metrics, "cordon_media_mos_count{side=\"pbx\",direction=\"from\"}"), 0.0);
    }

    #[test]
    fn refusals_are_counted_by_reason() {
        let mut watch = watch();
        watch.opened(StreamId(1), [Side::Handset, Side::Pbx]);
        let mut last = StreamStatistics::default();
        (last.b.refused.forged, last.b.refused.replayed) = (3, 2);
        watch.closed(StreamId(1), &last);
        for (reason, packets) in [("forged", 3.0), ("replayed", 2.0), ("malformed", 0.0)] {
            let series = format!("cordon_media_refused_packets_total{{side=\"pbx\",reason=\"{reason}\"}}");
            assert_eq!(value(&watch.metrics, &series), packets);
        }
        assert_eq!(value(&watch.metrics, "cordon_media_packets_total{side=\"pbx\",fate=\"refused\"}"), 5.0);
    }

    #[test]
    fn what_is_no_media_comes_twice_or_moves_is_counted_by_side() {
        let mut watch = watch();
        watch.opened(StreamId(1), [Side::Handset, Side::Pbx]);
        let mut figures = StreamStatistics::default();
        (figures.a.stun, figures.a.dtls, figures.a.other, figures.a.moves) = (1, 2, 3, 4);
        figures.b.arrived.duplicates = 5;
        watch.read_when_due(Instant::now(), || vec![(StreamId(1), figures)]);
        watch.closed(StreamId(1), &figures);
        for (series, count) in [
            ("cordon_media_other_datagrams_total{side=\"handset\",kind=\"stun\"}", 1.0),
            ("cordon_media_other_datagrams_total{side=\"handset\",kind=\"dtls\"}", 2.0),
            ("cordon_media_other_datagrams_total{side=\"handset\",kind=\"unknown\"}", 3.0),
            ("cordon_media_other_datagrams_total{side=\"pbx\",kind=\"unknown\"}", 0.0),
            ("cordon_media_source_moves_total{side=\"handset\"}", 4.0),
            ("cordon_media_duplicate_packets_total{side=\"pbx\"}", 5.0),
        ] {
            assert_eq!(value(&watch.metrics, series), count, "{series}");
        }
    }

    fn watch() -> MediaWatch {
        MediaWatch::new(Arc::new(Metrics::new()))
    }

    fn figures(expected: u64, lost: u64) -> StreamStatistics {
        let mut figures = StreamStatistics::default();
        figures.a.opened = expected - lost;
        (figures.a.arrived.expected, figures.a.arrived.lost) = (expected, lost);
        figures.a.arrived.coding = Some(Coding::G711);
        figures
    }

    fn value(metrics: &Metrics, series: &str) -> f64 {
        let text = metrics.text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
    }
}
