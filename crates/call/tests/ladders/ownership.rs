//! Whose a call is: right Call-ID, tags and branch from another phone's connection change nothing, and are told of once.

use std::time::Duration;

use cordon_call::Event;
use cordon_policy::Refusal;
use cordon_sip::{FlowId, HeaderName, Method, Origin, Request};

use crate::agent::{Agent, phone_calls_on};
use crate::description::Sdp;
use crate::world::{PBX, World};

#[test]
fn a_bye_a_change_and_an_ack_of_another_phone_change_nothing_and_name_the_call_in_one_event_each() {
    for method in [Method::Bye, Method::Invite, Method::Options, Method::Ack] {
        let mut world = World::new();
        let (owner, thief) = two_phones(&mut world);
        let mut call = phone_calls_on(&mut world, owner);
        let told = world.told.len();
        let stolen = match method {
            Method::Ack => call.caller.ack(),
            Method::Invite => call.caller.invite(&Sdp::phone()),
            _ => call.caller.request(method.clone()),
        };
        world.phone_says(thief, stolen);
        if method != Method::Ack {
            let told = world.phone_hears_status(thief, 481);
            assert!(told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains("CD-CALL-05"));
        }
        world.is_quiet();
        assert_eq!(trespasses(&world), [(Refusal::DialogUnknown, Some(thief), true)], "{method:?}");
        assert_eq!((world.open.len(), world.told.len()), (1, told));

        world.phone_says(owner, call.caller.request(Method::Bye));
        world.phone_hears_status(owner, 200);
        world.pbx_hears(Method::Bye);
    }
}

#[test]
fn a_cancel_with_the_right_branch_of_another_phone_is_481_and_the_phone_rings_on() {
    let mut world = World::new();
    let (owner, thief) = two_phones(&mut world);
    let mut caller = Agent::phone(&mut world, owner, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(owner, invite.clone());
    let at_pbx = world.pbx_hears(Method::Invite);
    world.phone_says(thief, invite.cancel());
    let told = world.phone_hears_status(thief, 481);
    assert!(told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains("CD-CALL-05"));
    assert_eq!(trespasses(&world), [(Refusal::DialogUnknown, Some(thief), false)]);

    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &at_pbx);
    world.pbx_says(callee.respond_with(&at_pbx, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(owner, 200);
}

#[test]
fn a_phone_that_has_moved_to_a_new_connection_cancels_from_there() {
    let mut world = World::new();
    let (old, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, old, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(old, invite.clone());
    let at_pbx = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &at_pbx);
    world.pbx_says(callee.respond(&at_pbx, 180));
    world.phone_hears_status(old, 180);
    let new = world.connect(2);
    world.register_on(new, "1001");
    world.register_on(new, "1001");

    let mut another = invite.cancel();
    another.via = vec![crate::world::via("z9hG4bKnot-the-branch")];
    world.phone_says(new, another);
    world.phone_hears_status(new, 481);
    world.phone_says(new, invite.cancel());
    world.phone_hears_status(new, 200);
    let cancel = world.pbx_hears(Method::Cancel);
    world.pbx_says(callee.respond(&cancel, 200));
    world.pbx_says(callee.respond(&at_pbx, 487));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(old, 487);
    assert!(world.open.is_empty());
    assert_eq!(world.refusals(), [Refusal::DialogUnknown], "the one with another branch");
}

#[test]
fn the_ack_of_a_phone_that_has_moved_counts_from_its_new_connection() {
    let mut world = World::new();
    let (old, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, old, "1001", "1002");
    world.phone_says(old, caller.invite(&Sdp::phone()));
    let at_pbx = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &at_pbx);
    world.pbx_says(callee.respond_with(&at_pbx, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(old, 200));
    let new = world.connect(2);
    world.register_on(new, "1001");
    world.phone_says(new, caller.ack());
    world.pass(Duration::from_secs(60));
    world.is_quiet();
    assert_eq!((world.open.len(), world.refusals().len()), (1, 0), "the answer was repeated no more");
}

#[test]
fn a_cancel_of_a_phone_cannot_end_a_call_the_pbx_makes() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let (thief, _) = world.register(2, "1003");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let invite = caller.invite(&Sdp::pbx());
    world.pbx_says(invite.clone());
    let ringing = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &ringing);
    world.phone_says(phone, callee.respond(&ringing, 180));
    world.pbx_hears_status(180);
    for flow in [thief, phone] {
        world.phone_says(flow, invite.cancel());
        world.phone_hears_status(flow, 481);
    }
    world.is_quiet();
    world.pbx_says(invite.cancel());
    world.pbx_hears_status(200);
    world.phone_hears(phone, Method::Cancel);
}

