//! The request policy as a whole: emergency first, then one rule after the other.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use cordon_policy::Refusal;
use cordon_policy::request::{
    Admitted, EmergencyNumbers, RequestFacts, Sender, admit_register, admit_request, is_anonymous,
    unsupported,
};
use cordon_sip::{CallId, HeaderName, Method, NameAddr, Request, Text, Uri};

#[test]
fn a_registered_phone_may_call() {
    assert_eq!(admit(&REGISTERED, &request(Method::Invite)), Ok(Admitted::Ordinary));
}

#[test]
fn a_connection_without_registration_may_only_register_and_ask_options() {
    assert_eq!(admit(&STRANGER, &request(Method::Invite)), Err(Refusal::RegisterFirst));
    assert_eq!(admit(&STRANGER, &request(Method::Bye)), Err(Refusal::RegisterFirst));
    assert!(admit(&STRANGER, &request(Method::Register)).is_ok());
    assert!(admit(&STRANGER, &request(Method::Options)).is_ok());
}

#[test]
fn requests_in_a_dialog_pass_to_the_layer_that_knows_dialogs() {
    let mut bye = request(Method::Bye);
    bye.to = bye.to.with_tag("t1");
    assert!(admit(&STRANGER, &bye).is_ok());
}

#[test]
fn the_pbx_needs_no_registration() {
    assert!(admit(&PBX, &request(Method::Invite)).is_ok());
}

#[test]
fn an_emergency_call_passes_before_every_rule() {
    let mut call = request(Method::Invite);
    call.uri = Uri::parse("sip:911@mx.example.org").unwrap();
    call.max_forwards = Some(0);
    call.headers.push(HeaderName::REQUIRE, "100rel");
    call.set_body("multipart/mixed;boundary=x", &b"--x--"[..]);
    assert_eq!(admit(&STRANGER, &call), Ok(Admitted::Emergency));
    call.uri = Uri::parse("urn:service:sos.ambulance").unwrap();
    assert_eq!(admit(&STRANGER, &call), Ok(Admitted::Emergency));
}

#[test]
fn only_an_invite_that_begins_a_call_is_an_emergency_call() {
    let mut register = request(Method::Message);
    register.uri = Uri::parse("sip:911@mx.example.org").unwrap();
    assert_eq!(admit(&STRANGER, &register), Err(Refusal::MethodNotAllowed));
    let mut reinvite = request(Method::Invite);
    reinvite.uri = Uri::parse("sip:911@mx.example.org").unwrap();
    reinvite.to = reinvite.to.with_tag("t1");
    assert_eq!(admit(&STRANGER, &reinvite), Ok(Admitted::Ordinary));
}

#[test]
fn the_pbx_gains_nothing_from_an_emergency_number() {
    let mut call = request(Method::Invite);
    call.uri = Uri::parse("sip:911@mx.example.org").unwrap();
    assert_eq!(admit(&PBX, &call), Ok(Admitted::Ordinary));
}

#[test]
fn methods_that_are_not_built_are_refused() {
    let other = Method::parse(&Text::from("SING")).unwrap();
    for method in [
        Method::Prack,
        Method::Update,
        Method::Info,
        Method::Message,
        Method::Subscribe,
        Method::Notify,
        Method::Refer,
        Method::Publish,
        other,
    ] {
        assert_eq!(
            admit(&REGISTERED, &request(method.clone())),
            Err(Refusal::MethodNotAllowed),
            "{method:?}"
        );
        assert_eq!(admit(&PBX, &request(method.clone())), Err(Refusal::MethodNotAllowed), "{method:?}");
    }
}

#[test]
fn required_extensions_are_all_named() {
    let mut invite = request(Method::Invite);
    invite.headers.push(HeaderName::REQUIRE, "timer, 100rel");
    invite.headers.push(HeaderName::PROXY_REQUIRE, "foo");
    assert_eq!(admit(&REGISTERED, &invite), Err(Refusal::ExtensionRequired));
    assert_eq!(unsupported(&invite).flatten().collect::<Vec<_>>(), ["timer", "100rel", "foo"]);
}

