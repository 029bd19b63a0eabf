//! How the packets of one end's peer arrive: what is missing, late, or uneven.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use cordon_rtp::{Arrived, AudioCodec, Micros, PacketIndex, Timestamp};
use cordon_srtp::SourceId;

/// Follows the packets of an end in a few words of state and constant time per packet.
#[derive(Default)]
pub(crate) struct Arrivals {
    /// The source heard last and the one before: at a change of the source the last packets of the old one come late.
    runs: [Option<Run>; 2],
    pace: Option<Pace>,
    /// The jitter in sixteenths of a microsecond, as RFC 3550 A.8 keeps it.
    jitter: u64,
}

/// An authenticated packet, as far as its arrival is concerned.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) source: SourceId,
    pub(crate) index: PacketIndex,
    pub(crate) timestamp: Timestamp,
    /// `None` for what is no audio, like the packets of a dialled digit: they share one timestamp.
    pub(crate) codec: Option<AudioCodec>,
}

impl Arrivals {
    /// Counts a packet.
    pub(crate) fn note(&mut self, now: Instant, packet: Packet, figures: &mut Arrived) {
        let skipped = self.count(packet, figures);
        if skipped > 0 && skipped <= self.spoken_since(now, packet) {
            figures.expected += skipped;
            figures.lost += skipped;
        }
        if let Some(codec) = packet.codec {
            figures.coding = Some(codec.coding);
            self.note_pace(now, packet, codec.clock_rate, figures);
        }
    }

    /// The media clock of the last packet of audio.
    pub(crate) fn clock_rate(&self) -> Option<NonZeroU32> {
        self.pace.map(|pace| pace.clock_rate)
    }

    /// Counts a packet by its number, in the run of its source, which becomes the first of the two. Answers how many numbers
    /// it skipped that count as neither sent nor lost: those of an outage, or none where the numbers began anew.
    fn count(&mut self, packet: Packet, figures: &mut Arrived) -> u64 {
        let [newest, older] = &mut self.runs;
        let is_known = |run: &Option<Run>| run.is_some_and(|run| run.source == packet.source);
        if !is_known(newest) {
            std::mem::swap(newest, older);
        }
        let index = packet.index.as_u64();
        match newest {
            Some(run) if run.source == packet.source => run.note(index, figures),
            _ => {
                figures.expected += 1;
                *newest = Some(Run { source: packet.source, highest: index, seen: 1 });
                let earlier = older.filter(|run| run.source.ssrc == packet.source.ssrc);
                earlier.map_or(0, |run| run.skipped_before(index))
            }
        }
    }

    /// How many packets the source can have sent since its last one: none where its media clock says otherwise than ours. One
    /// that was away for a while ran on; one that was set anew has nothing to do with the packets before.
    fn spoken_since(&self, now: Instant, packet: Packet) -> u64 {
        let Packet { source, timestamp, codec, .. } = packet;
        let clock_rate = codec.map(|codec| codec.clock_rate);
        let before =
            self.pace.filter(|pace| pace.source.ssrc == source.ssrc && Some(pace.clock_rate) == clock_rate);
        let Some(before) = before else { return 0 };
        let away = now.saturating_duration_since(before.arrived);
        let is_same_clock = before.unevenness(away, timestamp) <= LONGEST_STEP;
        if is_same_clock {
            u64::try_from(away.as_millis() / SHORTEST_PACKET.as_millis()).unwrap_or(0)
        } else {
            0
        }
    }

    /// RFC 3550 A.8: how much later or earlier than its media clock says a packet comes behind the one before it, smoothed.
    fn note_pace(&mut self, now: Instant, packet: Packet, clock_rate: NonZeroU32, figures: &mut Arrived) {
        let Packet { source, timestamp, .. } = packet;
        let before = self.pace.replace(Pace { source, arrived: now, timestamp, clock_rate });
        let Some(before) = before.filter(|before| (before.source, before.clock_rate) == (source, clock_rate))
        else {
            return;
        };
        let arrived = now.saturating_duration_since(before.arrived);
        let uneven = before.unevenness(arrived, timestamp);
        if arrived.max(uneven) > LONGEST_STEP {
            return;
        }
        let uneven = u64::from(Micros::from(uneven).0);
        self.jitter = self.jitter + uneven - ((self.jitter + 8) >> 4);
        let jitter = Micros(u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX));
        figures.jitter = Some(jitter);
        figures.highest_jitter = figures.highest_jitter.max(jitter);
    }
}

/// The packets of one source in one life, as its numbers tell (RFC 3550 A.1, A.3).
#[derive(Clone, Copy)]
struct Run {
    source: SourceId,
    highest: u64,
    /// Of the 64 indexes up to the highest, those that arrived: the lowest bit is the highest index.
    seen: u64,
}

impl Run {
    /// Counts a packet; answers how many numbers it skipped that were not counted.
    fn note(&mut self, index: u64, figures: &mut Arrived) -> u64 {
        match index.checked_sub(self.highest) {
            Some(ahead @ 1..) => self.advance(index, ahead, figures),
            Some(0) | None => {
                self.note_late(self.highest - index, figures);
                0
            }
        }
    }

