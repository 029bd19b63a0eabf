//! Calls to an emergency number: first, exactly, and without what other calls need. They are still protected.

use cordon_policy::Refusal;
use cordon_policy::media::CodecRule;
use cordon_sip::{Method, Origin};

use crate::agent::Agent;
use crate::description::{Sdp, read};
use crate::site::rules;
use crate::world::{PBX, World};

#[test]
fn an_emergency_call_needs_no_registration() {
    let mut world = World::new();
    let phone = world.connect(1);
    let mut caller = Agent::phone(&mut world, phone, "1001", "911");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let mut callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.phone_says(phone, caller.ack());
    world.pbx_says(callee.request(Method::Bye));
    world.phone_hears(phone, Method::Bye);
    assert!(world.refusals().is_empty());
}

#[test]
fn a_number_that_only_contains_an_emergency_number_is_none() {
    let mut world = World::new();
    let phone = world.connect(1);
    for number in ["9110", "0911", "91"] {
        let mut caller = Agent::phone(&mut world, phone, "1001", number);
        world.phone_says(phone, caller.invite(&Sdp::phone()));
        world.phone_hears_status(phone, 403);
    }
    assert_eq!(world.refusals(), [Refusal::RegisterFirst; 3]);
}

#[test]
fn no_codec_rule_stands_against_an_emergency_call() {
    let mut rules = rules();
    rules.locations[0].media.codecs = CodecRule::Only(vec!["opus".parse().unwrap()]);
    let mut world = World::with(rules);
    let phone = world.connect(1);
    let mut caller = Agent::phone(&mut world, phone, "1001", "933");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    world.pbx_hears(Method::Invite);
}

#[test]
fn an_emergency_call_that_says_where_it_comes_from_is_not_refused_for_it() {
    let mut world = World::new();
    let phone = world.connect(1);
    let mut caller = Agent::phone(&mut world, phone, "1001", "911");
    let mut invite = caller.request(Method::Invite);
    let mut body = b"--there\r\nContent-Type: application/pidf+xml\r\n\r\n<canary-place/>\r\n\
                     --there\r\nContent-Type: application/sdp\r\n\r\n"
        .to_vec();
    body.extend_from_slice(&Sdp::phone().bytes());
    body.extend_from_slice(b"\r\n--there--\r\n");
    invite.set_body("multipart/mixed;boundary=there", body);
    world.phone_says(phone, invite);
    let seen = world.pbx_hears(Method::Invite);
    assert_eq!(read(&seen.body).media.len(), 1);
    assert!(world.refusals().is_empty());
}

#[test]
fn draining_does_not_stop_an_emergency_call() {
    let mut world = World::new();
    let phone = world.connect(1);
    world.engine.drain(world.now);
    let mut caller = Agent::phone(&mut world, phone, "1001", "911");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    world.pbx_hears(Method::Invite);
}

#[test]
fn plain_media_is_refused_for_an_emergency_call_too_in_this_release() {
    let mut world = World::new();
    let phone = world.connect(1);
    let mut caller = Agent::phone(&mut world, phone, "1001", "911");
    let plain = Sdp::phone().with(|sdp| {
        sdp.profile = "RTP/AVP";
        sdp.crypto.clear();
    });
    world.phone_says(phone, caller.invite(&plain));
    world.phone_hears_status(phone, 488);
}

#[test]
fn a_phone_with_too_many_requests_under_way_still_reaches_911() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for _ in 0..256 {
        let mut asker = Agent::phone(&mut world, phone, "1001", "1002");
        world.phone_says(phone, asker.request(Method::Options));
        world.pbx_hears(Method::Options);
    }
    let mut other = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, other.invite(&Sdp::phone()));
    world.phone_hears_status(phone, 503);
    let mut caller = Agent::phone(&mut world, phone, "1001", "911");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 200);
}
