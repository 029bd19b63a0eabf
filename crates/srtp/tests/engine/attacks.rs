//! What an attacker can send, and that it costs one counter.

use std::time::Instant;

use cordon_rtp::{PacketBuf, Ssrc, Suite};
use cordon_srtp::{
    AddressChange, Inbound, OpenError, Outbound, RtpPacket, SealError, SrtcpPacket, SrtpPacket,
};
use proptest::prelude::*;

use crate::support::{index, key, open, open_rtcp, rtp, sealed, sealed_rtcp, sender_report};

#[test]
fn forged_packets_with_random_sources_leave_nothing_behind() {
    let now = Instant::now();
    for suite in Suite::ALL {
        let mut inbound = Inbound::new(&key(suite, 1));
        let mut forger = Outbound::new(&key(suite, 2));
        let mut packet = sealed(&mut forger, Ssrc(0), index(0, 1));
        for ssrc in 0..20_000_u32 {
            packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
            assert_eq!(open(&mut inbound, now, &packet), Err(OpenError::Forged));
        }
        assert_eq!(inbound.source_count(), 0);
        assert_eq!(inbound.tag_checks(), 20_000, "one tag per forged packet");
        let mut peer = Outbound::new(&key(suite, 1));
        assert!(open(&mut inbound, now, &sealed(&mut peer, Ssrc(1), index(0, 1))).is_ok());
    }
}

#[test]
fn forged_packets_move_neither_roc_nor_window() {
    let now = Instant::now();
    for suite in Suite::ALL {
        let mut inbound = Inbound::new(&key(suite, 1));
        let mut peer = Outbound::new(&key(suite, 1));
        for number in 0..250_u16 {
            let good = sealed(&mut peer, Ssrc(7), index(0, 60_000 + number));
            let jump =
                sealed(&mut Outbound::new(&key(suite, 2)), Ssrc(7), index(0, number.wrapping_mul(8_191)));
            assert!(open(&mut inbound, now, &good).is_ok());
            assert!(open(&mut inbound, now, &jump).is_err());
        }
        assert!(inbound.tag_checks() <= 500, "at most one tag per packet");
        assert_eq!(inbound.opened_rtp(), 250);
    }
}

#[test]
fn a_replayed_packet_is_delivered_once() {
    let now = Instant::now();
    let mut inbound = Inbound::new(&key(Suite::AesCm128HmacSha1_80, 1));
    let mut peer = Outbound::new(&key(Suite::AesCm128HmacSha1_80, 1));
    let old: Vec<_> = (1..=3000).map(|seq| sealed(&mut peer, Ssrc(7), index(0, seq))).collect();
    for packet in &old {
        assert!(open(&mut inbound, now, packet).is_ok());
    }
    let checks = inbound.tag_checks();
    for behind in [1, 64, 128, 1023, 1024, 2000] {
        for _ in 0..20 {
            assert_eq!(open(&mut inbound, now, &old[old.len() - behind]), Err(OpenError::Replayed));
        }
    }
    assert_eq!(inbound.tag_checks(), checks, "a replay costs no tag");
}

#[test]
fn a_replayed_report_is_delivered_once() {
    let now = Instant::now();
    for suite in Suite::ALL {
        let mut inbound = Inbound::new(&key(suite, 1));
        let packet = sealed_rtcp(&mut Outbound::new(&key(suite, 1)), &sender_report(Ssrc(7)));
        assert_eq!(open_rtcp(&mut inbound, now, &packet), Ok(sender_report(Ssrc(7))));
        assert_eq!(open_rtcp(&mut inbound, now, &packet), Err(OpenError::Replayed));
    }
}

#[test]
fn a_report_that_says_it_is_in_clear_is_refused() {
    let now = Instant::now();
    let suite = Suite::AesCm128HmacSha1_80;
    let mut packet = sealed_rtcp(&mut Outbound::new(&key(suite, 1)), &sender_report(Ssrc(7)));
    let word = packet.len() - suite.rtcp_tag_len() - 4;
    packet[word] &= 0x7f;
    assert_eq!(open_rtcp(&mut Inbound::new(&key(suite, 1)), now, &packet), Err(OpenError::NotEncrypted));
}

#[test]
fn a_ninth_source_makes_room_and_what_was_heard_of_the_first_is_not_heard_again() {
    let now = Instant::now();
    for suite in Suite::ALL {
        let mut inbound = Inbound::new(&key(suite, 1));
        let mut peer = Outbound::new(&key(suite, 1));
        let first: Vec<_> = [index(0, 40_000), index(0, 65_000), index(1, 20_000)]
            .map(|at| sealed(&mut peer, Ssrc(0), at))
            .into_iter()
            .collect();
        let report = sealed_rtcp(&mut peer, &sender_report(Ssrc(0)));
        assert!(first.iter().all(|packet| open(&mut inbound, now, packet).is_ok()));
        assert!(open_rtcp(&mut inbound, now, &report).is_ok());
        for ssrc in 1..=8 {
            assert!(open(&mut inbound, now, &sealed(&mut peer, Ssrc(ssrc), index(0, 1))).is_ok());
        }
        assert_eq!(inbound.source_count(), 8);

        let checks = inbound.tag_checks();
        for packet in &first {
            assert!(open(&mut inbound, now, packet).is_err(), "{suite}");
        }
        assert!(inbound.tag_checks() - checks <= 3, "at most one tag each");
        assert_eq!(open_rtcp(&mut inbound, now, &report), Err(OpenError::Replayed));
        // Our own engine does not seal again for a source that made room: the peer makes its context anew.
        let mut peer = Outbound::new(&key(suite, 1));
        assert_eq!(sealed_rtcp(&mut peer, &sender_report(Ssrc(0))), report);
        let next = sealed(&mut peer, Ssrc(0), index(1, 20_001));
        let opened = open(&mut inbound, now, &next).unwrap();
        assert_eq!(opened.index, index(1, 20_001), "its roll-over counter is known");
        assert!(open(&mut inbound, now, &next).is_err());
        assert!(first.iter().all(|packet| open(&mut inbound, now, packet).is_err()));
        assert!(open_rtcp(&mut inbound, now, &sealed_rtcp(&mut peer, &sender_report(Ssrc(0)))).is_ok());
        assert!(open_rtcp(&mut inbound, now, &report).is_err());
    }
}

