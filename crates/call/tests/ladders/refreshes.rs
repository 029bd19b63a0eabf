//! INVITEs of our own: a new key in time, and the old session again after a change that was cancelled too late.

use std::time::Duration;

use cordon_call::{CallEnd, End, Protection, Side};
use cordon_rtp::KeyMaterial;
use cordon_sdp::Direction;
use cordon_sip::{Method, Origin, Request};

use crate::agent::{Agent, Ringing, Standing, pbx_invites, phone_calls};
use crate::description::{Sdp, key_line, read};
use crate::world::World;

fn local(world: &World, end: End) -> KeyMaterial {
    match &world.setup(end).protection {
        Protection::Secure { local, .. } => local.hand_to_relay(),
        Protection::Plain(_) => panic!("SRTP on both ends"),
    }
}

#[test]
fn a_key_near_the_end_of_its_life_is_replaced_by_an_invite_of_ours() {
    let mut world = World::new();
    let Standing { caller, callee, offer, .. } = phone_calls(&mut world);
    let (before_a, before_b) = (local(&world, End::A), local(&world, End::B));
    world.key_nearly_spent(End::A);
    let refresh = world.hears(caller.at, Method::Invite);
    assert_eq!(refresh.to.tag(), caller.me.tag());
    world.says(caller.at, caller.respond_with(&refresh, 200, &offer));
    world.hears(caller.at, Method::Ack);
    world.is_quiet_at(callee.at);
    let after = local(&world, End::A);
    assert!(!after.is_same_as(&before_a) && local(&world, End::B).is_same_as(&before_b));
    assert!(world.setup(End::A).local_changed && world.setup(End::A).remote_changed.is_none());
    let told = read(&refresh.body);
    assert!(told.media[0].usable_crypto().any(|line| line.key.is_same_as(&after)));
}

#[test]
fn a_phone_that_never_takes_the_new_key_is_released_before_the_old_one_is_spent() {
    let mut world = World::new();
    let Standing { caller, .. } = phone_calls(&mut world);
    world.key_nearly_spent(End::A);
    for _ in 0..5 {
        let refresh = world.hears(caller.at, Method::Invite);
        world.says(caller.at, caller.respond(&refresh, 491));
        world.hears(caller.at, Method::Ack);
        world.pass(Duration::from_secs(5));
    }
    world.hears(caller.at, Method::Bye);
    world.pbx_hears(Method::Bye);
    assert_eq!(world.ends(), [CallEnd::KeySpent(Side::Handset)]);
}

#[test]
fn a_key_that_nears_its_end_while_that_of_the_other_leg_is_replaced_is_replaced_next() {
    for end in [End::A, End::B] {
        let mut world = World::new();
        let Standing { caller, callee, offer, answer } = phone_calls(&mut world);
        let (before_a, before_b) = (local(&world, End::A), local(&world, End::B));
        let mut legs = [(caller, offer), (callee, answer)];
        if end == End::B {
            legs.reverse();
        }
        let [(first, first_sdp), (second, second_sdp)] = legs;
        world.key_nearly_spent(end);
        let refresh = world.hears(first.at, Method::Invite);
        world.key_nearly_spent(end.other());
        world.says(first.at, first.respond_with(&refresh, 200, &first_sdp));
        world.hears(first.at, Method::Ack);

        let refresh = world.hears(second.at, Method::Invite);
        world.says(second.at, second.respond_with(&refresh, 200, &second_sdp));
        world.hears(second.at, Method::Ack);
        assert!(!local(&world, End::A).is_same_as(&before_a), "{end:?}");
        assert!(!local(&world, End::B).is_same_as(&before_b), "{end:?}");
        world.pass(Duration::from_secs(60));
        world.is_quiet();
    }
}

#[test]
fn a_key_that_nears_its_end_while_the_session_is_told_again_is_replaced_next() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let before = local(&world, End::B);
    let refresh = hold_too_late_to_cancel(&mut world, &mut caller, &callee, &offer, &answer);
    world.key_nearly_spent(End::B);
    world.says(callee.at, callee.respond_with(&refresh, 200, &answer));
    world.hears(callee.at, Method::Ack);
    assert!(local(&world, End::B).is_same_as(&before));

    let refresh = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond_with(&refresh, 200, &answer));
    world.hears(callee.at, Method::Ack);
    assert!(!local(&world, End::B).is_same_as(&before));
}

#[test]
fn a_key_that_nears_its_end_before_the_answer_is_replaced_after_it() {
    let mut world = World::new();
    let Ringing { mut caller, callee, invite, .. } = pbx_invites(&mut world);
    world.key_nearly_spent(End::B);
    world.is_quiet_at(callee.at);
    world.says(callee.at, callee.respond_with(&invite, 200, &Sdp::phone()));
    world.hears(callee.at, Method::Ack);
    let accepted = world.hears_status(caller.at, 200);
    caller.learn(&accepted);
    world.says(caller.at, caller.ack());
    world.pass(Duration::from_secs(5));
    world.hears(callee.at, Method::Invite);
}

