//! Whose AES and HMAC-SHA1 the counter-mode suites are computed with; AES-GCM is aws-lc-rs' always.

use std::fmt;

use thiserror::Error;

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

/// Cordon was built to compute with the FIPS module only, and the library at hand is not in FIPS mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("built with feature fips, but aws-lc is not in FIPS mode")]
pub struct NotInFipsMode;

impl Provider {
    /// Who computes them in this build. Nothing may be served where this is refused: who asked for the FIPS module is not given
    /// another one silently.
    pub fn in_force() -> Result<Provider, NotInFipsMode> {
        let is_in_fips_mode = aws_lc_rs::try_fips_mode().is_ok();
        Provider::of_build(cfg!(feature = "fips"), cfg!(feature = "aws-lc"), is_in_fips_mode)
    }

    fn of_build(
        promises_fips: bool,
        is_all_aws_lc: bool,
        is_in_fips_mode: bool,
    ) -> Result<Provider, NotInFipsMode> {
        match (promises_fips, is_in_fips_mode) {
            (true, true) => Ok(Provider::AwsLcFips),
            (true, false) => Err(NotInFipsMode),
            (false, _) if is_all_aws_lc => Ok(Provider::AwsLc),
            (false, _) => Ok(Provider::RustCryptoAndAwsLc),
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
