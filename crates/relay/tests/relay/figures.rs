//! What the relay says of a call: loss, order, jitter, reports and round trips, held against numbers worked out by hand.

use std::time::Duration;

use cordon_relay::{Command, End, EndSetup, Protection};
use cordon_rtp::{Coding, PacketBuf, Suite};
use cordon_srtp::{Plain, PlainReason};

use crate::kit::{Call, STREAM, cross, number, words};

#[test]
fn loss_is_counted_on_the_leg_and_in_the_direction_it_happened() {
    let mut call = talking();
    for number in 0..100 {
        if number % 10 == 5 {
            call.a.speak(); // Lost between the phone and the relay.
        } else {
            assert!(call.say(End::A));
        }
        assert!(call.say(End::B));
    }

    let (a, b) = (call.statistics(End::A).arrived, call.statistics(End::B).arrived);
    assert_eq!((a.expected, a.lost, a.reordered), (100, 10, 0));
    assert_eq!((b.expected, b.lost, b.reordered), (100, 0, 0));
    assert_eq!(a.coding, Some(Coding::G711));
    assert!(a.rating(None).unwrap().mos() < 3.8, "a tenth is lost");
    assert!(b.rating(None).unwrap().mos() > 4.3, "nothing is lost");
}

#[test]
fn order_and_replays_are_told_apart_from_loss() {
    let mut call = talking();
    assert!(call.say(End::A));
    let from = call.a.address;
    let [mut first, mut second, mut third] = [0; 3].map(|_| call.a.speak());
    let mut copy = PacketBuf::from_slice(second.as_slice()).unwrap();
    for buf in [&mut third, &mut first, &mut second] {
        assert!(call.deliver(End::A, from, buf).is_some());
    }
    assert!(call.deliver(End::A, from, &mut copy).is_none());

    let a = call.statistics(End::A);
    assert_eq!((a.arrived.expected, a.arrived.lost, a.arrived.reordered), (4, 0, 2));
    assert_eq!((a.refused.replayed, a.refused.forged), (1, 0));
}

#[test]
fn forged_packets_are_neither_expected_nor_lost() {
    let mut call = talking();
    assert!(call.say(End::A));
    let sealed = call.a.speak();
    for byte in 12..62 {
        let mut forged = PacketBuf::from_slice(sealed.as_slice()).unwrap();
        forged.as_mut_slice()[byte] ^= 1;
        assert!(call.deliver(End::A, call.a.address, &mut forged).is_none());
    }
    let a = call.statistics(End::A);
    assert_eq!((a.refused.forged, a.arrived.expected, a.arrived.lost), (50, 1, 0));
}

#[test]
fn a_plain_peer_that_repeats_itself_is_counted_and_heard_once() {
    let mut call = talking();
    let plain = EndSetup {
        protection: Protection::Plain(Plain::by_permit(PlainReason::Lab)),
        ..call.b.setup(false, None)
    };
    call.relay.handle_command(call.now, Command::Set { stream: STREAM, end: End::B, setup: plain });
    for index in [1000, 1001, 1001, 1004] {
        call.b.index = index;
        let mut packet = PacketBuf::from_slice(&call.b.plain_packet()).unwrap();
        let sent = call.deliver(End::B, call.b.address, &mut packet);
        assert_eq!(sent.is_some(), call.statistics(End::B).arrived.duplicates == 0 || index == 1004);
    }
    let b = call.statistics(End::B).arrived;
    assert_eq!((b.expected, b.lost, b.duplicates), (5, 2, 1));
}

#[test]
fn a_sender_report_says_what_was_sent_under_our_name() {
    let mut call = talking();
    assert_eq!(call.talk(10), (10, 10));
    hold_while(&mut call, |call| (0..7).for_each(|_| assert!(!call.say(End::A), "on hold")));
    assert_eq!(call.talk(5), (5, 5));

    let received = cross(&mut call, End::A, &sender_report(A, STAMP, 22, 22 * 160));

    assert_eq!(number(&received, 20), 15, "seven of 22 packets were dropped on hold");
    assert_eq!(number(&received, 24), 15 * 160);
}

