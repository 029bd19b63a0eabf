//! What signalling tells the engine of a phone in these tests: RTP and RTCP on one port, and both ways from the first packet on.

use std::net::SocketAddr;

use cordon_media::{Before, EndSetup, Protection};
use cordon_rtp::{AudioCodecs, KeyMaterial};

/// A phone at this address; `ours` protects what goes there, `theirs` what comes from there.
pub(crate) fn setup(ours: &KeyMaterial, theirs: &KeyMaterial, address: SocketAddr) -> EndSetup {
    EndSetup {
        protection: Protection::secure(ours.hand_to_relay(), theirs.hand_to_relay()),
        local_changed: false,
        remote_changed: None,
        renegotiated: false,
        remote_rtp: address,
        remote_rtcp: address,
        mux: true,
        before_proof: Before::SendToSdp,
        codecs: AudioCodecs::default(),
        receive: true,
        send: true,
    }
}
