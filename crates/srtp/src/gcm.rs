//! AES in Galois counter mode (RFC 7714).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// One AES-GCM session key.
pub(crate) struct Gcm(LessSafeKey);

impl Gcm {
    /// Takes a key of 16 or 32 bytes; `None` for any other length.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        UnboundKey::new(algorithm, key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Decrypts `text` in place if `tag` fits it and `associated`; otherwise `text` is spoiled.
    pub(crate) fn open(&self, nonce: [u8; 12], associated: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place_separate_tag(nonce, Aad::from(associated), tag, text).is_ok()
    }

    /// Encrypts `text` in place and returns the tag over it and `associated`.
    pub(crate) fn seal(&self, nonce: [u8; 12], associated: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), text).ok()?;
        tag.as_ref().try_into().ok()
    }
}

/// Bytes of a tag in both GCM suites: shorter ones are not offered (RFC 7714 §13.2).
pub(crate) const TAG: usize = 16;
