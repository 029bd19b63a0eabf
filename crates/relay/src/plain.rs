//! The packets of an end that policy permitted to go unprotected: nothing proves them, so the source address is
//! held to what the session description says or the first packets show, and the index is counted as RFC 3550 appendix A.1 does.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cordon_rtp::{PacketIndex, Roc, Seq, Ssrc};
use cordon_srtp::{OpenError, Plain, RtpPacket, SourceId};

use crate::side::Opened;

/// What is remembered about a plain end.
pub(crate) struct PlainEnd {
    pub(crate) permit: Plain,
    rtp: PlainSource,
    rtcp: PlainSource,
    counters: [Option<Counter>; MAX_COUNTERS],
    uses: u64,
    /// Lives begun, over all SSRCs, so that no life of a source is ever named like an earlier one.
    epochs: u32,
}

impl PlainEnd {
    pub(crate) fn new(permit: Plain) -> PlainEnd {
        PlainEnd {
            permit,
            rtp: PlainSource::default(),
            rtcp: PlainSource::default(),
            counters: [None; MAX_COUNTERS],
            uses: 0,
            epochs: 0,
        }
    }

    /// Whether RTP may come from here, when the session description says `signalled`. Only for what has been parsed: whatever
    /// else arrives tells nothing about where the peer sends from.
    pub(crate) fn admits_rtp(&mut self, now: Instant, from: SocketAddr, signalled: SocketAddr) -> bool {
        self.rtp.admits(now, from, signalled)
    }

    /// The same for RTCP.
    pub(crate) fn admits_rtcp(&mut self, now: Instant, from: SocketAddr, signalled: SocketAddr) -> bool {
        self.rtcp.admits(now, from, signalled)
    }

    /// Forgets where packets came from: the peer was described anew, and may send from elsewhere.
    pub(crate) fn described_anew(&mut self) {
        (self.rtp, self.rtcp) = (PlainSource::default(), PlainSource::default());
    }

    /// Gives an RTP packet its place in its stream. One that is there already is [`OpenError::Replayed`]; one too far off to
    /// believe without a second is [`OpenError::Malformed`].
    pub(crate) fn place<'b>(&mut self, packet: RtpPacket<'b>) -> Result<Opened<'b>, OpenError> {
        let (source, index) = self.index(packet.ssrc(), packet.index().seq())?;
        // Nothing proves where a plain packet came from, so nothing is learned from it.
        Ok(Opened { packet, source, index, is_newest: false })
    }

    fn index(&mut self, ssrc: Ssrc, seq: Seq) -> Result<(SourceId, PacketIndex), OpenError> {
        self.uses += 1;
        let oldest = self.counters.iter_mut().min_by_key(|place| match place {
            Some(counter) if counter.ssrc == ssrc => (0, 0),
            None => (1, 0),
            Some(counter) => (2, counter.used),
        });
        let place = oldest.ok_or(OpenError::TooManySources)?;
        let index = match place {
            Some(counter) if counter.ssrc == ssrc => counter.count(seq, &mut self.epochs)?,
            _ => {
                self.epochs = self.epochs.saturating_add(1);
                place.insert(Counter::new(ssrc, seq, self.epochs)).highest
            }
        };
        let counter = place.as_mut().ok_or(OpenError::TooManySources)?;
        counter.used = self.uses;
        Ok((SourceId { ssrc, epoch: counter.epoch }, index))
    }
}

/// Where the packets of one component come from: the described host, and its described port or one that shows itself the peer's.
///
/// Anybody can write the described address into a packet. So the described port is heard always, but silences another one
/// that is known only by [`PROOF`]: a media server may send a packet of comfort noise from it, and speech from elsewhere.
#[derive(Clone, Copy, Default)]
struct PlainSource {
    /// The port the peer is known to send from.
    known: Option<u16>,
    /// The port heard last, and how many packets it sent in a row.
    last: u16,
    in_a_row: u8,
    /// Packets that got through from another port than the described one while none was known.
    unproven: u8,
    /// When a packet was last let through.
    heard: Option<Instant>,
}

impl PlainSource {
    fn admits(&mut self, now: Instant, from: SocketAddr, signalled: SocketAddr) -> bool {
        if from.ip().to_canonical() != signalled.ip().to_canonical() {
            return false;
        }
        if self.heard.is_some_and(|heard| now.saturating_duration_since(heard) > SILENCE) {
            *self = PlainSource::default();
        }
        self.note(from.port(), signalled.port());
        let is_admitted = from.port() == signalled.port() || self.is_the_peers(from.port());
        if is_admitted {
            self.heard = Some(now);
        }
        is_admitted
    }