#[test]
fn more_sources_than_can_be_remembered_are_refused_until_the_peer_takes_another_key() {
    let now = Instant::now();
    let suite = Suite::AeadAes256Gcm;
    let mut inbound = Inbound::new(&key(suite, 1));
    // Our own engine seals for fewer sources under a key: this peer makes its context anew.
    let packet =
        |number, ssrc, seq| sealed(&mut Outbound::new(&key(suite, number)), Ssrc(ssrc), index(0, seq));
    for ssrc in 0..71 {
        assert!(open(&mut inbound, now, &packet(1, ssrc, 1)).is_ok(), "source {ssrc}");
    }
    let checks = inbound.tag_checks();
    assert_eq!(open(&mut inbound, now, &packet(1, 71, 1)), Err(OpenError::TooManySources));
    assert_eq!(inbound.tag_checks(), checks, "refused before a tag is computed");
    for ssrc in 0..71 {
        assert!(open(&mut inbound, now, &packet(1, ssrc, 1)).is_err(), "replayed: source {ssrc}");
    }
    assert!(open(&mut inbound, now, &packet(1, 70, 2)).is_ok(), "those that are known go on");

    inbound.rekey(now, &key(suite, 2), AddressChange::Same);
    for ssrc in 100..171 {
        assert!(open(&mut inbound, now, &packet(2, ssrc, 1)).is_ok(), "source {ssrc}");
    }
}

#[test]
fn an_index_is_sealed_once() {
    let mut outbound = Outbound::new(&key(Suite::AesCm128HmacSha1_80, 1));
    let mut seal = |seq| {
        let mut buf = PacketBuf::from_slice(&rtp(Ssrc(7), index(0, seq).seq())).unwrap();
        outbound.seal_rtp(RtpPacket::originate(&mut buf, index(0, seq)).unwrap()).map(|_| ())
    };
    assert_eq!(seal(2000), Ok(()));
    assert_eq!(seal(2002), Ok(()));
    assert_eq!(seal(2001), Ok(()));
    assert_eq!(seal(2001), Err(SealError::IndexUsed));
    assert_eq!(seal(2002 - 1024), Err(SealError::IndexUsed));
}

#[test]
fn an_outbound_source_that_made_room_never_returns() {
    let mut outbound = Outbound::new(&key(Suite::AeadAes128Gcm, 1));
    let mut seal = |ssrc| {
        let mut buf = PacketBuf::from_slice(&rtp(Ssrc(ssrc), index(0, 1).seq())).unwrap();
        outbound.seal_rtp(RtpPacket::originate(&mut buf, index(0, 1)).unwrap()).map(|_| ())
    };
    for ssrc in 0..32 {
        assert_eq!(seal(ssrc), Ok(()));
    }
    assert_eq!(seal(0), Err(SealError::TooManySources));
    assert_eq!(seal(32), Err(SealError::TooManySources));
    assert_eq!(outbound.remaining(), 0);
}

#[test]
fn a_datagram_without_room_for_the_tag_is_not_sealed() {
    let mut outbound = Outbound::new(&key(Suite::AeadAes128Gcm, 1));
    let mut buf = PacketBuf::from_slice(&rtp(Ssrc(1), index(0, 1).seq())).unwrap();
    while buf.grow(1).is_some() {}
    let packet = RtpPacket::originate(&mut buf, index(0, 1)).unwrap();
    assert_eq!(outbound.seal_rtp(packet).map(|_| ()), Err(SealError::TooLong));
}

proptest! {
    #[test]
    fn no_bytes_open_and_none_upset_the_engine(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        first in prop_oneof![Just(0x80_u8), Just(0x9f), any::<u8>()],
        kind in prop_oneof![Just(0_u8), Just(200), any::<u8>()],
        mki in prop_oneof![Just(0_u8), any::<u8>()],
        suite in prop::sample::select(Suite::ALL.to_vec()),
    ) {
        if let [a, b, ..] = &mut bytes[..] {
            (*a, *b) = (first, kind);
        }
        let now = Instant::now();
        let mut inbound = Inbound::new(&key(suite, 1).with_mki(mki));
        let mut buf = PacketBuf::from_slice(&bytes).unwrap();
        prop_assert!(inbound.open_rtp(now, SrtpPacket::received(&mut buf)).is_err());
        let mut buf = PacketBuf::from_slice(&bytes).unwrap();
        prop_assert!(inbound.open_rtcp(now, SrtcpPacket::received(&mut buf)).is_err());
        prop_assert_eq!(inbound.source_count(), 0);
    }
}
