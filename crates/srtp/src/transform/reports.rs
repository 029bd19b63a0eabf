//! The same for SRTCP.

use std::cell::OnceCell;

use cordon_rtp::{PacketBuf, Ssrc, Suite};
use zeroize::ZeroizeOnDrop;

use super::{counter_start, nonce, verify, write};
use crate::error::{OpenError, SealError};
use crate::gcm::{self, Gcm};
use crate::provider::{CounterMode, HmacSha1, KeyStream, Mac};

/// The session keys of one direction of SRTCP.
///
/// A stream has a report every few seconds, so that its ciphers are made for each one: kept, they would be a third of all
/// that is remembered of a stream. What checks a tag is kept ready, because strangers ask for that as often as they like.
#[derive(ZeroizeOnDrop)]
pub(crate) struct ReportTransform {
    /// The session encryption key, then zeros.
    key: [u8; 32],
    #[zeroize(skip)]
    check: Check,
    /// Session salt as a number of 112 bits, or of 96 for GCM.
    salt: u128,
    #[zeroize(skip)]
    suite: Suite,
}

/// What a tag is checked with; each wipes itself.
enum Check {
    Counter(HmacSha1),
    /// Made when the first report comes.
    Gcm(OnceCell<Gcm>),
}

impl ReportTransform {
    /// Takes session keys; `None` when a length does not fit the suite. `mac` is not used by GCM.
    pub(crate) fn new(suite: Suite, key: &[u8], mac: &[u8; 20], salt: u128) -> Option<Self> {
        let check =
            if suite.is_aead() { Check::Gcm(OnceCell::new()) } else { Check::Counter(HmacSha1::new(mac)) };
        let mut transform = Self { key: [0; 32], check, salt, suite };
        if key.len() != suite.key_len() {
            return None;
        }
        transform.key.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
        Some(transform)
    }

    /// The session salt: two transforms that share it come from the same master key.
    pub(crate) fn salt(&self) -> u128 {
        self.salt
    }

    /// The word with the E bit and the index of a packet; nothing about it is proven yet.
    pub(crate) fn word(&self, bytes: &[u8], mki_len: usize) -> Option<u32> {
        let behind = if self.suite.is_aead() { mki_len } else { mki_len + self.tag_len() };
        let (front, _) = bytes.split_at_checked(bytes.len().checked_sub(behind)?)?;
        front.last_chunk().map(|word| u32::from_be_bytes(*word))
    }

    /// Authenticates and decrypts a packet in place with the given E-and-index word; returns the length that is left.
    ///
    /// After an error the packet may be spoiled (GCM) or is untouched (counter mode).
    pub(crate) fn open(
        &self,
        bytes: &mut [u8],
        ssrc: Ssrc,
        word: u32,
        mki_len: usize,
    ) -> Result<usize, OpenError> {
        let trailer = self.tag_len() + WORD + mki_len;
        let end =
            bytes.len().checked_sub(trailer).filter(|end| *end >= RTCP_CLEAR).ok_or(OpenError::TooShort)?;
        let index = u64::from(word & !ENCRYPTED);
        match &self.check {
            Check::Gcm(gcm) => {
                let (message, trailer) = bytes.split_at_mut_checked(end).ok_or(OpenError::TooShort)?;
                let tag = trailer.get(..gcm::TAG).ok_or(OpenError::TooShort)?;
                let (head, text) = message.split_first_chunk_mut().ok_or(OpenError::TooShort)?;
                let (nonce, associated) = (nonce(self.salt, ssrc, index), associated(head, word));
                if !gcm.get_or_init(|| self.gcm()).open(nonce, &associated, text, tag) {
                    return Err(OpenError::Forged);
                }
            }
            Check::Counter(mac) => {
                let (message, trailer) = bytes.split_at_mut_checked(end + WORD).ok_or(OpenError::TooShort)?;
                let tag = trailer.get(mki_len..).ok_or(OpenError::TooShort)?;
                verify(mac, message, &[], tag)?;
                let text = message.get_mut(RTCP_CLEAR..end).ok_or(OpenError::TooShort)?;
                self.add_key_stream(ssrc, index, text);
            }
        }
        Ok(end)
    }