    /// Takes a port for the peer's that has sent enough in a row: any while none is known, from then on the described one.
    fn note(&mut self, port: u16, described: u16) {
        self.in_a_row = if port == self.last { self.in_a_row.saturating_add(1) } else { 1 };
        self.last = port;
        if self.in_a_row >= PROOF && (self.known.is_none() || port == described) {
            self.known = Some(port);
        }
    }

    /// Whether a port that was not described is the peer's, or may be as long as none is known: a peer that sends from one
    /// port is never refused, and several together get only so many packets through.
    fn is_the_peers(&mut self, port: u16) -> bool {
        match self.known {
            Some(known) => known == port,
            None => {
                self.unproven = self.unproven.saturating_add(1);
                self.unproven <= MAX_UNPROVEN
            }
        }
    }
}

/// Counts the roll-overs of one SSRC, and knows what came lately.
#[derive(Clone, Copy)]
struct Counter {
    ssrc: Ssrc,
    epoch: u32,
    highest: PacketIndex,
    /// Of the 128 indexes up to the highest, those that arrived: the lowest bit is the highest index.
    seen: u128,
    /// The number that would confirm a restart.
    suspected: Option<Seq>,
    used: u64,
}

impl Counter {
    fn new(ssrc: Ssrc, seq: Seq, epoch: u32) -> Counter {
        Counter { ssrc, epoch, highest: PacketIndex::new(Roc(0), seq), seen: 1, suspected: None, used: 0 }
    }

    fn count(&mut self, seq: Seq, epochs: &mut u32) -> Result<PacketIndex, OpenError> {
        let index = PacketIndex::estimate(seq, self.highest);
        let (now, highest) = (index.as_u64(), self.highest.as_u64());
        let is_near = now <= highest + MAX_DROPOUT && highest <= now + MAX_MISORDER;
        if is_near {
            self.suspected = None;
            return self.see(index);
        }
        if self.suspected != Some(seq) {
            self.suspected = Some(Seq(seq.0.wrapping_add(1)));
            return Err(OpenError::Malformed);
        }
        *epochs = epochs.saturating_add(1);
        *self = Counter { used: self.used, ..Counter::new(self.ssrc, seq, *epochs) };
        Ok(self.highest)
    }

    /// Takes an index that did not arrive yet.
    fn see(&mut self, index: PacketIndex) -> Result<PacketIndex, OpenError> {
        let (now, highest) = (index.as_u64(), self.highest.as_u64());
        let ahead = u32::try_from(now.saturating_sub(highest)).unwrap_or(u32::MAX);
        let behind = u32::try_from(highest.saturating_sub(now)).unwrap_or(u32::MAX);
        let bit = 1_u128.checked_shl(behind).unwrap_or(0);
        if ahead == 0 && self.seen & bit != 0 {
            return Err(OpenError::Replayed);
        }
        self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | bit;
        self.highest = self.highest.max(index);
        Ok(index)
    }
}

/// Packets in a row from one port of the described host by which it is taken for the peer's.
const PROOF: u8 = 5;
/// Packets that get through before a port is known: what somebody on the described host may inject.
const MAX_UNPROVEN: u8 = 5;
/// Without a packet let through for so long no port is known any more: what silenced the peer's may have been somebody else.
/// Reports of a peer that sends some are closer to each other (RFC 3550 §6.3.1: 6.2 s at most where two take part).
const SILENCE: Duration = Duration::from_secs(7);
/// SSRCs whose roll-overs are counted at once; one more takes the place of the one unused for longest.
const MAX_COUNTERS: usize = 8;
/// RFC 3550 A.1: a larger step forward is a restart, not a loss.
const MAX_DROPOUT: u64 = 3000;
/// RFC 3550 A.1: a larger step back is a restart, not a late packet. What came is known for longer.
const MAX_MISORDER: u64 = 100;

#[cfg(test)]
mod tests {
    use cordon_srtp::PlainReason;

    use super::*;

