//! A PBX that answers what no standard has: dropped, or told to the phone; nothing hangs and nothing is left over.

use std::time::Duration;

use cordon_call::CallEnd;
use cordon_policy::Refusal;
use cordon_sip::{FlowId, HeaderName, Method, Origin, Request, Response};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{PBX, World};

/// A phone that calls, and the INVITE at the PBX.
fn calling(world: &mut World) -> (FlowId, Agent, Request, Agent) {
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(world, Origin::Pbx(PBX), &seen);
    (phone, caller, seen, callee)
}

#[test]
fn an_answer_without_a_tag_is_a_dialog_without_one_and_ends_like_any_other() {
    let mut world = World::new();
    let (phone, mut caller, seen, callee) = calling(&mut world);
    let accepted = callee.respond_with(&seen, 200, &Sdp::pbx());
    world.pbx_says(Response { to: seen.to.clone(), ..accepted });
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.phone_says(phone, caller.ack());
    world.phone_says(phone, caller.request(Method::Bye));
    world.phone_hears_status(phone, 200);
    let bye = world.pbx_hears(Method::Bye);
    assert_eq!(bye.to.tag(), None);
    world.pbx_says(callee.respond(&bye, 200));
    world.is_clean();
}

#[test]
fn answers_to_nothing_that_was_asked_are_heard_by_nobody() {
    let mut world = World::new();
    let (phone, _, seen, callee) = calling(&mut world);
    for change in [
        |answer: &mut Response| answer.via = vec![crate::world::via("z9hG4bKguessed")],
        |answer: &mut Response| answer.cseq_method = Method::Bye,
    ] {
        for status in [180, 302, 401, 486, 603] {
            let mut answer = callee.respond(&seen, status);
            change(&mut answer);
            world.pbx_says(answer);
        }
    }
    world.is_quiet();
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 200);
}

#[test]
fn a_redirection_to_itself_without_end_is_followed_five_times() {
    let mut world = World::new();
    let (phone, _, mut seen, callee) = calling(&mut world);
    for _ in 0..6 {
        let mut moved = callee.respond(&seen, 302);
        moved.contacts = cordon_sip::Contacts::one(cordon_sip::NameAddr::new(seen.uri.clone()));
        world.pbx_says(moved);
        world.pbx_hears(Method::Ack);
        match world.next_message(Origin::Pbx(PBX)) {
            Some(cordon_sip::Message::Request(again)) => seen = again,
            _ => break,
        }
    }
    world.phone_hears_status(phone, 480);
    assert_eq!(world.refusals(), [Refusal::RedirectLoop]);
    world.is_clean();
}

#[test]
fn a_thousand_provisional_answers_are_passed_on_and_the_call_still_ends() {
    let mut world = World::new();
    let (phone, _, seen, callee) = calling(&mut world);
    for nth in 0..1_000 {
        world.pbx_says(callee.respond(&seen, if nth % 2 == 0 { 180 } else { 183 }));
        world.phone_hears_status(phone, if nth % 2 == 0 { 180 } else { 183 });
        world.pass(Duration::from_millis(10));
    }
    assert_eq!(world.engine.holdings().transactions, 2);
    world.pbx_says(callee.respond(&seen, 486));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 486);
    world.pass(Duration::from_secs(64));
    assert!(world.engine.is_idle() && world.open.is_empty());
}

#[test]
fn an_answer_that_is_no_answer_to_the_offer_is_acknowledged_ended_and_told_to_the_phone() {
    for lie in [
        Sdp::pbx().with(|sdp| {
            sdp.profile = "RTP/AVP";
            sdp.crypto.clear();
        }),
        Sdp::pbx().with(|sdp| sdp.crypto.clear()),
        Sdp::pbx()
            .with(|sdp| sdp.crypto = sdp.crypto.iter().map(|line| line.replacen('1', "2", 1)).collect()),
    ] {
        let mut world = World::new();
        let (phone, _, seen, callee) = calling(&mut world);
        world.pbx_says(callee.respond_with(&seen, 200, &lie));
        world.pbx_hears(Method::Ack);
        let bye = world.pbx_hears(Method::Bye);
        world.pbx_says(callee.respond(&bye, 200));
        let told = world.next_message(Origin::Handset(phone));
        let Some(cordon_sip::Message::Response(told)) = told else { panic!("the phone hears nothing") };
        assert!(matches!(told.status.code(), 488 | 502), "{:?}", told.status);
        assert!(told.headers.has(&HeaderName::WARNING));
        assert!(matches!(world.ends().as_slice(), [CallEnd::Refused(_)]));
        world.pass(Duration::from_secs(64));
        assert!(world.engine.is_idle() && world.open.is_empty());
    }
}

#[test]
fn challenges_without_end_are_the_phones_to_give_up_and_leave_nothing() {
    let mut world = World::new();
    let (phone, mut caller, mut seen, callee) = calling(&mut world);
    for nth in 0..20 {
        let challenge = format!("Digest realm=\"mx\", nonce=\"n-{nth}\", qop=\"auth\"");
        world.pbx_says(callee.respond(&seen, 407).with_header(HeaderName::PROXY_AUTHENTICATE, challenge));
        world.pbx_hears(Method::Ack);
        let told = world.phone_hears_status(phone, 407);
        let mut ack = caller.ack();
        ack.to = told.to;
        world.phone_says(phone, ack);
        world.phone_says(phone, caller.invite(&Sdp::phone()));
        seen = world.pbx_hears(Method::Invite);
    }
    assert_eq!((world.engine.call_count(), world.open.len()), (1, 1), "one call, one pair of ports");
    world.disconnect(phone);
    world.pass(Duration::from_secs(64));
    assert!(world.engine.is_idle() && world.open.is_empty());
}
