//! Requests that are refused, or answered for ourselves, before there is a call.

use std::time::Duration;

use cordon_policy::Refusal;
use cordon_sip::{HeaderName, Method, Text};

use crate::agent::{Agent, pbx_invites, phone_calls};
use crate::description::Sdp;
use crate::world::{World, uri};

#[test]
fn a_call_from_a_connection_without_registration_is_403() {
    let mut world = World::new();
    let phone = world.connect(1);
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let told = world.phone_hears_status(phone, 403);
    let warning = told.headers.get(&HeaderName::WARNING).unwrap().as_str();
    assert!(
        warning.starts_with("399 sip.clinic.example.org") && warning.contains("register on this connection")
    );
    assert_eq!(world.refusals(), [Refusal::RegisterFirst]);
}

/// A phone that was given our address may be unable to look our name up.
#[test]
fn a_refusal_speaks_as_whom_the_phone_connected_to_in_a_registration_as_in_a_call() {
    for (name, agent) in [(Some("sip.clinic.example.org"), "sip.clinic.example.org"), (None, "10.1.0.5")] {
        let mut world = World::new();
        let phone = world.connect_by(1, name);
        let mut register = world.register_request("1001");
        register.to.uri = uri("sip:1001@elsewhere.example.org");
        let invite = Agent::phone(&mut world, phone, "1001", "1002").invite(&Sdp::phone());
        for request in [register, invite] {
            world.phone_says(phone, request);
            let told = world.phone_hears_status(phone, 403);
            let warning = told.headers.get(&HeaderName::WARNING).unwrap().as_str();
            assert!(warning.starts_with(&format!("399 {agent} ")), "{warning}");
        }
        assert_eq!(world.refusals(), [Refusal::ForeignDomain, Refusal::RegisterFirst]);
    }
}

#[test]
fn methods_that_are_not_built_are_405_in_and_outside_of_a_call() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    for method in
        [Method::Info, Method::Update, Method::Refer, Method::Prack, Method::Message, Method::Notify]
    {
        let request = call.caller.request(method);
        world.says(call.caller.at, request);
        let told = world.hears_status(call.caller.at, 405);
        assert!(told.headers.has_token(&HeaderName::ALLOW, "INVITE"));
    }
    let mut other = Agent::phone(&mut world, call.caller.at.flow(), "1001", "1002");
    world.says(call.caller.at, other.request(Method::Subscribe));
    world.hears_status(call.caller.at, 405);
    assert_eq!(world.open.len(), 1);
}

#[test]
fn extensions_that_are_required_are_420_by_name() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for option in ["100rel", "timer", "replaces", "something"] {
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        let mut invite = caller.invite(&Sdp::phone());
        invite.headers.push(HeaderName::REQUIRE, option);
        world.phone_says(phone, invite);
        let told = world.phone_hears_status(phone, 420);
        assert!(told.headers.has_token(&HeaderName::UNSUPPORTED, option));
    }
}

#[test]
fn extensions_that_cannot_be_read_are_400_and_a_proof_without_end_is_513() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for (name, value, status, refusal) in [
        (HeaderName::REQUIRE, "\"timer".to_owned(), 400, Refusal::ExtensionUnreadable),
        (HeaderName::PROXY_REQUIRE, "timer 100rel".to_owned(), 400, Refusal::ExtensionUnreadable),
        (HeaderName::PROXY_AUTHORIZATION, endless_proof(), 513, Refusal::TooManyParameters),
    ] {
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        let mut invite = caller.invite(&Sdp::phone());
        invite.headers.push(name, value);
        world.phone_says(phone, invite);
        let told = world.phone_hears_status(phone, status);
        assert!(!told.headers.has(&HeaderName::UNSUPPORTED));
        assert_eq!(world.refusals().last(), Some(&refusal));
    }
}

#[test]
fn a_request_without_hops_left_is_483() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.max_forwards = Some(0);
    world.phone_says(phone, invite);
    world.phone_hears_status(phone, 483);
}

