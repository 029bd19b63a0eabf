//! Section 14: modifying a session.

use std::time::Duration;

use cordon_call::End;
use cordon_policy::Refusal;
use cordon_sip::{HeaderName, Method};

use crate::agent::{Standing, pbx_calls, phone_calls};
use crate::description::Sdp;
use crate::world::World;

/// 14.1: a change that fails leaves everything as it was.
#[test]
fn a_change_that_is_refused_changes_nothing() {
    for status in [488, 415, 500, 603] {
        let mut world = World::new();
        let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
        let told = world.told.len();
        world.says(caller.at, caller.invite(&offer.clone().with(|sdp| sdp.port = 4444)));
        let seen = world.hears(callee.at, Method::Invite);
        world.says(callee.at, callee.respond(&seen, status));
        world.hears(callee.at, Method::Ack);
        world.hears_status(caller.at, status);
        assert_eq!((world.told.len(), world.open.len()), (told, 1));
        world.says(caller.at, caller.invite(&offer));
        let seen = world.hears(callee.at, Method::Invite);
        world.says(callee.at, callee.respond_with(&seen, 200, &answer));
        world.hears_status(caller.at, 200);
        assert_eq!(world.setup(End::A).remote_rtp.port(), Sdp::phone().port);
    }
}

/// 14.1: one INVITE at a time in a dialog, ours included.
#[test]
fn an_invite_of_ours_waits_until_the_one_under_way_is_over() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    world.says(caller.at, caller.invite(&offer));
    let seen = world.hears(callee.at, Method::Invite);
    world.key_nearly_spent(End::A);
    world.pass(Duration::from_secs(3));
    world.is_quiet();
    world.says(callee.at, callee.respond_with(&seen, 200, &answer));
    world.hears(callee.at, Method::Ack);
    world.hears_status(caller.at, 200);
    world.says(caller.at, caller.ack());
    world.pass(Duration::from_secs(5));
    world.hears(caller.at, Method::Invite);
}

/// 14.1.
#[test]
fn after_glare_the_owner_of_the_call_id_waits_longer() {
    // Toward the callee the Call-ID is ours, toward the caller it is the caller's.
    for (end, least, most) in [(End::A, 0, 2_000), (End::B, 2_100, 4_000)] {
        let mut waits = Vec::new();
        for extra in 0..8 {
            let mut world = World::new();
            let Standing { caller, callee, .. } = phone_calls(&mut world);
            // Each world has the same chances: what was drawn before moves them.
            (0..extra).for_each(|flow| _ = world.register(10 + flow, &format!("20{flow}")));
            let peer = if end == End::A { caller } else { callee };
            world.key_nearly_spent(end);
            let refresh = world.hears(peer.at, Method::Invite);
            world.says(peer.at, peer.respond(&refresh, 491));
            world.hears(peer.at, Method::Ack);
            let before = world.now;
            let due = world.engine.poll_timeout().unwrap();
            let mut waited = due - before;
            world.pass(waited);
            while world.next_message(peer.at).is_none() {
                let due = world.engine.poll_timeout().expect("it is tried again");
                waited = due - before;
                world.pass(due - world.now);
            }
            let millis = waited.as_millis();
            assert!((least..=most).contains(&millis), "{millis} ms at {end:?}");
            assert_eq!(millis % 10, 0, "in steps of 10 ms");
            waits.push(millis);
        }
        waits.dedup();
        assert!(waits.len() > 1, "chosen at random");
    }
}

/// 14.2.
#[test]
fn a_second_change_before_the_first_is_answered_is_500_with_a_random_wait() {
    let mut waits = Vec::new();
    let mut world = World::new();
    let Standing { mut caller, callee, offer, .. } = phone_calls(&mut world);
    world.says(caller.at, caller.invite(&offer));
    world.hears(callee.at, Method::Invite);
    for _ in 0..16 {
        world.says(caller.at, caller.invite(&offer));
        let told = world.hears_status(caller.at, 500);
        let wait = told.headers.retry_after().expect("14.2: it says when");
        assert!(wait <= 10);
        waits.push(wait);
    }
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 1, "chosen at random");
    assert!(world.refusals().iter().all(|refusal| *refusal == Refusal::InviteOverlaps));
}

/// 14.2.
#[test]
fn a_change_that_meets_one_of_the_other_side_is_491() {
    for standing in [phone_calls as fn(&mut World) -> Standing, pbx_calls] {
        let mut world = World::new();
        let Standing { mut caller, mut callee, offer, answer } = standing(&mut world);
        world.says(caller.at, caller.invite(&offer));
        world.hears(callee.at, Method::Invite);
        world.says(callee.at, callee.invite(&answer));
        world.hears_status(callee.at, 491);
        assert_eq!(world.refusals(), [Refusal::ChangePending]);
    }
}

/// 14.2: what we cannot take is 488 with a Warning, and the session goes on.
#[test]
fn a_change_that_policy_refuses_is_488_with_a_warning_and_changes_nothing() {
    let mut world = World::new();
    let Standing { mut caller, offer, .. } = phone_calls(&mut world);
    world.says(caller.at, caller.invite(&offer.with(|sdp| sdp.crypto.clear())));
    let told = world.hears_status(caller.at, 488);
    assert!(told.headers.has(&HeaderName::WARNING));
    assert_eq!(world.open.len(), 1);
    world.says(caller.at, caller.request(Method::Options));
    world.hears_status(caller.at, 200);
}
