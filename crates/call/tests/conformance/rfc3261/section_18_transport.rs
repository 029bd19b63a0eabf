//! Section 18: which connection a message takes. Framing, `received` and `rport` are the wire's and tested there.

use cordon_sip::{FlowId, Hop, Method, Origin};

use crate::agent::{Agent, phone_calls};
use crate::description::Sdp;
use crate::world::{World, uri, via};

/// 18.2.2.
#[test]
fn an_answer_takes_the_connection_its_request_came_on_whatever_the_via_says() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let (other, _) = world.register(2, "1003");
    for flow in [phone, other] {
        let mut caller = Agent::phone(&mut world, flow, "1001", "1002");
        caller.target = uri("sip:sip.clinic.example.org");
        let mut options = caller.request(Method::Options);
        options.via = vec![via("z9hG4bKsame").clone()];
        options.via[0].params.set("maddr", Some("203.0.113.9".into()));
        options.via[0].params.set("received", Some("203.0.113.8".into()));
        world.phone_says(flow, options);
        world.phone_hears_status(flow, 200);
        assert_eq!(world.said.last().unwrap().0, Hop::Handset(flow));
    }
}

/// 18.2.2: the PBX may ask over any of its connections, and hears the answer there.
#[test]
fn the_pbx_is_answered_on_the_connection_it_asked_on() {
    let mut world = World::new();
    for flow in [FlowId(9001), FlowId(9002)] {
        let mut pbx = Agent::pbx(&mut world, "mx", "x", &uri("sip:sbc.example.org:5071"));
        let options = pbx.request(Method::Options);
        world.says(Origin::Pbx(flow), options);
        world.pbx_hears_status(200);
        assert_eq!(world.said.last().unwrap().0, Hop::PbxFlow(flow));
    }
}

/// 18.2.2 with 18.4: a phone whose connection broke is not looked for at the address in its Via.
#[test]
fn an_answer_without_its_connection_goes_nowhere() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.request(Method::Options));
    let seen = world.pbx_hears(Method::Options);
    world.disconnect(phone);
    let said = world.said.len();
    world.pbx_says(caller.respond(&seen, 200));
    assert_eq!(world.said.len(), said);
    world.is_clean();
}

/// 18.1.1: the Via names the transport and the place a response comes back to.
#[test]
fn the_via_of_a_request_names_the_transport_it_takes() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let seen = world.pbx_hears(Method::Invite);
    assert_eq!((seen.via[0].transport.as_str(), seen.via[0].port), ("TLS", Some(5071)));

    let mut rules = crate::site::rules();
    rules.registration.advertise.transport = cordon_call::PbxTransport::Udp;
    let mut lab = World::with(rules);
    let call = phone_calls(&mut lab);
    let _ = call;
    let invite = lab.said.iter().find(|(_, text)| text.starts_with("INVITE")).expect("it was sent");
    assert!(invite.1.contains("Via: SIP/2.0/UDP sbc.example.org:5071;"));
}
