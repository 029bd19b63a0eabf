//! Section 10: registrations, which we relay. What a registrar and a phone do with them is theirs; the ladders of
//! `registration` tell the rest.

use cordon_sip::{Contacts, HeaderName, Method, NameAddr, Response, StatusCode};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{World, uri};

/// 10.2: all registrations of one phone have one Call-ID, and the CSeq rises by one.
#[test]
fn the_pbx_sees_one_call_id_and_a_rising_cseq_for_one_phone() {
    let mut world = World::new();
    let flow = world.connect(1);
    let mut register = world.register_request("1001");
    let mut seen = Vec::new();
    for _ in 0..3 {
        register.cseq += 1;
        register.via = vec![crate::world::via(&format!("z9hG4bKagain{}", register.cseq))];
        world.phone_says(flow, register.clone());
        let relayed = world.pbx_hears(Method::Register);
        let mut granted = Response::to(&relayed, StatusCode::OK).with_to_tag("registrar");
        granted.contacts = relayed.contacts.clone();
        granted.headers.push(HeaderName::EXPIRES, "300");
        world.pbx_says(granted);
        world.phone_hears_status(flow, 200);
        seen.push((relayed.call_id, relayed.cseq));
    }
    assert!(seen.windows(2).all(|two| two[0].0 == two[1].0 && two[0].1 + 1 == two[1].1), "{seen:?}");
    assert_ne!(seen[0].0, register.call_id, "and it is not the phone's");
}

/// 10.2: the Request-URI names the domain and has no user, To and From the address of record.
#[test]
fn the_pbx_sees_a_register_of_the_right_form() {
    let mut world = World::new();
    let flow = world.connect(1);
    let register = world.register_request("1001");
    world.phone_says(flow, register);
    let relayed = world.pbx_hears(Method::Register);
    assert_eq!(relayed.uri, uri("sip:mx.example.org"));
    assert_eq!(relayed.to.uri, uri("sip:1001@mx.example.org"));
    assert_eq!(relayed.from.uri, relayed.to.uri);
    assert!(relayed.from.tag().is_some() && relayed.to.tag().is_none());
    assert!(relayed.contacts.first().unwrap().uri.host().unwrap().is("sbc.example.org"));
}

/// 10.2: REGISTER makes no dialog, and a Record-Route in it or in its 200 none either.
#[test]
fn a_registration_makes_no_dialog_and_no_route() {
    let mut world = World::new();
    let flow = world.connect(1);
    let mut register = world.register_request("1001");
    register.record_route = vec![NameAddr::parse("<sip:edge.example.org;lr>").unwrap()];
    world.phone_says(flow, register);
    let relayed = world.pbx_hears(Method::Register);
    assert!(relayed.record_route.is_empty());
    let mut granted = Response::to(&relayed, StatusCode::OK).with_to_tag("registrar");
    granted.contacts = relayed.contacts.clone();
    granted.headers.push(HeaderName::EXPIRES, "300");
    granted.record_route = vec![NameAddr::parse("<sip:p.example.org;lr>").unwrap()];
    world.pbx_says(granted);
    let told = world.phone_hears_status(flow, 200);
    assert!(told.record_route.is_empty());
    assert_eq!(world.engine.holdings().entries, 0);

    let mut caller = Agent::phone(&mut world, flow, "1001", "1002");
    world.phone_says(flow, caller.invite(&Sdp::phone()));
    assert!(world.pbx_hears(Method::Invite).route.is_empty());
}

/// 10.2.2: `Contact: *` takes every binding away, and only with an Expires of zero.
#[test]
fn every_binding_is_removed_at_once_by_a_star_that_expires_now() {
    let mut world = World::new();
    let (flow, _) = world.register(1, "1001");
    let mut register = world.register_request("1001");
    register.contacts = Contacts::Star;
    register.headers.remove(&HeaderName::EXPIRES);
    register.headers.push(HeaderName::EXPIRES, "60");
    world.phone_says(flow, register.clone());
    world.phone_hears_status(flow, 400);
    assert_eq!(world.engine.binding_count(), 1);
    register.headers.remove(&HeaderName::EXPIRES);
    register.headers.push(HeaderName::EXPIRES, "0");
    register.via = vec![crate::world::via("z9hG4bKstar")];
    register.cseq += 1;
    world.phone_says(flow, register);
    let relayed = world.pbx_hears(Method::Register);
    world.pbx_says(Response::to(&relayed, StatusCode::OK).with_to_tag("registrar"));
    world.phone_hears_status(flow, 200);
    assert_eq!(world.engine.binding_count(), 0);
}

/// 10.3 step 8: the 200 lists the phone's bindings, each with the time it has left.
#[test]
fn a_phone_hears_its_own_binding_with_its_time() {
    let mut world = World::new();
    let flow = world.connect(1);
    let register = world.register_request("1001");
    let contact = register.contacts.first().unwrap().uri.clone();
    world.phone_says(flow, register);
    let relayed = world.pbx_hears(Method::Register);
    let mut granted = Response::to(&relayed, StatusCode::OK).with_to_tag("registrar");
    granted.contacts = relayed.contacts.clone();
    granted.headers.push(HeaderName::EXPIRES, "200");
    world.pbx_says(granted);
    let told = world.phone_hears_status(flow, 200);
    let [own] = told.contacts.as_slice() else { panic!("one binding") };
    assert_eq!(own.uri, contact);
    let seconds: u32 = own.params.value("expires").unwrap().as_str().parse().unwrap();
    assert!((1..=200).contains(&seconds), "no longer than the PBX granted it: {seconds}");
}
