//! Whose AES and HMAC-SHA1 the counter-mode suites are computed with; AES-GCM is aws-lc-rs' always.

use std::fmt;

#[cfg(any(test, feature = "aws-lc"))]
mod aws_lc;
#[cfg(any(test, not(feature = "aws-lc")))]
mod rust_crypto;
#[cfg(test)]
mod tests;

#[cfg(feature = "aws-lc")]
pub(crate) use aws_lc::{CounterMode, HmacSha1};
#[cfg(not(feature = "aws-lc"))]
pub(crate) use rust_crypto::{CounterMode, HmacSha1};

/// Who computes the ciphers of media; chosen when Cordon is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// AES-CM and HMAC-SHA1 by RustCrypto, AES-GCM by aws-lc-rs.
    RustCryptoAndAwsLc,
    /// All by aws-lc-rs (feature `aws-lc`).
    AwsLc,
    /// All by the FIPS module of aws-lc-rs (feature `fips`).
    AwsLcFips,
}

impl Provider {
    /// Who computes them in this build.
    pub fn in_force() -> Provider {
        match (cfg!(feature = "fips"), cfg!(feature = "aws-lc")) {
            (true, _) if aws_lc_rs::try_fips_mode().is_ok() => Provider::AwsLcFips,
            (_, true) => Provider::AwsLc,
            (_, false) => Provider::RustCryptoAndAwsLc,
        }
    }

    /// The name in reports and in the receipt.
    pub const fn name(self) -> &'static str {
        match self {
            Provider::RustCryptoAndAwsLc => "rustcrypto+aws-lc",
            Provider::AwsLc => "aws-lc",
            Provider::AwsLcFips => "aws-lc-fips",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// AES in counter mode, as key stream and as the pseudo-random function of key derivation.
pub(crate) trait KeyStream: Sized {
    /// Expands a key of 16 or 32 bytes; `None` for any other length.
    fn new(key: &[u8]) -> Option<Self>;

    /// Adds the key stream that starts at counter block `start` to `bytes`: encrypts, and decrypts again.
    fn apply(&self, start: u128, bytes: &mut [u8]);

    /// The same with a key that is expanded for this once.
    fn apply_once(key: &[u8], start: u128, bytes: &mut [u8]) -> Option<()>;
}

/// HMAC-SHA1 with a key that is hashed once.
pub(crate) trait Mac {
    /// Takes a key of 20 bytes: shorter than a block, so it is never hashed itself.
    fn new(key: &[u8; 20]) -> Self;

    /// The code over `message` followed by `suffix`, which is the ROC and never stands in the packet.
    fn authenticate(&self, message: &[u8], suffix: &[u8]) -> [u8; 20];
}
