//! Messages that cross, answers that come too late, and acknowledgements that get lost.

use std::time::Duration;

use cordon_call::{AddressChange, CallEnd, End};
use cordon_policy::Refusal;
use cordon_sip::{FlowId, HeaderName, Method, Origin};

use crate::agent::{Agent, Standing, phone_calls};
use crate::description::{Sdp, key_line, line, read};
use crate::world::{PBX, World, uri};

#[test]
fn a_call_to_an_emergency_number_is_never_taken_for_a_challenged_one() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let first = world.pbx_hears(Method::Invite);
    let pbx = Agent::callee(&mut world, Origin::Pbx(PBX), &first);
    let mut challenge = pbx.respond(&first, 407);
    challenge.headers.push(HeaderName::PROXY_AUTHENTICATE, r#"Digest realm="mx", nonce="n-1""#);
    world.pbx_says(challenge);
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 407);

    caller.target = uri("sip:911@mx.example.org");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let emergency = world.pbx_hears(Method::Invite);
    assert_eq!(emergency.uri, uri("sip:911@mx.example.org"));
    assert_ne!(emergency.call_id, first.call_id);
    assert_eq!(world.open.len(), 2);
}

#[test]
fn a_caller_that_hangs_up_instead_of_answering_a_late_offer_leaves_nobody_unacknowledged() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.request(Method::Invite));
    let invite = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    caller.learn(&world.pbx_hears_status(200));
    world.pbx_says(caller.request(Method::Bye));
    world.pbx_hears_status(200);
    world.phone_hears(phone, Method::Ack);
    let bye = world.phone_hears(phone, Method::Bye);
    world.phone_says(phone, callee.respond(&bye, 200));
    assert!(world.told.is_empty(), "the relay never heard of it");
    world.is_clean();
}

#[test]
fn no_change_begins_before_a_cancelled_one_has_its_last_response() {
    let mut world = World::new();
    let Standing { mut caller, mut callee, offer, answer } = phone_calls(&mut world);
    let hold = caller.invite(&offer.clone().with(|sdp| sdp.direction = "sendonly"));
    world.says(caller.at, hold.clone());
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond(&seen, 180));
    world.hears_status(caller.at, 180);
    world.says(caller.at, hold.cancel());
    world.hears_status(caller.at, 200);
    world.hears_status(caller.at, 487);
    world.hears(callee.at, Method::Cancel);

    for agent in [&mut caller, &mut callee] {
        world.says(agent.at, agent.invite(&offer));
        world.hears_status(agent.at, 491);
    }
    world.says(callee.at, callee.respond(&seen, 487));
    world.hears(callee.at, Method::Ack);
    world.says(caller.at, caller.invite(&offer));
    let again = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond_with(&again, 200, &answer));
    world.hears(callee.at, Method::Ack);
    world.hears_status(caller.at, 200);
}

#[test]
fn a_change_of_the_phone_waits_for_the_acknowledgement_of_the_pbx() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    let mut callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    world.phone_hears(phone, Method::Ack);
    caller.learn(&world.pbx_hears_status(200));

    world.phone_says(phone, callee.invite(&Sdp::phone()));
    world.phone_hears_status(phone, 491);
    world.is_quiet_at(Origin::Pbx(PBX));
    world.pbx_says(caller.ack());
    world.phone_says(phone, callee.invite(&Sdp::phone()));
    world.pbx_hears(Method::Invite);
}

#[test]
fn an_answer_that_crosses_the_end_of_long_ringing_is_acknowledged_and_ended() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond(&invite, 180));
    world.pbx_hears_status(180);
    world.pass(Duration::from_secs(181));
    world.pbx_hears_status(408);
    world.phone_hears(phone, Method::Cancel);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    world.phone_hears(phone, Method::Ack);
    let bye = world.phone_hears(phone, Method::Bye);
    world.phone_says(phone, callee.respond(&bye, 200));
    assert_eq!(world.ends(), [CallEnd::TimedOut]);
    assert!(world.open.is_empty());
    world.is_clean();
}

#[test]
fn an_acknowledgement_lost_with_its_connection_ends_no_call_that_is_heard() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.disconnect(phone);
    for _ in 0..3 {
        world.pass(Duration::from_secs(31));
        let now = Some(world.now);
        world.answer_asked(now, now);
    }
    assert_eq!(world.open.len(), 1);
    world.is_quiet();
    world.pass(Duration::from_secs(31));
    world.answer_asked(None, Some(world.now));
    world.pbx_hears(Method::Bye);
    assert!(world.open.is_empty());
}

#[test]
fn a_callee_lost_before_the_answer_to_its_offer_is_watched_too() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.request(Method::Invite));
    let invite = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    caller.learn(&world.pbx_hears_status(200));
    world.disconnect(phone);
    let mut ack = caller.ack();
    ack.set_body("application/sdp", Sdp::pbx().bytes());
    world.pbx_says(ack);
    world.pass(Duration::from_secs(31));
    world.answer_asked(Some(world.now), None);
    world.pbx_hears(Method::Bye);
    assert!(world.open.is_empty());
}

#[test]
fn a_phone_that_comes_back_while_it_rings_is_rung_no_more() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    world.phone_hears(phone, Method::Invite);
    let back: FlowId = world.connect(2);
    world.register_on(back, "1001");
    world.disconnect(phone);
    let told = world.pbx_hears_status(480);
    assert!(
        told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains(Refusal::PhoneUnreachable.code())
    );
    world.is_quiet_at(Origin::Handset(back));
    assert!(world.open.is_empty());
}

#[test]
fn the_relay_hears_nothing_of_a_change_that_was_refused() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, .. } = phone_calls(&mut world);
    let told = world.told.len();
    world.says(caller.at, caller.invite(&offer.with(|sdp| sdp.port = 4400)));
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond(&seen, 488));
    world.hears(callee.at, Method::Ack);
    world.hears_status(caller.at, 488);
    assert_eq!(world.told.len(), told);
    assert!(world.setup(End::A).send);
}

#[test]
fn early_media_of_one_branch_gives_way_to_the_answer_of_another() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let announcement = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(announcement.respond_with(&invite, 183, &Sdp::pbx()));
    let early = world.phone_hears_status(phone, 183);
    let person = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let other = Sdp::pbx().with(|sdp| {
        sdp.port = 7100;
        sdp.crypto = vec![line(1, 'E')];
    });
    world.pbx_says(person.respond_with(&invite, 200, &other));
    assert_eq!(world.pbx_hears(Method::Ack).to.tag(), person.me.tag());
    let accepted = world.phone_hears_status(phone, 200);
    assert_eq!(early.to.tag(), accepted.to.tag(), "the phone sees one dialog");
    let (early, accepted) = (read(&early.body), read(&accepted.body));
    assert!(key_line(&early, 0).key.is_same_as(&key_line(&accepted, 0).key), "and one key");
    let b = world.setup(End::B);
    assert_eq!(b.remote_rtp.port(), 7100);
    assert!(b.local_changed, "another endpoint under the key that was offered: new SSRCs");
    assert_eq!(b.remote_changed, Some(AddressChange::Changed));
}
