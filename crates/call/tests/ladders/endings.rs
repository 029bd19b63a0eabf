//! CANCEL and its races, rejections, and peers that say nothing.

use std::time::Duration;

use cordon_call::CallEnd;
use cordon_policy::Refusal;
use cordon_sip::{FlowId, HeaderName, Method, Origin, Request, Text};

use crate::agent::{Agent, phone_calls};
use crate::description::Sdp;
use crate::site::rules;
use crate::world::{PBX, World};

/// A call that rings nowhere yet: phone, caller, its INVITE, and the INVITE at the PBX.
fn calling(world: &mut World) -> (FlowId, Agent, Request, Request) {
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(world, phone, "1001", "1002");
    let invite = caller.invite(&Sdp::phone());
    world.phone_says(phone, invite.clone());
    let seen = world.pbx_hears(Method::Invite);
    (phone, caller, invite, seen)
}

#[test]
fn a_cancel_while_ringing_stops_both_sides() {
    let mut world = World::new();
    let (phone, _, invite, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    world.phone_hears_status(phone, 180);
    world.phone_says(phone, invite.cancel());
    let cancelled = world.phone_hears_status(phone, 200);
    assert_eq!(cancelled.cseq_method, Method::Cancel);
    let terminated = world.phone_hears_status(phone, 487);
    world.phone_says(phone, invite.ack_for_failure(&terminated));
    let cancel = world.pbx_hears(Method::Cancel);
    assert_eq!(cancel.branch(), seen.branch());
    world.pbx_says(callee.respond(&cancel, 200));
    world.pbx_says(callee.respond(&seen, 487));
    world.pbx_hears(Method::Ack);
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::Cancelled]);
}

#[test]
fn a_phone_whose_neighbour_answered_is_told_so_in_the_cancel() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let invite = caller.invite(&Sdp::pbx());
    world.pbx_says(invite.clone());
    let seen = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &seen);
    world.phone_says(phone, callee.respond(&seen, 180));
    world.pbx_hears_status(180);
    let mut cancel = invite.cancel();
    let reason = r#"SIP;cause=200;text="Call completed elsewhere""#;
    cancel.headers.push(HeaderName::REASON, reason);
    cancel.headers.push(HeaderName::USER_AGENT, "canary-pbx/1");
    world.pbx_says(cancel);
    let told = world.phone_hears(phone, Method::Cancel);
    assert_eq!(told.headers.get(&HeaderName::REASON).unwrap(), reason);
    assert_eq!(told.headers.len(), 1, "and nothing else of the PBX");
}

#[test]
fn a_cancel_before_any_provisional_waits_for_one() {
    let mut world = World::new();
    let (phone, _, invite, seen) = calling(&mut world);
    world.phone_says(phone, invite.cancel());
    world.phone_hears_status(phone, 200);
    world.phone_hears_status(phone, 487);
    world.is_quiet();
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    world.pbx_hears(Method::Cancel);
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_with_ack_and_bye() {
    let mut world = World::new();
    let (phone, _, invite, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    world.phone_hears_status(phone, 180);
    world.phone_says(phone, invite.cancel());
    world.phone_hears_status(phone, 200);
    let terminated = world.phone_hears_status(phone, 487);
    world.phone_says(phone, invite.ack_for_failure(&terminated));
    world.pbx_hears(Method::Cancel);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    let bye = world.pbx_hears(Method::Bye);
    assert_eq!(bye.to.tag(), callee.me.tag());
    world.pbx_says(callee.respond(&bye, 200));
    world.is_clean();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut world = World::new();
    let (phone, mut caller, invite, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.phone_says(phone, invite.cancel());
    world.phone_hears_status(phone, 200);
    world.phone_says(phone, caller.ack());
    world.is_quiet();
    assert_eq!(world.open.len(), 1);
}

#[test]
fn a_busy_callee_is_told_to_the_caller_with_its_reason() {
    let mut world = World::new();
    let (phone, _, invite, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    let busy = callee
        .respond(&seen, 486)
        .with_reason("Busy Here Today")
        .with_header(HeaderName::RETRY_AFTER, "30")
        .with_header(HeaderName::SERVER, "canary-server")
        .with_header(HeaderName::WARNING, "399 canary-host \"try later\"");
    world.pbx_says(busy);
    world.pbx_hears(Method::Ack);
    let told = world.phone_hears_status(phone, 486);
    assert_eq!(told.reason, "Busy Here Today");
    assert_eq!(told.headers.get(&HeaderName::RETRY_AFTER).unwrap(), "30");
    assert_eq!(told.headers.get(&HeaderName::WARNING).unwrap(), "399 sip.clinic.example.org \"try later\"");
    assert!(!String::from_utf8(told.write().to_vec()).unwrap().contains("canary"));
    world.phone_says(phone, invite.ack_for_failure(&told));
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::Rejected(486)]);
}

#[test]
fn a_silent_pbx_is_503_with_retry_after_within_four_seconds() {
    let mut world = World::new();
    let (phone, _, invite, _) = calling(&mut world);
    world.pass(Duration::from_secs(4));
    let told = world.phone_hears_status(phone, 503);
    assert!(told.headers.has(&HeaderName::RETRY_AFTER) && told.headers.has(&HeaderName::WARNING));
    world.phone_says(phone, invite.ack_for_failure(&told));
    assert_eq!(world.refusals(), [Refusal::PbxSilent]);
    world.is_clean();
}

#[test]
fn a_pbx_that_said_trying_may_take_its_time() {
    let mut world = World::new();
    let (_, _, _, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 100));
    world.pass(Duration::from_secs(20));
    world.is_quiet();
    assert_eq!(world.engine.call_count(), 1);
}

#[test]
fn an_unreachable_pbx_is_503_at_once() {
    let mut world = World::new();
    let (phone, _, invite, _) = calling(&mut world);
    world.lose_pbx();
    let told = world.phone_hears_status(phone, 503);
    assert!(told.headers.has(&HeaderName::RETRY_AFTER));
    world.phone_says(phone, invite.ack_for_failure(&told));
    assert_eq!(world.refusals(), [Refusal::PbxUnreachable]);
    world.is_clean();
}

#[test]
fn a_phone_whose_connection_is_gone_is_480_at_once() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    world.disconnect(phone);
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    world.pbx_hears_status(480);
    assert_eq!(world.refusals(), [Refusal::PhoneUnreachable]);
}

