//! AES and HMAC-SHA1 by aws-lc-rs: about twice the time of the other provider for a voice packet, and with the feature
//! `fips` those of a validated module.

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::{KeyStream, Mac};

/// An expanded AES key.
pub(crate) struct CounterMode(Box<EncryptingKey>);

impl KeyStream for CounterMode {
    fn new(key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128,
            32 => &AES_256,
            _ => return None,
        };
        let key = UnboundCipherKey::new(algorithm, key).ok()?;
        Some(Self(Box::new(EncryptingKey::ctr(key).ok()?)))
    }

    fn apply(&self, start: u128, bytes: &mut [u8]) {
        let context = EncryptionContext::Iv128(FixedLength::from(start.to_be_bytes()));
        self.0
            .less_safe_encrypt(bytes, context)
            .expect("counter mode takes a block of 16 bytes and any length");
    }

    fn apply_once(key: &[u8], start: u128, bytes: &mut [u8]) -> Option<()> {
        Self::new(key)?.apply(start, bytes);
        Some(())
    }
}

/// The authentication key of a counter-mode suite, both its key blocks hashed.
pub(crate) struct HmacSha1(Box<hmac::Key>);

impl Mac for HmacSha1 {
    fn new(key: &[u8; 20]) -> Self {
        Self(Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key)))
    }

    fn authenticate(&self, message: &[u8], suffix: &[u8]) -> [u8; 20] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(message);
        context.update(suffix);
        let tag = context.sign();
        tag.as_ref().try_into().expect("HMAC-SHA1 yields 20 bytes")
    }
}
