//! Passwords guessed through calls: counted like those of registrations, and in nobody's way who dials an emergency number.

use std::time::Duration;

use cordon_call::Event;
use cordon_policy::Refusal;
use cordon_sip::{FlowId, HeaderName, Method, Origin};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{PBX, World};

const CHALLENGE: &str = r#"Digest realm="mx", nonce="n-1", qop="auth""#;

#[test]
fn guessing_another_accounts_password_through_ones_own_calls_locks_it() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for _ in 0..=10 {
        challenged_call(&mut world, phone, "1001", "1003");
    }
    let locks = world.events.iter().filter(|event| matches!(event, Event::AccountLocked { .. }));
    assert_eq!(locks.count(), 1);
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::PROXY_AUTHORIZATION, proof("1003"));
    world.phone_says(phone, invite);
    let told = world.phone_hears_status(phone, 500);
    assert!(told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains("CD-REG-08"));
    assert_eq!(told.headers.retry_after(), Some(60));
    world.is_quiet();
    assert_eq!(world.refusals(), [Refusal::AccountLocked]);

    let mut own = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = own.invite(&Sdp::phone());
    invite.headers.push(HeaderName::PROXY_AUTHORIZATION, proof("1001"));
    world.phone_says(phone, invite);
    assert!(world.pbx_hears(Method::Invite).headers.has(&HeaderName::PROXY_AUTHORIZATION));
}

#[test]
fn a_phone_that_is_refused_its_own_calls_again_and_again_is_not_locked_out() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for _ in 0..30 {
        challenged_call(&mut world, phone, "1001", "1001");
    }
    assert!(world.refusals().is_empty());
    let register = world.register_request("1001");
    let other = world.connect(2);
    world.phone_says(other, register);
    world.pbx_hears(Method::Register);
}

/// A PBX may take a call without looking at any proof.
#[test]
fn an_accepted_call_forgets_no_wrong_answer() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for _ in 0..10 {
        challenged_call(&mut world, phone, "1001", "1003");
    }
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::PROXY_AUTHORIZATION, proof("1003"));
    world.phone_says(phone, invite);
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    let accepted = callee.respond_with(&seen, 200, &Sdp::phone());
    world.pbx_says(accepted);
    world.phone_hears_status(phone, 200);
    world.pbx_hears(Method::Ack);
    challenged_call(&mut world, phone, "1001", "1003");
    assert!(world.events.iter().any(|event| matches!(event, Event::AccountLocked { .. })));
}

#[test]
fn an_emergency_call_with_a_proof_of_a_locked_account_loses_the_proof_and_goes_on() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for _ in 0..=10 {
        challenged_call(&mut world, phone, "1001", "1003");
    }
    let mut caller = Agent::phone(&mut world, phone, "1001", "911");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::PROXY_AUTHORIZATION, proof("1003"));
    world.phone_says(phone, invite);
    assert!(!world.pbx_hears(Method::Invite).headers.has(&HeaderName::PROXY_AUTHORIZATION));
    assert!(world.refusals().is_empty());
}

#[test]
fn the_event_of_a_lock_names_nobody() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for _ in 0..=10 {
        challenged_call(&mut world, phone, "1001", "canary1003");
    }
    let said = world.printed_events();
    assert!(said.contains("AccountLocked") && !said.contains("canary"), "{said}");
}

/// A call with a proof of `name` that the PBX challenges, and that is given up then.
fn challenged_call(world: &mut World, phone: FlowId, user: &str, name: &str) {
    let mut caller = Agent::phone(world, phone, user, "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::PROXY_AUTHORIZATION, proof(name));
    world.phone_says(phone, invite);
    let seen = world.pbx_hears(Method::Invite);
    let pbx = Agent::callee(world, Origin::Pbx(PBX), &seen);
    let mut response = pbx.respond(&seen, 407);
    response.headers.push(HeaderName::PROXY_AUTHENTICATE, CHALLENGE);
    world.pbx_says(response);
    world.pbx_hears(Method::Ack);
    let told = world.phone_hears_status(phone, 407);
    let mut ack = caller.ack();
    ack.to = told.to;
    world.phone_says(phone, ack);
    world.pass(Duration::from_millis(1));
}

fn proof(name: &str) -> String {
    format!(
        "Digest username=\"{name}\", realm=\"mx\", nonce=\"n-1\", uri=\"sip:1002@mx.example.org\", response=\"00\", \
         qop=auth, nc=00000001, cnonce=\"c\""
    )
}
