//! A PBX over UDP, as a lab may have it: what the network loses is said again, and what comes twice counts once.

use std::time::Duration;

use cordon_call::{CallEnd, PbxTransport};
use cordon_sip::{Method, Origin, Request};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::site::rules;
use crate::world::{PBX, World};

fn lab() -> World {
    let mut rules = rules();
    rules.registration.advertise.transport = PbxTransport::Udp;
    World::with(rules)
}

#[test]
fn an_invite_is_repeated_to_the_pbx_until_it_says_something() {
    let mut world = lab();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let first = world.pbx_hears(Method::Invite);
    assert_eq!(first.via[0].transport.as_str(), "UDP");
    assert_eq!(first.contacts.first().unwrap().uri.params().value("transport").unwrap().as_str(), "udp");
    world.pass(Duration::from_millis(1600));
    assert_eq!(copies(&mut world), 2, "after 0.5 and 1.5 s");
    let pbx = Agent::callee(&mut world, Origin::Pbx(PBX), &first);
    world.pbx_says(pbx.respond(&first, 100));
    world.pass(Duration::from_secs(10));
    assert_eq!(copies(&mut world), 0);
}

#[test]
fn a_silent_pbx_is_503_within_four_seconds_over_udp_too() {
    let mut world = lab();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    world.pass(Duration::from_secs(4));
    world.phone_hears_status(phone, 503);
    assert!(world.open.is_empty());
    copies(&mut world);
    world.pass(Duration::from_secs(64));
    copies(&mut world);
    assert!(world.engine.is_idle());
}

#[test]
fn a_200_to_the_pbx_is_repeated_until_its_ack_and_an_invite_again_makes_no_second_call() {
    let mut world = lab();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let invite = caller.invite(&Sdp::pbx());
    world.pbx_says(invite.clone());
    let seen = world.phone_hears(phone, Method::Invite);
    world.pbx_says(invite.clone());
    world.is_quiet_at(Origin::Handset(phone));
    assert_eq!(world.open.len(), 1);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &seen);
    world.phone_says(phone, callee.respond_with(&seen, 200, &Sdp::phone()));
    world.phone_hears(phone, Method::Ack);
    let accepted = world.pbx_hears_status(200);
    world.pass(Duration::from_millis(1600));
    for _ in 0..2 {
        assert_eq!(world.pbx_hears_status(200).body, accepted.body);
    }
    caller.learn(&accepted);
    world.pbx_says(caller.ack());
    world.pass(Duration::from_secs(40));
    world.is_quiet();
}

#[test]
fn a_200_of_the_pbx_whose_ack_was_lost_is_acknowledged_again_and_a_bye_repeated() {
    let mut world = lab();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let pbx = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    let accepted = pbx.respond_with(&seen, 200, &Sdp::pbx());
    world.pbx_says(accepted.clone());
    let first = world.pbx_hears(Method::Ack);
    world.pbx_says(accepted);
    assert_eq!(world.pbx_hears(Method::Ack), first);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.phone_says(phone, caller.ack());

    world.phone_says(phone, caller.request(Method::Bye));
    world.phone_hears_status(phone, 200);
    let bye = world.pbx_hears(Method::Bye);
    world.pass(Duration::from_millis(600));
    assert_eq!(world.pbx_hears(Method::Bye).branch(), bye.branch());
    world.pbx_says(pbx.respond(&bye, 200));
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::HungUp(cordon_call::Side::Handset)]);
}

#[test]
fn a_refusal_to_the_pbx_is_repeated_until_its_ack() {
    let mut world = lab();
    let (_, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let invite: Request = caller.invite(&Sdp::pbx().with(|sdp| {
        sdp.profile = "RTP/AVP";
        sdp.crypto.clear();
    }));
    world.pbx_says(invite.clone());
    let refused = world.pbx_hears_status(488);
    world.pass(Duration::from_millis(600));
    world.pbx_hears_status(488);
    world.pbx_says(invite.ack_for_failure(&refused));
    world.pass(Duration::from_secs(40));
    world.is_quiet();
    assert!(world.open.is_empty());
}

/// How many requests the PBX hears now.
fn copies(world: &mut World) -> usize {
    std::iter::from_fn(|| world.next_message(Origin::Pbx(PBX))).count()
}
