//! Where requests go: to the PBX and over phones' own connections, whatever a message says about it.

use cordon_policy::Refusal;
use cordon_sip::{Contacts, HeaderName, Hop, Host, Method, NameAddr, Origin, Response, StatusCode, Text};

use crate::agent::{Agent, phone_calls};
use crate::description::Sdp;
use crate::world::{PBX, World, uri};

#[test]
fn a_route_or_maddr_to_elsewhere_is_403_with_its_code_and_nothing_leaves() {
    let elsewhere = [
        (None, "<sip:127.0.0.1;lr>"),
        (None, "<sip:10.0.0.9:5060;lr>"),
        (None, "<sip:[::1];lr>"),
        (None, "<sip:evil.example.com;transport=udp;lr>"),
        (None, "<sip:sip.clinic.example.org;lr;maddr=10.0.0.9>"),
        (None, "<sip:sip.clinic.example.org;lr>, <sip:10.0.0.9;lr>"),
        (None, "<tel:+1555>"),
        (Some("sip:1002@mx.example.org;maddr=127.0.0.1"), "<sip:sip.clinic.example.org;lr>"),
        (Some("sip:1002@mx.example.org;MADDR=10.0.0.9"), "<sip:mx.example.org;lr>"),
    ];
    for (target, route) in elsewhere {
        let mut world = World::new();
        let (phone, _) = world.register(1, "1001");
        for method in [Method::Invite, Method::Options, Method::Register] {
            let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
            caller.target = target.map_or(caller.target.clone(), uri);
            let mut request = match method {
                Method::Invite => caller.invite(&Sdp::phone()),
                _ => caller.request(method),
            };
            request.route = routes(route);
            let before = world.said.len();
            world.phone_says(phone, request);
            let told = world.phone_hears_status(phone, 403);
            let warning = told.headers.get(&HeaderName::WARNING).unwrap().as_str();
            assert!(warning.contains("CD-CALL-14"), "{route}: {warning}");
            assert!(world.said.iter().skip(before).all(|(hop, _)| *hop == Hop::Handset(phone)));
        }
        assert_eq!(world.refusals(), [Refusal::ForeignRoute; 3]);
        assert_eq!(world.engine.call_count(), 0);
    }
}

#[test]
fn a_route_that_names_us_the_domain_or_the_pbx_is_taken_off() {
    for route in [
        "<sip:sip.clinic.example.org;lr>",
        "<sip:SIP.Clinic.example.org:5061;transport=tls;lr>",
        "<sip:10.1.0.5:5061;transport=tls;lr>",
        "<sips:mx.example.org;lr>",
        "<sip:10.0.0.2;lr>",
        "<sip:sip.clinic.example.org;lr>, <sip:10.0.0.2;lr>",
    ] {
        let mut world = World::new();
        let (phone, _) = world.register(1, "1001");
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        let mut invite = caller.invite(&Sdp::phone());
        invite.route = routes(route);
        world.phone_says(phone, invite);
        let seen = world.pbx_hears(Method::Invite);
        assert!(seen.route.is_empty(), "{route}");
        assert_eq!(seen.uri, uri("sip:1002@mx.example.org"));
        let mut register = world.register_request("1001");
        register.route = routes(route);
        world.phone_says(phone, register);
        assert!(world.pbx_hears(Method::Register).route.is_empty());
        assert!(world.refusals().is_empty());
    }
}

#[test]
fn an_emergency_call_is_not_refused_for_its_route_and_goes_to_the_pbx_all_the_same() {
    let mut world = World::new();
    let phone = world.connect(1);
    let mut caller = Agent::phone(&mut world, phone, "1001", "911");
    let mut invite = caller.invite(&Sdp::phone());
    invite.route = routes("<sip:10.0.0.9;lr>");
    world.phone_says(phone, invite);
    assert!(world.pbx_hears(Method::Invite).route.is_empty());
    assert!(world.refusals().is_empty());
    let elsewhere = world.said.iter().filter(|(hop, _)| !matches!(hop, Hop::Pbx | Hop::Handset(_)));
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn within_a_call_a_route_says_nothing() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    let mut change = call.caller.invite(&Sdp::phone());
    change.route = routes("<sip:10.0.0.9;lr>");
    world.says(call.caller.at, change);
    let seen = world.pbx_hears(Method::Invite);
    assert!(seen.route.is_empty());
    assert_eq!(seen.uri, call.callee.respond(&seen, 200).contacts.first().unwrap().uri);
    world.pbx_says(call.callee.respond(&seen, 488));
    world.pbx_hears(Method::Ack);
    world.hears_status(call.caller.at, 488);
    let mut bye = call.callee.request(Method::Bye);
    bye.route = routes("<sip:10.0.0.9;lr>");
    world.pbx_says(bye);
    world.pbx_hears_status(200);
    assert!(world.hears(call.caller.at, Method::Bye).route.is_empty());
}