#[test]
fn a_round_trip_is_what_is_left_of_the_time_between_a_report_and_its_answer() {
    let mut call = talking();
    assert_eq!(call.talk(3), (3, 3));
    let as_b_hears = call.b.heard[0].0.0;
    cross(&mut call, End::A, &sender_report(A, STAMP, 3, 480));
    assert_eq!(call.statistics(End::B).round_trip, None);

    // B answers after five seconds, 80 ms of which went by on the way.
    call.now += Duration::from_millis(5080);
    let answer = receiver_report(B, as_b_hears, 0, 0, [0x3333_4444, 5 << 16]);
    cross(&mut call, End::B, &answer);

    let trip = call.statistics(End::B).round_trip.unwrap();
    assert_eq!(
        (trip.last.duration(), trip.highest.duration()),
        (Duration::from_millis(80), Duration::from_millis(80))
    );
    assert_eq!(call.statistics(End::A).round_trip, None, "nothing was sent to A yet");
}

#[test]
fn a_peer_that_sends_nothing_tells_its_round_trip_in_extended_reports() {
    let mut call = talking();
    assert_eq!(call.talk(3), (3, 3));
    let (a, b) = (A, B);
    let reference = words(0x80, 207, &[a, 0x0400_0002, 0x1111_2222, 0x3333_4444]);
    let received = cross(&mut call, End::A, &[words(0x80, 201, &[a]), reference].concat());
    assert_eq!(number(&received, 20), 0x1111_2222, "the clock of the peer is its own");

    call.now += Duration::from_millis(1030);
    let delay = words(0x80, 207, &[b, 0x0500_0003, a, 0x2222_3333, 1 << 16]);
    cross(&mut call, End::B, &[words(0x80, 201, &[b]), delay].concat());

    assert_eq!(call.statistics(End::B).round_trip.unwrap().last.duration(), Duration::from_millis(30));
}

#[test]
fn what_a_peer_reports_as_lost_is_kept_for_the_direction_to_it() {
    let mut call = talking();
    assert_eq!(call.talk(50), (50, 50));
    let (first, last) = (call.b.heard[0].1.as_u64(), call.b.heard[49].1.as_u64());
    assert_eq!(last - first, 49);
    let about = call.b.heard[0].0.0;
    let highest = u32::try_from(last).unwrap();
    cross(&mut call, End::B, &receiver_report(B, about, 4, highest, [0, 0]));

    let b = call.statistics(End::B).reported;
    assert_eq!((b.reports, b.expected, b.lost), (1, 50, 4));
    assert_eq!(b.jitter.unwrap().duration(), Duration::from_millis(2), "16 ticks of 8,000 in a second");
    assert!(b.rating(Some(Coding::G711), [None, None]).unwrap().mos() < 4.0);
    assert_eq!(call.statistics(End::A).reported.reports, 0);

    cross(&mut call, End::B, &receiver_report(B, 0xdead, 4, highest, [0, 0]));
    assert_eq!(call.statistics(End::B).reported.reports, 1, "about nobody we know");
}

#[test]
fn what_is_reported_of_a_source_that_returns_counts_once() {
    let mut call = talking();
    assert_eq!(call.talk(50), (50, 50));
    let (ssrc, index) = (call.a.ssrc, call.a.index);
    (call.a.ssrc, call.a.index) = (0x7777, 4000);
    assert_eq!(call.talk(10), (10, 10));
    (call.a.ssrc, call.a.index) = (ssrc, index);
    assert_eq!(call.talk(5), (5, 5));
    let at = |place: usize| {
        let (name, index, _) = &call.b.heard[place];
        (name.0, u32::try_from(index.as_u64()).unwrap())
    };
    let told = [(at(49), 4), (at(59), 1), (at(64), 6), (at(59), 1), (at(49), 4)];

    for ((about, highest), lost) in told {
        cross(&mut call, End::B, &receiver_report(B, about, lost, highest, [0, 0]));
    }

    let b = call.statistics(End::B).reported;
    assert_eq!((b.expected, b.lost), (65, 7), "the last report was overtaken");
}