#[test]
fn the_same_request_on_two_ways_is_482() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    let mut merged = invite.clone();
    merged.via = vec![crate::world::via("z9hG4bKother")];
    world.phone_says(phone, invite);
    world.pbx_hears(Method::Invite);
    world.phone_says(phone, merged);
    let told = world.phone_hears_status(phone, 482);
    let warning = told.headers.get(&HeaderName::WARNING).unwrap();
    assert!(warning.as_str().contains(Refusal::RequestLoop.code()));
    assert_eq!(world.refusals(), [Refusal::RequestLoop]);
}

#[test]
fn more_requests_at_once_than_one_phone_may_have_are_503_with_retry_after() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for _ in 0..256 {
        let mut asker = Agent::phone(&mut world, phone, "1001", "1002");
        world.phone_says(phone, asker.request(Method::Options));
        world.pbx_hears(Method::Options);
    }
    let mut one_more = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, one_more.request(Method::Options));
    let told = world.phone_hears_status(phone, 503);
    assert!(told.headers.has(&HeaderName::RETRY_AFTER));
    let warning = told.headers.get(&HeaderName::WARNING).unwrap();
    assert!(warning.as_str().contains(Refusal::TooManyTransactions.code()));
    assert_eq!(world.refusals(), [Refusal::TooManyTransactions]);
}

#[test]
fn a_body_that_is_no_session_description_is_415() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.request(Method::Invite);
    invite.set_body("application/pidf+xml", "<presence/>");
    world.phone_says(phone, invite);
    let told = world.phone_hears_status(phone, 415);
    assert_eq!(told.headers.get(&HeaderName::ACCEPT).unwrap(), "application/sdp");
}

#[test]
fn requests_in_a_dialog_that_does_not_exist_are_481() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    caller.them = caller.them.clone().with_tag("nobodys");
    for method in [Method::Bye, Method::Invite, Method::Options] {
        world.phone_says(phone, caller.request(method));
        world.phone_hears_status(phone, 481);
    }
    caller.them = caller.them.clone().without_tag();
    world.phone_says(phone, caller.request(Method::Bye));
    world.phone_hears_status(phone, 481);
    world.phone_says(phone, caller.ack());
    world.is_quiet();
}

#[test]
fn the_pbx_calling_a_contact_nobody_holds_is_told() {
    let mut world = World::new();
    let mut caller =
        Agent::pbx(&mut world, "1002", "1001", &uri("sip:nobody@sbc.example.org:5071;transport=tls"));
    world.pbx_says(caller.invite(&Sdp::pbx()));
    world.pbx_hears_status(Refusal::PhoneUnknown.status());
}

#[test]
fn options_to_us_are_answered_by_us() {
    let mut world = World::new();
    let phone = world.connect(1);
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    caller.target = uri("sip:sip.clinic.example.org");
    world.phone_says(phone, caller.request(Method::Options));
    let told = world.phone_hears_status(phone, 200);
    assert!(told.headers.has(&HeaderName::ALLOW) && told.to.tag().is_some());
    let mut pbx = Agent::pbx(&mut world, "mx", "x", &uri("sip:sbc.example.org:5071"));
    world.pbx_says(pbx.request(Method::Options));
    world.pbx_hears_status(200);
}

#[test]
fn options_to_somebody_are_relayed_both_ways() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.request(Method::Options));
    let seen = world.pbx_hears(Method::Options);
    assert_eq!(seen.uri, uri("sip:1002@mx.example.org"));
    assert_ne!(seen.call_id, caller.call_id);
    world.pbx_says(caller.respond(&seen, 200));
    world.phone_hears_status(phone, 200);

    let mut qualify = Agent::pbx(&mut world, "mx", "1001", &contact);
    world.pbx_says(qualify.request(Method::Options));
    let seen = world.phone_hears(phone, Method::Options);
    assert_eq!(seen.uri, uri("sip:1001@10.1.0.200:5060;transport=tls"));
    world.phone_says(phone, caller.respond(&seen, 200));
    world.pbx_hears_status(200);
    world.disconnect(phone);
    world.pbx_says(qualify.request(Method::Options));
    world.pbx_hears_status(480);
}

