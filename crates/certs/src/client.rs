//! The TLS that the PBX meets: its chain by webpki, its name by RFC 5922.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::chain::judge_peer;
use crate::error::CertError;
use crate::name::PeerName;
use crate::problem::CertProblem;
use crate::provider::{VERSIONS, provider};
use crate::trust::TrustAnchors;

/// TLS toward a peer that must prove `name` with a chain into `trust`. The configuration is good for this name alone,
/// whatever name a connection asks for: a connection to another name cannot be made with it (CVE-2020-15260).
///
/// # Errors
/// [`CertError::Internal`] only.
pub fn client_config(trust: &TrustAnchors, name: &PeerName) -> Result<Arc<ClientConfig>, CertError> {
    let provider = provider();
    let verifier = PeerVerifier {
        name: name.clone(),
        trust: trust.clone(),
        algorithms: provider.signature_verification_algorithms,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // Every connection shows its certificate anew: one that expired or was replaced must not live on in a ticket.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct PeerVerifier {
    name: PeerName,
    trust: TrustAnchors,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *server_name != self.name.to_server_name() {
            return Err(refuse(CertProblem::NameMismatch { expected: self.name.to_string() }));
        }
        let mut chain = Vec::with_capacity(intermediates.len().saturating_add(1));
        chain.push(end_entity.clone());
        chain.extend_from_slice(intermediates);
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        judge_peer(&chain, &self.name, &self.trust, now).map_err(refuse)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn refuse(problem: CertProblem) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(problem))))
}
