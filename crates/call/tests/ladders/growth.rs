//! What one side writes never grows on its way: the PBX reads all phones' messages from a few connections, and closes one that
//! brings more than it takes.

use bytes::Bytes;
use cordon_policy::Refusal;
use cordon_sip::{HeaderName, MAX_HEAD, Method, NameAddr, Origin, Request};

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

#[test]
fn a_request_that_fits_as_it_comes_and_not_as_it_would_go_on_is_513_and_does_not_reach_the_pbx() {
    for (method, name, compact) in [
        (Method::Invite, HeaderName::SUBJECT, 's'),
        (Method::Options, HeaderName::SUBJECT, 's'),
        (Method::Register, HeaderName::ALLOW_EVENTS, 'u'),
    ] {
        let mut world = World::new();
        let (phone, _) = world.register(1, "1001");
        let mut request = match method {
            Method::Register => world.register_request("1001"),
            _ => Agent::phone(&mut world, phone, "1001", "1002").invite(&Sdp::phone()),
        };
        request.method = method;
        world.phone_says(phone, filled(request, name, compact));
        let told = world.phone_hears_status(phone, 513);
        assert!(told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains("CD-TRANSPORT-13"));
        assert_eq!(world.refusals(), [Refusal::HeadTooLarge]);
        world.is_quiet();
    }
}

/// A proxy of the PBX may add to every request of a call, and the phone may fill the rest.
#[test]
fn a_path_of_the_pbx_and_words_of_a_phone_grow_into_no_message_and_the_call_can_still_be_ended() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let mut accepted = callee.respond_with(&invite, 200, &Sdp::pbx());
    let hop = format!("<sip:{}.example.org;lr>", "a".repeat(50));
    accepted.record_route = vec![NameAddr::parse(hop).unwrap(); 20];
    world.pbx_says(accepted);
    world.pbx_hears(Method::Ack);
    caller.learn(&world.phone_hears_status(phone, 200));
    world.phone_says(phone, caller.ack());

    let again = caller.invite(&Sdp::phone());
    world.phone_says(phone, filled(again, HeaderName::SUBJECT, 's'));
    world.phone_hears_status(phone, 513);
    world.is_quiet();

    let bye = caller.request(Method::Bye);
    world.phone_says(phone, filled(bye, HeaderName::SUBJECT, 's'));
    let ended = world.pbx_hears(Method::Bye);
    assert_eq!(ended.route.len(), 20);
    assert!(!ended.headers.has(&HeaderName::SUBJECT) && ended.write().len() < MAX_HEAD);
}

/// A request whose head is the longest that is taken, of a hundred headers by their compact name: whoever writes the name
/// out writes more.
fn filled(mut request: Request, name: HeaderName, compact: char) -> Bytes {
    (0..100).for_each(|_| request.headers.push(name.clone(), "a".repeat(140)));
    let written = String::from_utf8(request.write().to_vec()).unwrap();
    let written = written.replace(&format!("\r\n{}: ", name.as_str()), &format!("\r\n{compact}: "));
    let spare = MAX_HEAD - (written.len() - request.body.len());
    let longer = format!("\r\n{compact}: {}", "a".repeat(spare));
    written.replacen(&format!("\r\n{compact}: "), &longer, 1).into()
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
