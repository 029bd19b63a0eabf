//! Section 12: dialogs. Each leg is one, with a peer that may have proxies on its way.

use std::time::Duration;

use cordon_call::{CallEnd, Side};
use cordon_policy::Refusal;
use cordon_sip::{Contacts, FlowId, Method, NameAddr, Origin, Request, Response, Uri};

use crate::agent::{Agent, Standing, pbx_calls, phone_calls};
use crate::description::Sdp;
use crate::world::{PBX, World, uri};

fn hop(text: &str) -> NameAddr {
    NameAddr::parse(text).unwrap()
}

fn uris(route: &[NameAddr]) -> Vec<&Uri> {
    route.iter().map(|hop| &hop.uri).collect()
}

/// A call of the PBX, whose INVITE came through these proxies, answered by a phone.
fn called_through(world: &mut World, proxies: &[&str]) -> Response {
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(world, "1002", "1001", &contact);
    let mut invite = caller.invite(&Sdp::pbx());
    invite.record_route = proxies.iter().copied().map(hop).collect();
    world.pbx_says(invite);
    let seen = world.phone_hears(phone, Method::Invite);
    assert!(seen.record_route.is_empty(), "a route ends at the leg it belongs to");
    let callee = Agent::callee(world, Origin::Handset(phone), &seen);
    world.phone_says(phone, callee.respond_with(&seen, 200, &Sdp::phone()));
    world.phone_hears(phone, Method::Ack);
    let told = world.pbx_hears_status(200);
    caller.learn(&told);
    world.pbx_says(caller.ack());
    told
}

/// The BYE of ours to the PBX, once its phone is gone and was not heard for long.
fn bye_of_ours(world: &mut World) -> Request {
    world.disconnect(FlowId(1));
    world.pass(Duration::from_secs(31));
    world.answer_asked(None, None);
    world.pbx_hears(Method::Bye)
}

/// 12.1.1.
#[test]
fn a_response_that_makes_a_dialog_has_our_tag_contact_and_the_record_route_it_came_with() {
    let mut world = World::new();
    let proxies = ["<sip:p2.example.org;lr>", "<sip:p1.example.org;lr;x=1>"];
    let told = called_through(&mut world, &proxies);
    assert_eq!(told.record_route, proxies.map(hop));
    assert!(told.to.tag().is_some());
    assert_eq!(told.contacts.as_slice().len(), 1);
}

/// 12.1.1 and 12.2.1.1.
#[test]
fn as_the_called_side_the_route_is_the_record_route_in_its_order() {
    let mut world = World::new();
    called_through(&mut world, &["<sip:p2.example.org;lr>", "<sip:p1.example.org;lr>"]);
    let bye = bye_of_ours(&mut world);
    assert_eq!(uris(&bye.route), [&uri("sip:p2.example.org;lr"), &uri("sip:p1.example.org;lr")]);
    assert_eq!(bye.uri, uri("sip:1002@10.1.0.77:5061;transport=tls"), "the Contact of the INVITE");
}

/// 12.1.2 and 12.2.1.1.
#[test]
fn as_the_calling_side_the_route_is_the_record_route_turned_round() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    let mut answer = callee.respond_with(&seen, 200, &Sdp::pbx());
    answer.record_route = vec![hop("<sip:p2.example.org;lr>"), hop("<sip:p1.example.org;lr>")];
    world.pbx_says(answer);
    let ack = world.pbx_hears(Method::Ack);
    assert_eq!(uris(&ack.route), [&uri("sip:p1.example.org;lr"), &uri("sip:p2.example.org;lr")]);
    let told = world.phone_hears_status(phone, 200);
    assert!(told.record_route.is_empty(), "the PBX's proxies are nobody's business at the phone");
}

