//! Section 13: initiating a session.

use std::time::Duration;

use cordon_call::{CallEnd, Side};
use cordon_sip::{Contacts, FlowId, HeaderName, Method, NameAddr, Origin, Request};

use crate::agent::{Agent, Standing, phone_calls};
use crate::description::Sdp;
use crate::world::{PBX, World, uri};

/// A phone that calls, and the INVITE the PBX sees.
fn calling(world: &mut World) -> (FlowId, Agent, Request, Request) {
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(world, phone, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(phone, invite.clone());
    let seen = world.pbx_hears(Method::Invite);
    (phone, caller, invite, seen)
}

/// 13.2.1.
#[test]
fn an_invite_says_which_methods_may_be_used_and_what_its_body_is() {
    let mut world = World::new();
    let (_, _, _, seen) = calling(&mut world);
    assert!(seen.headers.has_token(&HeaderName::ALLOW, "BYE"));
    assert_eq!(seen.content_type.unwrap().as_str(), "application/sdp");
    assert_eq!(seen.contacts.as_slice().len(), 1);
}

/// 13.2.2.1.
#[test]
fn every_provisional_response_reaches_the_caller_in_one_dialog() {
    let mut world = World::new();
    let (phone, _, _, seen) = calling(&mut world);
    let branches = [(); 3].map(|()| Agent::callee(&mut world, Origin::Pbx(PBX), &seen));
    let mut tags = Vec::new();
    for branch in &branches {
        world.pbx_says(branch.respond(&seen, 180));
        tags.push(world.phone_hears_status(phone, 180).to.tag().cloned());
    }
    assert!(tags[0].is_some() && tags.iter().all(|tag| *tag == tags[0]), "the caller has one callee: us");
}

/// 13.2.2.4.
#[test]
fn the_ack_of_a_2xx_is_a_request_of_the_dialog_with_the_cseq_of_the_invite() {
    let mut world = World::new();
    let (_, _, _, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    let ack = world.pbx_hears(Method::Ack);
    assert_eq!((ack.cseq, &ack.call_id), (seen.cseq, &seen.call_id));
    assert_eq!((ack.from.tag(), ack.to.tag()), (seen.from.tag(), callee.me.tag()));
    assert_ne!(ack.branch(), seen.branch());
    assert_eq!(ack.uri, uri("sip:1002@10.1.0.77:5061;transport=tls"), "the Contact of the 2xx");
}

/// 13.2.2.4: the same credentials as the INVITE.
#[test]
fn the_ack_of_a_2xx_carries_the_proof_of_its_invite() {
    let mut world = World::new();
    let (phone, mut caller, _, seen) = calling(&mut world);
    let pbx = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    let mut challenge = pbx.respond(&seen, 407);
    challenge.headers.push(HeaderName::PROXY_AUTHENTICATE, r#"Digest realm="mx", nonce="n-1""#);
    world.pbx_says(challenge);
    let ack = world.pbx_hears(Method::Ack);
    assert!(!ack.headers.has(&HeaderName::PROXY_AUTHORIZATION));
    world.phone_hears_status(phone, 407);
    let proof =
        r#"Digest username="1001", realm="mx", nonce="n-1", uri="sip:1002@mx.example.org", response="0""#;
    let mut again = caller.invite(&Sdp::phone());
    again.headers.push(HeaderName::PROXY_AUTHORIZATION, proof);
    world.phone_says(phone, again);
    let proven = world.pbx_hears(Method::Invite);
    assert_eq!(proven.headers.get(&HeaderName::PROXY_AUTHORIZATION).unwrap(), proof);
    let accepted = pbx.respond_with(&proven, 200, &Sdp::pbx());
    world.pbx_says(accepted.clone());
    let ack = world.pbx_hears(Method::Ack);
    assert_eq!(ack.headers.get(&HeaderName::PROXY_AUTHORIZATION).unwrap(), proof);
    world.pbx_says(accepted);
    assert_eq!(world.pbx_hears(Method::Ack), ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.phone_says(phone, caller.ack());
    world.phone_says(phone, caller.request(Method::Bye));
    let bye = world.pbx_hears(Method::Bye);
    assert!(!bye.headers.has(&HeaderName::PROXY_AUTHORIZATION), "a proof is for one request");
}

/// 13.2.2.4: every other branch that accepts is acknowledged and ended, in its own dialog.
#[test]
fn a_second_branch_that_accepts_is_acknowledged_and_ended_where_it_is() {
    let mut world = World::new();
    let (phone, mut caller, _, seen) = calling(&mut world);
    let [first, second] = [(); 2].map(|()| Agent::callee(&mut world, Origin::Pbx(PBX), &seen));
    world.pbx_says(first.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.phone_says(phone, caller.ack());
    let mut other = second.respond_with(&seen, 200, &Sdp::pbx());
    other.contacts = Contacts::one(NameAddr::new(uri("sip:second@10.0.0.3")));
    other.record_route = vec![NameAddr::parse("<sip:p1.example.org;lr>").unwrap()];
    for seconds in [0, 20] {
        world.pass(Duration::from_secs(seconds));
        world.pbx_says(other.clone());
        for method in [Method::Ack, Method::Bye] {
            let request = world.pbx_hears(method);
            assert_eq!((request.to.tag(), &request.uri), (second.me.tag(), &uri("sip:second@10.0.0.3")));
            assert_eq!(request.route.len(), 1);
        }
    }
    world.is_quiet_at(Origin::Handset(phone));
    assert_eq!(world.open.len(), 1, "the first goes on");
}

#[test]
fn a_2xx_to_an_invite_we_never_sent_is_nothing() {
    let mut world = World::new();
    let Standing { callee, .. } = phone_calls(&mut world);
    let (phone, contact) = world.register(2, "1003");
    let mut other = Agent::pbx(&mut world, "1002", "1003", &contact);
    world.pbx_says(other.invite(&Sdp::pbx()));
    let mut seen = world.phone_hears(phone, Method::Invite);
    // A 2xx in the dialog of the first call, to an INVITE of a CSeq it has not had.
    (seen.call_id, seen.from, seen.to) = (callee.call_id.clone(), callee.them.clone(), callee.me.clone());
    seen.cseq = 77;
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.is_quiet();
}

/// 13.3.1: after its Expires an invitation is over.
#[test]
fn an_invitation_that_has_expired_is_487_and_given_up() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::EXPIRES, "20");
    world.phone_says(phone, invite);
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    world.phone_hears_status(phone, 180);
    world.pass(Duration::from_millis(19_999));
    world.is_quiet();
    world.pass(Duration::from_millis(1));
    world.phone_hears_status(phone, 487);
    world.pbx_hears(Method::Cancel);
    world.pbx_says(callee.respond(&seen, 487));
    world.pbx_hears(Method::Ack);
    assert_eq!(world.ends(), [CallEnd::Cancelled]);
    world.is_clean();
}

/// 8.2.2: what is malformed and not needed is not there. Past 2^32 - 1 it is only long.
#[test]
fn an_expires_that_is_no_number_ends_no_invitation() {
    for expires in ["1;x", "1 (soon)", "Thu, 01 Dec 1994 16:00:00 GMT", "18446744073709551617"] {
        let mut world = World::new();
        let (phone, _) = world.register(1, "1001");
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        let mut invite = caller.invite(&Sdp::phone());
        invite.headers.push(HeaderName::EXPIRES, expires);
        world.phone_says(phone, invite);
        let seen = world.pbx_hears(Method::Invite);
        assert!(!seen.headers.has(&HeaderName::EXPIRES));
        let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
        world.pbx_says(callee.respond(&seen, 180));
        world.phone_hears_status(phone, 180);
        world.pass(Duration::from_secs(60));
        world.is_quiet();
    }
}

#[test]
fn the_expires_of_an_invitation_says_nothing_of_the_call_it_made() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::EXPIRES, "20");
    world.phone_says(phone, invite);
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.phone_says(phone, caller.ack());
    world.pass(Duration::from_secs(60));
    world.is_quiet();
    assert_eq!(world.open.len(), 1);
}

/// 13.3.1.4.
#[test]
fn a_2xx_is_repeated_over_any_transport_from_t1_to_t2_until_64_t1_and_then_bye_follows() {
    let mut world = World::new();
    let (phone, mut caller, _, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    let mut waits = Vec::new();
    let mut waited = 0;
    for _ in 0..319 {
        world.pass(Duration::from_millis(100));
        waited += 100;
        while let Some(method) = world.phone_hears_any(phone) {
            assert_eq!(method, Method::Invite, "a copy of the 200");
            waits.push(std::mem::take(&mut waited));
        }
    }
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000]);
    world.pass(Duration::from_millis(100));
    let bye = world.phone_hears(phone, Method::Bye);
    assert_eq!(bye.to.tag(), caller.me.tag());
    world.pbx_hears(Method::Bye);
    assert_eq!(world.ends(), [CallEnd::TimedOut]);
    assert!(world.open.is_empty());
}

