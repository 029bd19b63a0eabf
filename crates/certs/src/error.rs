//! What goes wrong while certificate material is read.

use std::path::PathBuf;

/// Why certificate material could not be used at all. A usable certificate that breaks a rule is a
/// [`CertProblem`](crate::CertProblem).
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The PEM text has no certificate.
    #[error("no PEM certificate is in it")]
    NoCertificate,
    /// The PEM text has no private key, or one that is encrypted.
    #[error("no unencrypted PEM private key is in it")]
    NoPrivateKey,
    /// The certificate is not X.509 version 3 in DER.
    #[error("the certificate is malformed")]
    Malformed,
    /// The private key is of a kind that TLS 1.2 and 1.3 cannot use here, or is malformed.
    #[error("the private key is malformed or neither RSA nor ECDSA P-256/P-384")]
    UnusableKey,
    /// Certificate and key are not a pair.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// None of the places where distributions keep their public store has one.
    #[error("the system has no store of public certificate authorities (install ca-certificates)")]
    NoSystemStore,
    /// The trust anchor file has no usable authority.
    #[error("no usable certificate authority is in it")]
    NoAuthority,
    /// The file of revocation lists has none, in PEM or in DER.
    #[error("no certificate revocation list is in it (PEM, or one in DER)")]
    NoRevocationList,
    /// A revocation list is malformed, has no `nextUpdate`, or is one of changes only.
    #[error(
        "a certificate revocation list in it is malformed, is a delta or indirect one, or lacks nextUpdate"
    )]
    UnusableRevocationList,
    /// The file is larger than lists are.
    #[error("larger than 32 MB: not a file of certificate revocation lists")]
    RevocationListsTooLarge,
    /// The TLS library refused our settings: ours.
    #[error("TLS settings were refused: {0}")]
    Internal(#[from] rustls::Error),
}