/// 12.2.1.1: a strict router finds itself in the request line, and the target behind its route.
#[test]
fn a_strict_router_is_asked_in_the_request_line() {
    let mut world = World::new();
    let strict = ["<sip:strict.example.org;method=INVITE?Subject=x>", "<sip:p1.example.org;lr>"];
    called_through(&mut world, &strict);
    let bye = bye_of_ours(&mut world);
    assert_eq!(bye.uri, uri("sip:strict.example.org"), "19.1.1: neither method nor headers stand there");
    let target = uri("sip:1002@10.1.0.77:5061;transport=tls");
    assert_eq!(uris(&bye.route), [&uri("sip:p1.example.org;lr"), &target]);
}

/// 12.2.1.1 and table 1 of 19.1.1.
#[test]
fn what_has_no_place_in_a_request_line_is_taken_out_of_a_target() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let mut invite = caller.invite(&Sdp::pbx());
    invite.contacts = Contacts::one(hop("<sip:1002@mx.example.org;method=REFER;x=1?Replaces=a&Subject=b>"));
    world.pbx_says(invite);
    let seen = world.phone_hears(phone, Method::Invite);
    let mut callee = Agent::callee(&mut world, Origin::Handset(phone), &seen);
    world.phone_says(phone, callee.respond_with(&seen, 200, &Sdp::phone()));
    world.phone_hears(phone, Method::Ack);
    caller.learn(&world.pbx_hears_status(200));
    world.pbx_says(caller.ack());
    world.phone_says(phone, callee.request(Method::Bye));
    assert_eq!(world.pbx_hears(Method::Bye).uri, uri("sip:1002@mx.example.org;x=1"));
}

/// 12.2.1.1.
#[test]
fn a_request_in_a_dialog_has_both_tags_the_call_id_and_the_next_cseq() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let mut last = 1;
    for _ in 0..2 {
        world.says(caller.at, caller.invite(&offer));
        let seen = world.hears(callee.at, Method::Invite);
        assert_eq!(
            (&seen.call_id, seen.from.tag(), seen.to.tag()),
            (&callee.call_id, callee.them.tag(), callee.me.tag())
        );
        last += 1;
        assert_eq!(seen.cseq, last);
        world.says(callee.at, callee.respond_with(&seen, 200, &answer));
        assert_eq!(world.hears(callee.at, Method::Ack).cseq, last);
        world.hears_status(caller.at, 200);
        world.says(caller.at, caller.ack());
    }
    world.says(caller.at, caller.request(Method::Bye));
    assert_eq!(world.hears(callee.at, Method::Bye).cseq, last + 1);
}

/// 12.2.1.2: the 2xx to a target refresh may move the target, and the route set stays.
#[test]
fn the_contact_of_a_2xx_to_a_change_is_the_new_target_and_its_record_route_is_none() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    world.says(caller.at, caller.invite(&offer));
    let seen = world.hears(callee.at, Method::Invite);
    let mut moved = callee.respond_with(&seen, 200, &answer);
    moved.contacts = Contacts::one(hop("<sip:elsewhere@10.0.0.9>"));
    moved.record_route = vec![hop("<sip:new.example.org;lr>")];
    world.says(callee.at, moved);
    let ack = world.hears(callee.at, Method::Ack);
    assert_eq!((&ack.uri, ack.route.len()), (&uri("sip:elsewhere@10.0.0.9"), 0));
    world.hears_status(caller.at, 200);
    world.says(caller.at, caller.ack());
    world.says(caller.at, caller.request(Method::Bye));
    assert_eq!(world.hears(callee.at, Method::Bye).uri, uri("sip:elsewhere@10.0.0.9"));
}

/// 12.2.2: and so may the request itself, once it is accepted.
#[test]
fn the_contact_of_a_change_is_the_new_target_when_it_is_accepted_and_not_before() {
    for (status, target) in [(200, "sip:moved@10.1.0.99"), (488, "sip:1001@10.1.0.77:5061;transport=tls")] {
        let mut world = World::new();
        let Standing { mut caller, mut callee, offer, answer } = phone_calls(&mut world);
        let mut change = caller.invite(&offer);
        change.contacts = Contacts::one(hop("<sip:moved@10.1.0.99>"));
        change.record_route = vec![hop("<sip:new.example.org;lr>")];
        world.says(caller.at, change);
        let seen = world.hears(callee.at, Method::Invite);
        world.says(callee.at, callee.respond_with(&seen, status, &answer));
        world.hears(callee.at, Method::Ack);
        world.hears_status(caller.at, status);
        world.says(caller.at, caller.ack());
        world.says(callee.at, callee.request(Method::Bye));
        let bye = world.hears(caller.at, Method::Bye);
        assert_eq!((&bye.uri, bye.route.len()), (&uri(target), 0));
    }
}

