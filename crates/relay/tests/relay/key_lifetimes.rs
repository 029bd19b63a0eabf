//! The last packets of a key: the change is asked for in time, and nothing is sealed or opened behind the limit.

use cordon_relay::{End, RelayEvent};
use cordon_rtp::Suite;

use crate::kit::{Call, STREAM, key};

/// Packets a key of these tests may be used for.
const LIFETIME: usize = 40;

#[test]
fn our_key_is_asked_for_before_its_limit_and_seals_nothing_behind_it() {
    for suite in Suite::ALL {
        let mut call = with_short_keys(suite, true);
        let heard = (0..2 * LIFETIME).filter(|_| call.say(End::B)).count();
        assert_eq!(heard, LIFETIME, "{suite}");
        assert_eq!(call.statistics(End::A).sealed, LIFETIME as u64);
        assert_eq!(call.statistics(End::B).refused.unsealed, LIFETIME as u64);
        assert_eq!(asked(&mut call), 1, "{suite}");

        call.a.take_relay_key(77);
        call.set(End::A, true, None);
        assert_eq!(call.talk(5), (5, 5));
        assert_eq!(asked(&mut call), 0);
    }
}

#[test]
fn the_change_is_asked_for_while_a_quarter_of_the_key_is_left() {
    let mut call = with_short_keys(Suite::AeadAes256Gcm, true);
    let before = (0..LIFETIME).position(|_| {
        assert!(call.say(End::B));
        asked(&mut call) == 1
    });
    assert_eq!(before, Some(LIFETIME * 3 / 4));
}

#[test]
fn a_peer_is_heard_up_to_the_limit_of_its_key_and_asked_for_another_before() {
    for suite in Suite::ALL {
        let mut call = with_short_keys(suite, false);
        let heard = (0..2 * LIFETIME).filter(|_| call.say(End::A)).count();
        assert_eq!(heard, LIFETIME, "{suite}");
        assert_eq!(call.statistics(End::A).refused.key_spent, LIFETIME as u64);
        assert_eq!(asked(&mut call), 1);

        call.a.take_key(78);
        call.set(End::A, false, None);
        assert_eq!(call.talk(5), (5, 5));
    }
}

#[test]
fn a_key_that_comes_back_is_as_far_used_as_it_was() {
    let mut call = with_short_keys(Suite::AesCm128HmacSha1_80, false);
    assert_eq!((0..30).filter(|_| call.say(End::A)).count(), 30);
    let first = call.a.key.hand_to_relay();
    call.a.take_key(79);
    call.set(End::A, false, None);
    assert!(call.say(End::A));

    call.a.take_back(first);
    call.set(End::A, false, None);
    assert_eq!((0..30).filter(|_| call.say(End::A)).count(), LIFETIME - 30);
}

#[test]
fn reports_have_a_limit_of_their_own() {
    let mut call = with_short_keys(Suite::AesCm128HmacSha1_80, false);
    let address = call.a.rtcp_address();
    let report = |ssrc: u32| [&[0x80, 200, 0, 6][..], &ssrc.to_be_bytes(), &[0; 20]].concat();
    let sent = (0..2 * LIFETIME).filter(|_| {
        let mut buf = call.a.seal_rtcp(&report(call.a.ssrc));
        call.deliver_rtcp(End::A, address, &mut buf).is_some()
    });
    assert_eq!(sent.count(), LIFETIME);
    assert_eq!(call.statistics(End::A).refused.key_spent, LIFETIME as u64);
    assert_eq!(asked(&mut call), 1);
}

/// A call whose end A has a short-lived key: ours toward it, or its own.
fn with_short_keys(suite: Suite, is_ours: bool) -> Call {
    let mut call = Call::open([suite; 2]);
    let short = |number| key(suite, number).with_lifetime(LIFETIME as u64);
    match is_ours {
        true => call.a.relay_key = short(101),
        false => call.a.key = short(1),
    }
    call.set(End::A, false, None);
    call.set(End::B, false, None);
    call
}

/// How often another key was asked for at end A since the last look.
fn asked(call: &mut Call) -> usize {
    let wanted = RelayEvent::KeyNearlySpent { stream: STREAM, end: End::A };
    call.events().iter().filter(|event| **event == wanted).count()
}