#[test]
fn responses_go_back_on_the_connection_whatever_the_via_says() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut asker = Agent::phone(&mut world, phone, "1001", "1002");
    asker.target = uri("sip:sip.clinic.example.org");
    let mut options = asker.request(Method::Options);
    let mut via = cordon_sip::Via::new("TLS", Host::V4([10, 0, 0, 9].into()), Some(5060), "z9hG4bKelsewhere");
    for (name, value) in [("maddr", "127.0.0.1"), ("received", "10.0.0.9"), ("rport", "5060")] {
        via.params.set(name, Some(Text::from(value)));
    }
    options.via = vec![via];
    world.phone_says(phone, options);
    world.phone_hears_status(phone, 200);
    world.is_quiet();
}

#[test]
fn a_contact_with_a_foreign_host_is_only_a_name_for_the_connection() {
    let mut world = World::new();
    let phone = world.connect(1);
    let mut register = world.register_request("1001");
    register.contacts = Contacts::one(NameAddr::new(uri("sip:1001@10.0.0.9:5060;maddr=127.0.0.1")));
    register.headers.push(HeaderName::parse("Path").unwrap(), "<sip:10.0.0.9;lr>");
    world.phone_says(phone, register);
    let relayed = world.pbx_hears(Method::Register);
    assert!(!relayed.headers.has(&HeaderName::parse("Path").unwrap()));
    let opaque = relayed.contacts.first().unwrap().clone();
    assert_eq!(opaque.uri.host().unwrap(), &Host::parse("sbc.example.org").unwrap());
    assert!(!opaque.uri.params().has("maddr"));
    let mut granted = Response::to(&relayed, StatusCode::OK).with_to_tag("registrar");
    granted.contacts = relayed.contacts.clone();
    granted.headers.push(HeaderName::EXPIRES, "300");
    world.pbx_says(granted);
    world.phone_hears_status(phone, 200);

    let mut caller = Agent::pbx(&mut world, "1002", "1001", &opaque.uri);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    assert_eq!(invite.uri, uri("sip:1001@10.0.0.9:5060;maddr=127.0.0.1"));
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    let mut accepted = callee.respond_with(&invite, 200, &Sdp::phone());
    accepted.contacts = Contacts::one(NameAddr::new(uri("sip:1001@127.0.0.1:5060")));
    accepted.record_route = routes("<sip:10.0.0.9;lr>");
    world.phone_says(phone, accepted);
    world.phone_hears(phone, Method::Ack);
    let answered = world.pbx_hears_status(200);
    assert!(answered.record_route.is_empty());
    caller.learn(&answered);
    world.pbx_says(caller.ack());
    world.pbx_says(caller.request(Method::Bye));
    world.pbx_hears_status(200);
    world.phone_hears(phone, Method::Bye);
}

#[test]
fn a_redirection_of_a_phone_out_of_the_domain_leads_nowhere() {
    for target in ["sip:1003@10.0.0.9", "sip:1003@127.0.0.1;maddr=10.0.0.9", "tel:+19005551234"] {
        let mut world = World::new();
        let (phone, contact) = world.register(1, "1001");
        let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
        world.pbx_says(caller.invite(&Sdp::pbx()));
        let invite = world.phone_hears(phone, Method::Invite);
        let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
        let mut moved = callee.respond(&invite, 302);
        moved.contacts = Contacts::one(NameAddr::new(uri(target)));
        world.phone_says(phone, moved);
        world.phone_hears(phone, Method::Ack);
        world.pbx_hears_status(480);
        world.is_quiet();
        assert_eq!(world.refusals(), [Refusal::ForeignRedirect]);
    }
}

#[test]
fn a_call_that_spirals_through_us_ends_with_its_hops() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let (_, contact) = world.register(2, "1002");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.max_forwards = Some(1);
    world.phone_says(phone, invite);
    let at_pbx = world.pbx_hears(Method::Invite);
    assert_eq!(at_pbx.max_forwards, Some(0));
    let mut onward = Agent::pbx(&mut world, "1001", "1002", &contact).invite(&Sdp::pbx());
    onward.max_forwards = at_pbx.max_forwards;
    world.pbx_says(onward);
    world.pbx_hears_status(483);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &at_pbx);
    world.pbx_says(callee.respond(&at_pbx, 483));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 483);
    world.is_quiet();
    assert!(world.open.is_empty());
}

fn routes(text: &str) -> Vec<NameAddr> {
    text.split(", ").map(|route| NameAddr::parse(route).unwrap()).collect()
}
