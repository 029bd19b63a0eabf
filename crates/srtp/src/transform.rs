//! What a suite does to one packet, with the layouts of both families.
//!
//! ```text
//! counter mode  SRTP   | header | encrypted payload | MKI | tag |          tag over header, payload and the ROC
//!               SRTCP  | 8 bytes | encrypted rest | E + index | MKI | tag |
//! GCM           SRTP   | header | encrypted payload | tag | MKI |
//!               SRTCP  | 8 bytes | encrypted rest | tag | E + index | MKI |
//! ```

use cordon_rtp::{PacketBuf, PacketIndex, Ssrc, Suite};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::counter_mode::CounterMode;
use crate::error::{OpenError, SealError};
use crate::gcm::{self, Gcm};
use crate::hmac::HmacSha1;

/// The session keys of one direction of SRTP, or of SRTCP, at work.
pub(crate) struct Transform {
    cipher: Cipher,
    /// Session salt as a number of 112 bits, or of 96 for GCM.
    salt: u128,
}

enum Cipher {
    Counter(Counter),
    Gcm(Gcm),
}

struct Counter {
    stream: CounterMode,
    mac: HmacSha1,
    /// Bytes kept of the 20 that HMAC-SHA1 yields.
    tag_len: usize,
}

impl Transform {
    /// Puts session keys to work; `None` when a length does not fit the suite. `mac` is not used by GCM.
    pub(crate) fn new(suite: Suite, key: &[u8], mac: &[u8; 20], salt: u128, tag_len: usize) -> Option<Self> {
        let cipher = if suite.is_aead() {
            Cipher::Gcm(Gcm::new(key)?)
        } else {
            Cipher::Counter(Counter { stream: CounterMode::new(key)?, mac: HmacSha1::new(mac), tag_len })
        };
        Some(Self { cipher, salt })
    }

    /// The session salt: two transforms that share it come from the same master key.
    pub(crate) fn salt(&self) -> u128 {
        self.salt
    }

    /// Authenticates and decrypts an SRTP packet in place; returns the length that is left.
    ///
    /// After an error the payload may be spoiled (GCM) or is untouched (counter mode).
    pub(crate) fn open_rtp(
        &self,
        bytes: &mut [u8],
        header_len: usize,
        ssrc: Ssrc,
        index: PacketIndex,
        mki_len: usize,
    ) -> Result<usize, OpenError> {
        let trailer = mki_len + self.tag_len();
        let end =
            bytes.len().checked_sub(trailer).filter(|end| *end >= header_len).ok_or(OpenError::TooShort)?;
        let (message, trailer) = bytes.split_at_mut_checked(end).ok_or(OpenError::TooShort)?;
        match &self.cipher {
            Cipher::Counter(counter) => {
                let tag = trailer.get(mki_len..).ok_or(OpenError::TooShort)?;
                counter.verify(message, &index.roc().0.to_be_bytes(), tag)?;
                let (_, payload) = message.split_at_mut_checked(header_len).ok_or(OpenError::TooShort)?;
                counter.stream.apply(self.counter_start(ssrc, index.as_u64()), payload);
            }
            Cipher::Gcm(gcm) => {
                let tag = trailer.get(..gcm::TAG).ok_or(OpenError::TooShort)?;
                let (header, payload) =
                    message.split_at_mut_checked(header_len).ok_or(OpenError::TooShort)?;
                if !gcm.open(self.nonce(ssrc, index.as_u64()), header, payload, tag) {
                    return Err(OpenError::Forged);
                }
            }
        }
        Ok(end)
    }

