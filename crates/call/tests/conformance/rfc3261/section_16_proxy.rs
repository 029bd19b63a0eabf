//! Section 16, as far as a back-to-back user agent keeps it: hops, loops, and Timer C.

use std::time::Duration;

use cordon_call::CallEnd;
use cordon_policy::Refusal;
use cordon_sip::{HeaderName, Method, Origin};

use crate::agent::{Agent, Standing, phone_calls};
use crate::description::Sdp;
use crate::world::{PBX, World};

/// 16.3 step 3.
#[test]
fn a_request_without_hops_left_is_483_and_goes_nowhere() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut from_pbx = Agent::pbx(&mut world, "1002", "1001", &contact);
    let mut options = caller.request(Method::Options);
    for (at, mut invite) in
        [(caller.at, caller.invite(&Sdp::phone())), (from_pbx.at, from_pbx.invite(&Sdp::pbx()))]
    {
        invite.max_forwards = Some(0);
        world.says(at, invite);
        world.hears_status(at, 483);
    }
    options.max_forwards = Some(0);
    world.phone_says(phone, options);
    world.phone_hears_status(phone, 483);
    world.is_quiet();
    assert!(world.refusals().iter().all(|refusal| *refusal == Refusal::HopsExhausted));
}

/// 16.6 step 3.
#[test]
fn every_request_that_follows_from_another_has_one_hop_less() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for (hops, onward) in [(Some(70), 69), (Some(1), 0), (Some(255), 254), (None, 69)] {
        for method in [Method::Invite, Method::Options] {
            let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
            let mut request = match method {
                Method::Invite => caller.invite(&Sdp::phone()),
                _ => caller.request(method.clone()),
            };
            request.max_forwards = hops;
            world.phone_says(phone, request);
            assert_eq!(world.pbx_hears(method).max_forwards, Some(onward));
        }
    }
}

/// 16.3 step 4 asks for less: hops end a call that the PBX sends back to us without end.
#[test]
fn a_call_that_comes_back_again_and_again_runs_out_of_hops() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let mut invite = caller.invite(&Sdp::pbx());
    invite.max_forwards = Some(3);
    world.pbx_says(invite);
    let mut left = world.phone_hears(phone, Method::Invite).max_forwards;
    let mut rounds = 0;
    while left != Some(0) {
        let mut again = Agent::pbx(&mut world, "1002", "1001", &contact);
        let mut invite = again.invite(&Sdp::pbx());
        invite.max_forwards = left;
        world.pbx_says(invite);
        left = world.phone_hears(phone, Method::Invite).max_forwards;
        rounds += 1;
    }
    assert_eq!(rounds, 2);
    let mut last = Agent::pbx(&mut world, "1002", "1001", &contact);
    let mut invite = last.invite(&Sdp::pbx());
    invite.max_forwards = left;
    world.pbx_says(invite);
    world.pbx_hears_status(483);
}

/// 16.3 step 5.
#[test]
fn what_a_proxy_would_have_to_support_is_420() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::PROXY_REQUIRE, "sec-agree");
    world.phone_says(phone, invite);
    let told = world.phone_hears_status(phone, 420);
    assert!(told.headers.has_token(&HeaderName::UNSUPPORTED, "sec-agree"));
}

/// 16.8.
#[test]
fn a_callee_that_rings_for_longer_than_three_minutes_is_cancelled_and_the_caller_told_408() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    for _ in 0..3 {
        // 16.7 step 2: each sign of ringing begins the wait anew.
        world.pbx_says(callee.respond(&seen, 180));
        world.phone_hears_status(phone, 180);
        world.pass(Duration::from_secs(180));
        world.is_quiet();
    }
    world.pass(Duration::from_secs(1));
    world.phone_hears_status(phone, 408);
    world.pbx_hears(Method::Cancel);
    world.pbx_says(callee.respond(&seen, 487));
    world.pbx_hears(Method::Ack);
    assert_eq!(world.ends(), [CallEnd::TimedOut]);
    world.is_clean();
}

/// 16.7 step 5: what one callee refuses with 6xx is not asked of another.
#[test]
fn nobody_is_asked_again_after_a_final_response() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 603));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 603);
    world.is_clean();
}

/// 16.12: a route within a dialog is for the proxies of its leg, whatever a request of the peer says.
#[test]
fn a_route_in_a_request_of_a_dialog_steers_nothing() {
    let mut world = World::new();
    let Standing { mut caller, callee, .. } = phone_calls(&mut world);
    let mut bye = caller.request(Method::Bye);
    bye.route = vec![cordon_sip::NameAddr::parse("<sip:attacker.example.net;lr>").unwrap()];
    world.says(caller.at, bye);
    world.hears_status(caller.at, 200);
    assert!(world.hears(callee.at, Method::Bye).route.is_empty());
}