    fn advance(&mut self, index: u64, ahead: u64, figures: &mut Arrived) -> u64 {
        let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
        self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
        self.highest = index;
        // RFC 3550 A.1: what is further ahead began anew, or there was an outage.
        let (lost, skipped) = if ahead <= MAX_DROPOUT { (ahead - 1, 0) } else { (0, ahead - 1) };
        figures.expected += lost + 1;
        figures.lost += lost;
        skipped
    }

    /// The numbers between this life of a source and its next one, which need not know the upper bits.
    fn skipped_before(&self, index: u64) -> u64 {
        index.wrapping_sub(self.highest).wrapping_sub(1) % (1 << 16)
    }

    /// A packet behind the highest: missed until now, or here already. One further behind than is remembered was missed: no
    /// network keeps a copy for a second.
    fn note_late(&mut self, behind: u64, figures: &mut Arrived) {
        let bit = u32::try_from(behind).ok().and_then(|behind| 1_u64.checked_shl(behind)).unwrap_or(0);
        if self.seen & bit != 0 {
            figures.duplicates += 1;
            return;
        }
        self.seen |= bit;
        figures.reordered += 1;
        // It was overtaken by the first packet of the run, so that nobody missed it.
        match figures.lost.checked_sub(1) {
            Some(lost) => figures.lost = lost,
            None => figures.expected += 1,
        }
    }
}

/// When the last packet of audio arrived, and when it was spoken by its clock.
#[derive(Clone, Copy)]
struct Pace {
    source: SourceId,
    arrived: Instant,
    timestamp: Timestamp,
    clock_rate: NonZeroU32,
}

impl Pace {
    /// How much longer or shorter than this the media clock says it is until a later packet.
    fn unevenness(&self, away: Duration, timestamp: Timestamp) -> Duration {
        let ticks = i64::from(timestamp.0.wrapping_sub(self.timestamp.0).cast_signed());
        let spoken = ticks * MICROS / i64::from(self.clock_rate.get());
        let away = i64::try_from(away.as_micros()).unwrap_or(i64::MAX);
        Duration::from_micros(away.abs_diff(spoken))
    }
}

