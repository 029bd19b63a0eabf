//! What the PBX proved when it was connected to, held against what is believed now.

use cordon_certs::{CertProblem, PeerName, TrustAnchors, judge_peer};
use cordon_sip::FlowId;
use cordon_transport::ConnectionKey;
use rustls::pki_types::CertificateDer;

/// The chain behind the connection to the PBX, and who is believed about it. A handshake judges a chain once; a
/// revocation list that comes by reload has to reach the connection that already stands.
pub(crate) struct PbxProof {
    trust: TrustAnchors,
    shown: Option<Shown>,
}

struct Shown {
    flow: FlowId,
    name: PeerName,
    chain: Vec<CertificateDer<'static>>,
}

impl PbxProof {
    pub(crate) fn new(trust: TrustAnchors) -> Self {
        Self { trust, shown: None }
    }

    /// A connection is up. Without TLS nothing was proved.
    pub(crate) fn showed(&mut self, flow: FlowId, key: &ConnectionKey, chain: &[CertificateDer<'static>]) {
        let name = key.name.as_ref().and_then(|name| name.parse().ok());
        self.shown = name.map(|name| Shown { flow, name, chain: chain.to_vec() });
    }

    /// No connection is up any more.
    pub(crate) fn is_gone(&mut self) {
        self.shown = None;
    }

    /// A reload says who is believed from now on.
    pub(crate) fn believe(&mut self, trust: TrustAnchors) {
        self.trust = trust;
    }

    /// The connection whose certificate was taken back. Whatever else is wrong with it by now (that it expired, or that its
    /// authority is believed no more) waits for the next handshake: calls go on.
    pub(crate) fn revoked(&self, now: i64) -> Option<FlowId> {
        let Shown { flow, name, chain } = self.shown.as_ref()?;
        let verdict = judge_peer(chain, name, &self.trust, now);
        (verdict == Err(CertProblem::Revoked)).then_some(*flow)
    }

    /// When the first revocation list should have been replaced, in seconds since 1970.
    pub(crate) fn lists_end(&self) -> Option<i64> {
        self.trust.revocations().first_end()
    }
}