#[test]
fn an_answer_of_another_phone_to_our_invite_is_heard_by_nobody() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let (thief, _) = world.register(2, "1003");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    let stolen = Agent::callee(&mut world, Origin::Handset(thief), &invite);
    for status in [180, 486, 200] {
        world.phone_says(thief, stolen.respond_with(&invite, status, &Sdp::phone()));
    }
    world.is_quiet();
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    world.phone_hears(phone, Method::Ack);
    world.pbx_hears_status(200);
}

#[test]
fn a_phone_whose_account_is_registered_elsewhere_too_does_not_own_its_calls() {
    let mut world = World::new();
    let (owner, _) = world.register(1, "1001");
    let mut call = phone_calls_on(&mut world, owner);
    let other = world.connect(2);
    let mut register = world.register_request("1001");
    let contact = register.contacts.first().unwrap().clone();
    let mut at_another = contact.clone();
    at_another.params.set("+sip.instance", Some("\"<urn:uuid:2>\"".into()));
    register.contacts = cordon_sip::Contacts::one(at_another);
    world.phone_says(other, register);
    grant(&mut world);
    world.phone_hears_status(other, 200);
    world.phone_says(other, call.caller.request(Method::Bye));
    world.phone_hears_status(other, 481);
    assert_eq!(world.open.len(), 1);
}

#[test]
fn two_phones_that_write_the_same_words_have_two_calls_that_end_apart() {
    let mut world = World::new();
    let (one, two) = two_phones(&mut world);
    let mut caller = Agent::phone(&mut world, one, "1001", "1002");
    let first = caller.invite(&Sdp::phone());
    let second = Request {
        from: cordon_sip::NameAddr::parse("<sip:1003@mx.example.org>")
            .unwrap()
            .with_tag(first.from.tag().unwrap().clone()),
        ..first.clone()
    };
    world.phone_says(one, first.clone());
    world.phone_says(two, second.clone());
    let (at_pbx, other) = (world.pbx_hears(Method::Invite), world.pbx_hears(Method::Invite));
    assert_ne!(at_pbx.call_id, other.call_id);
    assert_eq!(world.engine.call_count(), 2);

    world.phone_says(two, second.cancel());
    world.phone_hears_status(two, 200);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &at_pbx);
    world.pbx_says(callee.respond_with(&at_pbx, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(one, 200);
    let (flow, answer) = (two, Agent::callee(&mut world, Origin::Pbx(PBX), &other).respond(&other, 180));
    world.pbx_says(answer);
    world.pbx_hears(Method::Cancel);
    world.phone_hears_status(flow, 487);
    assert!(world.refusals().is_empty());
}

fn two_phones(world: &mut World) -> (FlowId, FlowId) {
    let (owner, _) = world.register(1, "1001");
    let (thief, _) = world.register(2, "1003");
    (owner, thief)
}

fn grant(world: &mut World) {
    let relayed = world.pbx_hears(Method::Register);
    let mut granted = cordon_sip::Response::to(&relayed, cordon_sip::StatusCode::OK).with_to_tag("registrar");
    granted.contacts = relayed.contacts.clone();
    granted.headers.push(HeaderName::EXPIRES, "300");
    world.pbx_says(granted);
}

/// What was refused, to whom, and whether the event names a call.
fn trespasses(world: &World) -> Vec<(Refusal, Option<FlowId>, bool)> {
    let told = world.events.iter().filter_map(|event| match event {
        Event::Refused { refusal, flow, call, .. } => Some((*refusal, *flow, call.is_some())),
        _ => None,
    });
    told.collect()
}
