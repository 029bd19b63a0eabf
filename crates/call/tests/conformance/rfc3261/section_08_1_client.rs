//! Section 8.1: requests of ours, and what their responses mean.

use std::collections::HashSet;
use std::time::Duration;

use cordon_call::CallEnd;
use cordon_policy::Refusal;
use cordon_sip::{Contacts, Framing, Message, Method, NameAddr, Origin, Request, Scheme};

use crate::agent::{Agent, pbx_calls, phone_calls};
use crate::description::Sdp;
use crate::world::{PBX, World, uri};

/// Every request of ours in a day of a site: registration, calls both ways, a change, OPTIONS, BYE, CANCEL.
fn requests() -> Vec<Request> {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.says(call.caller.at, call.caller.invite(&call.offer));
    let change = world.hears(call.callee.at, Method::Invite);
    world.says(call.callee.at, call.callee.respond(&change, 488));
    world.says(call.caller.at, call.caller.request(Method::Bye));
    let flow = call.caller.at.flow();
    let mut asker = Agent::phone(&mut world, flow, "1001", "1002");
    world.phone_says(flow, asker.request(Method::Options));
    while world.next_message(Origin::Pbx(PBX)).is_some() {}
    let (other, contact) = world.register(2, "1003");
    let mut pbx = Agent::pbx(&mut world, "1002", "1003", &contact);
    let invite = pbx.invite(&Sdp::pbx());
    world.pbx_says(invite.clone());
    let seen = world.phone_hears(other, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(other), &seen);
    world.phone_says(other, callee.respond(&seen, 180));
    world.pbx_says(invite.cancel());
    let parsed =
        world.said.iter().map(|(_, text)| Message::parse(text.clone().into(), Framing::Stream).unwrap());
    parsed
        .filter_map(|message| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        })
        .collect()
}

#[test]
fn every_request_of_ours_has_what_a_request_must_have() {
    let requests = requests();
    let methods: HashSet<&str> = requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, HashSet::from(["REGISTER", "INVITE", "ACK", "BYE", "OPTIONS", "CANCEL"]));
    for request in &requests {
        assert!(request.from.tag().is_some(), "8.1.1.3: {request:?}");
        assert!(request.max_forwards.is_some_and(|hops| hops > 0 && hops <= 70), "8.1.1.6: {request:?}");
        assert_eq!(request.via.len(), 1, "8.1.1.7: {request:?}");
        assert!(request.branch().unwrap().as_str().starts_with("z9hG4bK"), "8.1.1.7: {request:?}");
        assert!(request.cseq < 1 << 31, "8.1.1.5: {request:?}");
    }
}

/// 8.1.1.7.
#[test]
fn a_branch_is_used_again_by_cancel_and_the_ack_of_a_failure_alone() {
    let mut seen = HashSet::new();
    for request in requests() {
        let is_hop_by_hop = matches!(request.method, Method::Cancel | Method::Ack);
        let is_new = seen.insert(request.branch().unwrap().as_str().to_owned());
        assert!(is_new || is_hop_by_hop, "{request:?}");
    }
}

/// 8.1.1.2 and 8.1.1.4: a dialog of our own begins without the callee's tag and under a Call-ID nobody had.
#[test]
fn an_invite_of_ours_begins_a_dialog_of_its_own() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut call_ids = HashSet::new();
    for _ in 0..3 {
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        world.phone_says(phone, caller.invite(&Sdp::phone()));
        let seen = world.pbx_hears(Method::Invite);
        assert_eq!(seen.to.tag(), None);
        assert_ne!(seen.from.tag(), caller.me.tag());
        assert_ne!(seen.call_id, caller.call_id);
        assert!(call_ids.insert(seen.call_id.as_str().to_owned()));
    }
}

/// 8.1.1.8.
#[test]
fn an_invite_of_ours_has_one_contact_and_it_leads_to_us() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let mut onward = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(onward.invite(&Sdp::pbx()));
    for (seen, host) in [
        (world.pbx_hears(Method::Invite), "sbc.example.org"),
        (world.phone_hears(phone, Method::Invite), "sip.clinic.example.org"),
    ] {
        let [contact] = seen.contacts.as_slice() else { panic!("one Contact") };
        assert!(contact.uri.host().unwrap().is(host));
        assert_eq!(seen.via[0].host, *contact.uri.host().unwrap(), "18.1.1: and so does the Via");
    }
}