/// RFC 3550 A.1: packets a source can lose in a row before its numbers count as begun anew, a minute of speech. More than that
/// are lost only where the media clock proves an outage.
const MAX_DROPOUT: u64 = 3000;
/// Beyond it the media clock was set anew, or the peer was on hold: neither is jitter.
const LONGEST_STEP: Duration = Duration::from_secs(1);
/// No phone fills packets for less time (RFC 3551 §4.2 names 20 ms as the default), so that an outage takes no more numbers.
const SHORTEST_PACKET: Duration = Duration::from_millis(10);
const MICROS: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use cordon_rtp::{Coding, PayloadType, Ssrc};

    use super::*;

    #[test]
    fn gaps_are_loss_until_late_packets_fill_them() {
        let figures = after(&[(1, 10), (1, 11), (1, 15), (1, 13), (1, 16)]);
        assert_eq!((figures.expected, figures.lost, figures.reordered, figures.duplicates), (7, 2, 1, 0));
    }

    #[test]
    fn copies_are_counted_and_change_nothing_else() {
        let figures = after(&[(1, 10), (1, 10), (1, 12), (1, 11), (1, 11), (1, 12)]);
        assert_eq!((figures.expected, figures.lost, figures.reordered, figures.duplicates), (3, 0, 1, 3));
    }

    #[test]
    fn packets_overtaken_by_the_first_of_all_are_expected_too() {
        let figures = after(&[(1, 10), (1, 9), (1, 11)]);
        assert_eq!((figures.expected, figures.lost, figures.reordered), (3, 0, 1));
    }

    #[test]
    fn a_change_of_the_source_is_no_loss_and_its_stragglers_are_known() {
        let figures = after(&[(1, 10), (1, 12), (2, 70_000), (1, 11), (2, 70_001), (2, 70_003)]);
        assert_eq!((figures.expected, figures.lost, figures.reordered), (7, 1, 1));
    }

    #[test]
    fn a_leap_of_more_than_a_minute_is_a_new_beginning() {
        let figures = after(&[(1, 10), (1, 3010), (1, 7000)]);
        assert_eq!((figures.expected, figures.lost), (3002, 2999));
    }

    #[test]
    fn an_outage_of_minutes_is_loss_where_the_media_clock_ran_on() {
        let figures = outage(1, 9000);
        assert_eq!((figures.expected, figures.lost), (9001, 8999));
        // A plain end that was gone for long begins a new life; of its numbers 16 bits are known.
        let figures = outage(2, 9000);
        assert_eq!((figures.expected, figures.lost), (9001, 8999));
        // Twice as many numbers as time for them, and a clock that was set anew: no outage.
        assert_eq!(outage(1, 36_001).lost, 0);
        let mut figures = after_codec(&[(0, 1, 10, 0), (180_000, 1, 9010, 77)]);
        assert_eq!((figures.expected, figures.lost), (2, 0));
        figures = after_codec(&[(0, 1, 10, 0), (180_000, 1, 11, 9000 * 160)]);
        assert_eq!((figures.expected, figures.lost), (2, 0), "it said nothing");
    }

    /// By hand: J += (|D| - J) / 16, with D of 0, 8, 8 and 0 ms.
    #[test]
    fn jitter_is_that_of_rfc_3550() {
        let codec = audio(8000);
        let (mut arrivals, mut figures) = (Arrivals::default(), Arrived::default());
        let start = Instant::now();
        let mut jitters = Vec::new();
        for (number, arrival) in [0, 20, 48, 60, 80].into_iter().enumerate() {
            let number = u32::try_from(number).unwrap();
            let packet = packet(1, 100 + u64::from(number), 160 * number, Some(codec));
            arrivals.note(start + Duration::from_millis(arrival), packet, &mut figures);
            jitters.push(figures.jitter);
        }
        let jitters: Vec<u32> = jitters.into_iter().flatten().map(|jitter| jitter.0).collect();
        // 8000 / 16 = 500, 500 + (8000 - 500) / 16 = 968.75, 968.75 - 968.75 / 16 = 908.2
        assert_eq!(jitters, [0, 500, 968, 908]);
        assert_eq!(figures.highest_jitter, Micros(968));
    }

    #[test]
    fn neither_digits_nor_a_pause_nor_a_clock_set_anew_is_jitter() {
        let codec = Some(audio(8000));
        let (mut arrivals, mut figures) = (Arrivals::default(), Arrived::default());
        let start = Instant::now();
        let steps = [
            (0, 0, codec),
            (20, 160, codec),
            (40, 160, None),
            (60, 160, None),
            (80, 640, codec),
            (60_000, 800, codec),
            (60_020, 960, codec),
            (60_040, 3_000_000_000, codec),
            (60_060, 3_000_000_160, codec),
        ];
        for (number, (arrival, timestamp, codec)) in steps.into_iter().enumerate() {
            let packet = packet(1, 100 + u64::try_from(number).unwrap(), timestamp, codec);
            arrivals.note(start + Duration::from_millis(arrival), packet, &mut figures);
        }
        assert_eq!((figures.jitter, figures.highest_jitter), (Some(Micros(0)), Micros(0)));
        assert_eq!(figures.coding, Some(Coding::G711));
    }

    proptest::proptest! {
        #[test]
        fn loss_is_what_a_set_says(steps in proptest::collection::vec(0_u64..200, 1..300)) {
            let steps: Vec<(u32, u64)> = steps.into_iter().map(|index| (1, 1000 + index / 4)).collect();
            let figures = after(&steps);
            let seen: std::collections::BTreeSet<u64> = steps.iter().map(|(_, index)| *index).collect();
            let span = seen.last().unwrap() - seen.first().unwrap() + 1;
            assert_eq!(figures.duplicates, (steps.len() - seen.len()) as u64);
            // Packets overtaken by the first of all may stand for others that are missing.
            assert!(figures.expected <= span);
            assert_eq!(figures.expected - figures.lost, seen.len() as u64);
        }
    }

    /// After three minutes without a packet, and this many numbers later; in another life where the epoch is not 1.
    fn outage(epoch: u32, numbers: u64) -> Arrived {
        let highest = 65_000 + numbers;
        let index = if epoch == 1 { highest } else { highest % 65_536 };
        after_codec(&[(0, 1, 65_000, 0), (180_000, epoch, index, 9000 * 160)])
    }

    /// Packets of one source: arrival in milliseconds, epoch, index, timestamp.
    fn after_codec(packets: &[(u64, u32, u64, u32)]) -> Arrived {
        let (mut arrivals, mut figures) = (Arrivals::default(), Arrived::default());
        let start = Instant::now();
        for (arrival, epoch, index, timestamp) in packets {
            let mut packet = packet(1, *index, *timestamp, Some(audio(8000)));
            packet.source.epoch = *epoch;
            arrivals.note(start + Duration::from_millis(*arrival), packet, &mut figures);
        }
        figures
    }

    fn after(packets: &[(u32, u64)]) -> Arrived {
        let (mut arrivals, mut figures) = (Arrivals::default(), Arrived::default());
        for (ssrc, index) in packets {
            arrivals.note(Instant::now(), packet(*ssrc, *index, 0, None), &mut figures);
        }
        figures
    }

    fn packet(ssrc: u32, index: u64, timestamp: u32, codec: Option<AudioCodec>) -> Packet {
        Packet {
            source: SourceId { ssrc: Ssrc(ssrc), epoch: 0 },
            index: PacketIndex::from_u64(index).unwrap(),
            timestamp: Timestamp(timestamp),
            codec,
        }
    }

    fn audio(clock_rate: u32) -> AudioCodec {
        let clock_rate = NonZeroU32::new(clock_rate).unwrap();
        AudioCodec { payload_type: PayloadType(0), coding: Coding::G711, clock_rate }
    }
}