#[test]
fn what_is_dropped_on_hold_is_no_loss_to_the_peer() {
    let mut call = talking();
    assert_eq!(call.talk(10), (10, 10));
    hold_while(&mut call, |call| (0..7).for_each(|_| assert!(!call.say(End::A), "on hold")));
    assert_eq!(call.talk(5), (5, 5));

    let (about, first) = (call.b.heard[0].0.0, call.b.heard[0].1.as_u64());
    let last = call.b.heard[14].1.as_u64();
    assert_eq!(last - first, 14, "no number is left out");
    let received =
        cross(&mut call, End::B, &receiver_report(B, about, 0, u32::try_from(last).unwrap(), [0, 0]));
    let b = call.statistics(End::B).reported;
    assert_eq!((b.expected, b.lost), (15, 0));
    assert_eq!(u64::from(number(&received, 16)), call.a.index - 1, "the last word A said was heard");
}

#[test]
fn a_phone_that_talks_through_a_hold_of_twenty_minutes_is_heard_after_it() {
    let mut call = talking();
    assert_eq!(call.talk(10), (10, 10));
    // More numbers than the roll-over counter of a receiver that hears none of them can follow.
    hold_while(&mut call, |call| {
        for _ in 0..2 {
            call.a.index += 30_000;
            assert!(!call.say(End::A), "on hold");
        }
    });
    assert_eq!(call.talk(50), (50, 50));
}

#[test]
fn voice_metrics_cross_with_the_name_the_other_side_knows_and_unknown_blocks_as_they_are() {
    let mut call = talking();
    assert_eq!(call.talk(2), (2, 2));
    let (about, a) = (call.b.heard[0].0.0, A);
    let metrics = [&[0x0700_0008, about][..], &[0x0102_0304; 7]].concat();
    let unknown = [0xfe00_0001, 0xcafe_f00d];
    let report = words(0x80, 207, &[&[B][..], &metrics, &unknown].concat());

    let received = cross(&mut call, End::B, &[words(0x80, 201, &[B]), report].concat());

    assert_eq!(number(&received, 20), a, "the report is about what A sends");
    assert_eq!(number(&received, 24), 0x0102_0304);
    assert_eq!(number(&received, received.len() - 4), 0xcafe_f00d);
}

#[test]
fn on_hold_nobody_is_expected_to_be_heard() {
    let mut call = talking();
    let begun = call.statistics(End::A).heard_from.unwrap();
    assert!(call.say(End::A));
    assert_eq!(call.statistics(End::A).last_heard, Some(call.now));
    assert_eq!(call.statistics(End::B).last_heard, None);

    call.now += Duration::from_secs(5);
    call.set(End::A, false, None);
    assert_eq!(call.statistics(End::A).heard_from, Some(begun), "a refresh changes nothing");
    call.a.session.receive = false;
    call.set(End::A, false, None);
    assert_eq!(call.statistics(End::A).heard_from, None);
    call.now += Duration::from_secs(5);
    call.a.session.receive = true;
    call.set(End::A, false, None);
    assert_eq!(call.statistics(End::A).heard_from, Some(call.now));
}

#[test]
fn a_report_that_only_arrives_is_no_voice() {
    let mut call = talking();
    let report = receiver_report(A, 1, 0, 0, [0, 0]);
    cross(&mut call, End::A, &report);
    assert!(call.statistics(End::A).last_authenticated.is_some());
    assert_eq!(call.statistics(End::A).last_heard, None);
}

fn talking() -> Call {
    Call::talking([Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm])
}

/// Lets A not be heard while something happens.
fn hold_while(call: &mut Call, happens: impl FnOnce(&mut Call)) {
    call.a.session.receive = false;
    call.set(End::A, false, None);
    happens(call);
    call.a.session.receive = true;
    call.set(End::A, false, None);
}

fn sender_report(sender: u32, stamp: [u32; 2], packets: u32, octets: u32) -> Vec<u8> {
    words(0x80, 200, &[sender, stamp[0], stamp[1], 0, packets, octets])
}

/// With 16 ticks of jitter.
fn receiver_report(sender: u32, about: u32, lost: u32, highest: u32, echo: [u32; 2]) -> Vec<u8> {
    words(0x81, 201, &[sender, about, lost, highest, 16, echo[0], echo[1]])
}

/// The SSRC of A.
const A: u32 = 0x0a0a_0001;
/// The SSRC of B.
const B: u32 = 0x0a0a_0002;
/// An NTP time whose middle is 0x3333_4444.
const STAMP: [u32; 2] = [0x1111_3333, 0x4444_5555];
