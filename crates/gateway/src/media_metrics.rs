//! The families of media: how much crosses, what is lost, and how it sounds. By side and direction, never by call.

use std::sync::atomic::{AtomicI64, AtomicU64};

use cordon_call::{Side, Silence};
use cordon_media::EndStatistics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::metrics::{register, side};

/// Counters and distributions of all streams.
pub(crate) struct MediaMetrics {
    streams: Gauge<i64, AtomicI64>,
    packets: Counters<FateLabels>,
    refused: Counters<ReasonLabels>,
    bytes: Counters<WayLabels>,
    expected: Counters<WayLabels>,
    lost: Counters<WayLabels>,
    reordered: Counters<SideLabels>,
    duplicates: Counters<SideLabels>,
    moves: Counters<SideLabels>,
    others: Counters<KindLabels>,
    silences: Counters<SilenceLabels>,
    jitter: Family<WayLabels, Histogram>,
    round_trip: Family<SideLabels, Histogram>,
    mos: Family<WayLabels, Histogram>,
}

type Counters<L> = Family<L, Counter<u64, AtomicU64>>;

/// From the peers of a side to Cordon, or from Cordon to them.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    From,
    To,
}

/// What is to be observed of one way of one stream in one interval; `None` where nothing was measured.
#[derive(Clone, Copy, Default)]
pub(crate) struct Observed {
    /// In seconds.
    pub(crate) jitter: Option<f64>,
    pub(crate) mos: Option<f64>,
}

impl MediaMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            streams: register(registry, "media_streams", "Audio streams that are open"),
            packets: register(registry, "media_packets", "Media packets, by side and fate"),
            refused: register(
                registry,
                "media_refused_packets",
                "Media packets that were not forwarded, by the side they came from and the reason",
            ),
            bytes: register(
                registry,
                "media_bytes",
                "Bytes of media as on the wire without UDP and IP, from and to the peers of a side",
            ),
            expected: register(
                registry,
                "media_expected_packets",
                "RTP packets sent by the peers of a side, by their numbers, and packets sent to them that they report about",
            ),
            lost: register(
                registry,
                "media_lost_packets",
                "Of media_expected_packets those that did not arrive: from the peers, and to them by their own reports",
            ),
            reordered: register(
                registry,
                "media_reordered_packets",
                "RTP packets of the peers of a side that arrived behind a later one",
            ),
            duplicates: register(
                registry,
                "media_duplicate_packets",
                "RTP packets that came twice from peers of a side without SRTP; with it they are replayed ones",
            ),
            moves: register(
                registry,
                "media_source_moves",
                "Times the peer of a side went on from another address without signalling, proven by its packets",
            ),
            others: register(
                registry,
                "media_other_datagrams",
                "Datagrams that are no media and were dropped, by the side whose ports they reached",
            ),
            silences: register(
                registry,
                "media_silences",
                "Answered calls, not on hold, in which a side, or both, was not heard for 15 s",
            ),
            jitter: register_histogram(
                registry,
                "media_jitter_seconds",
                "Interarrival jitter of each stream every 5 s, measured here and as reported by the peers",
                || Histogram::new(JITTER_BUCKETS),
            ),
            round_trip: register_histogram(
                registry,
                "media_round_trip_seconds",
                "The way to a peer and back, by its RTCP reports, of each stream every 5 s",
                || Histogram::new(ROUND_TRIP_BUCKETS),
            ),
            mos: register_histogram(
                registry,
                "media_mos",
                "Mean opinion score (ITU-T G.107) of each stream every 5 s, where it reaches Cordon and where it reaches the peer",
                || Histogram::new(MOS_BUCKETS),
            ),
        };
        metrics.begin_at_zero();
        metrics
    }

    pub(crate) fn streams_are(&self, open: usize) {
        self.streams.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// Adds what an end's figures have grown by.
    pub(crate) fn count(&self, of: Side, grown: &EndStatistics) {
        let side = side(of);
        let fates = [("opened", grown.opened), ("sealed", grown.sealed), ("refused", grown.refused.total())];
        for (fate, packets) in fates {
            self.packets.get_or_create(&FateLabels { side, fate }).inc_by(packets);
        }
        for (reason, packets) in grown.refused.by_reason() {
            self.refused.get_or_create(&ReasonLabels { side, reason }).inc_by(packets);
        }
        for (way, bytes, expected, lost) in [
            (Way::From, grown.opened_bytes, grown.arrived.expected, grown.arrived.lost),
            (Way::To, grown.sealed_bytes, grown.reported.expected, grown.reported.lost),
        ] {
            let labels = WayLabels::new(of, way);
            self.bytes.get_or_create(&labels).inc_by(bytes);
            self.expected.get_or_create(&labels).inc_by(expected);
            self.lost.get_or_create(&labels).inc_by(lost);
        }
        for (kind, datagrams) in [("stun", grown.stun), ("dtls", grown.dtls), ("unknown", grown.other)] {
            self.others.get_or_create(&KindLabels { side, kind }).inc_by(datagrams);
        }
        let side = SideLabels { side };
        self.reordered.get_or_create(&side).inc_by(grown.arrived.reordered);
        self.duplicates.get_or_create(&side).inc_by(grown.arrived.duplicates);
        self.moves.get_or_create(&side).inc_by(u64::from(grown.moves));
    }

    pub(crate) fn observe(&self, of: Side, way: Way, Observed { jitter, mos }: Observed) {
        let labels = WayLabels::new(of, way);
        if let Some(jitter) = jitter {
            self.jitter.get_or_create(&labels).observe(jitter);
        }
        if let Some(mos) = mos {
            self.mos.get_or_create(&labels).observe(mos);
        }
    }

    pub(crate) fn observe_round_trip(&self, of: Side, seconds: f64) {
        self.round_trip.get_or_create(&SideLabels { side: side(of) }).observe(seconds);
    }

    pub(crate) fn fell_silent(&self, silence: Silence) {
        self.silences.get_or_create(&SilenceLabels { not_heard: not_heard(silence) }).inc();
    }

    fn begin_at_zero(&self) {
        for of in [Side::Handset, Side::Pbx] {
            self.count(of, &EndStatistics::default());
            for way in [Way::From, Way::To] {
                drop(self.jitter.get_or_create(&WayLabels::new(of, way)));
                drop(self.mos.get_or_create(&WayLabels::new(of, way)));
            }
            drop(self.round_trip.get_or_create(&SideLabels { side: side(of) }));
        }
        for silence in [Silence::OneWay(Side::Handset), Silence::OneWay(Side::Pbx), Silence::Both] {
            drop(self.silences.get_or_create(&SilenceLabels { not_heard: not_heard(silence) }));
        }
    }
}

