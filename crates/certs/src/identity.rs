//! One certificate chain with its private key.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::CertError;
use crate::leaf::LeafFacts;
use crate::provider::provider;

/// What a TLS listener shows. The private key sits inside the TLS library's own type; `Debug` names the leaf only.
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    leaf: LeafFacts,
    intermediates: Vec<LeafFacts>,
}

impl Identity {
    /// Reads a chain (the server's own certificate first) and its key.
    ///
    /// # Errors
    /// When either is missing or malformed, or they are no pair.
    pub fn load(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, CertError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate_pem)
            .collect::<Result<_, _>>()
            .map_err(|_| CertError::Malformed)?;
        let (first, rest) = chain.split_first().ok_or(CertError::NoCertificate)?;
        let leaf = LeafFacts::read(first)?;
        let intermediates = rest.iter().map(LeafFacts::read).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| CertError::NoPrivateKey)?;
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertError::KeyMismatch,
            _ => CertError::UnusableKey,
        })?;
        Ok(Self { certified: Arc::new(certified), leaf, intermediates })
    }

    /// [`Identity::load`] from two PEM files.
    ///
    /// # Errors
    /// As [`Identity::load`], and [`CertError::Unreadable`].
    pub fn load_files(certificate: &Path, key: &Path) -> Result<Self, CertError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| CertError::Unreadable { path: path.into(), source })
        };
        Self::load(&read(certificate)?, &read(key)?)
    }

    /// The server's own certificate.
    pub fn leaf(&self) -> &LeafFacts {
        &self.leaf
    }

    /// The certificates above it that are shown along.
    pub fn intermediates(&self) -> &[LeafFacts] {
        &self.intermediates
    }

    /// The chain as shown on the wire.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("leaf", &self.leaf).finish_non_exhaustive()
    }
}
