//! The certificate authorities that are believed.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::error::CertError;
use crate::revocation::RevocationLists;

/// Where trust anchors come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The public store of the distribution, at the places where distributions keep it. `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` are ignored: an environment must not be able to add an authority.
    System,
    /// The authorities of one PEM file.
    File(PathBuf),
}

/// Authorities that were loaded, and what they took back.
#[derive(Clone)]
pub struct TrustAnchors {
    anchors: Vec<TrustAnchor<'static>>,
    revocations: RevocationLists,
}

impl Trust {
    /// Reads the authorities now. An authority of the system store that cannot be parsed is left out.
    ///
    /// # Errors
    /// When the file is unreadable or holds no usable authority.
    pub fn load(&self) -> Result<TrustAnchors, CertError> {
        match self {
            Self::System => load_system(&SYSTEM_BUNDLES.map(Path::new)),
            Self::File(path) => load_file(path),
        }
    }
}

impl TrustAnchors {
    /// The authorities of a PEM text.
    ///
    /// # Errors
    /// [`CertError::NoAuthority`] when there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertError> {
        let anchors: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .filter_map(Result::ok)
            .filter_map(|der| webpki::anchor_from_trusted_cert(&der).map(|anchor| anchor.to_owned()).ok())
            .collect();
        match anchors.is_empty() {
            true => Err(CertError::NoAuthority),
            false => Ok(Self { anchors, revocations: RevocationLists::default() }),
        }
    }

    /// The same authorities, with every chain held against `revocations` as well.
    pub fn with_revocations(self, revocations: RevocationLists) -> Self {
        Self { revocations, ..self }
    }

    /// What every chain is held against.
    pub fn revocations(&self) -> &RevocationLists {
        &self.revocations
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.anchors.len()
    }

    pub(crate) fn as_slice(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({}, {:?})", self.anchors.len(), self.revocations)
    }
}

fn load_system(bundles: &[&Path]) -> Result<TrustAnchors, CertError> {
    let bundle = bundles.iter().find(|path| path.is_file()).ok_or(CertError::NoSystemStore)?;
    load_file(bundle)
}

fn load_file(path: &Path) -> Result<TrustAnchors, CertError> {
    let pem = std::fs::read(path).map_err(|source| CertError::Unreadable { path: path.into(), source })?;
    TrustAnchors::from_pem(&pem)
}

/// Debian and Ubuntu; RHEL and Fedora; SUSE; Alpine. The first that is there is read, alone.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_public_store_is_told_so() {
        let missing = Path::new("/nonexistent/bundle.pem");

        assert!(matches!(load_system(&[missing]), Err(CertError::NoSystemStore)));
    }

    #[test]
    fn text_without_certificates_is_no_authority() {
        assert!(matches!(TrustAnchors::from_pem(b"hello"), Err(CertError::NoAuthority)));
    }
}
