use std::fmt;

use thiserror::Error;

/// Why a crypto line was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum CryptoProblem {
    /// Not `tag suite inline:key...`.
    #[error("the crypto line is malformed")]
    Malformed,
    /// The tag is not a number of one to nine digits without a leading zero.
    #[error("the tag is not a number from 1 to 999999999")]
    BadTag,
    /// An earlier line of the same media line has this tag.
    #[error("the tag is used twice")]
    DuplicateTag,
    /// A parameter would take protection away.
    #[error("{0} would take protection away")]
    Weakening(Weakening),
    /// A suite nobody here implements.
    #[error("the suite is not known")]
    UnknownSuite,
    /// Not `inline`.
    #[error("the key method is not inline")]
    UnknownKeyMethod,
    /// More than one key.
    #[error("several keys stand in one line")]
    SeveralKeys,
    /// The key is not base64.
    #[error("the key is not base64")]
    BadBase64,
    /// Key and salt are not as long as the suite's.
    #[error("the key does not have the suite's length")]
    WrongKeyLength,
    /// The lifetime is 0 or not a number.
    #[error("the key lifetime is malformed")]
    BadLifetime,
    /// The lifetime is above the suite's limit.
    #[error("the key lifetime is above the suite's limit")]
    LifetimeOverLimit,
    /// The MKI is not `value:length`, or does not fit its length.
    #[error("the master key identifier is malformed")]
    BadMki,
    /// `KDR` other than 0.
    #[error("a key derivation rate other than 0 is not offered")]
    KeyDerivationRate,
    /// `FEC_ORDER` or `FEC_KEY`.
    #[error("forward error correction is not offered")]
    ForwardErrorCorrection,
    /// A mandatory parameter nobody here knows (RFC 4568 §6.3.7).
    #[error("a mandatory parameter is not known")]
    UnknownParameter,
}

/// The session parameters that turn SRTP into something less (RFC 4568 §6.3.2, §6.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the words of RFC 4568")]
pub enum Weakening {
    UnencryptedSrtp,
    UnencryptedSrtcp,
    UnauthenticatedSrtp,
}

impl fmt::Display for Weakening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Weakening {
    pub(crate) const ALL: [Weakening; 3] =
        [Weakening::UnencryptedSrtp, Weakening::UnencryptedSrtcp, Weakening::UnauthenticatedSrtp];

    /// The parameter as RFC 4568 writes it.
    pub fn name(self) -> &'static str {
        match self {
            Weakening::UnencryptedSrtp => "UNENCRYPTED_SRTP",
            Weakening::UnencryptedSrtcp => "UNENCRYPTED_SRTCP",
            Weakening::UnauthenticatedSrtp => "UNAUTHENTICATED_SRTP",
        }
    }
}
