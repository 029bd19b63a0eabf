//! Numbers of RTP that must not be mixed up.

use std::fmt;

/// Synchronization source: the name of one stream of packets (RFC 3550 §3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// Sequence number of an RTP packet; wraps every 2^16 packets (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seq(pub u16);

/// Roll-over counter: how often the sequence number has wrapped (RFC 3711 §3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Roc(pub u32);

/// Media clock of an RTP packet, in units of the codec's clock rate (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp(pub u32);

/// Payload type: which codec of the answer a packet carries, 0 to 127 (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(pub u8);

/// Place of a packet in its stream: 48 bits, `2^16 * ROC + SEQ` (RFC 3711 §3.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketIndex(u64);

impl PacketIndex {
    /// The last index a key may be used with.
    pub const MAX: PacketIndex = PacketIndex(0xffff_ffff_ffff);

    /// The index of sequence number `seq` after `roc` wraps.
    pub const fn new(roc: Roc, seq: Seq) -> Self {
        Self((roc.0 as u64) << 16 | seq.0 as u64)
    }

    /// The index as a number, if it fits 48 bits.
    pub const fn from_u64(index: u64) -> Option<Self> {
        if index <= Self::MAX.0 { Some(Self(index)) } else { None }
    }

    /// The index as a number below 2^48.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The lower 16 bits, as they stand in the packet.
    pub const fn seq(self) -> Seq {
        Seq(self.0 as u16)
    }

    /// The upper 32 bits, which no packet carries.
    pub const fn roc(self) -> Roc {
        Roc((self.0 >> 16) as u32)
    }

    /// The most likely index of a packet with `seq` when `highest` is the highest index known to be genuine
    /// (RFC 3711 §3.3.1 and Appendix A).
    ///
    /// Where the RFC's arithmetic would leave the 48 bits, the nearest index inside them is meant instead: before the
    /// first wrap nothing can be older than ROC 0, and behind the last one a key is spent.
    pub const fn estimate(seq: Seq, highest: PacketIndex) -> PacketIndex {
        let last = highest.seq().0;
        let roc = highest.roc().0;
        let guessed = if last < HALF && seq.0 > last && seq.0 - last > HALF {
            roc.saturating_sub(1)
        } else if last >= HALF && last - HALF > seq.0 {
            roc.saturating_add(1)
        } else {
            roc
        };
        PacketIndex::new(Roc(guessed), seq)
    }
}

impl fmt::Debug for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ssrc({:08x})", self.0)
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Half of the sequence number space: farther than this a packet belongs to the neighbouring ROC.
const HALF: u16 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn index(roc: u32, seq: u16) -> PacketIndex {
        PacketIndex::new(Roc(roc), Seq(seq))
    }

    #[test]
    fn an_index_is_made_of_roc_and_seq() {
        let made = index(0xfedc_ba98, 0x7654);
        assert_eq!(made.as_u64(), 0xfedc_ba98_7654);
        assert_eq!((made.roc(), made.seq()), (Roc(0xfedc_ba98), Seq(0x7654)));
        assert_eq!(PacketIndex::from_u64(1 << 48), None);
    }

    #[test]
    fn the_estimate_follows_appendix_a() {
        assert_eq!(PacketIndex::estimate(Seq(101), index(3, 100)), index(3, 101));
        assert_eq!(PacketIndex::estimate(Seq(99), index(3, 100)), index(3, 99));
        assert_eq!(PacketIndex::estimate(Seq(2), index(3, 65_530)), index(4, 2));
        assert_eq!(PacketIndex::estimate(Seq(65_530), index(3, 2)), index(2, 65_530));
        assert_eq!(PacketIndex::estimate(Seq(0), index(3, 32_768)), index(3, 0));
        assert_eq!(PacketIndex::estimate(Seq(0), index(3, 32_769)), index(4, 0));
    }

    #[test]
    fn the_estimate_never_leaves_48_bits() {
        assert_eq!(PacketIndex::estimate(Seq(65_530), index(0, 2)), index(0, 65_530));
        assert_eq!(PacketIndex::estimate(Seq(2), index(u32::MAX, 65_530)), index(u32::MAX, 2));
    }
}