#[test]
fn a_phone_that_disconnects_while_it_rings_is_480() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    world.phone_hears(phone, Method::Invite);
    world.disconnect(phone);
    world.pbx_hears_status(480);
    world.is_clean();
}

#[test]
fn a_caller_that_disconnects_while_it_rings_is_given_up() {
    let mut world = World::new();
    let (phone, _, _, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    world.disconnect(phone);
    world.pbx_hears(Method::Cancel);
    world.pbx_says(callee.respond(&seen, 487));
    world.pbx_hears(Method::Ack);
    world.is_clean();
}

#[test]
fn without_a_free_port_the_call_is_503() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    world.has_ports = false;
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    world.phone_hears_status(phone, 503);
    assert_eq!(world.refusals(), [Refusal::NoPorts]);
    assert!(world.engine.is_idle());
}

#[test]
fn one_phone_cannot_use_up_the_calls_of_all() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let call = |world: &mut World| {
        let mut caller = Agent::phone(world, phone, "1001", "1002");
        world.phone_says(phone, caller.invite(&Sdp::phone()));
    };
    let (other, _) = world.register(2, "1003");
    (0..64).for_each(|_| call(&mut world));
    world.is_quiet_at(Origin::Handset(phone));
    call(&mut world);
    world.phone_hears_status(phone, 503);
    assert_eq!(world.refusals(), [Refusal::TooManyCalls]);
    let mut caller = Agent::phone(&mut world, other, "1003", "1002");
    world.phone_says(other, caller.invite(&Sdp::phone()));
    assert_eq!(world.engine.call_count(), 65);
}

#[test]
fn a_site_may_allow_few_calls_and_an_emergency_call_is_always_one_more() {
    let mut rules = rules();
    rules.limits.calls = 1;
    let mut world = World::with(rules);
    let (phone, _) = world.register(1, "1001");
    let call = |world: &mut World, number: &str| {
        let mut caller = Agent::phone(world, phone, "1001", number);
        world.phone_says(phone, caller.invite(&Sdp::phone()));
    };
    call(&mut world, "1002");
    world.is_quiet_at(Origin::Handset(phone));
    call(&mut world, "1003");
    world.phone_hears_status(phone, 503);
    assert_eq!(world.refusals(), [Refusal::TooManyCalls]);
    call(&mut world, "911");
    assert_eq!(world.engine.call_count(), 2);
}

#[test]
fn while_draining_new_calls_are_503_and_standing_ones_go_on() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.engine.drain(world.now);
    let flow = call.caller.at.flow();
    let mut other = Agent::phone(&mut world, flow, "1001", "1003");
    world.phone_says(flow, other.invite(&Sdp::phone()));
    world.phone_hears_status(flow, 503);
    assert!(!world.engine.is_idle());
    world.phone_says(flow, call.caller.request(Method::Bye));
    world.phone_hears_status(flow, 200);
    world.pbx_hears(Method::Bye);
    assert!(world.engine.is_idle(), "nobody waits for the answer");
}

#[test]
fn byes_that_cross_are_both_answered_and_nobody_is_refused() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    let flow = call.caller.at.flow();
    world.phone_says(flow, call.caller.request(Method::Bye));
    world.phone_hears_status(flow, 200);
    let bye = world.pbx_hears(Method::Bye);
    assert!(world.open.is_empty(), "ports do not wait for the answer");
    world.pbx_says(call.callee.request(Method::Bye));
    world.pbx_hears_status(200);
    world.pbx_says(call.callee.respond(&bye, 200));
    assert!(world.refusals().is_empty(), "{:?}", world.refusals());
    world.is_clean();
}

