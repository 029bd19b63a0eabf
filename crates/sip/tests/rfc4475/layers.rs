//! RFC 4475 sections 3.2 to 3.4: transactions, the application, RFC 2543. What the wire layer can judge it refuses;
//! the rest must reach the layers above with what they need to decide.

use std::net::Ipv4Addr;

use cordon_sip::{Credentials, HeaderName, Host, Method, Scheme, Text};

use crate::layer_messages::*;
use crate::{refused, request, response};

#[test]
fn section_3_2_1_a_branch_of_the_cookie_alone_is_400() {
    assert_eq!(refused(BADBRANCH), (400, "a branch is the magic cookie and nothing else"));
}

#[test]
fn section_3_3_1_missing_headers_are_400() {
    assert_eq!(refused(INSUF).0, 400);
}

#[test]
fn section_3_3_2_an_unknown_scheme_reaches_the_layer_that_answers_416() {
    let options = request(UNKSCM);
    assert_eq!(options.uri.scheme(), &Scheme::Other(Text::from("nobodyKnowsThisScheme")));
    assert_eq!(options.uri.host(), None);
}

#[test]
fn section_3_3_3_a_known_scheme_of_another_kind_is_no_sip_uri() {
    assert_eq!(request(NOVELSC).uri.scheme(), &Scheme::Other(Text::from("soap.beep")));
}

#[test]
fn section_3_3_4_unknown_schemes_in_headers_are_read() {
    let register = request(UNKSM2);
    assert_eq!(register.to.uri.scheme(), &Scheme::Other(Text::from("isbn")));
    assert_eq!(register.from.uri.scheme(), &Scheme::Other(Text::from("http")));
    assert_eq!(register.from.tag(), Some(&Text::from("3234233")));
}

#[test]
fn section_3_3_5_required_extensions_can_be_listed() {
    let options = request(BEXT01);
    let required: Vec<_> = options.headers.tokens(&HeaderName::REQUIRE).flatten().collect();
    assert_eq!(required, ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert_eq!(options.headers.tokens(&HeaderName::PROXY_REQUIRE).count(), 2);
}

#[test]
fn section_3_3_6_an_unknown_content_type_reaches_the_layer_that_answers_415() {
    assert_eq!(request(INVUT).content_type, Some(Text::from("application/unknownformat")));
}

#[test]
fn section_3_3_7_an_unknown_authorization_scheme_is_read() {
    let register = request(REGAUT01);
    let credentials = Credentials::parse(register.header(&HeaderName::AUTHORIZATION).unwrap()).unwrap();
    assert!(!credentials.is_digest());
}

#[test]
fn section_3_3_8_two_values_where_one_must_be_are_400() {
    assert_eq!(refused(MULTI01), (400, "CSeq stands twice"));
}

#[test]
fn section_3_3_9_two_content_lengths_are_400() {
    assert_eq!(refused(MCL01), (400, "Content-Length stands twice"));
}

#[test]
fn section_3_3_10_a_broadcast_via_is_there_to_be_noticed() {
    let ok = response(BCAST);
    assert_eq!(ok.via.len(), 2);
    assert_eq!(ok.via[1].host, Host::V4(Ipv4Addr::BROADCAST));
}

#[test]
fn section_3_3_11_max_forwards_of_zero_is_read() {
    assert_eq!(request(ZEROMF).max_forwards, Some(0));
}

#[test]
fn section_3_3_12_an_unknown_contact_parameter_of_the_header_is_kept() {
    let register = request(CPARAM01);
    let contact = register.contacts.first().unwrap();
    assert!(contact.params.has("unknownparam") && !contact.uri.params().has("unknownparam"));
}

#[test]
fn section_3_3_13_an_unknown_contact_parameter_of_the_uri_is_kept() {
    let register = request(CPARAM02);
    let contact = register.contacts.first().unwrap();
    assert!(contact.uri.params().has("unknownparam") && !contact.params.has("unknownparam"));
}

#[test]
fn section_3_3_14_an_escaped_header_of_a_contact_is_kept() {
    let register = request(REGESCRT);
    let contact = register.contacts.first().unwrap();
    assert_eq!(contact.uri.headers(), Some(&Text::from("Route=%3Csip:sip.example.com%3E")));
}

#[test]
fn section_3_3_15_an_accept_without_sdp_reaches_the_layer_that_answers_406() {
    assert_eq!(request(SDP01).header(&HeaderName::ACCEPT), Some(&Text::from("text/nobodyKnowsThis")));
}

#[test]
fn section_3_4_1_an_rfc_2543_invite_is_read() {
    let invite = request(INV2543);
    assert_eq!(invite.method, Method::Invite);
    assert_eq!((invite.branch(), invite.max_forwards, invite.from.tag()), (None, None, None));
}