/// 13.3.1.4.
#[test]
fn the_ack_stops_the_2xx_and_only_the_right_one_does() {
    let mut world = World::new();
    let (phone, mut caller, _, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    let mut wrong = caller.ack();
    wrong.cseq += 1;
    world.phone_says(phone, wrong);
    world.pass(Duration::from_millis(500));
    world.phone_hears_status(phone, 200);
    world.phone_says(phone, caller.ack());
    world.pass(Duration::from_secs(64));
    world.is_quiet();
    assert_eq!(world.open.len(), 1);
}

/// 13.3.1.3: whoever refuses is passed on, and the Retry-After with it.
#[test]
fn a_refusal_reaches_the_caller_as_it_was_said() {
    for status in [404, 480, 486, 488, 600, 603, 606] {
        let mut world = World::new();
        let (phone, _, _, seen) = calling(&mut world);
        let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
        let mut refusal = callee.respond(&seen, status);
        refusal.headers.push(HeaderName::RETRY_AFTER, "60");
        world.pbx_says(refusal);
        let told = world.phone_hears_status(phone, status);
        assert_eq!(told.headers.retry_after(), Some(60));
        assert!(told.contacts.is_empty());
    }
}

#[test]
fn a_call_that_stands_is_ended_by_one_side_only() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.pass(Duration::from_secs(3_600));
    world.is_quiet();
    world.says(call.callee.at, call.callee.request(Method::Bye));
    world.hears(call.caller.at, Method::Bye);
    assert_eq!(world.ends(), [CallEnd::HungUp(Side::Pbx)]);
}
