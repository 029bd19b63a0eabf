//! Packets other implementations made from known master keys.

use std::time::Instant;

use cordon_rtp::{KeyMaterial, Ssrc, Suite};
use cordon_srtp::{Inbound, OpenError, Outbound};

use crate::support::{hex, index, open, open_rtcp, sealed_rtcp};

const RTP: &str = "800f1234decafbadcafebabeabababababababababababababababab";
const RTCP: &str = "81c8000bcafebabeabababababababababababababababab";

#[test]
fn aes_cm_128_packets_match() {
    check(
        Suite::AesCm128HmacSha1_80,
        "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
        "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
    );
}

#[test]
fn aes_cm_256_packets_match() {
    check(
        Suite::AesCm256HmacSha1_80,
        "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2",
        "800f1234decafbadcafebabef1d9de17ff251ff1aa007774b0b4b40da08d9d9a5b3a55d8873b",
    );
}

#[test]
fn aes_gcm_128_packets_match() {
    check(
        Suite::AeadAes128Gcm,
        "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab",
        "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
    );
}

#[test]
fn srtcp_packets_match() {
    for (suite, master, protected) in [
        (
            Suite::AesCm128HmacSha1_80,
            "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
            "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
        ),
        (
            Suite::AeadAes128Gcm,
            "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab",
            "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001",
        ),
    ] {
        let key = KeyMaterial::new(suite, &hex(master)).unwrap();
        let mut outbound = Outbound::new(&key);
        // RFC 3711 §3.2.1 counts from zero; the known packet has index 1.
        sealed_rtcp(&mut outbound, &hex(RTCP));
        assert_eq!(sealed_rtcp(&mut outbound, &hex(RTCP)), hex(protected), "{suite}");
        assert_eq!(
            open_rtcp(&mut Inbound::new(&key), Instant::now(), &hex(protected)),
            Ok(hex(RTCP)),
            "{suite}"
        );
    }
}

#[test]
fn a_master_key_identifier_is_stepped_over() {
    let key = || {
        let master = hex("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6");
        KeyMaterial::new(Suite::AesCm128HmacSha1_80, &master).unwrap()
    };
    let now = Instant::now();
    let rtp = hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402 e1f97a0d b78d6acc99ea179b8dbb");
    let rtcp = hex("81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001 e1f97a0d 993e08cd54d6c1230798");
    let mut inbound = Inbound::new(&key().with_mki(4));
    assert_eq!(open(&mut inbound, now, &rtp).map(|opened| opened.bytes), Ok(hex(RTP)));
    assert_eq!(open_rtcp(&mut inbound, now, &rtcp), Ok(hex(RTCP)));
    assert_eq!(open(&mut Inbound::new(&key()), now, &rtp), Err(OpenError::Forged));
}

#[test]
fn a_master_key_identifier_stands_behind_the_tag_of_gcm() {
    let key = || {
        KeyMaterial::new(
            Suite::AeadAes128Gcm,
            &hex("000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab"),
        )
        .unwrap()
    };
    let now = Instant::now();
    let rtp =
        hex("800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392 0102");
    let rtcp =
        hex("81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001 0102");
    let mut inbound = Inbound::new(&key().with_mki(2));
    assert_eq!(open(&mut inbound, now, &rtp).map(|opened| opened.bytes), Ok(hex(RTP)));
    assert_eq!(open_rtcp(&mut inbound, now, &rtcp), Ok(hex(RTCP)));
}

fn check(suite: Suite, master: &str, protected: &str) {
    let key = KeyMaterial::new(suite, &hex(master)).unwrap();
    let mut buf = cordon_rtp::PacketBuf::from_slice(&hex(RTP)).unwrap();
    let packet = cordon_srtp::RtpPacket::originate(&mut buf, index(0, 0x1234)).unwrap();
    assert_eq!(Outbound::new(&key).seal_rtp(packet).unwrap().as_slice(), hex(protected));
    let opened = open(&mut Inbound::new(&key), Instant::now(), &hex(protected)).unwrap();
    assert_eq!(opened.bytes, hex(RTP));
    assert_eq!((opened.index, opened.source.ssrc), (index(0, 0x1234), Ssrc(0xcafe_babe)));
}
