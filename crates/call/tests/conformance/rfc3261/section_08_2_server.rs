//! Section 8.2: requests to us, and how they are answered.

use cordon_policy::Refusal;
use cordon_sip::{HeaderName, Method, Origin, Response};

use crate::agent::{Agent, phone_calls};
use crate::description::Sdp;
use crate::world::{World, uri, via};

/// Everything that went to a phone, as text, newest last.
fn told(world: &World) -> Vec<&str> {
    world.said.iter().map(|(_, text)| text.as_str()).collect()
}

/// 8.2.1.
#[test]
fn a_method_that_is_not_built_is_405_with_allow() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    let at = call.caller.at;
    let mut other = Agent::phone(&mut world, at.flow(), "1001", "1002");
    for request in [call.caller.request(Method::Update), other.request(Method::Subscribe)] {
        world.says(at, request);
        let told = world.hears_status(at, 405);
        for method in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER"] {
            assert!(told.headers.has_token(&HeaderName::ALLOW, method), "{method}");
        }
    }
}

/// 8.2.2.1.
#[test]
fn a_scheme_that_is_not_supported_is_416() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    caller.target = uri("http://mx.example.org/1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    world.phone_hears_status(phone, 416);
    assert_eq!(world.refusals(), [Refusal::SchemeUnsupported]);
}

/// 8.2.2.2.
#[test]
fn the_same_request_by_another_way_is_482_and_the_first_goes_on() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    let mut merged = invite.clone();
    merged.via = vec![via("z9hG4bKother")];
    world.phone_says(phone, invite);
    let seen = world.pbx_hears(Method::Invite);
    world.phone_says(phone, merged);
    world.phone_hears_status(phone, 482);
    let callee = Agent::callee(&mut world, Origin::Pbx(crate::world::PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    world.phone_hears_status(phone, 180);
}

/// 8.2.2.3.
#[test]
fn every_option_that_is_required_and_not_supported_is_named_in_a_420() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::REQUIRE, "100rel, gruu");
    invite.headers.push(HeaderName::REQUIRE, "precondition");
    world.phone_says(phone, invite);
    let told = world.phone_hears_status(phone, 420);
    for option in ["100rel", "gruu", "precondition"] {
        assert!(told.headers.has_token(&HeaderName::UNSUPPORTED, option), "{option}");
    }
}

/// 8.2.2.3: neither may be refused for it.
#[test]
fn what_an_ack_or_a_cancel_requires_is_not_looked_at() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(phone, invite.clone());
    world.pbx_hears(Method::Invite);
    let mut cancel = invite.cancel();
    cancel.headers.push(HeaderName::REQUIRE, "something");
    world.phone_says(phone, cancel);
    world.phone_hears_status(phone, 200);
    let ended = world.phone_hears_status(phone, 487);
    let mut ack = invite.ack_for_failure(&ended);
    ack.headers.push(HeaderName::REQUIRE, "something");
    world.phone_says(phone, ack);
    assert!(world.refusals().is_empty());
}

/// 8.2.3.
#[test]
fn a_body_of_another_type_is_415_with_what_is_accepted() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.request(Method::Invite);
    invite.set_body("text/plain", "call me");
    world.phone_says(phone, invite);
    let told = world.phone_hears_status(phone, 415);
    assert_eq!(told.headers.get(&HeaderName::ACCEPT).unwrap(), "application/sdp");
    assert!(!told.headers.has(&HeaderName::ACCEPT_ENCODING));
}

/// 8.2.3.
#[test]
fn a_body_of_another_encoding_is_415_with_the_one_that_is_accepted() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::CONTENT_ENCODING, "gzip");
    world.phone_says(phone, invite);
    let told = world.phone_hears_status(phone, 415);
    assert_eq!(told.headers.get(&HeaderName::ACCEPT_ENCODING).unwrap(), "identity");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut plain = caller.invite(&Sdp::phone());
    plain.headers.push(HeaderName::CONTENT_ENCODING, "identity");
    world.phone_says(phone, plain);
    world.pbx_hears(Method::Invite);
}

/// 8.2.6.2.
#[test]
fn a_response_repeats_every_via_from_call_id_and_cseq_of_its_request() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.via.push(via("z9hG4bKsecond"));
    invite.via.push(via("z9hG4bKthird"));
    world.phone_says(phone, invite.clone());
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(crate::world::PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    world.pbx_says(callee.respond(&seen, 486));
    for status in [180, 486] {
        let Response { via, from, call_id, cseq, cseq_method, to, .. } =
            world.phone_hears_status(phone, status);
        assert_eq!((via, from), (invite.via.clone(), invite.from.clone()));
        assert_eq!((call_id, cseq, cseq_method), (invite.call_id.clone(), invite.cseq, Method::Invite));
        assert_eq!(to.uri, invite.to.uri);
    }
}

/// 8.2.6.2: anything but 100 has a To tag, and all responses to one request the same.
#[test]
fn all_responses_to_one_invite_have_one_to_tag_and_100_has_none() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    assert!(
        told(&world)
            .iter()
            .any(|text| text.starts_with("SIP/2.0 100")
                && !text.contains("To: <sip:1002@mx.example.org>;tag="))
    );
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(crate::world::PBX), &seen);
    for status in [180, 183, 486] {
        world.pbx_says(callee.respond(&seen, status));
    }
    let tags = [180, 183, 486].map(|status| world.phone_hears_status(phone, status).to.tag().cloned());
    assert!(tags[0].is_some() && tags[0] == tags[1] && tags[1] == tags[2]);
}

/// 8.2.6.1.
#[test]
fn the_timestamp_of_an_invite_is_in_its_100() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::TIMESTAMP, "54");
    world.phone_says(phone, invite);
    assert!(
        told(&world).iter().any(|text| text.starts_with("SIP/2.0 100") && text.contains("Timestamp: 54\r\n"))
    );
}

/// 8.2.7: a full table is told without state, under the same tag to every copy.
#[test]
fn more_than_a_phone_may_ask_at_once_is_503_and_keeps_nothing() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for _ in 0..256 {
        let mut asker = Agent::phone(&mut world, phone, "1001", "1002");
        world.phone_says(phone, asker.request(Method::Options));
        world.pbx_hears(Method::Options);
    }
    let before = world.engine.holdings();
    let mut one_more = Agent::phone(&mut world, phone, "1001", "1002");
    let request = one_more.request(Method::Options);
    world.phone_says(phone, request.clone());
    let first = world.phone_hears_status(phone, 503);
    world.phone_says(phone, request);
    assert_eq!(world.phone_hears_status(phone, 503).to, first.to);
    assert_eq!(world.engine.holdings(), before);
}
