//! INVITE without an offer: it comes with the 200, its answer with the ACK, and both are held to the same rules.

use std::time::Duration;

use cordon_call::{End, Protection};
use cordon_policy::Refusal;
use cordon_sip::{FlowId, Method, Origin};

use crate::agent::{Agent, Standing, phone_calls};
use crate::description::{Sdp, key_line, line, read};
use crate::world::{PBX, World};

/// The PBX calls a phone without an offer, and the phone answers with this one.
fn answered_with(world: &mut World, offer: &Sdp) -> (FlowId, Agent) {
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(world, "1002", "1001", &contact);
    world.pbx_says(caller.request(Method::Invite));
    let invite = world.phone_hears(phone, Method::Invite);
    assert!(invite.body.is_empty());
    let callee = Agent::callee(world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, offer));
    (phone, caller)
}

#[test]
fn a_late_offer_is_answered_in_the_ack_with_srtp_on_both_legs() {
    let mut world = World::new();
    let (phone, mut caller) = answered_with(&mut world, &Sdp::phone());
    world.is_quiet_at(Origin::Handset(phone));
    let accepted = world.pbx_hears_status(200);
    let offered = read(&accepted.body);
    caller.learn(&accepted);
    let mut ack = caller.ack();
    ack.set_body("application/sdp", Sdp::pbx().bytes());
    world.pbx_says(ack);
    let answered = world.phone_hears(phone, Method::Ack);
    let answered = read(&answered.body);
    assert!(!key_line(&offered, 0).key.is_same_as(&key_line(&answered, 0).key));
    for (end, ours) in [(End::A, &offered), (End::B, &answered)] {
        let Protection::Secure { local, .. } = &world.setup(end).protection else {
            panic!("SRTP on both ends")
        };
        assert!(local.is_same_as(&key_line(ours, 0).key));
    }
}

#[test]
fn an_unprotected_late_offer_is_refused_line_by_line_and_the_call_ended_with_488() {
    let mut world = World::new();
    let plain = Sdp::phone().with(|sdp| {
        sdp.profile = "RTP/AVP";
        sdp.crypto.clear();
    });
    let (phone, _) = answered_with(&mut world, &plain);
    let ack = read(&world.phone_hears(phone, Method::Ack).body);
    assert_eq!(ack.media.iter().map(|media| media.port).collect::<Vec<_>>(), [0]);
    world.phone_hears(phone, Method::Bye);
    world.pbx_hears_status(488);
    assert_eq!(world.refusals(), [Refusal::LateOfferUnprotected]);
    assert!(world.open.is_empty());
}

#[test]
fn an_unprotected_late_answer_ends_the_call_on_both_sides() {
    let mut world = World::new();
    let (phone, mut caller) = answered_with(&mut world, &Sdp::phone());
    caller.learn(&world.pbx_hears_status(200));
    let mut ack = caller.ack();
    let plain = Sdp::pbx().with(|sdp| {
        sdp.profile = "RTP/AVP";
        sdp.crypto.clear();
    });
    ack.set_body("application/sdp", plain.bytes());
    world.pbx_says(ack);
    let refused = read(&world.phone_hears(phone, Method::Ack).body);
    assert_eq!(refused.media[0].port, 0);
    world.phone_hears(phone, Method::Bye);
    world.pbx_hears(Method::Bye);
    assert_eq!(world.refusals(), [Refusal::AnswerUnprotected]);
    assert!(world.told.is_empty(), "the relay never heard of it");
    world.is_clean();
}

#[test]
fn a_callee_that_hangs_up_before_the_late_answer_stays_hung_up() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.request(Method::Invite));
    let invite = world.phone_hears(phone, Method::Invite);
    let mut callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    caller.learn(&world.pbx_hears_status(200));
    world.phone_says(phone, callee.request(Method::Bye));
    world.phone_hears_status(phone, 200);
    let mut ack = caller.ack();
    ack.set_body("application/sdp", Sdp::pbx().bytes());
    world.pbx_says(ack);
    let refused = read(&world.phone_hears(phone, Method::Ack).body);
    assert_eq!(refused.media[0].port, 0);
    let bye = world.pbx_hears(Method::Bye);
    world.pbx_says(caller.respond(&bye, 200));
    world.is_clean();
}

#[test]
fn an_ack_without_the_answer_ends_the_call_too() {
    let mut world = World::new();
    let (phone, mut caller) = answered_with(&mut world, &Sdp::phone());
    caller.learn(&world.pbx_hears_status(200));
    world.pbx_says(caller.ack());
    world.phone_hears(phone, Method::Ack);
    world.phone_hears(phone, Method::Bye);
    world.pbx_hears(Method::Bye);
    assert_eq!(world.refusals(), [Refusal::AnswerMissing]);
}

#[test]
fn a_late_offer_whose_ack_never_comes_is_acknowledged_and_ended() {
    let mut world = World::new();
    let (phone, _) = answered_with(&mut world, &Sdp::phone());
    world.pass(Duration::from_secs(33));
    world.phone_hears(phone, Method::Ack);
    world.phone_hears(phone, Method::Bye);
    assert!(world.open.is_empty());
}

#[test]
fn a_refresh_may_be_a_late_offer_and_keeps_every_key() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    world.says(caller.at, caller.request(Method::Invite));
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond_with(&seen, 200, &answer));
    let accepted = world.hears_status(caller.at, 200);
    assert_eq!(
        read(&accepted.body).media[0].usable_crypto().count(),
        2,
        "an offer names every suite of the leg"
    );
    let mut ack = caller.ack();
    ack.set_body("application/sdp", offer.bytes());
    world.says(caller.at, ack);
    world.hears(callee.at, Method::Ack);
    for end in [End::A, End::B] {
        assert_eq!((world.setup(end).local_changed, world.setup(end).remote_changed), (false, None));
    }
}

#[test]
fn a_late_offer_of_a_change_that_echoes_our_key_ends_the_call() {
    let mut world = World::new();
    let Standing { mut caller, callee, answer, .. } = phone_calls(&mut world);
    let Protection::Secure { local, .. } = &world.setup(End::B).protection else { panic!("SRTP") };
    let echo = answer.with(|sdp| sdp.crypto = vec![crate::description::line_of(1, local)]);
    world.says(caller.at, caller.request(Method::Invite));
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond_with(&seen, 200, &echo));
    world.hears(callee.at, Method::Ack);
    world.hears_status(caller.at, 488);
    assert_eq!(world.refusals(), [Refusal::KeyEchoed]);
}

#[test]
fn a_phone_may_call_without_an_offer() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.request(Method::Invite));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 180, &Sdp::pbx()));
    assert!(world.phone_hears_status(phone, 180).body.is_empty(), "an offer comes with the 200 only");
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    let accepted = world.phone_hears_status(phone, 200);
    caller.learn(&accepted);
    let offered = read(&accepted.body);
    let ours = offered.media[0].usable_crypto().nth(1).unwrap();
    let mut ack = caller.ack();
    let answer = Sdp::phone().with(|sdp| sdp.crypto = vec![line(1, 'A')]);
    ack.set_body("application/sdp", answer.bytes());
    world.phone_says(phone, ack);
    world.pbx_hears(Method::Ack);
    assert_eq!(ours.tag, 2);
    assert!(world.refusals().is_empty());
}
