//! The same messages read by `rsip`, where `rsip` is right (docs/decisions): plain long-form messages without folds,
//! compact forms, IPv6 and dots in users.
#![cfg(test)]

use std::convert::TryFrom;

use bytes::Bytes;
use cordon_sip::{Framing, Message, Text};
use proptest::prelude::*;
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;

proptest! {
    #[test]
    fn both_read_the_same_request(
        method in proptest::sample::select(vec!["INVITE", "REGISTER", "OPTIONS", "BYE", "ACK"]),
        user in "[a-z0-9]{1,10}",
        host in "[a-z]{1,10}\\.example\\.org",
        port in 1_u16..,
        tag in "[a-z0-9]{1,10}",
        display in "[A-Za-z]{1,10}",
        branch in "z9hG4bK[a-zA-Z0-9]{1,16}",
        call_id in "[a-z0-9]{1,16}@[a-z]{1,8}",
        sequence in 1_u32..1 << 31,
        hops in 0_u8..,
        body in "[ -~]{0,60}",
    ) {
        let text = format!(
            "{method} sip:{user}@{host}:{port} SIP/2.0\r\nVia: SIP/2.0/TLS {host}:{port};branch={branch}\r\n\
             Max-Forwards: {hops}\r\nFrom: \"{display}\" <sip:{user}@{host}>;tag={tag}\r\nTo: <sip:{host}>\r\n\
             Call-ID: {call_id}\r\nCSeq: {sequence} {method}\r\nContact: <sip:{user}@{host}:{port};transport=tls>\r\n\
             Subject: a b c\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        let Ok(Message::Request(ours)) = Message::parse(Bytes::from(text.clone()), Framing::Stream) else {
            return Err(TestCaseError::fail("we refuse what rsip should read"));
        };
        let theirs = rsip::Request::try_from(text.as_bytes()).unwrap();

        prop_assert_eq!(ours.method.as_str(), theirs.method.to_string());
        prop_assert_eq!(ours.uri.to_text(), Text::from(theirs.uri.to_string()));
        prop_assert_eq!(ours.uri.port(), theirs.uri.host_with_port.port.as_ref().map(|port| *port.value()));
        prop_assert_eq!(ours.call_id.as_str(), theirs.call_id_header().unwrap().value());
        prop_assert_eq!(ours.cseq, theirs.cseq_header().unwrap().seq().unwrap());
        prop_assert_eq!(u32::from(ours.max_forwards.unwrap()), theirs.max_forwards_header().unwrap().num().unwrap());
        prop_assert_eq!(ours.body.as_ref(), theirs.body.as_slice());

        let via = theirs.via_header().unwrap().typed().unwrap();
        prop_assert_eq!(ours.branch().unwrap().as_str(), via.branch().unwrap().to_string());
        prop_assert_eq!(ours.via[0].transport.as_str(), via.transport.to_string());

        let from = theirs.from_header().unwrap().typed().unwrap();
        prop_assert_eq!(ours.from.tag().unwrap().as_str(), from.tag().unwrap().to_string());
        prop_assert_eq!(ours.from.uri.user().unwrap().as_str(), from.uri.user().unwrap());
        let display = from.display_name.unwrap();
        prop_assert_eq!(ours.from.display.as_ref().unwrap().as_str(), display.trim_matches('"'));

        // What we write is to rsip the same message again.
        let again = rsip::Request::try_from(ours.write().as_ref()).unwrap();
        prop_assert_eq!(again.from_header().unwrap().typed().unwrap().uri, from.uri);
        prop_assert_eq!(again.body, theirs.body);
    }

    #[test]
    fn both_read_the_same_response(code in 100_u16..700, reason in "[A-Za-z]{1,8}( [A-Za-z]{1,8}){0,3}", tag in "[a-z0-9]{1,10}") {
        let text = format!(
            "SIP/2.0 {code} {reason}\r\nVia: SIP/2.0/UDP p.example;branch=z9hG4bKa;received=192.0.2.1\r\n\
             From: <sip:a@h.example>;tag=1\r\nTo: <sip:b@h.example>;tag={tag}\r\nCall-ID: c\r\nCSeq: 9 INVITE\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let Ok(Message::Response(ours)) = Message::parse(Bytes::from(text.clone()), Framing::Stream) else {
            return Err(TestCaseError::fail("we refuse what rsip should read"));
        };
        let theirs = rsip::Response::try_from(text.as_bytes()).unwrap();
        prop_assert_eq!(ours.status.code(), theirs.status_code.code());
        prop_assert_eq!(ours.to.tag().unwrap().as_str(), theirs.to_header().unwrap().tag().unwrap().unwrap().to_string());
        prop_assert_eq!(ours.cseq_method.as_str(), theirs.cseq_header().unwrap().method().unwrap().to_string());
    }
}
