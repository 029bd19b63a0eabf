//! Streams as signalling opens, changes and closes them.

use std::collections::HashSet;

use cordon_relay::{
    AddressChange, Command, CommandError, End, EndSetup, Local, LocalPort, Protection, RelayEvent, StreamId,
};
use cordon_rtp::{PacketBuf, Suite};
use cordon_srtp::{Plain, PlainReason};

use crate::kit::{Call, STREAM, local};

#[test]
fn every_suite_talks_to_every_suite() {
    for a in Suite::ALL {
        for b in Suite::ALL {
            assert_eq!(Call::talking([a, b]).talk(5), (5, 5), "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_refresh_that_changes_nothing_is_not_heard() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    assert_eq!(call.talk(5), (5, 5));

    call.set(End::A, false, None);
    call.set(End::B, false, None);
    assert_eq!(call.talk(5), (5, 5));

    let sources: HashSet<_> = call.b.heard.iter().map(|(ssrc, ..)| *ssrc).collect();
    assert_eq!(sources.len(), 1);
    let first = call.b.heard[0].1.as_u64();
    let indexes: Vec<u64> = call.b.heard.iter().map(|(_, index, _)| index.as_u64()).collect();
    assert_eq!(indexes, (first..first + 10).collect::<Vec<_>>());
    assert_eq!(call.statistics(End::A).rekeys, 0);
}

#[test]
fn a_new_local_key_comes_with_a_fresh_ssrc_below_two_to_the_fifteen() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    call.reach_roc(End::B, 2);
    let before = call.a.heard.last().unwrap().0;

    call.a.take_relay_key(200);
    call.set(End::A, true, None);
    assert_eq!(call.talk(5), (5, 5));

    let (ssrc, index, _) = call.a.heard[call.a.heard.len() - 5].clone();
    assert_ne!(ssrc, before);
    assert!(index.as_u64() < 1 << 15);
    assert_eq!(call.statistics(End::A).rekeys, 1);
}

#[test]
fn keys_that_differ_are_new_and_keys_that_do_not_are_not_whatever_signalling_believes() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    assert_eq!(call.talk(5), (5, 5));

    call.a.take_key(201);
    call.a.take_relay_key(202);
    call.set(End::A, false, None);
    assert_eq!(call.talk(5), (5, 5));

    call.set(End::A, true, Some(AddressChange::Changed));
    assert_eq!(call.talk(5), (5, 5));
    let used: HashSet<_> = call.a.heard.iter().map(|(ssrc, index, _)| (*ssrc, *index)).collect();
    assert_eq!(used.len(), call.a.heard.len());
}

#[test]
fn a_phone_that_moves_with_a_new_key_is_followed_by_signalling() {
    let mut call = Call::talking([Suite::AeadAes256Gcm; 2]);
    call.reach_roc(End::A, 1);

    call.a.address = "10.0.0.9:5000".parse().unwrap();
    call.a.take_key(203);
    call.a.take_relay_key(204);
    (call.a.index, call.a.ssrc) = (100, 0x9999);
    call.set(End::A, true, Some(AddressChange::Changed));

    assert_eq!(call.talk(5), (5, 5));
}

#[test]
fn closing_gives_the_ports_back_with_the_last_figures() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    assert_eq!(call.talk(7), (7, 7));
    call.events();

    call.relay.handle_command(call.now, Command::Close { stream: STREAM });

    let [RelayEvent::Closed { stream: STREAM, statistics }] = &call.events()[..] else {
        panic!("not closed")
    };
    assert_eq!((statistics.a.opened, statistics.a.sealed, statistics.b.opened), (7, 7, 7));
    assert_eq!(call.relay.statistics(STREAM), None);
    assert_eq!(call.talk(1), (0, 0));
    assert_eq!(call.relay.strays(), 2);
    let (a, b) = (local(End::A), local(End::B));
    call.relay.handle_command(call.now, Command::Open { stream: StreamId(2), a, b });
    assert_eq!(call.events(), []);
}

