//! What one side writes never grows on its way: the PBX reads all phones' messages from a few connections, and closes one that
//! brings more than it takes.

use cordon_sip::{HeaderName, Method, Origin};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{PBX, World};

#[test]
fn a_long_list_of_reasons_does_not_become_a_long_message() {
    let mut world = World::new();
    let stranger = world.connect(1);
    let mut caller = Agent::phone(&mut world, stranger, "1001", "911");
    let mut invite = caller.invite(&Sdp::phone());
    for _ in 0..2 {
        invite.headers.push(HeaderName::REASON, "a,".repeat(3_500) + "SIP;cause=302");
    }
    world.phone_says(stranger, invite.clone());
    let heard = world.pbx_hears(Method::Invite);
    assert!(heard.headers.get_all(&HeaderName::REASON).count() <= 4);
    assert!(heard.write().len() < invite.write().len());
}

#[test]
fn a_long_list_of_warnings_does_not_become_a_long_message() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let seen = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &seen);
    let mut refusal = callee.respond(&seen, 488);
    for _ in 0..2 {
        refusal.headers.push(HeaderName::WARNING, "399 a \"\",".repeat(700) + "304 a \"\"");
    }
    world.phone_says(phone, refusal.clone());
    let told = world.hears_status(Origin::Pbx(PBX), 488);
    assert!(told.headers.get_all(&HeaderName::WARNING).count() <= 4);
    assert!(told.write().len() < refusal.write().len());
}

#[test]
fn a_long_list_of_persons_does_not_become_a_long_message() {
    for name in [HeaderName::P_ASSERTED_IDENTITY, HeaderName::REMOTE_PARTY_ID, HeaderName::DIVERSION] {
        let mut world = World::new();
        let (phone, contact) = world.register(1, "1001");
        let mut invite = Agent::pbx(&mut world, "1002", "1001", &contact).invite(&Sdp::pbx());
        invite.headers.push(name.clone(), "<sip:a@b>,".repeat(700) + "<sip:a@b>");
        world.pbx_says(invite.clone());
        let heard = world.phone_hears(phone, Method::Invite);
        assert!(heard.headers.get_all(&name).count() <= 16);
        assert!(heard.write().len() < invite.write().len());
    }
}

#[test]
fn a_long_list_of_extensions_is_not_named_word_by_word() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut invite = Agent::phone(&mut world, phone, "1001", "1002").invite(&Sdp::phone());
    invite.headers.push(HeaderName::REQUIRE, "a,".repeat(3_500) + "b");
    world.phone_says(phone, invite.clone());
    let told = world.phone_hears_status(phone, 420);
    assert!(told.headers.get_all(&HeaderName::UNSUPPORTED).count() <= 64);
    assert!(told.write().len() < invite.write().len());
}

#[test]
fn a_payload_type_that_stands_a_hundred_times_is_described_once() {
    let mut world = World::new();
    let stranger = world.connect(1);
    let mut offer = Sdp::phone();
    offer.codecs = vec![(0, "PCMU/8000"); 120];
    offer.after = format!("a=fmtp:0 {}\r\n", "x".repeat(1_000));
    let invite = Agent::phone(&mut world, stranger, "1001", "911").invite(&offer);
    world.phone_says(stranger, invite.clone());
    let heard = world.pbx_hears(Method::Invite);
    assert!(heard.write().len() < invite.write().len());
}

/// A call may ring for minutes, and the description holds the phone's keys.
#[test]
fn nothing_of_the_message_is_kept_while_a_call_rings_or_options_wait() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for method in [Method::Invite, Method::Options] {
        let mut request = Agent::phone(&mut world, phone, "1001", "1002").invite(&Sdp::phone());
        request.method = method.clone();
        request.headers.push(HeaderName::SUBJECT, "a");
        let message = request.write();
        world.phone_says(phone, message.clone());
        world.pbx_hears(method);
        assert!(message.is_unique(), "the engine holds a part of it");
    }
}
