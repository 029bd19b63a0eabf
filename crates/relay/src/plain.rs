//! The packets of an end that policy permitted to go unprotected: nothing proves them, so the source address is
//! held to what the session description says or the first packets show, and the index is counted as RFC 3550 appendix A.1 does.

use std::net::SocketAddr;

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
    pub(crate) fn admits_rtp(&mut self, from: SocketAddr, signalled: SocketAddr) -> bool {
        self.rtp.admits(from, signalled)
    }

    /// The same for RTCP.
    pub(crate) fn admits_rtcp(&mut self, from: SocketAddr, signalled: SocketAddr) -> bool {
        self.rtcp.admits(from, signalled)
    }

    /// Forgets where packets came from: the session description says something new.
    pub(crate) fn moved(&mut self) {
        (self.rtp, self.rtcp) = (PlainSource::default(), PlainSource::default());
    }

    /// Gives an RTP packet its place in its stream.
    pub(crate) fn place<'b>(&mut self, packet: RtpPacket<'b>) -> Result<Opened<'b>, OpenError> {
        let (source, index) = self.index(packet.ssrc(), packet.index().seq()).ok_or(OpenError::Malformed)?;
        // Nothing proves where a plain packet came from, so nothing is learned from it.
        Ok(Opened { packet, source, index, is_newest: false })
    }

    /// The place of a packet in its stream; `None` for one too far off to believe without a second.
    fn index(&mut self, ssrc: Ssrc, seq: Seq) -> Option<(SourceId, PacketIndex)> {
        self.uses += 1;
        let place = self.counters.iter_mut().min_by_key(|place| match place {
            Some(counter) if counter.ssrc == ssrc => (0, 0),
            None => (1, 0),
            Some(counter) => (2, counter.used),
        })?;
        if place.as_ref().is_none_or(|counter| counter.ssrc != ssrc) {
            self.epochs = self.epochs.saturating_add(1);
            *place = Some(Counter::new(ssrc, seq, self.epochs));
        }
        let counter = place.as_mut()?;
        counter.used = self.uses;
        let index = counter.count(seq, &mut self.epochs)?;
        Some((SourceId { ssrc, epoch: counter.epoch }, index))
    }
}

/// Where the packets of one component come from: the described host, and of its ports the described one as soon as it is
/// heard. Until then another port that sends the first packets may be the peer's, too.
#[derive(Clone, Copy)]
enum PlainSource {
    /// No port is known yet. A peer that sends from one port is never refused; several together get only so many packets
    /// through.
    Learning { port: u16, in_a_row: u8, admitted: u8 },
    /// The described port was never heard, and this one was, often enough.
    Fixed { port: u16 },
    /// The described port was heard.
    Described,
}

impl Default for PlainSource {
    fn default() -> PlainSource {
        PlainSource::Learning { port: 0, in_a_row: 0, admitted: 0 }
    }
}

impl PlainSource {
    fn admits(&mut self, from: SocketAddr, signalled: SocketAddr) -> bool {
        if from.ip().to_canonical() != signalled.ip().to_canonical() {
            return false;
        }
        if from.port() == signalled.port() {
            *self = PlainSource::Described;
            return true;
        }
        match self {
            PlainSource::Described => false,
            PlainSource::Fixed { port } => *port == from.port(),
            PlainSource::Learning { port, in_a_row, admitted } => {
                *in_a_row = if *port == from.port() { in_a_row.saturating_add(1) } else { 1 };
                *port = from.port();
                if *in_a_row >= PROOF {
                    *self = PlainSource::Fixed { port: from.port() };
                    return true;
                }
                *admitted = admitted.saturating_add(1);
                *admitted <= MAX_UNPROVEN
            }
        }
    }
}

/// Counts the roll-overs of one SSRC.
#[derive(Clone, Copy)]
struct Counter {
    ssrc: Ssrc,
    epoch: u32,
    highest: PacketIndex,
    /// The number that would confirm a restart.
    suspected: Option<Seq>,
    used: u64,
}