    #[test]
    fn only_the_described_host_may_send_and_its_described_port_wins_by_five_in_a_row() {
        let (mut end, now) = (end(), Instant::now());
        let mut admits = |from: SocketAddr| end.admits_rtp(now, from, described());

        assert!(!admits("10.0.0.3:4000".parse().unwrap()));
        assert!((0..20).all(|_| admits(port(4800))), "the peer sends from another port");
        assert!(!admits(port(4801)), "and this one is not the peer's");

        assert!((0..4).all(|_| admits("[::ffff:10.0.0.2]:4000".parse().unwrap())));
        assert!(admits(port(4800)));
        assert!((0..5).all(|_| admits(port(4000))));
        assert!(!admits(port(4800)));

        end.described_anew();
        assert!(end.admits_rtp(now, port(4800), described()));
    }

    #[test]
    fn no_more_than_five_packets_get_through_before_a_port_is_known() {
        let (mut end, now) = (end(), Instant::now());
        let admitted = (0..1_000).filter(|n| end.admits_rtp(now, port(5000 + n % 100), described())).count();
        assert_eq!(admitted, 5);

        let admitted: Vec<bool> = (0..8).map(|_| end.admits_rtp(now, port(4800), described())).collect();
        assert_eq!(admitted, [false, false, false, false, true, true, true, true]);
    }

    #[test]
    fn a_port_is_forgotten_when_nothing_was_let_through_for_seven_seconds() {
        let (mut end, start) = (end(), Instant::now());
        assert!((0..5).all(|_| end.admits_rtp(start, port(4000), described())));

        assert!(!end.admits_rtp(start + SILENCE, port(4800), described()));
        assert!(end.admits_rtp(start + SILENCE + Duration::from_millis(20), port(4800), described()));
    }

    #[test]
    fn rtcp_has_a_port_of_its_own() {
        let (mut end, now) = (end(), Instant::now());
        let described_rtcp = port(4001);
        assert!(end.admits_rtp(now, port(4000), described()));
        assert!((0..5).all(|_| end.admits_rtcp(now, port(4001), described_rtcp)));
        assert!(!end.admits_rtcp(now, port(4000), described_rtcp));
    }

    #[test]
    fn roll_overs_are_counted() {
        let mut end = end();
        let first = end.index(Ssrc(1), Seq(65_535)).unwrap();
        let second = end.index(Ssrc(1), Seq(0)).unwrap();

        assert_eq!(first.0, second.0);
        assert_eq!(second.1, PacketIndex::new(Roc(1), Seq(0)));
        assert_eq!(end.index(Ssrc(1), Seq(65_534)).unwrap().1, PacketIndex::new(Roc(0), Seq(65_534)));
    }

    #[test]
    fn a_restart_is_believed_at_its_second_packet_and_begins_a_new_life() {
        let mut end = end();
        let before = end.index(Ssrc(1), Seq(40_000)).unwrap().0;

        assert_eq!(end.index(Ssrc(1), Seq(10)), Err(OpenError::Malformed));
        assert_eq!(end.index(Ssrc(1), Seq(500)), Err(OpenError::Malformed));
        let restarted = end.index(Ssrc(1), Seq(501)).unwrap();

        assert!(restarted.0.epoch > before.epoch);
        assert_eq!(restarted.1, PacketIndex::new(Roc(0), Seq(501)));
    }

    #[test]
    fn each_number_is_taken_once_as_far_back_as_a_late_one_may_lie() {
        let mut end = end();
        for seq in [65_500, 65_535, 20, 65_501, 19] {
            assert!(end.index(Ssrc(1), Seq(seq)).is_ok(), "{seq}");
        }
        for seq in [65_500, 65_535, 20, 65_501, 19] {
            assert_eq!(end.index(Ssrc(1), Seq(seq)), Err(OpenError::Replayed), "{seq}");
        }
        assert!(end.index(Ssrc(1), Seq(2_000)).is_ok());
        assert!(end.index(Ssrc(1), Seq(1_900)).is_ok(), "late");
        assert_eq!(end.index(Ssrc(1), Seq(1_900)), Err(OpenError::Replayed));
    }

    #[test]
    fn many_sources_take_turns_in_bounded_room() {
        let mut end = end();
        for ssrc in 0..10_000 {
            assert!(end.index(Ssrc(ssrc), Seq(1)).is_ok());
        }
    }

    fn described() -> SocketAddr {
        port(4000)
    }

    fn port(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 2], port))
    }

    fn end() -> PlainEnd {
        PlainEnd::new(Plain::by_permit(PlainReason::Lab))
    }
}
