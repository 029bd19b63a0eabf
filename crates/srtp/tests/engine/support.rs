//! Packets, keys and peers for the tests.

use std::time::Instant;

use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Roc, Seq, Ssrc, Suite};
use cordon_srtp::{Inbound, OpenError, Outbound, RtcpPacket, RtpPacket, SourceId, SrtcpPacket, SrtpPacket};
use webrtc_srtp::context::Context;
use webrtc_srtp::option::ContextOption;
use webrtc_srtp::protection_profile::ProtectionProfile;

/// A key that differs from those of other numbers.
pub(crate) fn key(suite: Suite, number: u32) -> KeyMaterial {
    KeyMaterial::generate(suite, |bytes| {
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = (place as u8).wrapping_mul(7) ^ number.to_be_bytes()[place % 4].wrapping_add(3);
        }
    })
}

pub(crate) fn index(roc: u32, seq: u16) -> PacketIndex {
    PacketIndex::new(Roc(roc), Seq(seq))
}

/// An RTP packet whose payload tells its sequence number.
pub(crate) fn rtp(ssrc: Ssrc, seq: Seq) -> Vec<u8> {
    rtp_at(ssrc, seq, 0x102)
}

/// The same at a reading of the media clock.
pub(crate) fn rtp_at(ssrc: Ssrc, seq: Seq, clock: u32) -> Vec<u8> {
    let payload: Vec<u8> = (0..160).map(|place| (seq.0 as u8).wrapping_add(place)).collect();
    let fixed = [&[0x80, 0][..], &seq.0.to_be_bytes(), &clock.to_be_bytes(), &ssrc.0.to_be_bytes()].concat();
    [fixed, payload].concat()
}

/// A sender report without blocks.
pub(crate) fn sender_report(ssrc: Ssrc) -> Vec<u8> {
    [&[0x80, 200, 0, 6][..], &ssrc.0.to_be_bytes(), &[0x5a; 20]].concat()
}

/// A sender report without blocks, at a reading of the media clock.
pub(crate) fn sender_report_at(ssrc: Ssrc, clock: u32) -> Vec<u8> {
    [&[0x80, 200, 0, 6][..], &ssrc.0.to_be_bytes(), &[0x5a; 8], &clock.to_be_bytes(), &[0x5a; 8]].concat()
}

/// Seals what [`rtp`] makes, as the peer does.
pub(crate) fn sealed(outbound: &mut Outbound, ssrc: Ssrc, index: PacketIndex) -> Vec<u8> {
    sealed_at(outbound, ssrc, index, 0x102)
}

/// Seals what [`rtp_at`] makes.
pub(crate) fn sealed_at(outbound: &mut Outbound, ssrc: Ssrc, index: PacketIndex, clock: u32) -> Vec<u8> {
    let mut buf = PacketBuf::from_slice(&rtp_at(ssrc, index.seq(), clock)).unwrap();
    let packet = RtpPacket::originate(&mut buf, index).unwrap();
    outbound.seal_rtp(packet).unwrap().as_slice().to_vec()
}

pub(crate) fn sealed_rtcp(outbound: &mut Outbound, compound: &[u8]) -> Vec<u8> {
    let mut buf = PacketBuf::from_slice(compound).unwrap();
    let packet = RtcpPacket::originate(&mut buf).unwrap();
    outbound.seal_rtcp(packet).unwrap().as_slice().to_vec()
}

/// What came out of a packet that opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) bytes: Vec<u8>,
    pub(crate) index: PacketIndex,
    pub(crate) source: SourceId,
    pub(crate) is_newest: bool,
}

pub(crate) fn open(inbound: &mut Inbound, now: Instant, datagram: &[u8]) -> Result<Opened, OpenError> {
    let mut buf = PacketBuf::from_slice(datagram).unwrap();
    let packet = inbound.open_rtp(now, SrtpPacket::received(&mut buf))?;
    let (index, source, is_newest) = (packet.index(), packet.source(), packet.is_newest());
    Ok(Opened { bytes: buf.as_slice().to_vec(), index, source, is_newest })
}

pub(crate) fn open_rtcp(inbound: &mut Inbound, now: Instant, datagram: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut buf = PacketBuf::from_slice(datagram).unwrap();
    inbound.open_rtcp(now, SrtcpPacket::received(&mut buf)).map(|packet| packet.as_slice().to_vec())
}

/// The other engine under our key.
pub(crate) fn theirs(key: &KeyMaterial, window: Option<ContextOption>) -> Context {
    let profile = match key.suite() {
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    Context::new(key.master_key(), key.master_salt(), profile, window, None).unwrap()
}

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<char> = digits.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}