#[test]
fn a_new_key_offered_again_is_a_new_version_of_the_description() {
    let mut world = World::new();
    let Standing { caller, .. } = phone_calls(&mut world);
    world.key_nearly_spent(End::A);
    let mut offers = Vec::new();
    for _ in 0..2 {
        let refresh = world.hears(caller.at, Method::Invite);
        world.says(caller.at, caller.respond(&refresh, 491));
        world.hears(caller.at, Method::Ack);
        world.pass(Duration::from_secs(5));
        offers.push(read(&refresh.body));
    }
    let [first, second] = &offers[..] else { panic!("two offers") };
    let keys = [first, second].map(|offer| &offer.media[0].usable_crypto().next().expect("a line").key);
    assert!(!keys[0].is_same_as(keys[1]));
    assert_ne!(first.origin.version, second.origin.version);
}

#[test]
fn a_change_of_the_peer_while_ours_is_under_way_is_491() {
    let mut world = World::new();
    let Standing { mut caller, mut callee, offer, answer } = phone_calls(&mut world);
    world.key_nearly_spent(End::A);
    world.hears(caller.at, Method::Invite);
    world.says(caller.at, caller.invite(&offer));
    world.hears_status(caller.at, 491);
    world.says(callee.at, callee.invite(&answer));
    world.hears_status(callee.at, 491);
}

#[test]
fn a_bye_ends_a_call_whose_refresh_is_under_way() {
    let mut world = World::new();
    let Standing { mut caller, callee, .. } = phone_calls(&mut world);
    world.key_nearly_spent(End::A);
    let refresh = world.hears(caller.at, Method::Invite);
    world.says(caller.at, caller.request(Method::Bye));
    world.hears_status(caller.at, 200);
    world.says(caller.at, caller.respond(&refresh, 487));
    world.hears(caller.at, Method::Ack);
    let bye = world.hears(callee.at, Method::Bye);
    world.says(callee.at, callee.respond(&bye, 200));
    world.is_clean();
}

#[test]
fn a_hold_that_was_cancelled_too_late_is_taken_back() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let before = local(&world, End::B);
    let refresh = hold_too_late_to_cancel(&mut world, &mut caller, &callee, &offer, &answer);
    let told = read(&refresh.body);
    assert_eq!(told.media[0].direction(&told), Direction::SendRecv);
    assert!(key_line(&told, 0).key.is_same_as(&before), "with the same key");
    world.says(callee.at, callee.respond_with(&refresh, 200, &answer));
    world.hears(callee.at, Method::Ack);
    assert!(world.setup(End::B).send && world.setup(End::B).receive);
}

#[test]
fn a_hold_that_was_cancelled_too_late_is_taken_back_though_the_other_leg_waits_for_a_key() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let hold = hold_and_cancel(&mut world, &mut caller, &callee, &offer);
    world.key_nearly_spent(End::A);
    world.is_quiet_at(caller.at);
    let refresh = accept_too_late(&mut world, &callee, &hold, &answer);
    let told = read(&refresh.body);
    assert_eq!(told.media[0].direction(&told), Direction::SendRecv);
    world.says(callee.at, callee.respond_with(&refresh, 200, &answer));
    world.hears(callee.at, Method::Ack);
    world.pass(Duration::from_secs(5));
    world.hears(caller.at, Method::Invite);
}

#[test]
fn the_key_of_a_leg_is_replaced_though_the_other_cannot_be_asked() {
    let mut world = World::new();
    let Standing { caller, callee, answer, .. } = phone_calls(&mut world);
    let before = local(&world, End::B);
    let Origin::Handset(flow) = caller.at else { panic!("a phone calls") };
    world.disconnect(flow);
    world.key_nearly_spent(End::A);
    world.is_quiet_at(callee.at);
    world.key_nearly_spent(End::B);
    let refresh = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond_with(&refresh, 200, &answer));
    world.hears(callee.at, Method::Ack);
    assert!(!local(&world, End::B).is_same_as(&before));
}

/// The caller holds, cancels that, and is accepted all the same; answers the INVITE that tells the callee the session again.
fn hold_too_late_to_cancel(
    world: &mut World,
    caller: &mut Agent,
    callee: &Agent,
    offer: &Sdp,
    answer: &Sdp,
) -> Request {
    let hold = hold_and_cancel(world, caller, callee, offer);
    accept_too_late(world, callee, &hold, answer)
}

/// The caller holds and cancels that; answers what the callee has heard of it.
fn hold_and_cancel(world: &mut World, caller: &mut Agent, callee: &Agent, offer: &Sdp) -> Request {
    let hold = caller.invite(&offer.clone().with(|sdp| sdp.direction = "sendonly"));
    world.says(caller.at, hold.clone());
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond(&seen, 180));
    world.hears_status(caller.at, 180);
    world.says(caller.at, hold.cancel());
    world.hears_status(caller.at, 200);
    world.hears_status(caller.at, 487);
    world.hears(callee.at, Method::Cancel);
    seen
}

/// The callee accepts the hold; answers the INVITE that tells it the session again.
fn accept_too_late(world: &mut World, callee: &Agent, hold: &Request, answer: &Sdp) -> Request {
    let accepted = callee.respond_with(hold, 200, &answer.clone().with(|sdp| sdp.direction = "recvonly"));
    world.says(callee.at, accepted);
    world.hears(callee.at, Method::Ack);
    world.hears(callee.at, Method::Invite)
}
