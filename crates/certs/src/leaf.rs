//! What a certificate says about itself.

use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::error::CertError;

/// The facts of one certificate that checks, metrics and reports need. No key is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafFacts {
    /// DNS names of the subjectAltName, as written, wildcards included.
    pub dns_names: Vec<String>,
    /// Hosts of `sip:` URIs of the subjectAltName (RFC 5922 §7.1); URIs with a user part are no domain and left out.
    pub sip_domains: Vec<String>,
    /// IP addresses of the subjectAltName.
    pub addresses: Vec<IpAddr>,
    /// Start of validity, seconds since 1970.
    pub not_before: i64,
    /// End of validity, seconds since 1970.
    pub not_after: i64,
    /// Kind and size of the public key.
    pub key: KeyKind,
    /// Subject and issuer are the same and the certificate's own key made the signature or could have.
    pub is_self_signed: bool,
    /// The signature over it is by SHA-1 or MD5.
    pub has_weak_signature: bool,
    /// SHA-256 over the whole certificate.
    pub fingerprint: [u8; 32],
}

/// Kind and size of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, with the bits of its modulus.
    Rsa(usize),
    /// ECDSA, with the bits of its curve.
    Ecdsa(usize),
    /// A kind that the approved suites cannot use.
    Other,
}

impl LeafFacts {
    /// Reads one certificate.
    ///
    /// # Errors
    /// [`CertError::Malformed`] when it is not a certificate.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, CertError> {
        let (_, parsed) =
            X509Certificate::from_der(certificate.as_ref()).map_err(|_| CertError::Malformed)?;
        let mut facts = Self {
            dns_names: Vec::new(),
            sip_domains: Vec::new(),
            addresses: Vec::new(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            key: KeyKind::of(&parsed),
            is_self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
            has_weak_signature: is_weak(&parsed.signature_algorithm.algorithm.to_id_string()),
            fingerprint: fingerprint(certificate),
        };
        let names = parsed.subject_alternative_name().map_err(|_| CertError::Malformed)?;
        for name in names.iter().flat_map(|extension| &extension.value.general_names) {
            facts.note_name(name);
        }
        Ok(facts)
    }

    /// Whether any name is a wildcard.
    pub fn has_wildcard(&self) -> bool {
        self.dns_names.iter().chain(&self.sip_domains).any(|name| name.contains('*'))
    }

    /// Whether the certificate has any name that can be checked.
    pub fn has_names(&self) -> bool {
        !(self.dns_names.is_empty() && self.sip_domains.is_empty() && self.addresses.is_empty())
    }

    fn note_name(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(dns) => self.dns_names.push((*dns).to_owned()),
            GeneralName::URI(uri) => self.sip_domains.extend(sip_domain(uri).map(str::to_owned)),
            GeneralName::IPAddress(bytes) => self.addresses.extend(address(bytes)),
            _ => {}
        }
    }
}

impl KeyKind {
    fn of(certificate: &X509Certificate<'_>) -> Self {
        match certificate.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => Self::Rsa(key.key_size()),
            Ok(PublicKey::EC(point)) => Self::Ecdsa(point.key_size()),
            _ => Self::Other,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Ecdsa(bits) => write!(f, "ECDSA {bits}"),
            Self::Other => f.write_str("other"),
        }
    }
}

/// The host of `sip:host[:port][;params]`; `sips:` and a URI with a user are no SIP domain identity (RFC 5922 §7.1).
fn sip_domain(uri: &str) -> Option<&str> {
    let scheme = uri.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("sip:"))?;
    let rest = uri.get(scheme.len()..)?;
    if rest.contains('@') {
        return None;
    }
    rest.split([':', ';', '?']).next().filter(|host| !host.is_empty())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

fn is_weak(signature_oid: &str) -> bool {
    WEAK_SIGNATURES.contains(&signature_oid)
}

fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.as_ref());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

/// md2, md5 and sha1 with RSA, sha1 with DSA, ecdsa with SHA-1.
const WEAK_SIGNATURES: [&str; 5] = [
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.10040.4.3",
    "1.2.840.10045.4.1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sip_uri_names_a_domain_only_without_a_user() {
        assert_eq!(sip_domain("sip:mx.example.org"), Some("mx.example.org"));
        assert_eq!(sip_domain("SIP:mx.example.org:5061;transport=tls"), Some("mx.example.org"));
        assert_eq!(sip_domain("sip:alice@mx.example.org"), None);
        assert_eq!(sip_domain("sips:mx.example.org"), None);
        assert_eq!(sip_domain("sip:"), None);
    }
}
