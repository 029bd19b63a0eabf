//! What strangers try on a media port, and what they get.

use std::net::SocketAddr;

use cordon_relay::{Before, End, RelayEvent};
use cordon_rtp::{PacketBuf, Suite};
use cordon_srtp::{Inbound, Outbound};
use proptest::prelude::*;

use crate::kit::{Call, STREAM, word};

#[test]
fn a_spray_from_another_address_gets_nothing_and_disturbs_nothing() {
    let mut call = talking();
    let stranger = stranger();
    let mut heard = (0, 0);
    for round in 0..250_u64 {
        for end in [End::A, End::B] {
            let mut bytes = call.phone(end).plain_packet();
            bytes.extend([0x5a; 10]);
            let sprayed = call.deliver(end, stranger, &mut PacketBuf::from_slice(&bytes).unwrap());
            assert_eq!(sprayed, None, "round {round}");
        }
        let round = call.talk(1);
        heard = (heard.0 + round.0, heard.1 + round.1);
    }

    assert_eq!(heard, (250, 250));
    assert_eq!(call.statistics(End::A).refused.forged, 250);
    assert_eq!(call.statistics(End::B).refused.forged, 250);
    assert_eq!(call.statistics(End::A).opened, 250);
    assert_eq!(call.statistics(End::B).sealed, 250);
}

#[test]
fn each_packet_is_delivered_once_however_often_and_late_it_is_replayed() {
    let mut call = talking();
    let recorded: Vec<PacketBuf> = (0..3000).map(|_| call.a.speak()).collect();
    for packet in &recorded {
        assert!(call.deliver(End::A, call.a.address, &mut copy(packet)).is_some());
    }

    for behind in [1, 64, 128, 2000, 3000] {
        for _ in 0..20 {
            let mut packet = copy(&recorded[3000 - behind]);
            assert_eq!(call.deliver(End::A, call.a.address, &mut packet), None);
        }
    }

    assert_eq!(call.statistics(End::B).sealed, 3000);
    assert_eq!(call.statistics(End::A).refused.replayed, 100);
}

#[test]
fn a_recording_takes_over_neither_a_phone_that_goes_on_nor_one_that_starts_over() {
    for starts_over in [false, true] {
        let mut call = talking();
        let recorded: Vec<PacketBuf> = (0..100).map(|_| call.a.speak()).collect();
        for packet in &recorded {
            assert!(call.deliver(End::A, call.a.address, &mut copy(packet)).is_some());
        }
        call.reach_roc(End::A, 1);
        call.reach_roc(End::B, 1);
        if starts_over {
            call.a.index = 500;
            call.a.outbound = Outbound::new(&call.a.key);
            call.a.inbound = Inbound::new(&call.a.relay_key);
        }
        call.set(End::A, false, None);
        for packet in &recorded {
            assert_eq!(call.deliver(End::A, stranger(), &mut copy(packet)), None);
            assert_eq!(call.talk(1), (1, 1), "starts over: {starts_over}");
            assert_eq!(call.deliver(End::A, stranger(), &mut copy(packet)), None);
        }
        assert_eq!(call.statistics(End::A).moves, 0);
    }
}

#[test]
fn a_stolen_address_is_won_back_by_the_next_fresh_packet() {
    let mut call = talking();
    assert_eq!(call.talk(5), (5, 5));

    // The thief sends what it sniffed before the phone's own copy arrives.
    let stolen = call.a.speak();
    assert!(call.deliver(End::A, stranger(), &mut copy(&stolen)).is_some());
    assert_eq!(
        call.deliver(End::A, call.a.address, &mut copy(&stolen)),
        None,
        "the original is a replay now"
    );
    assert!(!call.say(End::B), "one word goes to the thief, sealed");

    assert!(call.say(End::A));
    assert!(call.say(End::B), "the phone has its address again");
    assert_eq!(call.statistics(End::A).moves, 2);
}

#[test]
fn a_late_authentic_packet_moves_no_address() {
    let mut call = talking();
    let late = call.a.speak();
    assert_eq!(call.talk(5), (5, 5));

    assert!(call.deliver(End::A, stranger(), &mut copy(&late)).is_some(), "it is authentic and fresh");

    assert!(call.say(End::B), "but older than the newest, so the phone is still where it was");
}

#[test]
fn a_phone_behind_nat_is_reached_where_its_authentic_packets_come_from() {
    let mut call = Call::open([Suite::AesCm128HmacSha1_80; 2]);
    call.a.session.before_proof = Before::HoldUntilProven;
    call.set(End::A, false, None);
    call.set(End::B, false, None);

    assert!(!call.say(End::B), "nothing is sent before the phone proved an address");
    assert_eq!(call.statistics(End::B).refused.not_proven, 1);

    let behind_nat: SocketAddr = "192.0.2.77:61234".parse().unwrap();
    let mut packet = call.a.speak();
    assert!(call.deliver(End::A, behind_nat, &mut packet).is_some());
    let mut packet = call.b.speak();
    assert_eq!(call.deliver(End::B, call.b.address, &mut packet).unwrap().to, behind_nat);
    let events = call.events();
    assert!(events.contains(&RelayEvent::FirstAuthenticated { stream: STREAM, end: End::A }));
    assert_eq!(events.len(), 2);
}

