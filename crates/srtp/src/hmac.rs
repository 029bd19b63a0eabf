//! HMAC-SHA1 with its two key blocks hashed once.

use sha1::compress;
use sha1::digest::generic_array::GenericArray;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The authentication key of a counter-mode suite (RFC 3711 §4.2.1, RFC 2104).
///
/// Half the cost of a short HMAC is hashing the key; here that is done when the key is made.
#[derive(ZeroizeOnDrop)]
pub(crate) struct HmacSha1 {
    /// SHA-1 state behind the inner key block.
    inner: [u32; 5],
    /// SHA-1 state behind the outer key block.
    outer: [u32; 5],
}

impl HmacSha1 {
    /// Takes a key of 20 bytes: shorter than a block, so it is never hashed itself.
    pub(crate) fn new(key: &[u8; 20]) -> Self {
        let keyed = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            let mut state = INITIAL;
            compress(&mut state, &[GenericArray::from(block)]);
            block.zeroize();
            state
        };
        Self { inner: keyed(0x36), outer: keyed(0x5c) }
    }

    /// The code over `message` followed by `suffix`, which is the ROC and never stands in the packet.
    pub(crate) fn authenticate(&self, message: &[u8], suffix: &[u8]) -> [u8; 20] {
        let mut state = self.inner;
        let (blocks, rest) = message.as_chunks::<BLOCK>();
        for block in blocks {
            compress(&mut state, std::slice::from_ref(GenericArray::from_slice(block)));
        }
        let hashed = BLOCK + message.len() + suffix.len();
        finish(&mut state, rest.iter().chain(suffix), hashed);
        let inner = to_bytes(&state);
        let mut state = self.outer;
        finish(&mut state, inner.iter(), BLOCK + inner.len());
        to_bytes(&state)
    }
}

/// Hashes the last bytes with SHA-1's padding; `hashed` counts all bytes from the start.
fn finish<'a>(state: &mut [u32; 5], rest: impl Iterator<Item = &'a u8>, hashed: usize) {
    let mut last = [0_u8; 2 * BLOCK];
    let mut used = 0;
    for (place, byte) in last.iter_mut().zip(rest.chain(&[0x80])) {
        *place = *byte;
        used += 1;
    }
    let blocks = if used + 8 <= BLOCK { 1 } else { 2 };
    let bits = (hashed as u64 * 8).to_be_bytes();
    last.iter_mut()
        .take(blocks * BLOCK)
        .rev()
        .zip(bits.iter().rev())
        .for_each(|(place, byte)| *place = *byte);
    for block in last.as_chunks::<BLOCK>().0.iter().take(blocks) {
        compress(state, std::slice::from_ref(GenericArray::from_slice(block)));
    }
}

fn to_bytes(state: &[u32; 5]) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes.as_chunks_mut::<4>().0.iter_mut().zip(state).for_each(|(place, word)| *place = word.to_be_bytes());
    bytes
}

/// Bytes SHA-1 takes at once.
const BLOCK: usize = 64;
/// SHA-1's state before the first block (FIPS 180-4 §5.3.1).
const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_rfc_2202_comes_out() {
        let hmac = HmacSha1::new(&[0x0b; 20]);
        let expected = [
            0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e,
            0xf1, 0x46, 0xbe, 0x00,
        ];
        assert_eq!(hmac.authenticate(b"Hi There", &[]), expected);
        assert_eq!(hmac.authenticate(b"Hi T", b"here"), expected);
    }

    #[test]
    fn where_the_message_is_cut_does_not_matter() {
        let hmac = HmacSha1::new(b"twenty bytes of key.");
        let message: Vec<u8> = (0..=255).collect();
        for length in 4..256 {
            let whole = hmac.authenticate(&message[..length], &[]);
            let (front, back) = message[..length].split_at(length - 4);
            assert_eq!(hmac.authenticate(front, back), whole, "{length} bytes");
        }
    }
}
