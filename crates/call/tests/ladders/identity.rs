//! In whose name a phone speaks: its own accounts, anonymous, and nobody else's, in every spelling of every header.

use bytes::Bytes;
use cordon_policy::Refusal;
use cordon_sip::{FlowId, Framing, HeaderName, Hop, Message, Method, NameAddr, Request};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{Said, World, uri};

#[test]
fn a_call_in_the_name_of_another_account_is_403_with_its_code() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    world.register(2, "1003");
    for from in [
        "<sip:1003@mx.example.org>",
        "\"1001\" <sip:1003@mx.example.org>",
        "<sip:%31003@mx.example.org>",
        "<sip:1001;x=1003@mx.example.org>",
        "<sip:1001%40mx.example.org@mx.example.org>",
        "<sip:mx.example.org>",
        "<tel:+15551003>",
    ] {
        let invite = invite_as(&mut world, phone, from);
        world.phone_says(phone, invite);
        let told = world.phone_hears_status(phone, 403);
        assert!(told.headers.get(&HeaderName::WARNING).unwrap().as_str().contains("CD-CALL-13"), "{from}");
        world.is_quiet();
    }
    assert_eq!(world.refusals(), [Refusal::ForeignIdentity; 7]);
    assert_eq!(world.engine.call_count(), 0);
}

#[test]
fn options_to_somebody_are_asked_in_ones_own_name_and_to_us_in_any() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut other = Agent::phone(&mut world, phone, "1003", "1002");
    world.phone_says(phone, other.request(Method::Options));
    world.phone_hears_status(phone, 403);
    other.target = uri("sip:sip.clinic.example.org");
    world.phone_says(phone, other.request(Method::Options));
    world.phone_hears_status(phone, 200);
}

#[test]
fn every_line_of_a_connection_calls_in_its_own_name_however_it_spells_it() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    world.register_on(phone, "1002");
    for (from, seen) in [
        ("\"Front Desk\" <sip:1001@mx.example.org>", "\"Front Desk\" <sip:1001@mx.example.org>"),
        ("<sip:1002@MX.example.org.>", "<sip:1002@mx.example.org>"),
        ("<sips:1002@10.1.0.5:5061;transport=tls>", "<sip:1002@mx.example.org>"),
        ("<sip:%31001@mx.example.org>", "<sip:%31001@mx.example.org>"),
    ] {
        let invite = invite_as(&mut world, phone, from);
        world.phone_says(phone, invite);
        let heard = world.pbx_hears(Method::Invite);
        assert_eq!(heard.from.without_tag().to_text(), seen);
    }
    assert!(world.refusals().is_empty());
}

#[test]
fn a_display_name_that_reads_as_somebody_elses_number_or_address_stays_behind() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for (shown, seen) in [
        ("Front Desk", "\"Front Desk\" "),
        ("Room 1003", "\"Room 1003\" "),
        ("1001", "\"1001\" "),
        ("1003", ""),
        ("+1 (555) 010-1003", ""),
        ("\u{ff11}\u{ff10}\u{ff10}\u{ff13}", ""),
        ("sip:1003@mx.example.org", ""),
        ("911", ""),
    ] {
        let invite = invite_as(&mut world, phone, &format!("\"{shown}\" <sip:1001@mx.example.org>"));
        world.phone_says(phone, invite);
        let heard = world.pbx_hears(Method::Invite);
        let from = heard.from.without_tag().to_text();
        assert_eq!(from, format!("{seen}<sip:1001@mx.example.org>").as_str(), "{shown}");
    }
}

#[test]
fn the_names_and_numbers_of_the_pbx_reach_the_phone_as_it_says_them() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let mut invite = caller.invite(&Sdp::pbx());
    invite.from.display = Some("+1 555 0100".into());
    world.pbx_says(invite);
    let heard = world.phone_hears(phone, Method::Invite);
    assert_eq!(heard.from.display.unwrap(), "+1 555 0100");
}

