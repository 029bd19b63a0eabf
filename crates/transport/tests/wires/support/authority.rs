//! Certificates for the length of one test.

use std::sync::Arc;

use cordon_certs::{Identity, SharedIdentity, TrustAnchors, client_config, server_config};
use cordon_policy::connection::LeafKey;
use cordon_transport::{Target, TlsFront, TlsTarget};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A server that shows a certificate of this authority.
    pub(crate) fn front(&self, params: &CertificateParams) -> TlsFront {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        front(&leaf.pem(), &key)
    }

    /// A PBX at `port` of loopback that has to prove `name`.
    pub(crate) fn target(&self, name: &str, port: u16) -> TlsTarget {
        let name = name.parse().unwrap();
        TlsTarget {
            target: Target { host: "127.0.0.1".to_owned(), port },
            name: cordon_certs::PeerName::to_server_name(&name),
            client: client_config(&self.anchors(), &name).unwrap(),
        }
    }

    pub(crate) fn anchors(&self) -> TrustAnchors {
        TrustAnchors::from_pem(self.pem.as_bytes()).unwrap()
    }
}

/// A server that signed its certificate itself.
pub(crate) fn self_signed(params: &CertificateParams) -> TlsFront {
    let key = KeyPair::generate().unwrap();
    front(&params.self_signed(&key).unwrap().pem(), &key)
}

pub(crate) fn leaf(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "leaf");
    params
}

fn front(pem: &str, key: &KeyPair) -> TlsFront {
    let identity = Identity::load(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let config = server_config(SharedIdentity::new(identity)).unwrap();
    TlsFront { config: Arc::clone(&config), leaf: LeafKey::Ecdsa }
}
