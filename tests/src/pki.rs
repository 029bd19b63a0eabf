//! Certificates for a test: one private CA and the leaves it signed, or leaves that are wrong on purpose.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    RevokedCertParams, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A certificate authority that lives in one folder.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// The authority's own certificate, PEM.
    pub anchor: PathBuf,
}

/// A leaf certificate on disk.
pub struct Leaf {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// What is wrong with a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It ended in 2020.
    Expired,
    /// It signs itself.
    SelfSigned,
}

impl Authority {
    /// Makes a new authority named `name` in `folder`.
    pub fn new(folder: &Path, name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let anchor = folder.join(format!("{name}.pem"));
        std::fs::write(&anchor, params.self_signed(&key)?.pem())?;
        Ok(Self { folder: folder.to_owned(), issuer: Issuer::new(params, key), anchor })
    }

    /// A TLS client that trusts this authority and nobody else, and speaks what its library speaks by default.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.anchor)?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// Signs a leaf with these subject alternative names (host names or addresses).
    pub fn leaf(&self, file: &str, names: &[&str]) -> Result<Leaf> {
        self.flawed_leaf(file, names, Flaw::None)
    }

    /// Signs a leaf with an RSA key, as older phones need it.
    pub fn rsa_leaf(&self, file: &str, names: &[&str]) -> Result<Leaf> {
        self.issue(file, names, Flaw::None, KeyPair::generate_for(&PKCS_RSA_SHA256)?)
    }

    /// Signs a leaf that the test alters before it is signed.
    pub fn leaf_with(
        &self,
        file: &str,
        names: &[&str],
        alter: impl FnOnce(&mut CertificateParams),
    ) -> Result<Leaf> {
        let mut params = parameters(file, names)?;
        alter(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        self.store(file, &certificate, &key)
    }

    /// Signs a leaf that has a flaw.
    pub fn flawed_leaf(&self, file: &str, names: &[&str], flaw: Flaw) -> Result<Leaf> {
        self.issue(file, names, flaw, KeyPair::generate()?)
    }

    /// Writes the list of what this authority took back, by serial numbers. It is good for a century.
    pub fn revoke(&self, file: &str, serials: &[u64]) -> Result<PathBuf> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2120, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.folder.join(format!("{file}.crl"));
        std::fs::write(&path, list.signed_by(&self.issuer)?.pem()?)?;
        Ok(path)
    }

    fn issue(&self, file: &str, names: &[&str], flaw: Flaw, key: KeyPair) -> Result<Leaf> {
        let mut params = parameters(file, names)?;
        if flaw == Flaw::Expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let certificate = if flaw == Flaw::SelfSigned {
            params.self_signed(&key)?
        } else {
            params.signed_by(&key, &self.issuer)?
        };
        self.store(file, &certificate, &key)
    }

    fn store(&self, file: &str, certificate: &Certificate, key: &KeyPair) -> Result<Leaf> {
        let leaf = Leaf {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        };
        std::fs::write(&leaf.certificate, certificate.pem())?;
        std::fs::write(&leaf.key, key.serialize_pem())?;
        Ok(leaf)
    }
}

impl Leaf {
    /// A TLS server that shows it, asks nobody for theirs and speaks what its library speaks by default.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>> {
        let chain = CertificateDer::pem_file_iter(&self.certificate)?.collect::<Result<Vec<_>, _>>()?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(&self.key)?)?;
        Ok(Arc::new(config))
    }
}

/// What every leaf has in common.
fn parameters(file: &str, names: &[&str]) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or(file));
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Ok(params)
}