#[test]
fn whoever_wants_no_name_is_not_named_to_the_phone() {
    let (number, open) = ("5550100", "<sip:5550100@mx.example.org>;party=calling;privacy=off");
    for (wish, party, is_named) in [
        ("none", open, true),
        ("session", open, true),
        ("id", open, false),
        ("user; ID", open, false),
        ("header;critical", open, false),
        ("id;none", open, false),
        ("id id", open, false),
    ] {
        let mut world = World::new();
        let (phone, contact) = world.register(1, "1001");
        let mut invite = Agent::pbx(&mut world, "anonymous", "1001", &contact).invite(&Sdp::pbx());
        invite.headers.push(HeaderName::PRIVACY, wish);
        invite
            .headers
            .push(HeaderName::P_ASSERTED_IDENTITY, "\"Jane\" <sip:5550100@10.0.0.2>, <tel:5550100>");
        invite.headers.push(HeaderName::REMOTE_PARTY_ID, party);
        invite.headers.push(HeaderName::DIVERSION, "\"Dr Smith\" <sip:5550100@10.0.0.2>;reason=no-answer");
        world.pbx_says(invite);
        let heard = world.phone_hears(phone, Method::Invite);
        assert_eq!(
            heard.headers.get_all(&HeaderName::P_ASSERTED_IDENTITY).count(),
            2 * usize::from(is_named)
        );
        assert_eq!(heard.headers.has(&HeaderName::REMOTE_PARTY_ID), is_named, "{wish}");
        assert_eq!(heard.headers.has(&HeaderName::DIVERSION), is_named, "{wish}");
        let (_, text) = world.said.iter().rfind(|(hop, _)| *hop == Hop::Handset(phone)).unwrap();
        assert_eq!(text.contains(number), is_named, "{wish}");
    }
}

#[test]
fn a_remote_party_that_hides_itself_stays_behind_and_another_does_not() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut invite = Agent::pbx(&mut world, "1002", "1001", &contact).invite(&Sdp::pbx());
    invite.headers.push(
        HeaderName::REMOTE_PARTY_ID,
        "<sip:5550100@mx.example.org>;privacy=full, <sip:5550101@mx.example.org>;party=called",
    );
    world.pbx_says(invite);
    let heard = world.phone_hears(phone, Method::Invite);
    let told: Vec<_> = heard.headers.get_all(&HeaderName::REMOTE_PARTY_ID).collect();
    assert_eq!(told, ["<sip:5550101@mx.example.org>;party=called"]);
}

#[test]
fn a_diversion_that_hides_itself_stays_behind_and_another_does_not() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut invite = Agent::pbx(&mut world, "1002", "1001", &contact).invite(&Sdp::pbx());
    let hidden = "\"Dr Smith\" <sip:5550100@mx.example.org>;reason=no-answer;privacy=full";
    let shown = "<sip:5550101@mx.example.org>;reason=user-busy;privacy=off";
    invite.headers.push(HeaderName::DIVERSION, format!("{hidden}, {shown}"));
    world.pbx_says(invite);
    let heard = world.phone_hears(phone, Method::Invite);
    let told: Vec<_> = heard.headers.get_all(&HeaderName::DIVERSION).collect();
    assert_eq!(told, [shown]);
}

#[test]
fn an_anonymous_caller_stays_anonymous_and_its_privacy_crosses() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    for from in
        ["\"Anonymous\" <sip:anonymous@anonymous.invalid>", "\"Anonymous\" <sip:1003@anonymous.invalid>"]
    {
        let mut invite = invite_as(&mut world, phone, from);
        invite.headers.push(HeaderName::PRIVACY, "id");
        world.phone_says(phone, invite);
        let heard = world.pbx_hears(Method::Invite);
        let seen = heard.from.without_tag().to_text();
        assert_eq!(
            seen, "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
            "whoever it names there is nobody"
        );
        assert_eq!(heard.headers.get(&HeaderName::PRIVACY).unwrap(), &"id");
    }
}

#[test]
fn an_emergency_call_is_never_refused_for_its_from() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1003", "911");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    world.pbx_hears(Method::Invite);
    assert!(world.refusals().is_empty());
}

#[test]
fn a_name_that_has_moved_to_another_connection_is_no_longer_ones_own() {
    let mut world = World::new();
    let (first, _) = world.register(1, "1001");
    world.register_on(first, "1002");
    let second = world.connect(2);
    world.register_on(second, "1001");
    let invite = invite_as(&mut world, first, "<sip:1001@mx.example.org>");
    world.phone_says(first, invite);
    world.phone_hears_status(first, 403);
    let invite = invite_as(&mut world, first, "<sip:1002@mx.example.org>");
    world.phone_says(first, invite);
    world.pbx_hears(Method::Invite);
}

