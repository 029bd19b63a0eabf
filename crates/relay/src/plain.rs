//! The packets of an end that policy permitted to go unprotected: nothing proves them, so the source address is
//! held to what the session description says, and the index is counted as RFC 3550 appendix A.1 does.

use std::net::SocketAddr;

use cordon_rtp::{PacketBuf, PacketIndex, Roc, Seq, Ssrc};
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

    /// Whether RTP may come from here, when the session description says `signalled`.
    pub(crate) fn admits_rtp(&mut self, from: SocketAddr, signalled: SocketAddr) -> bool {
        self.rtp.admits(from, signalled)
    }

    /// Whether RTCP may come from here, when the session description says `signalled`.
    pub(crate) fn admits_rtcp(&mut self, from: SocketAddr, signalled: SocketAddr) -> bool {
        self.rtcp.admits(from, signalled)
    }

    /// Forgets where packets came from: the session description says something new.
    pub(crate) fn moved(&mut self) {
        (self.rtp, self.rtcp) = (PlainSource::default(), PlainSource::default());
    }

    /// Takes an RTP packet and gives it its place in its stream.
    pub(crate) fn open_rtp<'b>(&mut self, buf: &'b mut PacketBuf) -> Result<Opened<'b>, OpenError> {
        let packet = RtpPacket::plain(buf, self.permit)?;
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

/// Where the packets of one component come from: the described host, and the port of the first of them.
#[derive(Clone, Copy, Default)]
struct PlainSource {
    fixed: Option<SocketAddr>,
}

impl PlainSource {
    fn admits(&mut self, from: SocketAddr, signalled: SocketAddr) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        from.ip() == signalled.ip().to_canonical() && *self.fixed.get_or_insert(from) == from
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
    fn only_the_described_host_and_one_port_of_it_may_send() {
        let mut end = end();
        let described = "10.0.0.2:4000".parse().unwrap();

        assert!(!end.admits_rtp("10.0.0.3:4000".parse().unwrap(), described));
        assert!(end.admits_rtp("10.0.0.2:4800".parse().unwrap(), described));
        assert!(!end.admits_rtp("10.0.0.2:4000".parse().unwrap(), described));
        assert!(end.admits_rtp("[::ffff:10.0.0.2]:4800".parse().unwrap(), described));

        end.moved();
        assert!(end.admits_rtp("10.0.0.2:4000".parse().unwrap(), described));
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

    fn end() -> PlainEnd {
        PlainEnd::new(Plain::by_permit(PlainReason::Lab))
    }
}
