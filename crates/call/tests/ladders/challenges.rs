//! 401 and 407 of the PBX: the phone's answer crosses, and the INVITE that comes again keeps keys and ports.

use std::time::Duration;

use cordon_call::{CallEnd, Event, Withheld};
use cordon_policy::Refusal;
use cordon_sip::{CallId, FlowId, HeaderName, Method, Origin, Request};

use crate::agent::Agent;
use crate::description::{Sdp, key_line, line_of, read};
use crate::world::{PBX, World};

/// Up to the challenge: who calls, and the INVITE the PBX challenged.
fn challenged(world: &mut World, challenge: &str) -> (FlowId, Agent, Request) {
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let first = world.pbx_hears(Method::Invite);
    let pbx = Agent::callee(world, Origin::Pbx(PBX), &first);
    let mut response = pbx.respond(&first, 407);
    response.headers.push(HeaderName::PROXY_AUTHENTICATE, challenge);
    world.pbx_says(response);
    world.pbx_hears(Method::Ack);
    (phone, caller, first)
}

const CHALLENGE: &str = r#"Digest realm="mx", nonce="n-1", algorithm=SHA-256, qop="auth,auth-int""#;
const PROOF: &str = r#"Digest username="1001", realm="mx", nonce="n-1", uri="sip:1002@mx.example.org", response="00", algorithm=SHA-256"#;

#[test]
fn the_resent_invite_has_the_same_dialog_key_and_port_toward_the_pbx() {
    let mut world = World::new();
    let (phone, mut caller, first) = challenged(&mut world, CHALLENGE);
    let told = world.phone_hears_status(phone, 407);
    let challenge = told.headers.get(&HeaderName::PROXY_AUTHENTICATE).unwrap().as_str().to_owned();
    assert!(challenge.contains("n-1") && !challenge.contains("auth-int"));
    let mut ack = caller.ack();
    ack.to = told.to.clone();
    world.phone_says(phone, ack);

    let mut again = caller.invite(&Sdp::phone());
    again.headers.push(HeaderName::PROXY_AUTHORIZATION, PROOF);
    world.phone_says(phone, again);
    let second = world.pbx_hears(Method::Invite);
    assert_eq!(second.headers.get(&HeaderName::PROXY_AUTHORIZATION).unwrap(), PROOF);
    assert_eq!((&second.call_id, second.from.tag()), (&first.call_id, first.from.tag()));
    assert_eq!(second.cseq, first.cseq + 1);
    let (one, two) = (read(&first.body), read(&second.body));
    assert!(key_line(&one, 0).key.is_same_as(&key_line(&two, 0).key), "the same key");
    assert_eq!(one.media[0].port, two.media[0].port, "the same port");
    assert_eq!(world.open.len(), 1);

    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &second);
    world.pbx_says(callee.respond_with(&second, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 200);
}

#[test]
fn a_proof_made_for_another_connection_is_taken_out() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::PROXY_AUTHORIZATION, PROOF);
    world.phone_says(phone, invite);
    let seen = world.pbx_hears(Method::Invite);
    assert!(!seen.headers.has(&HeaderName::PROXY_AUTHORIZATION));
    assert_eq!(withheld(&world), [(phone, Withheld::ForeignNonce)]);
}

#[test]
fn proofs_that_stay_outside_are_told_of_once_for_each_request() {
    let mut world = World::new();
    let stranger = world.connect(1);
    let mut register = world.register_request("1001");
    for name in [HeaderName::AUTHORIZATION, HeaderName::PROXY_AUTHORIZATION] {
        register.headers.push(name, PROOF);
    }
    world.phone_says(stranger, register);
    world.pbx_hears(Method::Register);
    assert_eq!(withheld(&world), [(stranger, Withheld::ForeignNonce)]);
}

#[test]
fn a_challenge_of_auth_int_alone_is_refused_with_its_code() {
    let mut world = World::new();
    let (phone, ..) = challenged(&mut world, r#"Digest realm="mx", nonce="n-1", qop="auth-int""#);
    let refused = world.phone_hears_any(phone).unwrap();
    assert_eq!(refused, Method::Invite);
    assert_eq!(world.refusals(), [Refusal::AuthIntAlone]);
}

#[test]
fn a_challenged_caller_that_does_not_come_again_gives_its_ports_back() {
    let mut world = World::new();
    let (phone, mut caller, _) = challenged(&mut world, CHALLENGE);
    let told = world.phone_hears_status(phone, 407);
    let mut ack = caller.ack();
    ack.to = told.to;
    world.phone_says(phone, ack);
    world.pass(Duration::from_secs(33));
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::Rejected(407)]);
}

#[test]
fn another_call_of_the_same_phone_is_not_taken_for_the_challenged_one() {
    let mut world = World::new();
    let (phone, mut caller, first) = challenged(&mut world, CHALLENGE);
    world.phone_hears_status(phone, 407);
    caller.call_id = CallId::new("another");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let other = world.pbx_hears(Method::Invite);
    assert_ne!(other.call_id, first.call_id);
    assert!(!key_line(&read(&other.body), 0).key.is_same_as(&key_line(&read(&first.body), 0).key));
}

#[test]
fn a_challenged_change_leaves_the_session_as_it_is() {
    let mut world = World::new();
    let mut call = crate::agent::phone_calls(&mut world);
    let before = world.told.len();
    world.says(call.caller.at, call.caller.invite(&Sdp::phone().with(|sdp| sdp.direction = "sendonly")));
    let change = world.pbx_hears(Method::Invite);
    let mut response = call.callee.respond(&change, 401);
    response.headers.push(HeaderName::WWW_AUTHENTICATE, CHALLENGE);
    world.pbx_says(response);
    world.pbx_hears(Method::Ack);
    let told = world.hears_status(call.caller.at, 401);
    assert!(told.headers.has(&HeaderName::WWW_AUTHENTICATE));
    assert_eq!(world.told.len(), before);
    assert_eq!(world.open.len(), 1);
}

#[test]
fn a_key_of_ours_that_comes_back_in_the_resent_invite_is_refused() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let first = world.pbx_hears(Method::Invite);
    let pbx = Agent::callee(&mut world, Origin::Pbx(PBX), &first);
    world.pbx_says(pbx.respond_with(&first, 183, &Sdp::pbx()));
    let early = read(&world.phone_hears_status(phone, 183).body);
    let mut challenge = pbx.respond(&first, 407);
    challenge.headers.push(HeaderName::PROXY_AUTHENTICATE, CHALLENGE);
    world.pbx_says(challenge);
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 407);
    let echo = line_of(1, &key_line(&early, 0).key);
    world.phone_says(phone, caller.invite(&Sdp::phone().with(|sdp| sdp.crypto = vec![echo])));
    world.phone_hears_status(phone, 488);
    assert_eq!(world.refusals(), [Refusal::KeyEchoed]);
    assert!(world.open.is_empty());
}

/// Of whom the layer above heard that a proof stayed outside, and why.
fn withheld(world: &World) -> Vec<(FlowId, Withheld)> {
    let told = world.events.iter().filter_map(|event| match event {
        Event::ProofWithheld { flow, why } => Some((*flow, *why)),
        _ => None,
    });
    told.collect()
}
