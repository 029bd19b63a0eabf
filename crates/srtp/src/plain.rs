//! Media in clear: only where a rule permits it, and never without the reason at hand.

use cordon_rtp::{PacketBuf, PacketIndex, Roc, RtpHeader, Seq, Ssrc, rtcp};

use crate::error::OpenError;
use crate::packet::{RtcpPacket, RtpPacket, SourceId, SrtcpPacket, SrtpPacket};

/// Why a stream may be in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlainReason {
    /// The leg is a trunk whose operator accepted unsecured media.
    Trunk,
    /// The site runs in profile `lab`.
    Lab,
    /// The call is to an emergency number.
    Emergency,
}

/// The permit for one stream in clear; whoever sends or takes media in clear must show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    reason: PlainReason,
}

impl Plain {
    /// Makes the permit. Only the layer that has policy's own permit for this stream in hand may call this.
    pub const fn by_permit(reason: PlainReason) -> Self {
        Self { reason }
    }

    /// Why this stream is in clear.
    pub const fn reason(self) -> PlainReason {
        self.reason
    }
}

/// A packet in clear, on its way to a peer that was permitted to get it so.
#[derive(Debug)]
pub struct PlainPacket<'b> {
    buf: &'b mut PacketBuf,
}

impl<'b> PlainPacket<'b> {
    pub(crate) fn new(buf: &'b mut PacketBuf) -> Self {
        Self { buf }
    }

    /// The bytes to send.
    pub fn as_slice(&self) -> &[u8] {
        self.buf.as_slice()
    }
}

/// The way in for a stream in clear: nothing is proven, only numbered so that it can be sealed on the other side.
pub struct PlainInbound {
    plain: Plain,
    sources: [Option<Heard>; MAX_PLAIN_SOURCES],
    /// Epoch of the next source; a source that was forgotten and returns must not be taken for its former self.
    next_epoch: u32,
}

#[derive(Clone, Copy)]
struct Heard {
    id: SourceId,
    highest: PacketIndex,
}

impl PlainInbound {
    /// A stream in clear, nothing heard yet.
    pub fn new(plain: Plain) -> Self {
        Self { plain, sources: [None; MAX_PLAIN_SOURCES], next_epoch: 0 }
    }

    /// The permit this stream runs under.
    pub fn plain(&self) -> Plain {
        self.plain
    }

    /// Takes an RTP packet and extends its sequence number over the wraps.
    ///
    /// Duplicates are not found here: sealing the same index twice is what [`crate::Outbound`] refuses.
    pub fn open_rtp<'b>(&mut self, packet: SrtpPacket<'b>) -> Result<RtpPacket<'b>, OpenError> {
        let buf = packet.into_buf();
        let header = RtpHeader::parse(buf.as_slice()).ok_or(OpenError::Malformed)?;
        let (ssrc, seq) = (header.ssrc(), header.seq());
        let heard = self.sources.iter_mut().flatten().find(|heard| heard.id.ssrc == ssrc);
        let (source, index, is_newest) = match heard {
            Some(heard) => {
                let index = PacketIndex::estimate(seq, heard.highest);
                let is_newest = index > heard.highest;
                heard.highest = heard.highest.max(index);
                (heard.id, index, is_newest)
            }
            None => self.remember(ssrc, seq),
        };
        Ok(RtpPacket::new(buf, source, index, is_newest))
    }

    /// Takes an RTCP packet.
    pub fn open_rtcp<'b>(&mut self, packet: SrtcpPacket<'b>) -> Result<RtcpPacket<'b>, OpenError> {
        let buf = packet.into_buf();
        let ssrc = rtcp::sender(buf.as_slice()).ok_or(OpenError::Malformed)?;
        let heard = self.sources.iter().flatten().find(|heard| heard.id.ssrc == ssrc);
        let source = heard.map_or(SourceId { ssrc, epoch: 0 }, |heard| heard.id);
        Ok(RtcpPacket::new(buf, source))
    }

    /// Puts a new source first; the one first heard longest ago makes room.
    fn remember(&mut self, ssrc: Ssrc, seq: Seq) -> (SourceId, PacketIndex, bool) {
        let id = SourceId { ssrc, epoch: self.next_epoch };
        self.next_epoch = self.next_epoch.wrapping_add(1);
        let highest = PacketIndex::new(Roc(0), seq);
        self.sources.rotate_right(1);
        if let Some(first) = self.sources.first_mut() {
            *first = Some(Heard { id, highest });
        }
        (id, highest, true)
    }
}

/// Sources numbered at once: without authentication anyone can invent one, so old ones make room.
const MAX_PLAIN_SOURCES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const LAB: Plain = Plain::by_permit(PlainReason::Lab);

    fn packet(ssrc: u8, seq: u16) -> PacketBuf {
        let [high, low] = seq.to_be_bytes();
        PacketBuf::from_slice(&[0x80, 0, high, low, 0, 0, 0, 0, 0, 0, 0, ssrc, 1, 2]).unwrap()
    }

    #[test]
    fn the_index_runs_on_over_a_wrap() {
        let mut inbound = PlainInbound::new(LAB);
        let indexes = [65_534, 65_535, 0, 1].map(|seq| {
            let mut buf = packet(1, seq);
            inbound.open_rtp(SrtpPacket::received(&mut buf)).unwrap().index().as_u64()
        });
        assert_eq!(indexes, [65_534, 65_535, 65_536, 65_537]);
    }

    #[test]
    fn a_source_that_was_forgotten_returns_as_another() {
        let mut inbound = PlainInbound::new(LAB);
        let epochs: Vec<u32> = (0..=8)
            .chain([0])
            .map(|ssrc| inbound.open_rtp(SrtpPacket::received(&mut packet(ssrc, 7))).unwrap().source().epoch)
            .collect();
        assert_eq!(epochs, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
