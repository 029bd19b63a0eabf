//! The Internet checksum (RFC 1071), which a raw socket does not compute for us.

/// A one's complement sum that grows piece by piece.
///
/// The words are added as they lie in memory; RFC 1071 §2(B) shows that the sum then lies in memory as it must, on
/// machines of either byte order. Four bytes at a time, which the compiler turns into vector instructions.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Checksum(u64);

impl Checksum {
    /// The sum with these bytes added. Only the last piece may have an odd number of bytes.
    #[must_use]
    pub(crate) fn with(self, bytes: &[u8]) -> Checksum {
        let (words, rest) = bytes.as_chunks::<4>();
        let sum = words.iter().fold(self.0, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
        let mut last = [0; 4];
        for (into, byte) in last.iter_mut().zip(rest) {
            *into = *byte;
        }
        Checksum(sum + u64::from(u32::from_ne_bytes(last)))
    }

    /// The checksum as it stands in a header.
    pub(crate) fn finish(self) -> [u8; 2] {
        let mut sum = self.0;
        while sum > u64::from(u16::MAX) {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        (!(sum as u16)).to_ne_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_section_3_comes_out() {
        let sum = Checksum::default().with(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);

        assert_eq!(sum.finish(), (!0xddf2_u16).to_be_bytes());
    }

    #[test]
    fn every_length_gives_what_adding_word_by_word_gives() {
        let bytes: Vec<u8> =
            (0..600_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for len in 0..bytes.len() {
            assert_eq!(
                Checksum::default().with(&bytes[..len]).finish(),
                word_by_word(&bytes[..len]),
                "{len}"
            );
        }
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let bytes: Vec<u8> = (0..101_u8).map(|place| place.wrapping_mul(37)).collect();
        let whole = Checksum::default().with(&bytes).finish();
        for cut in (0..=100).step_by(2) {
            let pieces = Checksum::default().with(&bytes[..cut]).with(&bytes[cut..]);
            assert_eq!(pieces.finish(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn carries_are_folded_until_none_is_left() {
        for len in [2, 4, 6, 65_534] {
            assert_eq!(Checksum::default().with(&vec![0xff; len]).finish(), [0, 0], "{len}");
        }
        assert_eq!(Checksum::default().finish(), [0xff, 0xff]);
    }

    /// The definition, read off the RFC.
    fn word_by_word(bytes: &[u8]) -> [u8; 2] {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
            sum = (sum & 0xffff) + (sum >> 16);
        }
        (!(sum as u16)).to_be_bytes()
    }
}
