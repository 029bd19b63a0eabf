//! The rules a certificate can break, each with the control that asks for it.

use rustls::{CertificateError, OtherError};

/// A certificate that was read well and must not be used. `Display` is one sentence for the installer;
/// it holds names of machines and never a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertProblem {
    /// The leaf signed itself, or the chain ends in an authority that came along with it.
    #[error("the certificate is self-signed")]
    SelfSigned,
    /// The chain does not end in a trusted authority.
    #[error(
        "the chain does not end in a trusted certificate authority (a private one, or an intermediate is missing)"
    )]
    UntrustedIssuer,
    /// The time of use has passed.
    #[error("the certificate expired {days} days ago")]
    Expired {
        /// Whole days since.
        days: i64,
    },
    /// The time of use has not begun.
    #[error("the certificate is not valid yet (is this machine's clock right?)")]
    NotYetValid,
    /// A certificate of the chain above the leaf is out of its time of use.
    #[error("an intermediate certificate of the chain is expired or not valid yet")]
    IntermediateOutOfTime,
    /// A name is a wildcard. RFC 5922 §7.2 forbids them for SIP, and strict phones refuse them.
    #[error("the certificate names a wildcard, which SIP does not allow (RFC 5922)")]
    Wildcard,
    /// None of the names is the one asked for.
    #[error("the certificate does not carry the name {expected}")]
    NameMismatch {
        /// The configured name.
        expected: String,
    },
    /// There is no subjectAltName; a common name alone proves nothing since RFC 6125 and is not issued any more.
    #[error("the certificate has no subjectAltName")]
    NoAlternativeName,
    /// RSA below 2,048 bits, or a curve below P-256 (RFC 9325 §4.5).
    #[error("the key is too weak: {bits} bits")]
    WeakKey {
        /// Size of the modulus or of the curve.
        bits: usize,
    },
    /// A signature of the chain is by SHA-1 or MD5 (RFC 9325 §4.5).
    #[error("the chain is signed with SHA-1 or MD5")]
    WeakSignature,
    /// The extended key usage does not say `serverAuth`.
    #[error("the certificate is not issued for TLS servers")]
    NotForServers,
    /// A list of its issuer takes it, or a certificate above it, back.
    #[error("the certificate, or one above it, is revoked by its issuer")]
    Revoked,
    /// The list that names the issuer of a certificate as its own was not signed by that issuer: it proves nothing, and
    /// somebody put it there.
    #[error("the revocation list for this certificate is not signed by its issuer")]
    RevocationListNotIssued,
    /// Not a certificate, or one with structure that cannot be judged.
    #[error("the certificate chain is malformed")]
    Malformed,
}

impl CertProblem {
    /// The control, by its id in the control map, that a certificate with this problem breaks.
    pub const fn control(&self) -> &'static str {
        match self {
            Self::SelfSigned | Self::UntrustedIssuer => "ZC-34",
            Self::Expired { .. }
            | Self::NotYetValid
            | Self::IntermediateOutOfTime
            | Self::Wildcard
            | Self::NameMismatch { .. }
            | Self::NoAlternativeName
            | Self::NotForServers
            | Self::Revoked
            | Self::RevocationListNotIssued
            | Self::Malformed => "ZC-13",
            Self::WeakKey { .. } | Self::WeakSignature => "CI-08",
        }
    }

    /// The problem for which our client configuration ended a handshake, if that is why it failed.
    pub fn of(error: &rustls::Error) -> Option<&Self> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
                inner.downcast_ref()
            }
            _ => None,
        }
    }

    /// What to do about it, for the installer.
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::SelfSigned => "use a certificate issued by a public certificate authority",
            Self::UntrustedIssuer => {
                "use a certificate issued by a public certificate authority, with all of its intermediates in the file"
            }
            Self::Expired { .. } | Self::IntermediateOutOfTime => "renew the certificate, with its chain",
            Self::NotYetValid => "set the clock, or wait until the certificate becomes valid",
            Self::Wildcard => "issue the certificate for exact host names only",
            Self::NameMismatch { .. } | Self::NoAlternativeName => {
                "issue the certificate with this name in its subjectAltName"
            }
            Self::WeakKey { .. } => "use RSA with 2048 bits or more, or ECDSA P-256 or P-384",
            Self::WeakSignature => "re-issue the chain with SHA-256 or better",
            Self::NotForServers => "issue the certificate with the serverAuth extended key usage",
            Self::Revoked => "have a new certificate issued, with a new key",
            Self::RevocationListNotIssued => "fetch the revocation list of this issuer anew",
            Self::Malformed => "re-export the certificate chain as PEM, the server's own certificate first",
        }
    }
}