    /// Encrypts an RTP packet in place and appends its tag.
    pub(crate) fn seal_rtp(
        &self,
        buf: &mut PacketBuf,
        header_len: usize,
        ssrc: Ssrc,
        index: PacketIndex,
    ) -> Result<(), SealError> {
        let end = buf.len();
        buf.grow(self.tag_len()).ok_or(SealError::TooLong)?;
        let (message, place) = buf.as_mut_slice().split_at_mut_checked(end).ok_or(SealError::TooLong)?;
        let (header, payload) = message.split_at_mut_checked(header_len).ok_or(SealError::Malformed)?;
        match &self.cipher {
            Cipher::Counter(counter) => {
                counter.stream.apply(self.counter_start(ssrc, index.as_u64()), payload);
                let tag = counter.mac.authenticate(message, &index.roc().0.to_be_bytes());
                place.iter_mut().zip(tag).for_each(|(place, byte)| *place = byte);
            }
            Cipher::Gcm(gcm) => {
                let nonce = self.nonce(ssrc, index.as_u64());
                let tag = gcm.seal(nonce, header, payload).ok_or(SealError::TooLong)?;
                place.iter_mut().zip(tag).for_each(|(place, byte)| *place = byte);
            }
        }
        Ok(())
    }

    /// The word with the E bit and the index of an SRTCP packet; nothing about it is proven yet.
    pub(crate) fn rtcp_word(&self, bytes: &[u8], mki_len: usize) -> Option<u32> {
        let behind = match &self.cipher {
            Cipher::Counter(counter) => mki_len + counter.tag_len,
            Cipher::Gcm(_) => mki_len,
        };
        let (front, _) = bytes.split_at_checked(bytes.len().checked_sub(behind)?)?;
        front.last_chunk().map(|word| u32::from_be_bytes(*word))
    }

    /// Authenticates and decrypts an SRTCP packet with the given E-and-index word; returns the length that is left.
    ///
    /// After an error the packet may be spoiled (GCM) or is untouched (counter mode).
    pub(crate) fn open_rtcp(
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
        match &self.cipher {
            Cipher::Counter(counter) => {
                let (message, trailer) = bytes.split_at_mut_checked(end + WORD).ok_or(OpenError::TooShort)?;
                counter.verify(message, &[], trailer.get(mki_len..).ok_or(OpenError::TooShort)?)?;
                let text = message.get_mut(RTCP_CLEAR..end).ok_or(OpenError::TooShort)?;
                counter.stream.apply(self.counter_start(ssrc, index), text);
            }
            Cipher::Gcm(gcm) => {
                let (message, trailer) = bytes.split_at_mut_checked(end).ok_or(OpenError::TooShort)?;
                let tag = trailer.get(..gcm::TAG).ok_or(OpenError::TooShort)?;
                let (head, text) = message.split_first_chunk_mut().ok_or(OpenError::TooShort)?;
                if !gcm.open(self.nonce(ssrc, index), &rtcp_associated(head, word), text, tag) {
                    return Err(OpenError::Forged);
                }
            }
        }
        Ok(end)
    }

    /// Encrypts an RTCP packet in place and appends the E-and-index word and the tag.
    pub(crate) fn seal_rtcp(&self, buf: &mut PacketBuf, ssrc: Ssrc, index: u32) -> Result<(), SealError> {
        let end = buf.len();
        let word = index | ENCRYPTED;
        buf.grow(WORD + self.tag_len()).ok_or(SealError::TooLong)?;
        let (message, trailer) = buf.as_mut_slice().split_at_mut_checked(end).ok_or(SealError::TooLong)?;
        match &self.cipher {
            Cipher::Counter(counter) => {
                let text = message.get_mut(RTCP_CLEAR..).ok_or(SealError::Malformed)?;
                counter.stream.apply(self.counter_start(ssrc, u64::from(index)), text);
                trailer.iter_mut().zip(word.to_be_bytes()).for_each(|(place, byte)| *place = byte);
                let (message, place) =
                    buf.as_mut_slice().split_at_mut_checked(end + WORD).ok_or(SealError::TooLong)?;
                let tag = counter.mac.authenticate(message, &[]);
                place.iter_mut().zip(tag).for_each(|(place, byte)| *place = byte);
            }
            Cipher::Gcm(gcm) => {
                let (head, text) = message.split_first_chunk_mut().ok_or(SealError::Malformed)?;
                let nonce = self.nonce(ssrc, u64::from(index));
                let tag = gcm.seal(nonce, &rtcp_associated(head, word), text).ok_or(SealError::TooLong)?;
                trailer
                    .iter_mut()
                    .zip(tag.into_iter().chain(word.to_be_bytes()))
                    .for_each(|(p, byte)| *p = byte);
            }
        }
        Ok(())
    }

