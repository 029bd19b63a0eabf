use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::LabError;

/// A certificate authority for one lab: it lives in a folder, its key only in memory.
pub struct LabCa {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate on disk, and in memory for servers of the lab's own.
pub struct Leaf {
    /// PEM file with the certificate (no intermediate exists).
    pub certificate: PathBuf,
    /// PEM file with the private key, readable by its owner only.
    pub private_key: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

/// What can be wrong with a certificate made on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It ended in 2021.
    Expired,
    /// It is signed by its own key.
    SelfSigned,
    /// It is made out to `*.` and the rest of the first name.
    Wildcard,
    /// It is made out to `wrong.invalid`.
    WrongName,
}

impl LabCa {
    /// Makes a new authority and writes its certificate to `ca.pem` in `folder`, which must exist.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn create(folder: &Path) -> Result<LabCa, LabError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Cordon lab CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 1, 1));
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let ca = LabCa {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
            certificate: certificate.der().clone(),
        };
        fs::write(ca.certificate_file(), certificate.pem()).map_err(LabError::io("writing the lab CA"))?;
        Ok(ca)
    }

    /// The PEM file a client has to trust.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Issues a good certificate for these names and addresses; the files are named after `file`.
    ///
    /// # Errors
    /// When a name is none, or a file cannot be written.
    pub fn issue(&self, file: &str, names: &[&str]) -> Result<Leaf, LabError> {
        let (params, key) = (leaf_params(names)?, KeyPair::generate()?);
        self.store(file, &params.signed_by(&key, &self.issuer)?, &key)
    }

    /// Issues a certificate that has this flaw and no other.
    ///
    /// # Errors
    /// As [`LabCa::issue`].
    pub fn issue_flawed(&self, file: &str, names: &[&str], flaw: Flaw) -> Result<Leaf, LabError> {
        let key = KeyPair::generate()?;
        let certificate = match flaw {
            Flaw::SelfSigned => leaf_params(names)?.self_signed(&key)?,
            Flaw::Expired => {
                let mut params = leaf_params(names)?;
                (params.not_before, params.not_after) =
                    (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
                params.signed_by(&key, &self.issuer)?
            }
            Flaw::Wildcard => {
                let rest =
                    names.first().and_then(|name| name.split_once('.')).map_or("invalid", |(_, rest)| rest);
                leaf_params(&[&format!("*.{rest}")])?.signed_by(&key, &self.issuer)?
            }
            Flaw::WrongName => leaf_params(&["wrong.invalid"])?.signed_by(&key, &self.issuer)?,
        };
        self.store(file, &certificate, &key)
    }

    /// A TLS client that trusts this authority and nobody else.
    ///
    /// # Errors
    /// When the TLS library refuses the authority's certificate.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, LabError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    fn store(&self, file: &str, certificate: &Certificate, key: &KeyPair) -> Result<Leaf, LabError> {
        let leaf = Leaf {
            certificate: self.folder.join(format!("{file}.pem")),
            private_key: self.folder.join(format!("{file}.key.pem")),
            chain: vec![certificate.der().clone()],
            key: key.serialize_der(),
        };
        fs::write(&leaf.certificate, certificate.pem()).map_err(LabError::io("writing a certificate"))?;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&leaf.private_key)
            .and_then(|mut out| out.write_all(key.serialize_pem().as_bytes()))
            .map_err(LabError::io("writing a private key"))?;
        Ok(leaf)
    }
}

impl Leaf {
    /// A TLS server that shows this certificate, whatever name is asked for.
    ///
    /// # Errors
    /// When the TLS library refuses the pair.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, LabError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)?;
        Ok(Arc::new(config))
    }
}

fn leaf_params(names: &[&str]) -> Result<CertificateParams, LabError> {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("lab"));
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    (params.not_before, params.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 1, 1));
    Ok(params)
}

/// Never the process-wide default: two libraries may have different ones in mind.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
