//! How many calls an account has at once, and how many emergency calls a device that nobody vouches for.

use std::time::Duration;

use cordon_policy::Refusal;
use cordon_sip::{FlowId, HeaderName, Message, Method, Origin};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{PBX, World};

#[test]
fn an_account_has_no_more_calls_by_using_more_connections() {
    let mut world = World::new();
    let (first, _) = world.register(1, "1001");
    for _ in 0..40 {
        call(&mut world, first, "1002");
    }
    let (second, _) = world.register(2, "1001");
    for _ in 0..24 {
        call(&mut world, second, "1002");
    }
    assert!(world.refusals().is_empty());
    call(&mut world, second, "1002");
    let told = world.phone_hears_status(second, 503);
    assert!(told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains("CD-OVERLOAD-10"));
    assert!((10..=30).contains(&told.headers.retry_after().unwrap()));
    assert_eq!(world.refusals(), [Refusal::TooManyCallsOfAccount]);
    assert_eq!(world.engine.call_count(), 64);
    call(&mut world, second, "911");
    assert_eq!(world.engine.call_count(), 65, "an emergency call is one more");
}

#[test]
fn a_device_without_registration_has_four_emergency_calls_at_once_and_takes_no_more_ports() {
    let mut world = World::new();
    let phone = world.connect(1);
    for _ in 0..4 {
        call(&mut world, phone, "911");
    }
    assert_eq!(world.open.len(), 4);
    call(&mut world, phone, "911");
    let told = world.phone_hears_status(phone, 503);
    assert!(told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains("CD-OVERLOAD-11"));
    assert_eq!((world.open.len(), world.refusals().as_slice()), (4, &[Refusal::TooManyEmergencyCalls][..]));

    let other = world.connect(2);
    call(&mut world, other, "911");
    world.register_on(phone, "1001");
    call(&mut world, phone, "911");
    assert_eq!(world.open.len(), 6, "another device, and the same one once it is registered");
}

#[test]
fn new_connections_from_one_address_bring_no_more_than_thirty_two_emergency_calls_at_once() {
    let mut world = World::new();
    for nth in 0..8 {
        let phone = world.connect(1 + 256 * nth);
        for _ in 0..4 {
            call(&mut world, phone, "911");
        }
    }
    assert_eq!(world.open.len(), 32);
    let phone = world.connect(1 + 256 * 9);
    call(&mut world, phone, "911");
    world.phone_hears_status(phone, 503);
    for nth in 0..8 {
        world.disconnect(FlowId(1 + 256 * nth));
    }
    for _ in 0..32 {
        world.pbx_hears(Method::Cancel);
    }
    assert!(world.open.is_empty(), "nobody is left to hear the answers");
    call(&mut world, phone, "911");
    assert_eq!(world.open.len(), 1);
}

#[test]
fn an_address_that_dials_and_hangs_up_without_end_begins_sixty_emergency_calls_in_a_minute() {
    let mut world = World::new();
    let phone = world.connect(1);
    for _ in 0..60 {
        let mut caller = Agent::phone(&mut world, phone, "1001", "911");
        let invite = caller.invite(&Sdp::phone());
        world.phone_says(phone, invite.clone());
        world.pbx_hears(Method::Invite);
        world.phone_says(phone, invite.cancel());
        world.phone_hears_status(phone, 200);
        world.phone_hears_status(phone, 487);
        world.pass(Duration::from_millis(100));
        assert!(world.open.is_empty(), "what still waits for the PBX holds no port and holds nobody up");
    }
    assert!(world.refusals().is_empty());
    call(&mut world, phone, "911");
    world.phone_hears_status(phone, 503);
    world.pass(Duration::from_secs(60));
    call(&mut world, phone, "911");
    assert_eq!(world.refusals(), [Refusal::TooManyEmergencyCalls]);
}

#[test]
fn a_phone_that_accepts_a_call_in_ever_new_names_takes_no_more_transactions() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    caller.learn(&world.pbx_hears_status(200));
    world.pbx_says(caller.ack());
    let before = world.engine.holdings().transactions;
    for n in 0..200 {
        let mut other = callee.clone();
        other.me = other.me.with_tag(format!("branch-{n}").as_str());
        world.phone_says(phone, other.respond_with(&invite, 200, &Sdp::phone()));
    }
    let taken = world.engine.holdings().transactions - before;
    assert_eq!(taken, 64, "one BYE for each branch that a fork may have");
    world.is_quiet_at(Origin::Pbx(PBX));
    assert_eq!(world.open.len(), 1, "the call goes on");
}

#[test]
fn what_a_call_counted_for_is_given_back_with_it() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let stranger = world.connect(2);
    for _ in 0..3 {
        for (flow, number) in [(phone, "1002"), (stranger, "911")] {
            let mut caller = Agent::phone(&mut world, flow, "1001", number);
            let invite = caller.invite(&Sdp::phone());
            world.phone_says(flow, invite.clone());
            world.pbx_hears(Method::Invite);
            world.phone_says(flow, invite.cancel());
        }
    }
    world.disconnect(phone);
    world.disconnect(stranger);
    world.pass(Duration::from_secs(128));
    assert_eq!((world.engine.holdings().calls, world.engine.holdings().entries), (0, 0));
}

/// A phone calls, and the PBX, if the call reaches it, lets it ring.
fn call(world: &mut World, flow: FlowId, number: &str) {
    let mut caller = Agent::phone(world, flow, "1001", number);
    world.phone_says(flow, caller.invite(&Sdp::phone()));
    if let Some(Message::Request(invite)) = world.next_message(Origin::Pbx(PBX)) {
        let callee = Agent::callee(world, Origin::Pbx(PBX), &invite);
        world.pbx_says(callee.respond(&invite, 180));
        world.phone_hears_status(flow, 180);
    }
}
