//! The TLS that phones (and the PBX, on `pbx.listen`) meet.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::CertError;
use crate::identity::Identity;
use crate::provider::{VERSIONS, provider};

/// The identity that listeners show now. Clones share it: a swap holds for every handshake that starts after it,
/// established connections keep what they began with.
#[derive(Debug, Clone)]
pub struct SharedIdentity {
    current: Arc<ArcSwap<Identity>>,
}

impl SharedIdentity {
    /// Starts with one identity.
    pub fn new(identity: Identity) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(identity)) }
    }

    /// Shows another from now on.
    pub fn swap(&self, identity: Identity) {
        self.current.store(Arc::new(identity));
    }

    /// What is shown now.
    pub fn current(&self) -> Arc<Identity> {
        self.current.load_full()
    }
}

impl ResolvesServerCert for SharedIdentity {
    /// The same certificate whatever name is asked for: phones and test tools often send no SNI at all.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load().certified())
    }
}

/// TLS 1.3 and 1.2 with exactly our six suites; no client certificate asked, no early data, no key log.
/// Session tickets are sealed under a key of this process that changes every six hours.
///
/// # Errors
/// [`CertError::Internal`] when the library has no random numbers for the ticket key.
pub fn server_config(identity: SharedIdentity) -> Result<Arc<ServerConfig>, CertError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(identity));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}
