//! Whether a stream arrives whole and in order.

use cordon_rtp::PacketIndex;

/// Follows the indices of one stream as its packets arrive. A new source, or one that starts again, is followed afresh.
#[derive(Debug, Default)]
pub(crate) struct Continuity {
    /// The source and the highest index it reached.
    highest: Option<(u32, u64)>,
    /// Packets that were passed over and have not come since.
    pub(crate) missing: u64,
    /// Packets that came behind a later one.
    pub(crate) late: u64,
}

impl Continuity {
    /// A packet that authenticated has arrived.
    pub(crate) fn note(&mut self, ssrc: u32, index: PacketIndex) {
        let index = index.as_u64();
        let known = self.highest.filter(|(source, highest)| *source == ssrc && index + RESTART > *highest);
        let Some((_, highest)) = known else {
            self.highest = Some((ssrc, index));
            return;
        };
        if index > highest {
            self.missing += index - highest - 1;
            self.highest = Some((ssrc, index));
        } else {
            self.late += 1;
            self.missing = self.missing.saturating_sub(1);
        }
    }
}

const RESTART: u64 = 1 << 15; // further behind than a sequence number can tell: the stream began anew

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_missing_until_its_packets_come_late() {
        let seen = after(&[(1, 10), (1, 11), (1, 14), (1, 13), (1, 15)]);
        assert_eq!((seen.missing, seen.late), (1, 1));
    }

    #[test]
    fn another_source_and_one_that_starts_again_lose_nothing() {
        let seen = after(&[(1, 100_000), (2, 7), (2, 8), (1, 100_001), (1, 1), (1, 2)]);
        assert_eq!((seen.missing, seen.late), (0, 0));
    }

    fn after(packets: &[(u32, u64)]) -> Continuity {
        let mut seen = Continuity::default();
        for (ssrc, index) in packets {
            seen.note(*ssrc, PacketIndex::from_u64(*index).unwrap());
        }
        seen
    }
}