#[test]
fn options_to_a_silent_pbx_are_503_within_four_seconds() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.request(Method::Options));
    world.pbx_hears(Method::Options);
    world.pass(Duration::from_secs(4));
    let told = world.phone_hears_status(phone, 503);
    assert!(told.headers.has(&HeaderName::RETRY_AFTER));
}

#[test]
fn a_phone_that_asks_the_pbx_for_a_password_is_403_and_its_challenge_stays_here() {
    for status in [401, 407] {
        let mut world = World::new();
        let ringing = pbx_invites(&mut world);
        let mut challenge = ringing.callee.respond(&ringing.invite, status);
        for name in [HeaderName::WWW_AUTHENTICATE, HeaderName::PROXY_AUTHENTICATE] {
            challenge.headers.push(name, "Digest realm=\"phone\", nonce=\"n-1\"");
        }
        world.phone_says(ringing.phone, challenge);
        world.phone_hears(ringing.phone, Method::Ack);
        let told = world.pbx_hears_status(403);
        assert!(!told.headers.has(&HeaderName::WWW_AUTHENTICATE));
        assert!(!told.headers.has(&HeaderName::PROXY_AUTHENTICATE));
        assert!(told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains("CD-CALL-31"));
        assert_eq!(world.refusals(), [Refusal::PhoneChallenges]);
    }
}

#[test]
fn options_of_the_pbx_that_a_phone_challenges_are_403() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut qualify = Agent::pbx(&mut world, "mx", "1001", &contact);
    world.pbx_says(qualify.request(Method::Options));
    let seen = world.phone_hears(phone, Method::Options);
    let mut challenge = qualify.respond(&seen, 401);
    challenge.headers.push(HeaderName::WWW_AUTHENTICATE, "Digest realm=\"phone\", nonce=\"n-1\"");
    world.phone_says(phone, challenge);
    assert!(!world.pbx_hears_status(403).headers.has(&HeaderName::WWW_AUTHENTICATE));
    assert_eq!(world.refusals(), [Refusal::PhoneChallenges]);
}

#[test]
fn a_503_of_a_phone_or_the_pbx_to_options_is_500_to_the_other() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut asking = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, asking.request(Method::Options));
    let seen = world.pbx_hears(Method::Options);
    world.pbx_says(asking.respond(&seen, 503));
    assert!(!world.phone_hears_status(phone, 500).headers.has(&HeaderName::RETRY_AFTER));
    let mut qualify = Agent::pbx(&mut world, "mx", "1001", &contact);
    world.pbx_says(qualify.request(Method::Options));
    let seen = world.phone_hears(phone, Method::Options);
    world.phone_says(phone, qualify.respond(&seen, 503));
    world.pbx_hears_status(500);
}

#[test]
fn what_the_other_side_can_do_is_said_with_its_405_and_415_as_far_as_it_passes_here() {
    for (status, said, heard) in [
        (405, (HeaderName::ALLOW, "MESSAGE, BYE, x-secret"), (HeaderName::ALLOW, Some("BYE"))),
        (405, (HeaderName::ALLOW, ""), (HeaderName::ALLOW, Some(""))),
        (
            415,
            (HeaderName::ACCEPT, "text/plain, application/*;q=0.5"),
            (HeaderName::ACCEPT, Some("application/sdp")),
        ),
        (415, (HeaderName::ACCEPT, "text/plain"), (HeaderName::ACCEPT, None)),
        (415, (HeaderName::ACCEPT_ENCODING, "gzip"), (HeaderName::ACCEPT_ENCODING, Some("identity"))),
    ] {
        let mut world = World::new();
        let ringing = pbx_invites(&mut world);
        let mut refusal = ringing.callee.respond(&ringing.invite, status);
        refusal.headers.push(said.0, said.1);
        world.phone_says(ringing.phone, refusal);
        let told = world.pbx_hears_status(status);
        assert_eq!(told.headers.get(&heard.0).map(Text::as_str), heard.1, "{status}");
    }
}

/// One parameter more than are read.
fn endless_proof() -> String {
    let params: Vec<_> = (0..33).map(|number| format!("p{number}=\"x\"")).collect();
    format!("Digest {}", params.join(", "))
}
