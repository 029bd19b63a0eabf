//! Section 15: terminating a session.

use std::time::Duration;

use cordon_call::{CallEnd, Side};
use cordon_sip::{Method, Origin};

use crate::agent::{Agent, Standing, pbx_calls, phone_calls};
use crate::description::Sdp;
use crate::world::{PBX, World};

/// 15.1.1: the BYE is a request of its dialog.
#[test]
fn our_bye_is_a_request_of_the_dialog_it_ends() {
    let mut world = World::new();
    let Standing { mut caller, callee, .. } = phone_calls(&mut world);
    world.says(caller.at, caller.request(Method::Bye));
    let bye = world.hears(callee.at, Method::Bye);
    assert_eq!((&bye.call_id, bye.cseq), (&callee.call_id, 2));
    assert_eq!((bye.from.tag(), bye.to.tag()), (callee.them.tag(), callee.me.tag()));
    assert!(bye.contacts.is_empty() && bye.body.is_empty());
}

/// 15.1.1: whatever is said to it, or nothing, the session is over.
#[test]
fn whatever_a_bye_is_answered_the_dialog_is_over() {
    for status in [Some(200), Some(408), Some(481), Some(500), None] {
        let mut world = World::new();
        let Standing { mut caller, callee, .. } = phone_calls(&mut world);
        world.says(caller.at, caller.request(Method::Bye));
        world.hears_status(caller.at, 200);
        let bye = world.hears(callee.at, Method::Bye);
        assert!(world.open.is_empty(), "the ports do not wait for the answer");
        if let Some(status) = status {
            world.says(callee.at, callee.respond(&bye, status));
        }
        world.is_clean();
    }
}

/// 15.1.2.
#[test]
fn a_bye_is_answered_200_at_once_and_the_other_leg_ended() {
    for standing in [phone_calls as fn(&mut World) -> Standing, pbx_calls] {
        let mut world = World::new();
        let Standing { caller, mut callee, .. } = standing(&mut world);
        world.says(callee.at, callee.request(Method::Bye));
        world.hears_status(callee.at, 200);
        let bye = world.hears(caller.at, Method::Bye);
        world.says(caller.at, caller.respond(&bye, 200));
        world.is_clean();
    }
}

/// 15.1.2.
#[test]
fn a_bye_of_no_dialog_is_481() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    call.caller.them = call.caller.them.clone().without_tag().with_tag("another");
    world.says(call.caller.at, call.caller.request(Method::Bye));
    world.hears_status(call.caller.at, 481);
    assert_eq!(world.open.len(), 1);
}

/// 15.1.2: what else is pending in the dialog is answered 487.
#[test]
fn a_change_under_way_is_487_when_its_sender_hangs_up_or_the_other_side_does() {
    for asker_hangs_up in [true, false] {
        let mut world = World::new();
        let Standing { mut caller, mut callee, offer, .. } = phone_calls(&mut world);
        world.says(caller.at, caller.invite(&offer));
        let seen = world.hears(callee.at, Method::Invite);
        world.says(callee.at, callee.respond(&seen, 180));
        world.hears_status(caller.at, 180);
        let who = if asker_hangs_up { &mut caller } else { &mut callee };
        let (at, bye) = (who.at, who.request(Method::Bye));
        world.says(at, bye);
        let mut heard = Vec::new();
        while let Some(method) = world.phone_hears_any(caller.at.flow()) {
            heard.push(method);
        }
        assert!(heard.contains(&Method::Invite), "the 487");
        assert!(heard.contains(&Method::Bye));
        assert!(world.said.iter().any(|(_, text)| text.starts_with("SIP/2.0 487")));
        assert!(world.open.is_empty());
    }
}

/// 15: a callee's BYE waits for the ACK, or for the time it would have come in.
#[test]
fn no_bye_of_ours_overtakes_the_ack_of_our_2xx() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let mut callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.pbx_says(callee.request(Method::Bye));
    world.pbx_hears_status(200);
    world.is_quiet();
    world.pass(Duration::from_millis(32_000));
    let mut heard = Vec::new();
    while let Some(method) = world.phone_hears_any(phone) {
        heard.push(method);
    }
    assert_eq!(heard.pop(), Some(Method::Bye), "64*T1 without an ACK");
    assert!(heard.iter().all(|method| *method == Method::Invite), "copies of the 200 before it");
    assert_eq!(world.ends(), [CallEnd::HungUp(Side::Pbx)]);
}

/// 15: an early dialog of ours is given up with CANCEL, never with BYE.
#[test]
fn a_callee_that_only_rings_is_cancelled() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    caller.learn(&world.phone_hears_status(phone, 180));
    // 15: a caller may say BYE on an early dialog, and ends its INVITE with it.
    world.phone_says(phone, caller.request(Method::Bye));
    world.pbx_hears(Method::Cancel);
    world.is_quiet_at(Origin::Pbx(PBX));
    assert_eq!(world.ends(), [CallEnd::Cancelled]);
}