    /// Encrypts a packet in place and appends the E-and-index word and the tag.
    pub(crate) fn seal(&self, buf: &mut PacketBuf, ssrc: Ssrc, index: u32) -> Result<(), SealError> {
        let end = buf.len();
        let word = index | ENCRYPTED;
        buf.grow(WORD + self.tag_len()).ok_or(SealError::TooLong)?;
        let (message, trailer) = buf.as_mut_slice().split_at_mut_checked(end).ok_or(SealError::TooLong)?;
        match &self.check {
            Check::Gcm(_) => {
                let (head, text) = message.split_first_chunk_mut().ok_or(SealError::Malformed)?;
                let nonce = nonce(self.salt, ssrc, u64::from(index));
                let tag = self.gcm().seal(nonce, &associated(head, word), text).ok_or(SealError::TooLong)?;
                write(trailer, tag.into_iter().chain(word.to_be_bytes()));
            }
            Check::Counter(mac) => {
                let text = message.get_mut(RTCP_CLEAR..).ok_or(SealError::Malformed)?;
                self.add_key_stream(ssrc, u64::from(index), text);
                write(trailer, word.to_be_bytes());
                let (message, place) =
                    buf.as_mut_slice().split_at_mut_checked(end + WORD).ok_or(SealError::TooLong)?;
                write(place, mac.authenticate(message, &[]));
            }
        }
        Ok(())
    }

    fn tag_len(&self) -> usize {
        self.suite.rtcp_tag_len()
    }

    fn add_key_stream(&self, ssrc: Ssrc, index: u64, text: &mut [u8]) {
        let start = counter_start(self.salt, ssrc, index);
        CounterMode::apply_once(self.key(), start, text).expect("every suite's key is 16 or 32 bytes");
    }

    fn gcm(&self) -> Gcm {
        Gcm::new(self.key()).expect("every suite's key is 16 or 32 bytes")
    }

    fn key(&self) -> &[u8] {
        self.key.split_at(self.suite.key_len()).0
    }
}

/// RFC 7714 §9.2: the part in clear, then the word that stands behind the tag.
fn associated(head: &[u8; RTCP_CLEAR], word: u32) -> [u8; RTCP_CLEAR + WORD] {
    let [a, b, c, d, e, f, g, h] = *head;
    let [i, j, k, l] = word.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

/// The bit that says an SRTCP packet is encrypted.
pub(crate) const ENCRYPTED: u32 = 1 << 31;
/// Bytes of an SRTCP packet that stay in clear: the first header and the sender's SSRC.
pub(crate) const RTCP_CLEAR: usize = 8;
/// Bytes of the E bit and the index.
const WORD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::tests::{RFC_7714_SALT, hex, rfc_7714_key};

    fn gcm(suite: Suite) -> ReportTransform {
        ReportTransform::new(suite, &rfc_7714_key(suite), &[0; 20], RFC_7714_SALT).unwrap()
    }

    const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
                        deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

    #[test]
    fn srtcp_packets_of_rfc_7714_section_17_come_out_and_open() {
        let ssrc = Ssrc(0x4d61_7273);
        for (suite, protected) in [
            (
                Suite::AeadAes128Gcm,
                "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686\
                 303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
            ),
            (
                Suite::AeadAes256Gcm,
                "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c6\
                 1de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
            ),
        ] {
            let mut buf = PacketBuf::from_slice(&hex(RTCP)).unwrap();
            gcm(suite).seal(&mut buf, ssrc, 0x5d4).unwrap();
            assert_eq!(buf.as_slice(), hex(protected), "{suite}");
            assert_eq!(gcm(suite).word(buf.as_slice(), 0), Some(0x8000_05d4));
            let end = gcm(suite).open(buf.as_mut_slice(), ssrc, 0x8000_05d4, 0).unwrap();
            assert_eq!(&buf.as_slice()[..end], hex(RTCP), "{suite}");
        }
    }
}
