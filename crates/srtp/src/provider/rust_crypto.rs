//! AES by RustCrypto, which finds out what the processor can, and HMAC-SHA1 over its SHA-1 with both key blocks hashed
//! once: at the size of a voice packet the fastest of what was measured.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipher, BlockEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipher};
use aes::{Aes128Enc, Aes256Enc};
use ctr::{Ctr128BE, CtrCore};
use sha1::compress;
use sha1::digest::generic_array::GenericArray;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{KeyStream, Mac};

/// An expanded AES key; the key stream needs only the encrypting half. Boxed one by one: the larger takes a third more.
pub(crate) enum CounterMode {
    Aes128(Box<Aes128Enc>),
    Aes256(Box<Aes256Enc>),
}

impl KeyStream for CounterMode {
    fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128Enc::new_from_slice(key).ok().map(|key| CounterMode::Aes128(Box::new(key))),
            32 => Aes256Enc::new_from_slice(key).ok().map(|key| CounterMode::Aes256(Box::new(key))),
            _ => None,
        }
    }

    fn apply(&self, start: u128, bytes: &mut [u8]) {
        match self {
            CounterMode::Aes128(key) => add(key.as_ref(), start, bytes),
            CounterMode::Aes256(key) => add(key.as_ref(), start, bytes),
        }
    }

    fn apply_once(key: &[u8], start: u128, bytes: &mut [u8]) -> Option<()> {
        match key.len() {
            16 => add(&Aes128Enc::new_from_slice(key).ok()?, start, bytes),
            32 => add(&Aes256Enc::new_from_slice(key).ok()?, start, bytes),
            _ => return None,
        }
        Some(())
    }
}

fn add<K>(key: &K, start: u128, bytes: &mut [u8])
where
    K: BlockCipher + BlockEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let start = start.to_be_bytes();
    Ctr128BE::from_core(CtrCore::inner_iv_init(key, &start.into())).apply_keystream(bytes);
}

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

impl Mac for HmacSha1 {
    fn new(key: &[u8; 20]) -> Self {
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

    fn authenticate(&self, message: &[u8], suffix: &[u8]) -> [u8; 20] {
        let mut state = self.inner;
        let (blocks, rest) = message.as_chunks::<BLOCK>();
        for block in blocks {
            compress(&mut state, std::slice::from_ref(GenericArray::from_slice(block)));
        }
        finish(&mut state, [rest, suffix], BLOCK + message.len() + suffix.len());
        let inner = to_bytes(&state);
        let mut state = self.outer;
        finish(&mut state, [&inner, &[]], BLOCK + inner.len());
        to_bytes(&state)
    }
}

/// Hashes the last bytes, which with the suffix leave room for SHA-1's padding in two blocks; `hashed` counts all bytes
/// from the start.
fn finish(state: &mut [u32; 5], rest: [&[u8]; 2], hashed: usize) {
    let mut last = [0_u8; 2 * BLOCK];
    let mut used = 0;
    for bytes in rest.into_iter().chain([&[0x80][..]]) {
        let end = used + bytes.len();
        if let Some(place) = last.get_mut(used..end) {
            place.copy_from_slice(bytes);
        }
        used = end;
    }
    let blocks = if used + 8 <= BLOCK { 1 } else { 2 };
    let (padded, _) = last.split_at_mut(blocks * BLOCK);
    if let Some(bits) = padded.last_chunk_mut() {
        *bits = (hashed as u64 * 8).to_be_bytes();
    }
    for block in padded.as_chunks::<BLOCK>().0 {
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
