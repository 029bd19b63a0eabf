//! A master key and its salt.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use crate::Suite;

/// The SRTP master key and master salt of one direction of one leg.
///
/// It cannot be printed, compared with `==` or cloned, and it is wiped when dropped. [`KeyMaterial::hand_to_relay`] is
/// the only copy.
///
/// ```compile_fail
/// let key = cordon_rtp::KeyMaterial::new(cordon_rtp::Suite::AeadAes128Gcm, &[0; 28]).unwrap();
/// format!("{key:?}");
/// ```
#[derive(ZeroizeOnDrop)]
pub struct KeyMaterial {
    /// Key, then salt, then zeros.
    bytes: [u8; MAX_KEY_MATERIAL],
    #[zeroize(skip)]
    suite: Suite,
    /// Bytes of master key identifier that packets under this key carry; zero in all but rare offers.
    #[zeroize(skip)]
    mki_len: u8,
    /// Packets of each protocol it may be used for.
    #[zeroize(skip)]
    lifetime: u64,
}

/// The bytes offered as key and salt are not as many as the suite needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongLength {
    /// Bytes of key and salt the suite needs.
    pub expected: usize,
}

impl KeyMaterial {
    /// Takes `bytes` as master key followed by master salt, as a crypto attribute carries them (RFC 4568 §6.1).
    pub fn new(suite: Suite, bytes: &[u8]) -> Result<KeyMaterial, WrongLength> {
        let expected = suite.key_len() + suite.salt_len();
        if bytes.len() != expected {
            return Err(WrongLength { expected });
        }
        let mut key = KeyMaterial { bytes: [0; MAX_KEY_MATERIAL], suite, mki_len: 0, lifetime: u64::MAX };
        key.bytes.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        Ok(key)
    }

    /// A new key whose bytes `fill` draws; `fill` must be the system's random source or, in a test, a fixed one.
    pub fn generate(suite: Suite, mut fill: impl FnMut(&mut [u8])) -> KeyMaterial {
        let mut key = KeyMaterial { bytes: [0; MAX_KEY_MATERIAL], suite, mki_len: 0, lifetime: u64::MAX };
        let (used, _) = key.bytes.split_at_mut(suite.key_len() + suite.salt_len());
        fill(used);
        key
    }

    /// The suite this key was agreed for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The same key, announced with a master key identifier of `mki_len` bytes (RFC 4568 §6.1).
    ///
    /// Whoever announces one also puts it into every packet, so the length must travel with the key.
    pub fn with_mki(mut self, mki_len: u8) -> KeyMaterial {
        self.mki_len = mki_len;
        self
    }

    /// Bytes of master key identifier in each packet under this key.
    pub fn mki_len(&self) -> u8 {
        self.mki_len
    }

    /// The same key, to be used for at most `packets` of SRTP and as many of SRTCP, and for no more than its suite allows
    /// (RFC 3711 §9.2).
    pub fn with_lifetime(mut self, packets: u64) -> KeyMaterial {
        self.lifetime = packets;
        self
    }

    /// Packets of each protocol the key may be used for, be they more than its suite allows.
    pub fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// The master key.
    pub fn master_key(&self) -> &[u8] {
        self.as_bytes().split_at(self.suite.key_len()).0
    }

    /// The master salt.
    pub fn master_salt(&self) -> &[u8] {
        self.as_bytes().split_at(self.suite.key_len()).1
    }

    /// Master key followed by master salt, as a crypto attribute carries them.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.suite.key_len() + self.suite.salt_len()).0
    }

    /// Whether both are the same key, whatever identifier they were announced with, in time that does not depend on the bytes.
    pub fn is_same_as(&self, other: &KeyMaterial) -> bool {
        self.suite == other.suite && bool::from(self.bytes.ct_eq(&other.bytes))
    }

    /// Whether both have the same bytes, be it under different suites: AES-CM draws the same key stream for either length of
    /// its tag. In time that does not depend on the bytes.
    pub fn has_bytes_of(&self, other: &KeyMaterial) -> bool {
        bool::from(self.bytes.ct_eq(&other.bytes))
    }

    /// The copy that goes to the thread which protects the packets.
    pub fn hand_to_relay(&self) -> KeyMaterial {
        KeyMaterial { bytes: self.bytes, suite: self.suite, mki_len: self.mki_len, lifetime: self.lifetime }
    }
}

impl fmt::Display for WrongLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key and salt must be {} bytes together", self.expected)
    }
}

impl std::error::Error for WrongLength {}

/// 32 bytes of AES-256 key and 14 bytes of salt: the most any suite needs.
const MAX_KEY_MATERIAL: usize = 46;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_salt_are_split_where_the_suite_says() {
        for suite in Suite::ALL {
            let key = KeyMaterial::generate(suite, |bytes| bytes.fill(7));
            assert_eq!(key.master_key().len(), suite.key_len());
            assert_eq!(key.master_salt().len(), suite.salt_len());
            assert!(key.as_bytes().iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused() {
        assert_eq!(
            KeyMaterial::new(Suite::AesCm128HmacSha1_80, &[1; 29]).err(),
            Some(WrongLength { expected: 30 })
        );
        assert!(KeyMaterial::new(Suite::AesCm128HmacSha1_80, &[1; 30]).is_ok());
        assert!(KeyMaterial::new(Suite::AesCm256HmacSha1_80, &[1; 46]).is_ok());
    }

    #[test]
    fn only_the_same_bytes_under_the_same_suite_are_the_same_key() {
        let key = KeyMaterial::new(Suite::AesCm128HmacSha1_80, &[1; 30]).unwrap();
        let short_tag = KeyMaterial::new(Suite::AesCm128HmacSha1_32, &[1; 30]).unwrap();
        let other = KeyMaterial::new(Suite::AesCm128HmacSha1_80, &[2; 30]).unwrap();
        assert!(key.is_same_as(&key.hand_to_relay()));
        assert!(!key.is_same_as(&short_tag));
        assert!(key.has_bytes_of(&short_tag));
        assert!(!key.has_bytes_of(&other));
        assert!(!key.is_same_as(&other));
    }
}
