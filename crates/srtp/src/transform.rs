//! What a suite does to one packet, with the layouts of both families.
//!
//! ```text
//! counter mode  SRTP   | header | encrypted payload | MKI | tag |          tag over header, payload and the ROC
//!               SRTCP  | 8 bytes | encrypted rest | E + index | MKI | tag |
//! GCM           SRTP   | header | encrypted payload | tag | MKI |
//!               SRTCP  | 8 bytes | encrypted rest | tag | E + index | MKI |
//! ```

mod reports;

use cordon_rtp::{PacketBuf, PacketIndex, Ssrc, Suite};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::error::{OpenError, SealError};
use crate::gcm::{self, Gcm};
use crate::provider::{CounterMode, HmacSha1, KeyStream, Mac};

pub(crate) use reports::{ENCRYPTED, RTCP_CLEAR, ReportTransform};

/// The session keys of one direction of SRTP, at work.
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
    pub(crate) fn new(suite: Suite, key: &[u8], mac: &[u8; 20], salt: u128) -> Option<Self> {
        let cipher = if suite.is_aead() {
            Cipher::Gcm(Gcm::new(key)?)
        } else {
            let (stream, mac) = (CounterMode::new(key)?, HmacSha1::new(mac));
            Cipher::Counter(Counter { stream, mac, tag_len: suite.tag_len() })
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
    pub(crate) fn open(
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
                verify(&counter.mac, message, &index.roc().0.to_be_bytes(), tag)?;
                let (_, payload) = message.split_at_mut_checked(header_len).ok_or(OpenError::TooShort)?;
                counter.stream.apply(counter_start(self.salt, ssrc, index.as_u64()), payload);
            }
            Cipher::Gcm(gcm) => {
                let tag = trailer.get(..gcm::TAG).ok_or(OpenError::TooShort)?;
                let (header, payload) =
                    message.split_at_mut_checked(header_len).ok_or(OpenError::TooShort)?;
                if !gcm.open(nonce(self.salt, ssrc, index.as_u64()), header, payload, tag) {
                    return Err(OpenError::Forged);
                }
            }
        }
        Ok(end)
    }

    /// Encrypts an RTP packet in place and appends its tag.
    pub(crate) fn seal(
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
                counter.stream.apply(counter_start(self.salt, ssrc, index.as_u64()), payload);
                let tag = counter.mac.authenticate(message, &index.roc().0.to_be_bytes());
                write(place, tag);
            }
            Cipher::Gcm(gcm) => {
                let nonce = nonce(self.salt, ssrc, index.as_u64());
                let tag = gcm.seal(nonce, header, payload).ok_or(SealError::TooLong)?;
                write(place, tag);
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
}

impl Drop for Transform {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

/// RFC 3711 §4.1.1: `(salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16)`.
fn counter_start(salt: u128, ssrc: Ssrc, index: u64) -> u128 {
    (salt << 16) ^ (u128::from(ssrc.0) << 64) ^ (u128::from(index) << 16)
}

/// RFC 7714 §8.1 and §9.1: two zero bytes, the SSRC and the index in 48 bits, XOR the salt.
fn nonce(salt: u128, ssrc: Ssrc, index: u64) -> [u8; 12] {
    let number = salt ^ (u128::from(ssrc.0) << 48) ^ u128::from(index);
    let [_, _, _, _, nonce @ ..] = number.to_be_bytes();
    nonce
}

/// Compares the front of the code with the tag in a packet, in time that does not depend on the bytes.
fn verify(mac: &HmacSha1, message: &[u8], suffix: &[u8], tag: &[u8]) -> Result<(), OpenError> {
    let expected = mac.authenticate(message, suffix);
    let expected = expected.get(..tag.len()).unwrap_or(&expected);
    if bool::from(expected.ct_eq(tag)) { Ok(()) } else { Err(OpenError::Forged) }
}

/// As many bytes as there is place for.
fn write(place: &mut [u8], bytes: impl IntoIterator<Item = u8>) {
    place.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const RFC_7714_SALT: u128 = 0x5175_6964_2070_726f_2071_756f;

    /// RFC 7714 §16 and §17 give session keys, not master keys.
    pub(super) fn rfc_7714_key(suite: Suite) -> Vec<u8> {
        (0..suite.key_len() as u8).collect()
    }

    fn gcm(suite: Suite) -> Transform {
        Transform::new(suite, &rfc_7714_key(suite), &[0; 20], RFC_7714_SALT).unwrap()
    }

    const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e6973206469766973\
                       6120696e207061727465732074726573";
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
            gcm(suite).seal(&mut buf, 12, ssrc, index).unwrap();
            assert_eq!(buf.as_slice(), hex(protected), "{suite}");
            let end = gcm(suite).open(buf.as_mut_slice(), 12, ssrc, index, 0).unwrap();
            assert_eq!(&buf.as_slice()[..end], hex(RTP), "{suite}");
        }
    }

    pub(super) fn hex(digits: &str) -> Vec<u8> {
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }
}