#[test]
fn a_required_extension_that_cannot_be_read_is_never_taken_for_none() {
    for required in ["\"timer", "<timer", "\"timer\"", "timer;x", "100rel timer", "foo, \"bar"] {
        for name in [HeaderName::REQUIRE, HeaderName::PROXY_REQUIRE] {
            let mut invite = request(Method::Invite);
            invite.headers.push(name, required);
            assert_eq!(admit(&REGISTERED, &invite), Err(Refusal::ExtensionUnreadable), "{required}");
            invite.uri = Uri::parse("sip:911@mx.example.org").unwrap();
            assert_eq!(admit(&REGISTERED, &invite), Ok(Admitted::Emergency), "{required}");
        }
    }
    let mut invite = request(Method::Invite);
    invite.headers.push(HeaderName::REQUIRE, ["timer"; 1_000].join(","));
    assert_eq!(admit(&REGISTERED, &invite), Err(Refusal::ExtensionRequired), "however many they are");
    let mut invite = request(Method::Invite);
    invite.headers.push(HeaderName::REQUIRE, " , ");
    assert_eq!(admit(&REGISTERED, &invite), Ok(Admitted::Ordinary), "nothing is required");
}

#[test]
fn a_phone_speaks_only_as_an_account_of_its_own() {
    let impostor = RequestFacts { owns_from: false, ..REGISTERED };
    assert_eq!(admit(&impostor, &request(Method::Invite)), Err(Refusal::ForeignIdentity));
    assert_eq!(admit(&impostor, &request(Method::Options)), Err(Refusal::ForeignIdentity));
    assert!(admit(&impostor, &request(Method::Register)).is_ok(), "it has a rule of its own");
    let mut to_us = request(Method::Options);
    to_us.uri = Uri::parse("sip:sip.example.org").unwrap();
    assert!(admit(&impostor, &to_us).is_ok());
    let mut bye = request(Method::Bye);
    bye.to = bye.to.with_tag("t1");
    assert!(admit(&impostor, &bye).is_ok(), "its tags tell whose it is");
    let mut call = request(Method::Invite);
    call.uri = Uri::parse("sip:911@mx.example.org").unwrap();
    assert_eq!(admit(&impostor, &call), Ok(Admitted::Emergency));
}

#[test]
fn nobody_is_anonymous_but_at_the_place_that_is_none() {
    let is_anonymous = |uri: &str| is_anonymous(&Uri::parse(uri).unwrap());
    assert!(is_anonymous("sip:anonymous@anonymous.invalid"));
    assert!(is_anonymous("sips:c8oqz84zk7z@Anonymous.Invalid"));
    assert!(!is_anonymous("sip:anonymous@mx.example.org"));
    assert!(!is_anonymous("sip:anonymous.invalid@mx.example.org"));
    assert!(!is_anonymous("tel:100"));
}

#[test]
fn a_request_that_wants_to_go_elsewhere_is_refused_unless_it_is_an_emergency_or_in_a_dialog() {
    let astray = RequestFacts { leads_elsewhere: true, ..REGISTERED };
    for method in [Method::Invite, Method::Options, Method::Register] {
        assert_eq!(admit(&astray, &request(method)), Err(Refusal::ForeignRoute));
    }
    let mut bye = request(Method::Bye);
    bye.to = bye.to.with_tag("t1");
    assert!(admit(&astray, &bye).is_ok());
    let mut register = request(Method::Register);
    register.to = register.to.with_tag("t1");
    assert_eq!(admit(&astray, &register), Err(Refusal::ForeignRoute), "no REGISTER is in a dialog");
    let mut call = request(Method::Invite);
    call.uri = Uri::parse("sip:911@mx.example.org").unwrap();
    assert_eq!(admit(&astray, &call), Ok(Admitted::Emergency));
    assert!(admit(&RequestFacts { leads_elsewhere: true, ..PBX }, &request(Method::Invite)).is_ok());
}

#[test]
fn hops_end_at_zero_and_ack_and_cancel_are_never_refused() {
    let mut invite = request(Method::Invite);
    invite.max_forwards = Some(0);
    assert_eq!(admit(&REGISTERED, &invite), Err(Refusal::HopsExhausted));
    for method in [Method::Ack, Method::Cancel] {
        let mut follow = request(method);
        follow.max_forwards = Some(0);
        follow.headers.push(HeaderName::REQUIRE, "timer");
        assert!(admit(&STRANGER, &follow).is_ok());
    }
}