    fn tag_len(&self) -> usize {
        match &self.cipher {
            Cipher::Counter(counter) => counter.tag_len,
            Cipher::Gcm(_) => gcm::TAG,
        }
    }

    /// RFC 3711 §4.1.1: `(salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16)`.
    fn counter_start(&self, ssrc: Ssrc, index: u64) -> u128 {
        (self.salt << 16) ^ (u128::from(ssrc.0) << 64) ^ (u128::from(index) << 16)
    }

    /// RFC 7714 §8.1 and §9.1: two zero bytes, the SSRC and the index in 48 bits, XOR the salt.
    fn nonce(&self, ssrc: Ssrc, index: u64) -> [u8; 12] {
        let number = self.salt ^ (u128::from(ssrc.0) << 48) ^ u128::from(index);
        let [_, _, _, _, nonce @ ..] = number.to_be_bytes();
        nonce
    }
}

impl Drop for Transform {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

impl Counter {
    fn verify(&self, message: &[u8], suffix: &[u8], tag: &[u8]) -> Result<(), OpenError> {
        let expected = self.mac.authenticate(message, suffix);
        let expected = expected.get(..self.tag_len).unwrap_or(&expected);
        if bool::from(expected.ct_eq(tag)) { Ok(()) } else { Err(OpenError::Forged) }
    }
}

/// RFC 7714 §9.2: the part in clear, then the word that stands behind the tag.
fn rtcp_associated(head: &[u8; RTCP_CLEAR], word: u32) -> [u8; RTCP_CLEAR + WORD] {
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

    /// RFC 7714 §16 and §17 give session keys, not master keys.
    fn gcm(suite: Suite) -> Transform {
        let key: Vec<u8> = (0..suite.key_len() as u8).collect();
        Transform::new(suite, &key, &[0; 20], 0x5175_6964_2070_726f_2071_756f, 16).unwrap()
    }

    const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e6973206469766973\
                       6120696e207061727465732074726573";
    const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
                        deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

    #[test]
    fn srtp_packets_of_rfc_7714_section_16_come_out_and_open() {
        let ssrc = Ssrc(0x5501_a0b2);
        let index = PacketIndex::from_u64(0xf17b).unwrap();
        for (suite, protected) in [
            (
                Suite::AeadAes128Gcm,
                "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36\
                 de3adf8833899d7f27beb16a9152cf765ee4390cce",
            ),
            (
                Suite::AeadAes256Gcm,
                "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1b\
                 a63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
            ),
        ] {
            let mut buf = PacketBuf::from_slice(&hex(RTP)).unwrap();
            gcm(suite).seal_rtp(&mut buf, 12, ssrc, index).unwrap();
            assert_eq!(buf.as_slice(), hex(protected), "{suite}");
            let end = gcm(suite).open_rtp(buf.as_mut_slice(), 12, ssrc, index, 0).unwrap();
            assert_eq!(&buf.as_slice()[..end], hex(RTP), "{suite}");
        }
    }

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
            gcm(suite).seal_rtcp(&mut buf, ssrc, 0x5d4).unwrap();
            assert_eq!(buf.as_slice(), hex(protected), "{suite}");
            assert_eq!(gcm(suite).rtcp_word(buf.as_slice(), 0), Some(0x8000_05d4));
            let end = gcm(suite).open_rtcp(buf.as_mut_slice(), ssrc, 0x8000_05d4, 0).unwrap();
            assert_eq!(&buf.as_slice()[..end], hex(RTCP), "{suite}");
        }
    }

    fn hex(digits: &str) -> Vec<u8> {
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }
}