#[test]
fn calls_whose_bye_is_not_answered_hold_up_no_other() {
    let mut world = World::new();
    // More than an account may have at once, and in all more than are waited for.
    let phones: Vec<_> =
        (1..=4).map(|n| (world.register(n, &format!("100{n}")).0, format!("100{n}"))).collect();
    for (phone, number) in (0..75).flat_map(|_| &phones) {
        let phone = *phone;
        let mut caller = Agent::phone(&mut world, phone, number, "1009");
        world.phone_says(phone, caller.invite(&Sdp::phone()));
        let seen = world.pbx_hears(Method::Invite);
        let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
        world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
        world.pbx_hears(Method::Ack);
        caller.learn(&world.phone_hears_status(phone, 200));
        world.phone_says(phone, caller.ack());
        world.phone_says(phone, caller.request(Method::Bye));
        world.phone_hears_status(phone, 200);
        world.pbx_hears(Method::Bye);
        assert!(world.engine.is_idle());
    }
    assert_eq!(world.engine.parting_count(), 256, "no more are waited for");
    world.pass(Duration::from_secs(33));
    world.is_clean();
}

#[test]
fn a_bye_that_is_never_answered_is_waited_for_as_long_as_its_transaction() {
    for (seconds, status) in [(31, 200), (33, 481)] {
        let mut world = World::new();
        let mut call = phone_calls(&mut world);
        let flow = call.caller.at.flow();
        world.phone_says(flow, call.caller.request(Method::Bye));
        world.phone_hears_status(flow, 200);
        world.pbx_hears(Method::Bye);
        world.pass(Duration::from_secs(seconds));
        assert_eq!(world.engine.parting_count(), usize::from(status == 200));
        world.pbx_says(call.callee.request(Method::Bye));
        world.pbx_hears_status(status);
        world.is_clean();
    }
}

#[test]
fn bye_before_the_answer_gives_the_call_up() {
    let mut world = World::new();
    let (phone, mut caller, _, seen) = calling(&mut world);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    caller.learn(&world.phone_hears_status(phone, 180));
    world.phone_says(phone, caller.request(Method::Bye));
    let heard = [world.phone_hears_any(phone), world.phone_hears_any(phone)];
    assert_eq!(heard, [Some(Method::Bye), Some(Method::Invite)]);
    world.pbx_hears(Method::Cancel);
    assert!(world.open.is_empty());
}

#[test]
fn a_callee_that_hangs_up_before_the_callers_ack_is_passed_on_after_it() {
    let mut world = World::new();
    let (phone, mut caller, _, seen) = calling(&mut world);
    let mut callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.pbx_says(callee.request(Method::Bye));
    world.pbx_hears_status(200);
    world.is_quiet();
    world.phone_says(phone, caller.ack());
    world.phone_hears(phone, Method::Bye);
    world.is_clean();
}

#[test]
fn a_busy_pbx_is_500_to_the_phone_so_that_it_keeps_away_from_nobody_else() {
    for said in [None, Some("120")] {
        let mut world = World::new();
        let (phone, _, _, seen) = calling(&mut world);
        let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
        let mut busy = callee.respond(&seen, 503);
        busy.headers.push(HeaderName::WARNING, "399 trunk.example.org \"all circuits are busy\"");
        if let Some(seconds) = said {
            busy.headers.push(HeaderName::RETRY_AFTER, seconds);
        }
        world.pbx_says(busy);
        let told = world.phone_hears_status(phone, 500);
        assert_eq!(told.headers.get(&HeaderName::RETRY_AFTER).map(Text::as_str), said);
        let warning = told.headers.get(&HeaderName::WARNING).unwrap().as_str();
        assert!(warning.contains("all circuits are busy") && !warning.contains("trunk.example"), "{warning}");
    }
}

#[test]
fn at_the_end_of_cordon_both_legs_of_a_call_get_a_bye_and_a_ringing_caller_its_answer() {
    let mut world = World::new();
    let call = phone_calls(&mut world);
    let (phone, _) = world.register(2, "1003");
    let ringing = Agent::phone(&mut world, phone, "1003", "1004").invite(&Sdp::phone());
    world.phone_says(phone, ringing.clone());
    world.pbx_hears(Method::Invite);

    world.end_calls();

    world.hears(call.caller.at, Method::Bye);
    world.hears(call.callee.at, Method::Bye);
    let draining = world.phone_hears_status(phone, 503);
    world.phone_says(phone, ringing.ack_for_failure(&draining));
    assert_eq!(world.ends(), [CallEnd::Refused(Refusal::Draining), CallEnd::Refused(Refusal::Draining)]);
}