/// 8.1.1.8 and 12.1.1: sips is answered by sips, on each leg by what its peer asked.
#[test]
fn whoever_asks_by_sips_finds_a_sips_contact() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    caller.target = uri("sips:1002@mx.example.org");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    assert_eq!(*seen.uri.scheme(), Scheme::Sips);
    assert_eq!(*seen.contacts.first().unwrap().uri.scheme(), Scheme::Sips);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    world.pbx_says(callee.respond_with(&seen, 200, &Sdp::pbx()));
    let told = world.phone_hears_status(phone, 200);
    assert_eq!(*told.contacts.first().unwrap().uri.scheme(), Scheme::Sips);

    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let mut invite = caller.invite(&Sdp::pbx());
    invite.contacts = Contacts::one(NameAddr::new(uri("sips:1002@mx.example.org")));
    world.pbx_says(invite);
    world.pbx_hears(Method::Ack);
    let seen = world.phone_hears(phone, Method::Invite);
    assert_eq!(
        *seen.contacts.first().unwrap().uri.scheme(),
        Scheme::Sip,
        "the phone registered a sip Contact"
    );
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &seen);
    world.phone_says(phone, callee.respond(&seen, 180));
    let told = world.pbx_hears_status(180);
    assert_eq!(*told.contacts.first().unwrap().uri.scheme(), Scheme::Sips);
}

/// 8.1.3.1: a timeout of the transaction counts as 408.
#[test]
fn a_phone_that_never_answers_is_408_to_the_caller() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    world.phone_hears(phone, Method::Invite);
    world.pass(Duration::from_secs(31));
    world.is_quiet();
    world.pass(Duration::from_secs(1));
    world.pbx_hears_status(408);
    assert_eq!(world.ends(), [CallEnd::TimedOut]);
    world.is_clean();
}

/// 8.1.3.1: what cannot be sent counts as 503.
#[test]
fn a_way_to_the_pbx_that_breaks_is_503_to_the_caller() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    world.pbx_hears(Method::Invite);
    world.lose_pbx();
    world.phone_hears_status(phone, 503);
    assert_eq!(world.refusals(), [Refusal::PbxUnreachable]);
}

/// 8.1.3.2.
#[test]
fn a_status_nobody_knows_counts_as_the_first_of_its_class() {
    for status in [499, 599, 699] {
        let mut world = World::new();
        let (phone, _) = world.register(1, "1001");
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        world.phone_says(phone, caller.invite(&Sdp::phone()));
        let seen = world.pbx_hears(Method::Invite);
        let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
        world.pbx_says(callee.respond(&seen, 199));
        world.phone_hears_status(phone, 199);
        world.pbx_says(callee.respond(&seen, status));
        world.pbx_hears(Method::Ack);
        world.phone_hears_status(phone, status);
        assert_eq!(world.ends(), [CallEnd::Rejected(status)]);
    }
}

/// 8.1.3.3 and 18.1.2.
#[test]
fn a_response_with_a_second_via_or_a_foreign_sent_by_changes_nothing() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &seen);
    let answer = callee.respond_with(&seen, 200, &Sdp::pbx());
    let mut two = answer.clone();
    two.via.push(crate::world::via("z9hG4bKanother"));
    let mut foreign = answer.clone();
    foreign.via[0].port = Some(5099);
    world.pbx_says(two);
    world.pbx_says(foreign);
    world.is_quiet();
    world.pbx_says(answer);
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 200);
}

/// 8.1.2: where a request goes is settled by who it is for, never by what stands in it.
#[test]
fn a_route_of_a_phone_leads_nowhere_but_to_the_pbx() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for (route, is_foreign) in [("sip:mx.example.org;lr", false), ("sip:attacker.example.net;lr", true)] {
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        let mut invite = caller.invite(&Sdp::phone());
        invite.route = vec![NameAddr::new(uri(route))];
        world.phone_says(phone, invite);
        match is_foreign {
            false => assert!(world.pbx_hears(Method::Invite).route.is_empty()),
            true => world.is_quiet_at(Origin::Pbx(PBX)),
        }
    }
    assert_eq!(world.refusals(), [Refusal::ForeignRoute]);
}

/// What stands for a dialog in both directions, so that no leg is left out above.
#[test]
fn a_call_of_the_pbx_is_held_to_the_same() {
    let mut world = World::new();
    let mut call = pbx_calls(&mut world);
    world.says(call.callee.at, call.callee.request(Method::Bye));
    let bye = world.hears(call.caller.at, Method::Bye);
    assert!(bye.from.tag().is_some() && bye.to.tag() == call.caller.me.tag());
    assert_eq!(bye.via.len(), 1);
}
