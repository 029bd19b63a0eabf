//! 3xx: followed within the PBX's domain, and nowhere else.

use cordon_policy::Refusal;
use cordon_sip::{Contacts, FlowId, Method, NameAddr, Origin, Request, Response};

use crate::agent::Agent;
use crate::description::{Sdp, key_line, read};
use crate::world::{PBX, World, uri};

fn redirected(world: &mut World, target: &str) -> (FlowId, Request) {
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(world, Origin::Pbx(PBX), &invite);
    world.pbx_says(to(callee.respond(&invite, 302), target));
    world.pbx_hears(Method::Ack);
    (phone, invite)
}

fn to(mut response: Response, target: &str) -> Response {
    response.contacts = Contacts::one(NameAddr::new(uri(target)));
    response
}

#[test]
fn a_redirection_within_the_domain_is_followed_with_the_same_key() {
    let mut world = World::new();
    let (phone, first) = redirected(&mut world, "sip:1003@mx.example.org");
    let second = world.pbx_hears(Method::Invite);
    assert_eq!(second.uri, uri("sip:1003@mx.example.org"));
    assert_eq!((&second.call_id, second.cseq), (&first.call_id, first.cseq + 1));
    assert!(key_line(&read(&first.body), 0).key.is_same_as(&key_line(&read(&second.body), 0).key));
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &second);
    world.pbx_says(callee.respond_with(&second, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 200);
}

#[test]
fn every_hop_counts_in_a_redirected_call_too() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    invite.max_forwards = Some(7);
    world.phone_says(phone, invite);
    let first = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &first);
    world.pbx_says(to(callee.respond(&first, 302), "sip:1003@mx.example.org"));
    world.pbx_hears(Method::Ack);
    let second = world.pbx_hears(Method::Invite);
    assert_eq!((first.max_forwards, second.max_forwards), (Some(6), Some(6)));
}

#[test]
fn a_redirection_to_the_pbx_by_its_address_is_followed() {
    let mut world = World::new();
    redirected(&mut world, "sip:1003@10.0.0.2:5061");
    world.pbx_hears(Method::Invite);
}

#[test]
fn a_redirection_elsewhere_is_480_with_its_code() {
    for target in ["sip:1900@evil.example.com", "tel:+19005551234"] {
        let mut world = World::new();
        let (phone, _) = redirected(&mut world, target);
        world.phone_hears_status(phone, 480);
        assert_eq!(world.refusals(), [Refusal::ForeignRedirect]);
        world.is_quiet();
        assert!(world.open.is_empty());
    }
}

#[test]
fn redirections_in_circles_end() {
    let mut world = World::new();
    let (phone, _) = redirected(&mut world, "sip:1003@mx.example.org");
    for _ in 0..5 {
        let invite = world.pbx_hears(Method::Invite);
        let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
        world.pbx_says(to(callee.respond(&invite, 302), "sip:1003@mx.example.org"));
        world.pbx_hears(Method::Ack);
    }
    world.phone_hears_status(phone, Refusal::RedirectLoop.status());
    assert_eq!(world.refusals(), [Refusal::RedirectLoop]);
}

#[test]
fn a_phone_that_forwards_within_the_domain_tells_the_pbx() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, to(callee.respond(&invite, 302), "sip:1003@mx.example.org;transport=tls"));
    world.phone_hears(phone, Method::Ack);
    let told = world.pbx_hears_status(302);
    assert_eq!(told.contacts.first().unwrap().uri, uri("sip:1003@mx.example.org"));
}
