//! What opens and seals in the bare relay.

use std::time::Instant;

use anyhow::{Context as _, Result};
use cordon_rtp::{KeyMaterial, PacketBuf, Suite};
use cordon_srtp::{Inbound, Outbound, SrtpPacket};
use webrtc_srtp::context::Context;
use webrtc_srtp::option::srtp_replay_protection;
use webrtc_srtp::protection_profile::ProtectionProfile;

/// Opens the packets of one stream and seals them for the other leg.
pub(crate) trait Engine: Send {
    /// Does both with the packet in the buffer; says whether it is to be sent.
    fn relay(&mut self, now: Instant, buf: &mut PacketBuf) -> bool;
}

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Ours, in place.
    Cordon,
    /// `webrtc-srtp`, which makes a new buffer each time.
    Webrtc,
}

impl Which {
    /// An engine for the stream that comes under one key and leaves under the other.
    pub(crate) fn engine(self, from: &KeyMaterial, to: &KeyMaterial) -> Result<Box<dyn Engine>> {
        Ok(match self {
            Self::Cordon => Box::new(Cordon { inbound: Inbound::new(from), outbound: Outbound::new(to) }),
            Self::Webrtc => Box::new(Webrtc { inbound: context(from)?, outbound: context(to)? }),
        })
    }
}

struct Cordon {
    inbound: Inbound,
    outbound: Outbound,
}

impl Engine for Cordon {
    fn relay(&mut self, now: Instant, buf: &mut PacketBuf) -> bool {
        let opened = self.inbound.open_rtp(now, SrtpPacket::received(buf));
        opened.is_ok_and(|packet| self.outbound.seal_rtp(packet).is_ok())
    }
}

struct Webrtc {
    inbound: Context,
    outbound: Context,
}

impl Engine for Webrtc {
    fn relay(&mut self, _: Instant, buf: &mut PacketBuf) -> bool {
        let sealed =
            self.inbound.decrypt_rtp(buf.as_slice()).and_then(|packet| self.outbound.encrypt_rtp(&packet));
        let Ok(sealed) = sealed else { return false };
        buf.set_len(0);
        buf.grow(sealed.len()).map(|room| room.copy_from_slice(&sealed)).is_some()
    }
}

fn context(key: &KeyMaterial) -> Result<Context> {
    let profile = match key.suite() {
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    let window = Some(srtp_replay_protection(128));
    Context::new(key.master_key(), key.master_salt(), profile, window, None)
        .context("a context of webrtc-srtp")
}
