//! Phone to PBX to phone through Cordon twice, with a PBX that leaves media alone: two calls that hold no exception.

use cordon_call::{End, EndSetup, Protection};
use cordon_policy::Refusal;
use cordon_rtp::KeyMaterial;
use cordon_sip::{FlowId, Method, Origin};

use crate::agent::{Agent, phone_calls};
use crate::description::{Sdp, key_line, read};
use crate::world::{PBX, World};

/// Alice and Bob talk; the PBX has a dialog with Cordon for each.
struct Hairpin {
    world: World,
    alice: (FlowId, Agent),
    bob: (FlowId, Agent),
    /// What the PBX is to Alice's call, and to Bob's.
    pbx: (Agent, Agent),
}

fn hairpin() -> Hairpin {
    let mut world = World::new();
    let (alice, _) = world.register(1, "1001");
    let (bob, bobs_contact) = world.register(2, "1002");
    let mut caller = Agent::phone(&mut world, alice, "1001", "1002");
    world.phone_says(alice, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let mut onward = Agent::pbx(&mut world, "1001", "1002", &bobs_contact);
    let mut passed = onward.request(Method::Invite);
    passed.set_body("application/sdp", invite.body.clone());
    world.pbx_says(passed);
    let at_bob = world.phone_hears(bob, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(bob), &at_bob);
    world.phone_says(bob, callee.respond_with(&at_bob, 200, &bobs_media()));
    world.phone_hears(bob, Method::Ack);
    let answered = world.pbx_hears_status(200);
    onward.learn(&answered);
    world.pbx_says(onward.ack());
    let back = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let mut response = back.respond(&invite, 200);
    response.set_body("application/sdp", answered.body.clone());
    world.pbx_says(response);
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(alice, 200));
    world.phone_says(alice, caller.ack());
    world.is_quiet();
    Hairpin { world, alice: (alice, caller), bob: (bob, callee), pbx: (back, onward) }
}

#[test]
fn what_one_call_seals_the_other_opens_and_no_key_is_used_twice() {
    let Hairpin { world, .. } = hairpin();
    // Bob's call was told to the relay first, then Alice's, whose answer came later.
    let ends: Vec<(&KeyMaterial, &KeyMaterial)> = world.told.iter().map(|told| keys(&told.setup)).collect();
    let [bobs_a, bobs_b, alices_a, alices_b] = ends.as_slice() else { panic!("two ends of two calls") };
    assert!(
        alices_b.0.is_same_as(bobs_a.1) && bobs_a.0.is_same_as(alices_b.1),
        "the two calls face each other"
    );
    let ours = [bobs_a.0, bobs_b.0, alices_a.0, alices_b.0];
    for (nth, key) in ours.iter().enumerate() {
        assert!(ours.iter().skip(nth + 1).all(|other| !other.is_same_as(key)));
    }
}

#[test]
fn hold_and_resume_cross_both_calls_and_change_no_key() {
    let Hairpin { mut world, alice: (alice, mut caller), bob: (bob, callee), pbx: (back, mut onward) } =
        hairpin();
    let before = world.told.len();
    for (direction, answer) in [("sendonly", "recvonly"), ("sendrecv", "sendrecv")] {
        world.phone_says(alice, caller.invite(&Sdp::phone().with(|sdp| sdp.direction = direction)));
        let change = world.pbx_hears(Method::Invite);
        let mut passed = onward.request(Method::Invite);
        passed.set_body("application/sdp", change.body.clone());
        world.pbx_says(passed);
        let seen = world.phone_hears(bob, Method::Invite);
        assert_eq!(read(&seen.body).media[0].direction(&read(&seen.body)).name(), direction);
        world.phone_says(
            bob,
            callee.respond_with(&seen, 200, &bobs_media().with(|sdp| sdp.direction = answer)),
        );
        world.phone_hears(bob, Method::Ack);
        let answered = world.pbx_hears_status(200);
        world.pbx_says(onward.ack());
        let mut response = back.respond(&change, 200);
        response.set_body("application/sdp", answered.body.clone());
        world.pbx_says(response);
        world.pbx_hears(Method::Ack);
        let told = world.phone_hears_status(alice, 200);
        key_line(&read(&told.body), 0);
        world.phone_says(alice, caller.ack());
    }
    assert!(world.refusals().is_empty());
    assert!(world.told.len() > before);
    for told in world.told.iter().skip(before) {
        assert_eq!((told.setup.local_changed, told.setup.remote_changed), (false, None), "{:?}", told.end);
    }
    let last = world.setup(End::A);
    assert!(last.send && last.receive);
}

#[test]
fn a_loop_that_only_the_relay_sees_ends_the_call_with_its_code() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.says(call.caller.at, call.caller.invite(&call.offer));
    let change = world.hears(call.callee.at, Method::Invite);
    world.says(call.callee.at, call.callee.respond_with(&change, 200, &call.answer));
    world.hears(call.callee.at, Method::Ack);
    world.relay_finds_a_loop(End::A);
    world.hears_status(call.caller.at, 200);
    world.says(call.caller.at, call.caller.ack());
    for agent in [&call.caller, &call.callee] {
        let bye = world.hears(agent.at, Method::Bye);
        world.says(agent.at, agent.respond(&bye, 200));
    }
    assert_eq!(world.refusals(), [Refusal::MediaLoop]);
    world.is_clean();
}

#[test]
fn a_loop_that_the_relay_sees_while_it_rings_is_answered_482() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let pbx = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(pbx.respond_with(&invite, 183, &Sdp::pbx()));
    world.phone_hears_status(phone, 183);
    world.relay_finds_a_loop(End::B);
    world.phone_hears_status(phone, 482);
    let cancel = world.pbx_hears(Method::Cancel);
    world.pbx_says(pbx.respond(&cancel, 200));
    world.pbx_says(pbx.respond(&invite, 487));
    world.pbx_hears(Method::Ack);
    assert_eq!(world.refusals(), [Refusal::MediaLoop]);
    world.is_clean();
}

fn bobs_media() -> Sdp {
    Sdp::phone().with(|sdp| {
        sdp.port = 4500;
        sdp.crypto = vec![crate::description::line(1, 'C')];
    })
}

/// Ours and the peer's.
fn keys(setup: &EndSetup) -> (&KeyMaterial, &KeyMaterial) {
    match &setup.protection {
        Protection::Secure { local, remote, .. } => (local, remote),
        Protection::Plain(_) => panic!("SRTP on every leg"),
    }
}