#[test]
fn no_identity_of_a_phones_own_making_crosses_in_any_spelling() {
    for line in [
        "P-Asserted-Identity: <sip:MARK@mx.example.org>",
        "p-asserted-identity: \"MARK\" <sip:1003@mx.example.org>, <tel:+1MARK>",
        "P-ASSERTED-IDENTITY \t : <sip:MARK@mx.example.org>",
        "P-Asserted-Identity:\r\n <sip:MARK@mx.example.org>",
        "P-Asserted-Identity:\r\n\t<sip:1003@mx.example.org>,\r\n  <sip:MARK@mx.example.org>",
        "P-Preferred-Identity: <sip:MARK@mx.example.org>",
        "Remote-Party-ID: \"MARK\" <sip:1003@mx.example.org>;party=calling;screen=yes",
        "remote-party-id :<sip:MARK@mx.example.org>",
        "Diversion: <sip:MARK@mx.example.org>;reason=unconditional",
        "CC-Diversion: <sip:MARK@mx.example.org>",
        "History-Info: <sip:MARK@mx.example.org>;index=1",
        "Referred-By: <sip:MARK@mx.example.org>",
        "b: <sip:MARK@mx.example.org>",
        "Reply-To: <sip:MARK@mx.example.org>",
        "Identity: MARK",
        "y: MARK",
        "P-Charging-Vector: icid-value=MARK",
        "P-Called-Party-ID: <sip:MARK@mx.example.org>",
        "P-Served-User: <sip:MARK@mx.example.org>",
        "X-Asterisk-CallerID: MARK",
        "X-Authenticated-User : MARK",
        "x-auth-user:MARK",
        "X-Forwarded-For: MARK",
        "User-To-User: MARK",
        "Call-Info: <http://MARK/>",
        "Path: <sip:MARK;lr>",
        "Service-Route: <sip:MARK;lr>",
        "Replaces: MARK;to-tag=1;from-tag=2",
        "Geolocation: <cid:MARK>",
    ] {
        let mut world = World::new();
        let (phone, _) = world.register(1, "1001");
        let invite = invite_as(&mut world, phone, "<sip:1001@mx.example.org>");
        world.phone_says(phone, Raw::with_line(&invite, line));
        world.pbx_hears(Method::Invite);
        let at_pbx = world.said.iter().filter(|(hop, _)| *hop == Hop::Pbx);
        for (_, text) in at_pbx {
            assert!(!text.contains("MARK"), "{line} crossed:\n{text}");
        }
    }
}

#[test]
fn headers_hidden_in_addresses_do_not_cross() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let from = "<sip:1001:MARK@mx.example.org?P-Asserted-Identity=MARK&Route=MARK>;x=MARK";
    let mut invite = invite_as(&mut world, phone, from);
    invite.to = NameAddr::parse("<sip:1002:MARK@mx.example.org?Replaces=MARK>;x=MARK").unwrap();
    world.phone_says(phone, invite);
    world.pbx_hears(Method::Invite);
    let (_, text) = world.said.iter().rfind(|(hop, _)| *hop == Hop::Pbx).unwrap();
    assert!(!text.contains("MARK"), "{text}");
}

fn invite_as(world: &mut World, flow: FlowId, from: &str) -> Request {
    let mut caller = Agent::phone(world, flow, "1001", "1002");
    let mut invite = caller.invite(&Sdp::phone());
    let tag = invite.from.tag().unwrap().clone();
    invite.from = NameAddr::parse(from).unwrap().with_tag(tag);
    invite
}

/// A message as its sender spells it.
struct Raw(Bytes);

impl Raw {
    /// This request with one more header line.
    fn with_line(request: &Request, line: &str) -> Raw {
        let text = String::from_utf8(request.write().to_vec()).unwrap();
        Raw(Bytes::from(text.replacen("CSeq:", &format!("{line}\r\nCSeq:"), 1)))
    }
}

impl Said for Raw {
    fn message(self) -> Message {
        Message::parse(self.0, Framing::Stream).expect("the script writes valid SIP")
    }
}
