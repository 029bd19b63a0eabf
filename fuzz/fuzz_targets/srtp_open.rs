//! Bytes that nobody sealed never open and leave no source behind; and of a stream of good, damaged, repeated and late
//! packets the engine opens the same as `webrtc-srtp`.
#![no_main]

use std::time::Instant;

use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Suite};
use cordon_srtp::{Inbound, Outbound, RtpPacket, SrtcpPacket, SrtpPacket};
use cordon_testkit::draws::Draws;
use libfuzzer_sys::fuzz_target;
use webrtc_srtp::context::Context;
use webrtc_srtp::option::srtp_replay_protection;
use webrtc_srtp::protection_profile::ProtectionProfile;

fuzz_target!(|data: &[u8]| {
    nothing_unsealed_opens(data);
    both_engines_open_the_same(data);
});

fn nothing_unsealed_opens(data: &[u8]) {
    let now = Instant::now();
    for suite in Suite::ALL {
        let mut inbound = Inbound::new(&key(suite));
        let mut buf = PacketBuf::new();
        let length = data.len().min(buf.spare_mut().len());
        buf.spare_mut()[..length].copy_from_slice(&data[..length]);
        buf.set_len(length);
        assert!(inbound.open_rtp(now, SrtpPacket::received(&mut buf)).is_err(), "a forgery opened");
        assert!(inbound.open_rtcp(now, SrtcpPacket::received(&mut buf)).is_err(), "a forgery opened");
        assert_eq!(inbound.source_count(), 0, "a forgery left a source behind");
    }
}

fn both_engines_open_the_same(data: &[u8]) {
    let now = Instant::now();
    let mut draws = Draws::new(data);
    let suite = draws.one_of(&Suite::ALL);
    let key = key(suite);
    let (mut outbound, mut inbound, mut theirs) = (Outbound::new(&key), Inbound::new(&key), theirs(&key));
    let mut sent: Vec<Vec<u8>> = Vec::new();
    let mut index = u64::from(draws.wide());
    while !draws.is_empty() && sent.len() < MOST {
        let leap = 100 * u64::from(draws.byte()) * u64::from(draws.flag());
        let mut datagram = match draws.below(8) {
            0 if !sent.is_empty() => sent[draws.below(sent.len().min(256))].clone(),
            _ => {
                index += 1 + leap;
                let sealed = seal(&mut outbound, index, draws.below(40));
                sent.push(sealed.clone());
                sealed
            }
        };
        // The first stays whole, and so does what leaps: who does not hear them cannot know of a wrap.
        if draws.below(8) == 0 && sent.len() > 1 && leap == 0 {
            // The first byte stays too, so that both take it for RTP.
            let place = 1 + draws.below((datagram.len() - 1).min(256));
            datagram[place] ^= draws.byte();
        }
        let mut buf = PacketBuf::from_slice(&datagram).expect("it is short");
        let ours = inbound.open_rtp(now, SrtpPacket::received(&mut buf)).is_ok().then(|| buf.as_slice());
        assert_eq!(ours, theirs.decrypt_rtp(&datagram).ok().as_deref(), "{suite}");
    }
}

fn seal(outbound: &mut Outbound, index: u64, size: usize) -> Vec<u8> {
    let plain = [&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &vec![0xd5; size]].concat();
    let mut buf = PacketBuf::from_slice(&plain).expect("it is short");
    let index = PacketIndex::from_u64(index).expect("some wraps of 16 bits");
    let packet = RtpPacket::originate(&mut buf, index).expect("a packet");
    outbound.seal_rtp(packet).expect("indexes grow").as_slice().to_vec()
}

fn key(suite: Suite) -> KeyMaterial {
    KeyMaterial::generate(suite, |bytes| bytes.fill(0x5a))
}

fn theirs(key: &KeyMaterial) -> Context {
    let profile = match key.suite() {
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    let window = Some(srtp_replay_protection(1024));
    Context::new(key.master_key(), key.master_salt(), profile, window, None)
        .expect("the lengths are the suite's own")
}

/// Packets of one stream.
const MOST: usize = 200;
