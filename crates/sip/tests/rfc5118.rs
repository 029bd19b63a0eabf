//! The 12 torture messages of RFC 5118: IPv6 addresses in every place of a message.
#![cfg(test)]

#[path = "../../../tests/conformance/torture/ipv6.rs"]
mod ipv6;

use bytes::Bytes;
use cordon_sip::{Framing, Host, Message, ParseError, Request};

use ipv6::*;

#[test]
fn section_4_1_a_reference_in_brackets_is_a_host() {
    let register = request(IPV6_GOOD);
    assert_eq!(register.uri.host(), Some(&host("[2001:db8::10]")));
    assert_eq!(register.via[0].host, host("[2001:db8::9:1]"));
    assert_eq!(register.contacts.first().unwrap().uri.host(), Some(&host("[2001:db8::1]")));
}

#[test]
fn section_4_2_an_address_without_brackets_is_400() {
    assert_eq!(read(IPV6_BAD).unwrap_err().status().code(), 400);
}

#[test]
fn section_4_3_a_port_within_the_brackets_is_part_of_the_address() {
    let register = request(PORT_AMBIGUOUS);
    assert_eq!(register.uri.host(), Some(&host("[2001:db8::10:5070]")));
    assert_eq!(register.uri.port(), None);
}

#[test]
fn section_4_4_a_port_behind_the_brackets_is_a_port() {
    let register = request(PORT_UNAMBIGUOUS);
    assert_eq!(register.uri.host(), Some(&host("[2001:db8::10]")));
    assert_eq!(register.uri.port(), Some(5070));
}

#[test]
fn section_4_5_received_is_read_with_and_without_brackets() {
    for (message, received) in [
        (VIA_RECEIVED_PARAM_WITH_DELIM, "[2001:db8::9:255]"),
        (VIA_RECEIVED_PARAM_NO_DELIM, "2001:db8::9:255"),
    ] {
        assert_eq!(request(message).via[0].params.value("received").unwrap(), &received);
    }
}

#[test]
fn section_4_6_addresses_in_a_description_have_no_brackets_and_stay_as_they_are() {
    let invite = request(IPV6_IN_SDP);
    let body = std::str::from_utf8(&invite.body).unwrap();
    assert!(body.contains("\r\nc=IN IP6 2001:db8::20\r\n"));
}

#[test]
fn section_4_7_both_families_may_stand_in_one_message() {
    let bye = request(MULT_IP_IN_HEADER);
    let hosts: Vec<_> = bye.via.iter().map(|via| (via.host.clone(), via.port)).collect();
    let expected = [("[2001:db8::9:1]", Some(6050)), ("192.0.2.1", None), ("[2001:db8::9:255]", None)];
    assert_eq!(hosts, expected.map(|(text, port)| (host(text), port)));
}

#[test]
fn section_4_8_both_families_may_stand_in_one_description() {
    let invite = request(MULT_IP_IN_SDP);
    assert!(invite.body.ends_with(b"c=IN IP6 2001:db8::1\r\na=rtpmap:107 H263-1998/90000\r\n"));
}

#[test]
fn section_4_9_mapped_addresses_are_ipv6() {
    let invite = request(IPV4_MAPPED_IPV6);
    assert_eq!(invite.via[0].host, host("[::ffff:192.0.2.10]"));
    assert_eq!(invite.via[0].port, Some(19823));
    assert_eq!(invite.contacts.first().unwrap().uri.host(), Some(&host("[::ffff:192.0.2.2]")));
}

#[test]
fn section_4_10_three_colons_are_read_as_two_and_never_written() {
    let (three, two) = (request(IPV6_BUG_ABNF_3_COLONS), request(IPV6_CORRECT_ABNF_2_COLONS));
    assert_eq!(three.uri.host(), two.uri.host());
    assert_eq!(three.to.uri.host(), two.to.uri.host());
    assert!(!three.write().windows(3).any(|bytes| bytes == b":::"));
}

/// Reads a request and proves that writing it and reading it again changes nothing.
fn request(message: &'static [u8]) -> Request {
    let Ok(Message::Request(request)) = read(message) else { panic!("not a request") };
    let again = Message::parse(request.write(), Framing::Stream).unwrap();
    assert_eq!(again, Message::Request(request.clone()));
    request
}

fn read(message: &'static [u8]) -> Result<Message, ParseError> {
    Message::parse(Bytes::from_static(message), Framing::Stream)
}

fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}
