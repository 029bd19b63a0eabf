//! What one voice packet costs: 160 bytes of payload behind 12 of header, each suite, beside `webrtc-srtp` and beside the
//! bare ciphers on as many bytes.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;
use std::time::Instant;

use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128, Aes256};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Ssrc, Suite, Timestamp};
use cordon_srtp::{Inbound, Outbound, RtpPacket, SrtpPacket};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use webrtc_srtp::context::Context;
use webrtc_srtp::option::srtp_replay_protection;
use webrtc_srtp::protection_profile::ProtectionProfile;

fn protect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("protect 172 B");
    for suite in Suite::ALL {
        let mut outbound = Outbound::new(&key(suite));
        let mut buf = PacketBuf::new();
        let mut index = 0;
        group.bench_function(format!("cordon {suite}"), |bencher| {
            bencher.iter(|| seal(&mut outbound, &mut buf, &mut index));
        });
        let mut theirs = theirs(suite);
        let mut seq = 0_u16;
        group.bench_function(format!("webrtc-srtp {suite}"), |bencher| {
            bencher.iter(|| {
                seq = seq.wrapping_add(1);
                black_box(theirs.encrypt_rtp(&packet(seq)).is_ok())
            });
        });
    }
    group.finish();
}

fn unprotect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unprotect 172 B");
    for suite in Suite::ALL {
        let now = Instant::now();
        let (mut outbound, mut inbound) = (Outbound::new(&key(suite)), Inbound::new(&key(suite)));
        let mut index = 0;
        group.bench_function(format!("cordon {suite}"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    let mut buf = PacketBuf::new();
                    seal(&mut outbound, &mut buf, &mut index);
                    buf
                },
                |buf| black_box(inbound.open_rtp(now, SrtpPacket::received(buf)).is_ok()),
                BatchSize::SmallInput,
            );
        });
        let (mut theirs_out, mut theirs_in) = (theirs(suite), theirs(suite));
        let mut seq = 0_u16;
        group.bench_function(format!("webrtc-srtp {suite}"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    seq = seq.wrapping_add(1);
                    theirs_out.encrypt_rtp(&packet(seq)).unwrap_or_default()
                },
                |sealed| black_box(theirs_in.decrypt_rtp(sealed).is_ok()),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// What a relay does with every packet: open, rename, seal under another key.
fn relayed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unprotect and protect 172 B");
    for suite in Suite::ALL {
        let now = Instant::now();
        let (mut peer, mut inbound) = (Outbound::new(&key(suite)), Inbound::new(&key(suite)));
        let mut outbound = Outbound::new(&KeyMaterial::generate(suite, |bytes| bytes.fill(0x77)));
        let mut index = 0;
        group.bench_function(format!("cordon {suite}"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    let mut buf = PacketBuf::new();
                    seal(&mut peer, &mut buf, &mut index);
                    buf
                },
                |buf| {
                    let opened = inbound.open_rtp(now, SrtpPacket::received(buf)).ok();
                    let sealed = opened.and_then(|packet| {
                        let at = packet.index();
                        outbound.seal_rtp(packet.rewritten(Ssrc(9), at, Timestamp(3))).ok()
                    });
                    black_box(sealed.is_some())
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// The ciphers alone, once over the bytes of one packet: 160 encrypted, 176 authenticated.
fn bare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bare ciphers 172 B");
    let mut text = [0x5a_u8; 160];
    let mut key_128 = ctr::Ctr128BE::<Aes128>::new(&[1; 16].into(), &[2; 16].into());
    group.bench_function("AES-128 in counter mode and SHA-1", |bencher| {
        bencher.iter(|| {
            key_128.apply_keystream(black_box(&mut text));
            black_box(hmac_blocks())
        });
    });
    let mut key_256 = ctr::Ctr128BE::<Aes256>::new(&[1; 32].into(), &[2; 16].into());
    group.bench_function("AES-256 in counter mode and SHA-1", |bencher| {
        bencher.iter(|| {
            key_256.apply_keystream(black_box(&mut text));
            black_box(hmac_blocks())
        });
    });
    for (name, algorithm, length) in [("AES-128-GCM", &AES_128_GCM, 16), ("AES-256-GCM", &AES_256_GCM, 32)] {
        let bytes = [1; 32];
        let key = UnboundKey::new(algorithm, bytes.split_at(length).0).map(LessSafeKey::new);
        let key = key.expect("the length is the algorithm's own");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let nonce = Nonce::assume_unique_for_key([3; 12]);
                let sealed = key.seal_in_place_separate_tag(nonce, Aad::from([4; 12]), black_box(&mut text));
                black_box(sealed.is_ok())
            });
        });
    }
    group.finish();
}

/// The blocks an HMAC-SHA1 over 176 bytes hashes when its key blocks are hashed already: three, then one.
fn hmac_blocks() -> [u32; 5] {
    let mut state = black_box([1_u32; 5]);
    sha1::compress(&mut state, black_box(&[[5; 64].into(), [6; 64].into(), [7; 64].into()]));
    sha1::compress(&mut state, black_box(&[[8; 64].into()]));
    state
}

fn forged(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forged 172 B");
    for suite in Suite::ALL {
        let now = Instant::now();
        let mut inbound = Inbound::new(&key(suite));
        let mut template = PacketBuf::new();
        seal(&mut Outbound::new(&key(suite)), &mut template, &mut 0);
        if let Some(last) = template.as_mut_slice().last_mut() {
            *last ^= 1;
        }
        group.bench_function(format!("cordon {suite}"), |bencher| {
            bencher.iter_batched_ref(
                || PacketBuf::from_slice(template.as_slice()).unwrap_or_default(),
                |buf| black_box(inbound.open_rtp(now, SrtpPacket::received(buf)).is_err()),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn seal(outbound: &mut Outbound, buf: &mut PacketBuf, index: &mut u64) {
    *index += 1;
    buf.spare_mut().iter_mut().zip(packet(0)).for_each(|(place, byte)| *place = byte);
    buf.set_len(172);
    let index = PacketIndex::from_u64(*index).unwrap_or(PacketIndex::MAX);
    let sealed = RtpPacket::originate(buf, index).ok().and_then(|packet| outbound.seal_rtp(packet).ok());
    black_box(sealed.is_some());
}

fn packet(seq: u16) -> [u8; 172] {
    let mut bytes = [0x5a; 172];
    let [high, low] = seq.to_be_bytes();
    let header = [0x80, 0, high, low, 0, 0, 0, 1, 0, 0, 0, 7];
    bytes.iter_mut().zip(header).for_each(|(place, byte)| *place = byte);
    bytes
}

fn key(suite: Suite) -> KeyMaterial {
    KeyMaterial::generate(suite, |bytes| bytes.fill(0x2b))
}

fn theirs(suite: Suite) -> Context {
    let profile = match suite {
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    let key = key(suite);
    let window = Some(srtp_replay_protection(128));
    Context::new(key.master_key(), key.master_salt(), profile, window, None)
        .expect("the lengths are the suite's own")
}

criterion_group!(benches, protect, unprotect, relayed, bare, forged);
criterion_main!(benches);