/// 12.2.2.
#[test]
fn a_cseq_may_leap_ahead_and_never_go_back() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    call.caller.cseq += 1_000;
    world.says(call.caller.at, call.caller.request(Method::Options));
    world.hears_status(call.caller.at, 200);
    call.caller.cseq -= 500;
    world.says(call.caller.at, call.caller.request(Method::Options));
    world.hears_status(call.caller.at, 500);
    assert_eq!(world.refusals(), [Refusal::SequenceOutOfOrder]);
    call.caller.cseq += 500;
    world.says(call.caller.at, call.caller.request(Method::Bye));
    world.hears_status(call.caller.at, 200);
}

/// 12.2.2: our tag alone makes no dialog.
#[test]
fn a_request_with_another_call_id_or_tag_belongs_to_no_dialog() {
    let mut world = World::new();
    let call = pbx_calls(&mut world);
    let mut changed = [call.callee.clone(), call.callee.clone(), call.callee.clone()];
    changed[0].call_id = cordon_sip::CallId::new("another");
    changed[1].me = changed[1].me.clone().without_tag().with_tag("another");
    changed[2].them = changed[2].them.clone().without_tag().with_tag("another");
    for mut stranger in changed {
        for method in [Method::Bye, Method::Invite, Method::Options] {
            let mut request = stranger.request(method);
            request.via = vec![crate::world::via(&format!("z9hG4bKstranger{}", world.fresh()))];
            world.says(call.callee.at, request);
            world.hears_status(call.callee.at, 481);
        }
    }
    assert_eq!(world.open.len(), 1);
}

/// 12.2.1.2.
#[test]
fn a_dialog_the_other_side_has_forgotten_is_over_on_both_legs() {
    for status in [408, 481] {
        let mut world = World::new();
        let Standing { mut caller, callee, offer, .. } = phone_calls(&mut world);
        world.says(caller.at, caller.invite(&offer));
        let seen = world.hears(callee.at, Method::Invite);
        world.says(callee.at, callee.respond(&seen, status));
        world.hears(callee.at, Method::Ack);
        world.hears_status(caller.at, status);
        world.hears(caller.at, Method::Bye);
        assert_eq!(world.ends(), [CallEnd::Lost(Side::Pbx)]);
        assert!(world.open.is_empty());
    }
}

/// 12.2.1.2: no answer at all counts as 408.
#[test]
fn a_change_that_nobody_answers_ends_the_call_with_bye_on_both_legs() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, .. } = pbx_calls(&mut world);
    world.says(caller.at, caller.invite(&offer));
    world.hears(callee.at, Method::Invite);
    world.pass(Duration::from_secs(32));
    world.hears_status(caller.at, 408);
    let bye = world.hears(caller.at, Method::Bye);
    world.says(caller.at, caller.respond(&bye, 481));
    let bye = world.hears(callee.at, Method::Bye);
    world.says(callee.at, callee.respond(&bye, 200));
    assert_eq!(world.ends(), [CallEnd::Lost(Side::Handset)]);
    world.is_clean();
}

/// 12.3.
#[test]
fn an_early_dialog_ends_with_the_failure_of_its_invite() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond(&seen, 180));
    caller.learn(&world.phone_hears_status(phone, 180));
    world.pbx_says(callee.respond(&seen, 486));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 486);
    for method in [Method::Options, Method::Bye] {
        world.phone_says(phone, caller.request(method));
        world.phone_hears_status(phone, 481);
    }
}
