//! What a registration is worth to calls: who may call, who is called, and what a challenge carries over.

use std::time::Duration;

use cordon_call::{Event, UnregisterReason};
use cordon_policy::refusal::Refusal;
use cordon_sip::{CallId, Contacts, FlowId, HeaderName, Method, NameAddr, Request, Response, StatusCode};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{World, uri, via};

#[test]
fn a_nonce_of_the_registration_proves_an_invite_on_the_same_connection_and_on_no_other() {
    let mut world = World::new();
    let (first, _) = world.register(1, "1001");
    let (second, _) = world.register(2, "1002");
    world.phone_says(first, register("1001", 7));
    let asked = world.pbx_hears(Method::Register);
    let challenge = "Digest realm=\"mx.example.org\", nonce=\"n1\", qop=\"auth,auth-int\"";
    world.pbx_says(answer(&asked, 401).with_header(HeaderName::WWW_AUTHENTICATE, challenge));
    let told = world.phone_hears_status(first, 401);
    let told = told.headers.get(&HeaderName::WWW_AUTHENTICATE).expect("a challenge").as_str().to_owned();
    assert!(told.contains("n1") && !told.contains("auth-int"));

    for (flow, user, is_relayed) in [(first, "1001", true), (second, "1002", false)] {
        let mut caller = Agent::phone(&mut world, flow, user, "1003");
        let mut invite = caller.invite(&Sdp::phone());
        invite.headers.push(HeaderName::PROXY_AUTHORIZATION, proof("n1"));
        world.phone_says(flow, invite);
        let heard = world.pbx_hears(Method::Invite);
        assert_eq!(heard.headers.has(&HeaderName::PROXY_AUTHORIZATION), is_relayed);
    }
}

#[test]
fn a_connection_that_closed_takes_the_right_to_call_with_it() {
    let mut world = World::new();
    let (flow, contact) = world.register(1, "1001");
    world.disconnect(flow);
    let mut pbx = Agent::pbx(&mut world, "1002", "1001", &contact);
    let invite = pbx.invite(&Sdp::pbx());
    world.pbx_says(invite);
    world.pbx_hears_status(480);

    let flow = world.connect(2);
    let mut caller = Agent::phone(&mut world, flow, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(flow, invite);
    let refused = world.phone_hears_status(flow, 403);
    let warning = refused.headers.get(&HeaderName::WARNING).expect("a warning").as_str().to_owned();
    assert!(warning.contains("register on this connection"), "{warning}");
    assert_eq!(world.refusals(), [Refusal::PhoneUnreachable, Refusal::RegisterFirst]);
}

#[test]
fn a_phone_that_comes_back_is_called_on_its_new_connection_within_a_second() {
    let mut world = World::new();
    let (_, contact) = world.register(1, "1001");
    let (second, same) = world.register(2, "1001");
    assert_eq!(contact, same);
    let mut pbx = Agent::pbx(&mut world, "1002", "1001", &contact);
    let invite = pbx.invite(&Sdp::pbx());
    world.pbx_says(invite);
    let heard = world.phone_hears(second, Method::Invite);
    assert_eq!(heard.uri.to_text(), "sip:1001@10.1.0.200:5060;transport=tls");
    let replaced = |event: &Event| matches!(event, Event::Registered { replaced: Some(FlowId(1)), .. });
    assert!(world.events.iter().any(replaced));
}

#[test]
fn each_line_of_a_connection_calls_with_its_own_contact() {
    let mut world = World::new();
    let (flow, first) = world.register(1, "1001");
    world.phone_says(flow, register("1002", 7));
    let asked = world.pbx_hears(Method::Register);
    let second = asked.contacts.first().expect("a contact").uri.clone();
    let mut granted = answer(&asked, 200);
    granted.contacts = asked.contacts.clone();
    world.pbx_says(granted);
    world.phone_hears_status(flow, 200);
    for (user, contact) in [("1001", first), ("1002", second)] {
        let mut caller = Agent::phone(&mut world, flow, user, "1003");
        let invite = caller.invite(&Sdp::phone());
        world.phone_says(flow, invite);
        let heard = world.pbx_hears(Method::Invite);
        assert_eq!(heard.contacts.first().expect("a contact").uri, contact);
    }
}

#[test]
fn a_silent_pbx_and_a_lost_one_are_told_within_4_seconds() {
    let mut world = World::new();
    let flow = world.connect(1);
    world.phone_says(flow, register("1001", 7));
    world.pbx_hears(Method::Register);
    world.pass(Duration::from_secs(4));
    let told = world.phone_hears_status(flow, 503);
    assert!(told.headers.has(&HeaderName::RETRY_AFTER));

    world.phone_says(flow, register("1001", 8));
    world.lose_pbx();
    let told = world.phone_hears_status(flow, 503);
    assert!(told.headers.has(&HeaderName::RETRY_AFTER));
}

#[test]
fn a_binding_that_runs_out_ends_the_right_to_call() {
    let mut world = World::new();
    let (flow, _) = world.register(1, "1001");
    world.pass(Duration::from_secs(311));
    let mut caller = Agent::phone(&mut world, flow, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(flow, invite);
    world.phone_hears_status(flow, 403);
    let expired =
        |event: &Event| matches!(event, Event::Unregistered { reason: UnregisterReason::Expired, .. });
    assert!(world.events.iter().any(expired));
}

#[test]
fn events_of_a_registration_name_nobody() {
    let mut world = World::new();
    let (flow, contact) = world.register(1, "canary1001");
    world.disconnect(flow);
    let said = world.printed_events();
    assert!(said.contains("Registered"));
    assert!(!said.contains("canary"));
    assert!(!said.contains(contact.user().expect("a user").as_str()));
}

fn register(user: &str, cseq: u32) -> Request {
    let me = NameAddr::new(uri(&format!("sip:{user}@mx.example.org")));
    let call_id = CallId::new("phone-side");
    let registrar = uri("sip:mx.example.org");
    let mut register =
        Request::new(Method::Register, registrar, me.clone().with_tag("reg"), me, call_id, cseq);
    register.via.push(via(&format!("z9hG4bKr{cseq}")));
    register.headers.push(HeaderName::EXPIRES, "300");
    let contact = uri(&format!("sip:{user}@10.1.0.200:5060;transport=tls"));
    register.contacts = Contacts::one(NameAddr::new(contact));
    register
}

fn answer(request: &Request, status: u16) -> Response {
    Response::to(request, StatusCode::new(status).expect("a status")).with_to_tag("registrar")
}

fn proof(nonce: &str) -> String {
    format!(
        "Digest username=\"1001\", realm=\"mx.example.org\", nonce=\"{nonce}\", uri=\"sip:1003@mx.example.org\", \
         response=\"00\", qop=auth, nc=00000001, cnonce=\"c\""
    )
}

#[test]
fn a_registrar_that_is_busy_is_told_with_the_time_to_come_back() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let again = world.register_request("1001");
    world.phone_says(phone, again);
    let seen = world.pbx_hears(Method::Register);
    world.pbx_says(Response::to(&seen, StatusCode::SERVICE_UNAVAILABLE).with_to_tag("registrar"));
    let told = world.phone_hears_status(phone, 503);
    let seconds = told.headers.retry_after().expect("when to come back");
    assert!((10..=30).contains(&seconds), "{seconds}");
}