impl Counter {
    fn new(ssrc: Ssrc, seq: Seq, epoch: u32) -> Counter {
        Counter { ssrc, epoch, highest: PacketIndex::new(Roc(0), seq), suspected: None, used: 0 }
    }

    fn count(&mut self, seq: Seq, epochs: &mut u32) -> Option<PacketIndex> {
        let index = PacketIndex::estimate(seq, self.highest);
        let (now, highest) = (index.as_u64(), self.highest.as_u64());
        let is_near = now <= highest + MAX_DROPOUT && highest <= now + MAX_MISORDER;
        if is_near {
            self.suspected = None;
            self.highest = self.highest.max(index);
            return Some(index);
        }
        if self.suspected != Some(seq) {
            self.suspected = Some(Seq(seq.0.wrapping_add(1)));
            return None;
        }
        *epochs = epochs.saturating_add(1);
        *self = Counter { used: self.used, ..Counter::new(self.ssrc, seq, *epochs) };
        Some(self.highest)
    }
}

/// Packets in a row from one port of the described host by which it is taken for the peer's, while the described one is silent.
const PROOF: u8 = 5;
/// Packets that get through before a port is known: what somebody on the described host may inject.
const MAX_UNPROVEN: u8 = 5;
/// SSRCs whose roll-overs are counted at once; one more takes the place of the one unused for longest.
const MAX_COUNTERS: usize = 8;
/// RFC 3550 A.1: a larger step forward is a restart, not a loss.
const MAX_DROPOUT: u64 = 3000;
/// RFC 3550 A.1: a larger step back is a restart, not a late packet.
const MAX_MISORDER: u64 = 100;

#[cfg(test)]
mod tests {
    use cordon_srtp::PlainReason;

    use super::*;

    #[test]
    fn only_the_described_host_may_send_and_its_described_port_wins() {
        let mut end = end();

        assert!(!end.admits_rtp("10.0.0.3:4000".parse().unwrap(), described()));
        assert!((0..20).all(|_| end.admits_rtp(port(4800), described())), "the peer sends from another port");
        assert!(!end.admits_rtp(port(4801), described()), "and this one is not the peer's");

        assert!(end.admits_rtp("[::ffff:10.0.0.2]:4000".parse().unwrap(), described()));
        assert!(!end.admits_rtp(port(4800), described()));
        end.moved();
        assert!(end.admits_rtp(port(4800), described()));
    }

    #[test]
    fn no_more_than_five_packets_get_through_before_a_port_is_known() {
        let mut end = end();
        let admitted = (0..1_000).filter(|n| end.admits_rtp(port(5000 + n % 100), described())).count();
        assert_eq!(admitted, 5);

        let admitted: Vec<bool> = (0..8).map(|_| end.admits_rtp(port(4800), described())).collect();
        assert_eq!(admitted, [false, false, false, false, true, true, true, true]);
    }

    #[test]
    fn rtcp_has_a_port_of_its_own() {
        let mut end = end();
        let described_rtcp = port(4001);
        assert!(end.admits_rtp(port(4000), described()));
        assert!(end.admits_rtcp(port(4001), described_rtcp));
        assert!(!end.admits_rtcp(port(4000), described_rtcp));
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

        assert_eq!(end.index(Ssrc(1), Seq(10)), None);
        assert_eq!(end.index(Ssrc(1), Seq(500)), None);
        let restarted = end.index(Ssrc(1), Seq(501)).unwrap();

        assert!(restarted.0.epoch > before.epoch);
        assert_eq!(restarted.1, PacketIndex::new(Roc(0), Seq(501)));
    }

    #[test]
    fn many_sources_take_turns_in_bounded_room() {
        let mut end = end();
        for ssrc in 0..10_000 {
            assert!(end.index(Ssrc(ssrc), Seq(1)).is_some());
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
