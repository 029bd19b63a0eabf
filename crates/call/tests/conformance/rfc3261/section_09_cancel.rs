//! Section 9: canceling a request, on both legs.

use cordon_call::CallEnd;
use cordon_sip::{HeaderName, Method, Origin, Request};

use crate::agent::{Agent, phone_calls};
use crate::description::Sdp;
use crate::world::{PBX, World};

/// A phone calls; its INVITE and the one the PBX sees.
fn calling(world: &mut World) -> (Origin, Request, Request) {
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(world, phone, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(phone, invite.clone());
    let seen = world.pbx_hears(Method::Invite);
    (Origin::Handset(phone), invite, seen)
}

/// 9.1.
#[test]
fn our_cancel_waits_for_a_provisional_response_and_repeats_the_invite() {
    let mut world = World::new();
    let (phone, invite, seen) = calling(&mut world);
    world.says(phone, invite.cancel());
    world.is_quiet_at(Origin::Pbx(PBX));
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 100));
    let cancel = world.pbx_hears(Method::Cancel);
    assert_eq!((&cancel.uri, &cancel.call_id, cancel.cseq), (&seen.uri, &seen.call_id, seen.cseq));
    assert_eq!((&cancel.from, &cancel.to, &cancel.via), (&seen.from, &seen.to, &seen.via));
    assert!(!cancel.headers.has(&HeaderName::REQUIRE) && cancel.body.is_empty());
}

/// 9.2: the responses to both carry one To tag, also where the CANCEL comes before any other response.
#[test]
fn the_200_of_the_cancel_and_the_487_of_the_invite_have_one_tag() {
    let mut world = World::new();
    let (phone, invite, _) = calling(&mut world);
    world.says(phone, invite.cancel());
    let cancelled = world.hears_status(phone, 200);
    let ended = world.hears_status(phone, 487);
    assert_eq!((&cancelled.cseq_method, &ended.cseq_method), (&Method::Cancel, &Method::Invite));
    assert!(ended.to.tag().is_some());
    assert_eq!(cancelled.to.tag(), ended.to.tag());
}

/// 9.2.
#[test]
fn a_cancel_of_nothing_is_481() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(phone, invite.cancel());
    world.phone_hears_status(phone, 481);
}

/// 9.2.
#[test]
fn a_cancel_after_the_final_response_is_200_and_has_no_effect() {
    let mut world = World::new();
    let (phone, invite, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 486));
    world.pbx_hears(Method::Ack);
    world.hears_status(phone, 486);
    world.says(phone, invite.cancel());
    world.hears_status(phone, 200);
    world.is_quiet();
}

/// 9.1: only INVITE is cancelled; a CANCEL of ours is not.
#[test]
fn a_cancelled_bye_is_a_bye() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    let bye = call.caller.request(Method::Bye);
    world.says(call.caller.at, bye.clone());
    world.hears_status(call.caller.at, 200);
    world.says(call.caller.at, bye.cancel());
    world.pbx_hears(Method::Bye);
    assert_eq!(world.ends(), [CallEnd::HungUp(cordon_call::Side::Handset)]);
}
