//! What a TLS connection agreed on, and what its errors mean.

use std::io;

use cordon_policy::Refusal;
use cordon_policy::connection::{TlsFacts, TlsVersion};
use rustls::{CertificateError, CipherSuite, CommonState, Error, OtherError, ProtocolVersion};

/// Version and suite of an established connection; `None` for what our configurations cannot have agreed on.
pub(crate) fn facts(connection: &CommonState) -> Option<TlsFacts> {
    let version = match connection.protocol_version()? {
        ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
        ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
        _ => return None,
    };
    Some(TlsFacts { version, suite: suite_name(connection.negotiated_cipher_suite()?.suite())? })
}

/// The error of the TLS library inside an error of a handshake; `None` when the connection broke underneath.
pub(crate) fn library_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// What the error says, for an installer: the certificate's own problem where there is one. Never a byte of the peer.
pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(problem))) => problem.to_string(),
        Error::AlertReceived(alert) => format!("the peer sent the alert {alert:?}"),
        Error::InvalidMessage(_) => "a TLS message was malformed".to_owned(),
        Error::PeerMisbehaved(kind) => format!("the peer broke the protocol: {kind:?}"),
        Error::PeerIncompatible(kind) => format!("the peer is incompatible: {kind:?}"),
        Error::InvalidCertificate(kind) => format!("invalid certificate: {kind}"),
        Error::NoCertificatesPresented => "the peer showed no certificate".to_owned(),
        _ => "the handshake failed".to_owned(),
    }
}

/// The refusal behind a failed handshake with the PBX, as far as the TLS library itself can tell.
pub(crate) fn pbx_refusal(error: &Error) -> Refusal {
    match error {
        Error::InvalidCertificate(kind) => match kind {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Refusal::PbxCertificateExpired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Refusal::PbxCertificateName
            }
            CertificateError::Revoked => Refusal::PbxCertificateRevoked,
            _ => Refusal::PbxCertificateNotTrusted,
        },
        Error::NoCertificatesPresented => Refusal::PbxCertificateNotTrusted,
        Error::PeerIncompatible(_) => Refusal::PbxTlsTooOld,
        // protocol_version, handshake_failure, insufficient_security
        Error::AlertReceived(alert) if matches!(u8::from(*alert), 70 | 40 | 71) => Refusal::PbxTlsTooOld,
        _ => Refusal::PbxUnreachable,
    }
}

/// IANA's spelling of the six suites.
fn suite_name(suite: CipherSuite) -> Option<&'static str> {
    Some(match suite {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        _ => return None,
    })
}