#[test]
fn a_command_that_cannot_be_carried_out_says_why() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    let (now, a, b) = (call.now, local(End::A), local(End::B));
    let free = Local { rtp: LocalPort { interface: 0, port: 9 }, rtcp: LocalPort { interface: 0, port: 10 } };

    call.relay.handle_command(now, Command::Open { stream: STREAM, a, b });
    call.relay.handle_command(now, Command::Open { stream: StreamId(2), a: free, b });
    call.relay.handle_command(now, Command::Open { stream: StreamId(3), a: free, b: free });
    call.relay.handle_command(now, Command::Close { stream: StreamId(4) });

    let refused = |stream, error| RelayEvent::CommandRefused { stream: StreamId(stream), error };
    let expected = [
        refused(1, CommandError::StreamInUse),
        refused(2, CommandError::PortInUse),
        refused(3, CommandError::PortInUse),
        refused(4, CommandError::UnknownStream),
    ];
    assert_eq!(call.events(), expected);
    assert_eq!(call.talk(3), (3, 3));
}

#[test]
fn a_permitted_plain_end_talks_to_a_secure_one_and_only_from_its_described_host() {
    let mut call = Call::open([Suite::AesCm128HmacSha1_80; 2]);
    call.set(End::A, false, None);
    call.relay.handle_command(call.now, Command::Set { stream: STREAM, end: End::B, setup: plain(&call) });

    let mut to_b = call.a.speak();
    let said = crate::kit::word(call.a.index - 1);
    assert_eq!(call.deliver(End::A, call.a.address, &mut to_b).unwrap().to, call.b.address);
    assert_eq!(to_b.as_slice()[12..], said);

    for n in 0..5 {
        let bytes = call.b.plain_packet();
        call.b.index += 1;
        let mut sprayed = PacketBuf::from_slice(&bytes).unwrap();
        assert_eq!(call.deliver(End::B, "10.0.0.3:4000".parse().unwrap(), &mut sprayed), None);
        let mut to_a = PacketBuf::from_slice(&bytes).unwrap();
        call.deliver(End::B, call.b.address, &mut to_a).unwrap();
        assert_ne!(to_a.as_slice()[12..], bytes[12..]);
        assert!(call.a.hear(&mut to_a), "word {n}");
        let mut again = PacketBuf::from_slice(&bytes).unwrap();
        assert_eq!(call.deliver(End::B, call.b.address, &mut again), None, "no index is sealed twice");
    }
    assert_eq!(call.statistics(End::B).refused.foreign, 5);
}

#[test]
fn an_end_is_heard_whichever_way_its_protection_changes_under_one_ssrc() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    for _ in 0..3 {
        assert_eq!(call.talk(5), (5, 5));
        let setup = plain(&call);
        call.relay.handle_command(call.now, Command::Set { stream: STREAM, end: End::B, setup });
        for _ in 0..5 {
            let mut said = PacketBuf::from_slice(&call.b.plain_packet()).unwrap();
            call.b.index += 1;
            call.b.clock += 160;
            assert!(call.deliver(End::B, call.b.address, &mut said).is_some());
            assert!(call.a.hear(&mut said));
        }
        call.set(End::B, false, None);
    }
}

#[test]
fn what_was_recorded_before_an_end_was_plain_is_not_heard_after_it() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    let recorded: Vec<PacketBuf> = (0..20).map(|_| call.b.speak()).collect();
    let copy = |packet: &PacketBuf| PacketBuf::from_slice(packet.as_slice()).unwrap();
    for packet in &recorded {
        assert!(call.deliver(End::B, call.b.address, &mut copy(packet)).is_some());
    }
    let setup = plain(&call);
    call.relay.handle_command(call.now, Command::Set { stream: STREAM, end: End::B, setup });

    call.set(End::B, false, None);

    for packet in &recorded {
        assert_eq!(call.deliver(End::B, call.b.address, &mut copy(packet)), None);
    }
    assert_eq!(call.statistics(End::B).refused.replayed, 20);
    assert_eq!(call.talk(5), (5, 5));
}

pub(crate) fn plain(call: &Call) -> EndSetup {
    EndSetup {
        protection: Protection::Plain(Plain::by_permit(PlainReason::Lab)),
        ..call.b.setup(false, None)
    }
}
