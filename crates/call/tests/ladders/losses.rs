//! Connections that are lost in a call: it goes on while somebody is heard, and is released when nobody is.

use std::time::Duration;

use cordon_call::{CallEnd, Side};
use cordon_policy::Refusal;
use cordon_sip::{FlowId, Method, Origin};

use crate::agent::{Agent, phone_calls, phone_calls_on};
use crate::description::Sdp;
use crate::world::{PBX, World};

const SILENCE: Duration = Duration::from_secs(30);

#[test]
fn a_call_goes_on_while_the_phone_without_connection_is_heard() {
    let mut world = World::new();
    let call = phone_calls(&mut world);
    world.disconnect(call.caller.at.flow());
    for _ in 0..4 {
        world.pass(SILENCE);
        let heard = Some(world.now - Duration::from_millis(20));
        world.answer_asked(heard, heard);
    }
    world.is_quiet();
    assert_eq!(world.open.len(), 1);
}

#[test]
fn a_phone_without_connection_and_unheard_for_30_seconds_is_released_on_both_sides() {
    let mut world = World::new();
    let call = phone_calls(&mut world);
    let lost = world.now;
    world.disconnect(call.caller.at.flow());
    world.pass(SILENCE);
    world.answer_asked(Some(lost), Some(world.now));
    let bye = world.pbx_hears(Method::Bye);
    world.pbx_says(call.callee.respond(&bye, 200));
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::Lost(Side::Handset)]);
}

#[test]
fn the_pbx_lost_and_unheard_releases_the_phone() {
    let mut world = World::new();
    let call = phone_calls(&mut world);
    world.lose_pbx();
    world.pass(SILENCE);
    world.answer_asked(Some(world.now), None);
    let bye = world.hears(call.caller.at, Method::Bye);
    world.says(call.caller.at, call.caller.respond(&bye, 200));
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::Lost(Side::Pbx)]);
}

#[test]
fn a_pbx_that_is_back_and_knows_the_dialog_keeps_a_held_call() {
    let mut world = World::new();
    let call = phone_calls(&mut world);
    world.lose_pbx();
    world.find_pbx();
    world.pass(SILENCE);
    world.answer_asked(None, None);
    let probe = world.pbx_hears(Method::Options);
    assert_eq!(probe.to.tag(), call.callee.me.tag());
    world.pbx_says(call.callee.respond(&probe, 200));
    world.pass(SILENCE * 3);
    world.is_quiet();
    assert_eq!(world.open.len(), 1);
}

#[test]
fn a_pbx_that_is_back_and_has_forgotten_the_dialog_releases_the_call() {
    let mut world = World::new();
    let call = phone_calls(&mut world);
    world.lose_pbx();
    world.find_pbx();
    world.pass(SILENCE);
    world.answer_asked(None, None);
    let probe = world.pbx_hears(Method::Options);
    world.pbx_says(call.callee.respond(&probe, 481));
    world.hears(call.caller.at, Method::Bye);
    assert!(world.open.is_empty());
}

#[test]
fn the_same_phone_on_a_new_connection_owns_its_call_and_is_reached_there() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.disconnect(call.caller.at.flow());
    let again = world.connect(2);
    world.register_on(again, "1001");
    world.pbx_says(call.callee.invite(&Sdp::pbx().with(|sdp| sdp.direction = "sendonly")));
    let seen = world.phone_hears(again, Method::Invite);
    world.phone_says(again, call.caller.respond_with(&seen, 200, &Sdp::phone()));
    world.phone_hears(again, Method::Ack);
    world.pbx_hears_status(200);
    world.pbx_says(call.callee.ack());
    world.phone_says(again, call.caller.request(Method::Bye));
    world.phone_hears_status(again, 200);
    world.pbx_hears(Method::Bye);
    assert!(world.open.is_empty());
}