/// Who is not heard, in labels and log lines.
pub(crate) fn not_heard(silence: Silence) -> &'static str {
    match silence {
        Silence::OneWay(of) => side(of),
        Silence::Both => "both",
    }
}

fn register_histogram<L>(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    make: fn() -> Histogram,
) -> Family<L, Histogram>
where
    L: EncodeLabelSet + Clone + std::hash::Hash + Eq + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Histogram>::new_with_constructor(make);
    registry.register(name, help, family.clone());
    family
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SideLabels {
    side: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FateLabels {
    side: &'static str,
    fate: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    side: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    side: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WayLabels {
    side: &'static str,
    direction: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SilenceLabels {
    not_heard: &'static str,
}

impl WayLabels {
    fn new(of: Side, way: Way) -> Self {
        let direction = match way {
            Way::From => "from",
            Way::To => "to",
        };
        WayLabels { side: side(of), direction }
    }
}

/// A wired office has less than a millisecond, a jitter buffer of a phone holds 40 to 200.
const JITTER_BUCKETS: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
/// ITU-T G.114: 300 ms there and back is where people begin to interrupt each other.
const ROUND_TRIP_BUCKETS: [f64; 8] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.6];
/// The limits of G.107 annex B: few are satisfied below 2.6, many dissatisfied below 3.1, some below 3.6, satisfied from 4.03,
/// very satisfied from 4.34.
const MOS_BUCKETS: [f64; 8] = [1.5, 2.0, 2.58, 3.1, 3.6, 4.03, 4.34, 4.5];