#[test]
fn strangers_protocols_and_garbage_are_counted_and_dropped() {
    let mut call = talking();
    let mut garbage: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0x80],
        vec![0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        [0x8f, 0].into_iter().chain([0; 20]).collect(),
        [0x90, 0].into_iter().chain([0; 10]).chain([0, 0, 0xff, 0xff]).collect(),
        [0xa0, 0].into_iter().chain([0; 9]).chain([0xff; 30]).collect(),
        [0x40, 0].into_iter().chain([0; 60]).collect(),
        [0x10, 0].into_iter().chain(*b"ZRTP").chain([0; 20]).collect(),
        [22, 0xfe, 0xfd].into_iter().chain([0; 60]).collect(),
        [0x81, 200, 0xff, 0xff].into_iter().chain([0; 40]).collect(),
    ];
    garbage.extend((0..200_u8).map(|n| [0x80 | (n & 0x3f), n].repeat(usize::from(n))));
    let mut binding = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    binding.extend([7; 12]);

    for datagram in &garbage {
        assert_eq!(call.deliver(End::A, stranger(), &mut PacketBuf::from_slice(datagram).unwrap()), None);
        let on_rtcp = call.deliver_rtcp(End::A, stranger(), &mut PacketBuf::from_slice(datagram).unwrap());
        assert_eq!(on_rtcp, None);
    }
    assert_eq!(call.deliver(End::A, stranger(), &mut PacketBuf::from_slice(&binding).unwrap()), None);

    let a = call.statistics(End::A);
    assert_eq!((a.stun, a.dtls, a.opened), (1, 2, 0));
    assert_eq!(call.talk(5), (5, 5));
}

#[test]
fn nothing_is_forwarded_before_both_ends_are_set_or_against_the_direction() {
    let mut call = Call::open([Suite::AesCm128HmacSha1_80; 2]);
    assert_eq!(call.talk(1), (0, 0));
    call.set(End::A, false, None);
    assert_eq!(call.talk(1), (0, 0));
    call.set(End::B, false, None);
    assert_eq!(call.talk(1), (1, 1));

    call.b.session.receive = false;
    call.set(End::B, false, None);

    assert_eq!(call.talk(3), (3, 0), "end B only listens");
    assert_eq!(call.statistics(End::B).refused.no_permit, 3 + 2);
}

#[test]
fn what_leaves_toward_a_secure_end_never_shows_what_was_said() {
    for suite in Suite::ALL {
        let mut call = Call::talking([suite; 2]);
        for _ in 0..50 {
            let spoken = word(call.a.index);
            let mut buf = call.a.speak();
            call.deliver(End::A, call.a.address, &mut buf).unwrap();
            assert!(!buf.as_slice().windows(8).any(|part| spoken.windows(8).any(|said| said == part)));
            assert!(buf.as_slice().len() > 12 + spoken.len(), "it carries a tag");
        }
    }
}

#[test]
fn two_hundred_thousand_sources_leave_no_trace_but_a_counter() {
    let mut call = talking();
    assert_eq!(call.talk(1), (1, 1));
    for ssrc in 0..200_000_u32 {
        let mut bytes = vec![0x80, 0, 0, 1, 0, 0, 0, 0];
        bytes.extend(ssrc.to_be_bytes());
        bytes.extend([0xee; 40]);
        assert_eq!(call.deliver(End::A, stranger(), &mut PacketBuf::from_slice(&bytes).unwrap()), None);
    }

    assert_eq!(call.statistics(End::A).refused.forged, 200_000);
    assert_eq!(call.talk(5), (5, 5));
}

proptest! {
    #[test]
    fn no_bytes_whatever_get_through_or_break_anything(
        first in prop_oneof![Just(0x80_u8), Just(0x81), Just(0x90), any::<u8>()],
        second in prop_oneof![Just(0_u8), 200..208_u8, any::<u8>()],
        rest in prop::collection::vec(any::<u8>(), 0..1498),
        on_rtcp in any::<bool>(),
    ) {
        let mut call = talking();
        let mut buf = PacketBuf::from_slice(&[&[first, second], &rest[..]].concat()).unwrap();
        let transmit = match on_rtcp {
            true => call.deliver_rtcp(End::A, call.a.rtcp_address(), &mut buf),
            false => call.deliver(End::A, call.a.address, &mut buf),
        };
        prop_assert_eq!(transmit, None);
        prop_assert_eq!(call.talk(1), (1, 1));
    }
}

fn talking() -> Call {
    Call::talking([Suite::AesCm128HmacSha1_80, Suite::AesCm256HmacSha1_80])
}

fn stranger() -> SocketAddr {
    "198.51.100.66:6666".parse().unwrap()
}

fn copy(packet: &PacketBuf) -> PacketBuf {
    PacketBuf::from_slice(packet.as_slice()).unwrap()
}