#[test]
fn another_phone_with_the_right_tags_is_a_stranger() {
    let mut world = World::new();
    let (flow, _) = world.register(1, "1001");
    let mut call = phone_calls_on(&mut world, flow);
    let (thief, _) = world.register(3, "1003");
    for method in [Method::Bye, Method::Invite, Method::Options] {
        let request = call.caller.request(method);
        world.phone_says(thief, request);
        world.phone_hears_status(thief, 481);
    }
    assert_eq!(world.refusals(), [Refusal::DialogUnknown; 3]);
    assert_eq!(world.open.len(), 1);
}

#[test]
fn a_phone_cannot_speak_for_the_pbx() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    let (thief, _) = world.register(3, "1003");
    world.phone_says(thief, call.callee.request(Method::Bye));
    world.phone_hears_status(thief, 481);
}

#[test]
fn the_pbx_may_speak_on_any_of_its_connections() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    let other = Origin::Pbx(FlowId(9001));
    world.says(other, call.callee.request(Method::Bye));
    world.hears_status(Origin::Pbx(PBX), 200);
    world.hears(call.caller.at, Method::Bye);
}

#[test]
fn bye_to_a_phone_whose_connection_is_gone_is_sent_to_nobody() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.disconnect(call.caller.at.flow());
    world.pbx_says(call.callee.request(Method::Bye));
    world.pbx_hears_status(200);
    world.is_clean();
}

#[test]
fn a_pbx_that_comes_back_is_told_of_a_call_that_ended_without_it() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.lose_pbx();
    let bye = call.caller.request(Method::Bye);
    world.says(call.caller.at, bye);
    world.hears_status(call.caller.at, 200);
    assert!(world.open.is_empty(), "the ports are back at once");
    world.is_quiet();
    world.find_pbx();
    world.pass(Duration::from_secs(2));
    let bye = world.pbx_hears(Method::Bye);
    world.pbx_says(call.callee.respond(&bye, 200));
    world.is_clean();
}

#[test]
fn a_phone_that_comes_back_to_a_call_that_ended_may_say_bye_itself() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.disconnect(call.caller.at.flow());
    world.pbx_says(call.callee.request(Method::Bye));
    world.pbx_hears_status(200);
    let again = world.connect(2);
    world.register_on(again, "1001");
    world.phone_says(again, call.caller.request(Method::Bye));
    world.phone_hears_status(again, 200);
    world.is_clean();
}

#[test]
fn a_change_toward_an_unreachable_pbx_is_503_and_the_call_goes_on() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.lose_pbx();
    world.says(call.caller.at, call.caller.invite(&Sdp::phone()));
    world.hears_status(call.caller.at, 503);
    assert_eq!(world.open.len(), 1);
}

#[test]
fn a_change_toward_a_phone_without_connection_is_480_and_the_call_goes_on() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.disconnect(call.caller.at.flow());
    world.pbx_says(call.callee.invite(&Sdp::pbx()));
    world.pbx_hears_status(480);
    assert_eq!(world.open.len(), 1);
}

#[test]
fn an_agent_of_another_call_is_not_confused_with_this_one() {
    let mut world = World::new();
    let (flow, _) = world.register(1, "1001");
    let one = phone_calls_on(&mut world, flow);
    let mut two: Agent = phone_calls_on(&mut world, flow).caller;
    two.call_id = one.caller.call_id.clone();
    world.phone_says(flow, two.request(Method::Bye));
    world.phone_hears_status(flow, 481);
    assert_eq!(world.open.len(), 2);
}

#[test]
fn a_call_answered_while_our_way_to_the_pbx_is_down_is_watched_from_then_on() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    world.lose_pbx();
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    world.phone_hears(phone, Method::Ack);
    caller.learn(&world.pbx_hears_status(200));
    world.pbx_says(caller.ack());
    world.pass(Duration::from_secs(31));
    world.answer_asked(None, Some(world.now));
    world.phone_hears(phone, Method::Bye);
    assert!(world.open.is_empty());
}