#[test]
fn addresses_and_bodies_of_unknown_kinds_are_refused() {
    let mut invite = request(Method::Invite);
    invite.uri = Uri::parse("http://example.org/").unwrap();
    assert_eq!(admit(&REGISTERED, &invite), Err(Refusal::SchemeUnsupported));
    let mut invite = request(Method::Invite);
    invite.set_body("multipart/mixed;boundary=x", &b"--x--"[..]);
    assert_eq!(admit(&REGISTERED, &invite), Err(Refusal::BodyUnsupported));
    invite.set_body("Application/SDP;charset=utf-8", &b"v=0\r\n"[..]);
    assert!(admit(&REGISTERED, &invite).is_ok());
}

#[test]
fn a_proof_with_more_parameters_than_are_read_is_refused_unless_it_is_an_emergency() {
    let proof = |count: usize| {
        let params: Vec<_> = (0..count).map(|at| format!("p{at}=\"{at}\"")).collect();
        format!("Digest {}", params.join(", "))
    };
    for name in [HeaderName::AUTHORIZATION, HeaderName::PROXY_AUTHORIZATION] {
        for method in [Method::Register, Method::Invite, Method::Options] {
            let mut asks = request(method);
            asks.headers.push(name.clone(), proof(32));
            assert!(admit(&REGISTERED, &asks).is_ok());
            asks.headers.push(name.clone(), proof(33));
            assert_eq!(admit(&REGISTERED, &asks), Err(Refusal::TooManyParameters));
            assert!(admit(&PBX, &asks).is_ok(), "what the PBX proves goes nowhere");
        }
        let mut call = request(Method::Invite);
        call.uri = Uri::parse("sip:911@mx.example.org").unwrap();
        call.headers.push(name, proof(33));
        assert_eq!(admit(&STRANGER, &call), Ok(Admitted::Emergency));
    }
}

#[test]
fn a_body_whose_encoding_cannot_be_read_is_refused() {
    for (encoding, is_taken) in [
        ("identity", true),
        ("Identity, identity", true),
        ("gzip", false),
        ("identity, gzip", false),
        ("identity, \"gzip", false),
        ("\"gzip", false),
        ("identity gzip", false),
    ] {
        let mut invite = request(Method::Invite);
        invite.set_body("application/sdp", &b"v=0\r\n"[..]);
        invite.headers.push(HeaderName::CONTENT_ENCODING, encoding);
        let expected = if is_taken { Ok(Admitted::Ordinary) } else { Err(Refusal::BodyUnsupported) };
        assert_eq!(admit(&REGISTERED, &invite), expected, "{encoding}");
    }
}

#[test]
fn an_invite_that_takes_no_description_is_refused() {
    for (accept, is_taken) in [
        ("application/sdp", true),
        ("text/plain, Application/SDP;level=1", true),
        ("application/*", true),
        ("*/*;q=0.1", true),
        ("text/nobodyKnowsThis", false),
        ("", false),
    ] {
        let mut invite = request(Method::Invite);
        invite.headers.push(HeaderName::ACCEPT, accept);
        let expected = if is_taken { Ok(Admitted::Ordinary) } else { Err(Refusal::DescriptionUnwanted) };
        assert_eq!(admit(&REGISTERED, &invite), expected, "{accept}");
    }
    let mut options = request(Method::Options);
    options.headers.push(HeaderName::ACCEPT, "text/plain");
    assert!(admit(&REGISTERED, &options).is_ok(), "the answer to OPTIONS has no body");
}

#[test]
fn phones_register_in_the_domain_of_the_site() {
    let register = request(Method::Register);
    assert_eq!(admit_register(&register, "MX.example.org"), Ok(()));
    assert_eq!(admit_register(&register, "other.example.org"), Err(Refusal::ForeignDomain));
}

fn admit(facts: &RequestFacts, request: &Request) -> Result<Admitted, Refusal> {
    let numbers = EmergencyNumbers::new(["911".to_owned()]).unwrap();
    admit_request(facts, request, &numbers).map(|permit| *permit)
}

fn request(method: Method) -> Request {
    let address = |text: &str| NameAddr::parse(text).unwrap();
    Request::new(
        method,
        Uri::parse("sip:200@mx.example.org").unwrap(),
        address("<sip:100@mx.example.org>;tag=f1"),
        address("<sip:200@mx.example.org>"),
        CallId::new("c1"),
        1,
    )
}

const REGISTERED: RequestFacts =
    RequestFacts { sender: Sender::Handset, has_binding: true, owns_from: true, leads_elsewhere: false };
const STRANGER: RequestFacts = RequestFacts { has_binding: false, owns_from: false, ..REGISTERED };
const PBX: RequestFacts = RequestFacts { sender: Sender::Pbx, ..REGISTERED };
