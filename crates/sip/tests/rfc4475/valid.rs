//! RFC 4475 section 3.1.1: valid messages.

use bytes::Bytes;
use cordon_sip::{Frame, Framer, HeaderName, Host, Method, Text};

use crate::valid_messages::*;
use crate::{request, response};

#[test]
fn section_3_1_1_1_a_short_tortuous_invite_is_read_whole() {
    let invite = request(WSINV);
    assert_eq!(invite.method, Method::Invite);
    assert_eq!(invite.to.tag(), Some(&Text::from("1918181833n")));
    assert_eq!(invite.from.display, Some(Text::from("J Rosenberg \\\"")));
    assert_eq!((invite.max_forwards, invite.cseq), (Some(68), 9));
    let transports: Vec<_> = invite.via.iter().map(|via| via.transport.as_str()).collect();
    assert_eq!(transports, ["UDP", "TCP", "UDP"]);
    assert_eq!(invite.via[2].branch(), Some(&Text::from("z9hG4bK30239")));
    assert_eq!(invite.contacts.first().unwrap().display, Some(Text::from("Quoted string \"\"")));
    assert_eq!(invite.contacts.first().unwrap().params.value("q"), Some(&Text::from("0.33")));
    assert_eq!(invite.route[0].uri.params().get("unknown-no-value"), Some(None));
    assert_eq!(invite.header(&HeaderName::SUBJECT), Some(&Text::default()));
    let odd = HeaderName::parse("unknownheaderwithunusualvalue").unwrap();
    assert_eq!(invite.header(&odd), Some(&Text::from(";;,,;;,;")));
    let folded = HeaderName::parse("NewFangledHeader").unwrap();
    assert_eq!(invite.header(&folded), Some(&Text::from("newfangled value continued newfangled value")));
    assert_eq!(invite.body.len(), 150);
}

#[test]
fn section_3_1_1_2_every_legal_character_is_taken() {
    let odd = request(INTMETH);
    assert_eq!(odd.method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    assert!(odd.uri.host().unwrap().is("example.com"));
    assert_eq!(odd.uri.password(), Some(&Text::from("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")));
    assert_eq!(odd.to.display, Some(Text::from("BEL:\u{7} NUL:\0 DEL:\u{7f}")));
    assert_eq!(odd.from.display, Some(Text::from("token1~` token2'+_ token3*%!.-")));
    assert_eq!(odd.from.tag(), Some(&Text::from("_token~1'+`*%!-.")));
    assert_eq!(odd.max_forwards, Some(255));
}

#[test]
fn section_3_1_1_3_an_escaped_at_sign_stays_in_the_user() {
    let invite = request(ESC01);
    assert_eq!(invite.uri.user(), Some(&Text::from("sips%3Auser%40example.com")));
    assert!(invite.uri.host().unwrap().is("example.net"));
    assert_eq!(invite.contacts.as_slice().len(), 1);
}

#[test]
fn section_3_1_1_4_an_escaped_nul_is_not_a_nul() {
    let register = request(ESCNULL);
    let users: Vec<_> =
        register.contacts.as_slice().iter().map(|contact| contact.uri.user().unwrap().as_str()).collect();
    assert_eq!(users, ["%00", "%00%00"]);
}

#[test]
fn section_3_1_1_5_a_percent_outside_a_uri_escapes_nothing() {
    let odd = request(ESC02);
    assert_eq!(odd.method, Method::Other(Text::from("RE%47IST%45R")));
    assert_eq!(odd.to.display, Some(Text::from("%Z%45")));
    assert_eq!(odd.contacts.as_slice().len(), 2);
    assert!(odd.headers.has(&HeaderName::parse("C%6Fntact").unwrap()));
}

#[test]
fn section_3_1_1_6_a_display_name_may_touch_the_bracket() {
    assert_eq!(request(LWSDISP).from.display, Some(Text::from("caller")));
}

#[test]
fn section_3_1_1_7_long_values_and_many_vias_are_taken() {
    let invite = request(LONGREQ);
    assert_eq!(invite.via.len(), 34);
    assert!(invite.to.display.unwrap().as_str().ends_with("extreme proportion"));
    assert!(invite.from.tag().unwrap().len() > 100);
    assert!(
        invite.call_id.as_str().starts_with("longreq.one")
            && invite.call_id.as_str().ends_with("reallylongcallid")
    );
    assert_eq!(invite.body.len(), 150);
}

#[test]
fn section_3_1_1_8_bytes_behind_the_body_belong_to_nobody_in_a_datagram() {
    assert_eq!(request(DBLREQ).method, Method::Register);
    // On a stream they are the next message.
    let mut framer = Framer::default();
    framer.push(DBLREQ);
    let mut begins = Vec::new();
    while let Ok(Some(frame)) = framer.next_frame() {
        if let Frame::Message(message) = frame {
            begins.push(message.bytes().slice(..8));
        }
    }
    assert_eq!(begins, [Bytes::from_static(b"REGISTER"), Bytes::from_static(b"INVITE s")]);
}

#[test]
fn section_3_1_1_9_a_semicolon_in_the_user_is_no_parameter() {
    let options = request(SEMIURI);
    assert_eq!(options.uri.user(), Some(&Text::from("user;par=u%40example.net")));
    assert!(options.uri.params().is_empty());
}

#[test]
fn section_3_1_1_10_unknown_transports_in_vias_are_kept() {
    let transports: Vec<_> = request(TRANSPORTS).via.iter().map(|via| via.transport.clone()).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn section_3_1_1_11_a_binary_multipart_body_is_untouched() {
    let message = request(MPART01);
    assert_eq!(message.method, Method::Message);
    assert_eq!(message.body, MPART01[MPART01.len() - message.body.len()..]);
    assert!(message.content_type.unwrap().as_str().starts_with("multipart/mixed"));
}

#[test]
fn section_3_1_1_12_a_reason_phrase_may_be_any_text() {
    let ok = response(UNREASON);
    assert_eq!(ok.status.code(), 200);
    assert!(ok.reason.as_str().starts_with("= 2**3 * 5**2 \u{43d}\u{43e}"));
}

#[test]
fn section_3_1_1_13_a_reason_phrase_may_be_empty() {
    let trying = response(NOREASON);
    assert_eq!((trying.status.code(), trying.reason.len()), (100, 0));
    assert_eq!(trying.via[0].host, Host::parse("192.0.2.105").unwrap());
}
