//! What we write we read back the same, and no bytes make the parser panic.
#![cfg(test)]

use bytes::Bytes;
use cordon_sip::{
    CallId, Challenge, Contacts, Credentials, Framing, HeaderName, Host, Message, Method, NameAddr, Request,
    Response, Rule, StatusCode, Text, Uri, Via, Warning,
};
use proptest::prelude::*;

#[test]
fn no_debug_output_shows_what_a_peer_wrote() {
    let canary = "CANARY";
    let text = format!(
        "INVITE sip:{canary}@{canary}.example;{canary}=1 SIP/2.0\r\nVia: SIP/2.0/TLS {canary}.example;branch=z9hG4bK{canary}\r\n\
         From: \"{canary}\" <sip:{canary}@h>;tag={canary}\r\nTo: <tel:+1;{canary}>\r\nCall-ID: {canary}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:{canary}@h>\r\nRoute: <sip:{canary}>\r\nSubject: {canary}\r\n{canary}: {canary}\r\n\
         Content-Type: {canary}\r\nContent-Length: 6\r\n\r\n{canary}"
    );
    let message = Message::parse(Bytes::from(text.clone()), Framing::Stream).unwrap();
    let Message::Request(request) = &message else {
        panic!("a request");
    };
    let response = Response::to(request, StatusCode::OK);
    let error = Message::parse(Bytes::from(text.replace("CSeq: 1", "CSeq: x")), Framing::Stream).unwrap_err();
    let printed = format!(
        "{message:?} {response:?} {error:?} {error} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        request.uri,
        request.via,
        request.from,
        request.contacts,
        request.headers,
        request.content_type,
        error.reply()
    );
    assert!(!printed.contains(canary), "{printed}");
}

#[test]
fn a_careless_value_cannot_begin_a_header_of_its_own() {
    let mut request = sample();
    request.headers.push(HeaderName::SUBJECT, "x\r\nRoute: <sip:evil>\r\n\r\nBYE");
    request.from = request.from.with_tag("t\r\nX: y");
    request.content_type = Some(Text::from("a/b\r\nX: y"));
    request.call_id = CallId::new("c\r\nX: y");
    let written = String::from_utf8(request.write().to_vec()).unwrap();
    assert!(!written.contains("\r\nRoute") && !written.contains("\r\nX:"), "{written}");
}

#[test]
fn a_response_repeats_vias_tags_and_sequence() {
    let response = Response::to(&sample(), StatusCode::RINGING).with_to_tag("ours");
    let Message::Response(again) = Message::parse(response.write(), Framing::Stream).unwrap() else {
        panic!("a response");
    };
    assert_eq!(again, response);
    assert_eq!(again.via, sample().via);
    assert_eq!(again.to.tag(), Some(&Text::from("ours")));
    assert_eq!((again.cseq, again.cseq_method), (7, Method::Invite));
}

#[test]
fn warnings_and_challenges_survive_a_message() {
    let warning = Warning::new(399, "sbc.example", "SDES over TLS is \"required\", see CD-1");
    let response = Response::to(&sample(), StatusCode::NOT_ACCEPTABLE_HERE)
        .with_to_tag("t")
        .with_header(HeaderName::WARNING, warning.to_text());
    let Message::Response(again) = Message::parse(response.write(), Framing::Stream).unwrap() else {
        panic!("a response");
    };
    assert_eq!(Warning::parse(again.header(&HeaderName::WARNING).unwrap()), Ok(warning));
}

#[test]
fn limits_are_answered_and_not_worked_on() {
    let with = |headers: String| {
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TLS p;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\n\
             Call-ID: c\r\nCSeq: 1 OPTIONS\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text), Framing::Stream).map(|_| ()).map_err(|error| error.rule())
    };
    assert_eq!(with("Via: SIP/2.0/TLS q\r\n".repeat(100)), Err(Rule::ViaCount));
    assert_eq!(with(format!("Via: {}\r\n", ["SIP/2.0/TLS q"; 100].join(","))), Err(Rule::ViaCount));
    assert_eq!(with("Z: y\r\n".repeat(200)), Err(Rule::HeaderCount));
    assert_eq!(with(format!("Contact: {}\r\n", ["<sip:q>"; 17].join(","))), Err(Rule::ContactCount));
    assert_eq!(with(format!("Z: {}\r\n", "y".repeat(9_000))), Err(Rule::LineLength));
    assert_eq!(with("Z: y\r\n".repeat(5_000)), Err(Rule::HeadSize));
    assert_eq!(with(format!("Z: {}\r\n", "y".repeat(7_000))), Ok(()));
}

#[test]
fn unknown_headers_and_binary_bodies_pass_untouched() {
    let body: Vec<u8> = (0..=255).collect();
    let unknown = "x-odd_Name: a ,;\"b \\\" , <c>\t \u{e9}\u{2028}; x=";
    let head = format!(
        "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TLS p;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\n\
         Call-ID: c\r\nCSeq: 1 OPTIONS\r\n{unknown}\r\nContent-Length: 256\r\n\r\n"
    );
    let message = [head.as_bytes(), &body].concat();
    let again = Message::parse(message.into(), Framing::Stream).unwrap().write();
    assert!(again.ends_with(&body));
    let line = format!("\r\n{unknown}\r\n");
    assert!(again.windows(line.len()).any(|window| window == line.as_bytes()));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(request in request()) {
        let bytes = request.write();
        match Message::parse(bytes.clone(), Framing::Stream) {
            Ok(again) => {
                prop_assert_eq!(again.write(), bytes);
                prop_assert_eq!(again, Message::Request(request));
            }
            Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
        }
    }

    #[test]
    fn a_damaged_message_is_refused_or_read_and_then_stable(
        request in request(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), damage()), 1..4),
    ) {
        let mut bytes = request.write().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for framing in [Framing::Stream, Framing::Datagram] {
            match Message::parse(Bytes::from(bytes.clone()), framing) {
                Ok(message) => {
                    let written = message.write();
                    let again = Message::parse(written.clone(), Framing::Stream);
                    prop_assert_eq!(again.map(|again| again.write()).ok(), Some(written));
                }
                Err(error) => {
                    let _ = error.reply();
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Message::parse(Bytes::from(bytes), Framing::Datagram).map_err(|error| error.reply());
    }

    #[test]
    fn no_text_makes_a_header_parser_panic(text in "[ -~\t]{0,60}|[a-z:;@<>\"\\\\=,\\[\\]%/ ]{0,40}") {
        let text = Text::from(text);
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert_eq!(uri.to_text(), text.clone());
            let _ = (uri.dialled(), uri.equivalent(&uri));
        }
        if let Ok(address) = NameAddr::parse(&text) {
            prop_assert_eq!(NameAddr::parse(address.to_text()), Ok(address));
        }
        if let Ok(challenge) = Challenge::parse(&text) {
            prop_assert_eq!(Challenge::parse(challenge.to_text()), Ok(challenge));
        }
        let _ = (Via::parse(&text), Credentials::parse(&text), Warning::parse(&text), Host::parse(&text));
    }
}

fn damage() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), proptest::sample::select(b"\r\n \t:;,<>\"\\@=/0".to_vec())]
}

fn sample() -> Request {
    let mut request = Request::new(
        Method::Invite,
        Uri::parse("sip:bob@b.example").unwrap(),
        NameAddr::parse("<sip:alice@a.example>;tag=a").unwrap(),
        NameAddr::parse("<sip:bob@b.example>").unwrap(),
        CallId::new("c1"),
        7,
    );
    request.via = vec![Via::new("TLS", Host::parse("one.example").unwrap(), Some(5061), "z9hG4bK1")];
    request
}

fn request() -> impl Strategy<Value = Request> {
    let identity = (method(), uri(), name_addr(), name_addr(), "[a-zA-Z0-9.@-]{1,20}", 0_u32..1 << 31);
    let path = (
        proptest::collection::vec(via(), 1..4),
        proptest::option::of(any::<u8>()),
        proptest::collection::vec(name_addr(), 0..3),
        proptest::collection::vec(name_addr(), 0..3),
        proptest::collection::vec(name_addr(), 0..3),
    );
    let rest = (
        proptest::collection::vec(("X-[a-zA-Z0-9]{1,8}", "([!-~]([ -~]{0,20}[!-~])?)?"), 0..5),
        proptest::option::of("[a-z]{1,8}/[a-z]{1,8}"),
        proptest::collection::vec(any::<u8>(), 0..60),
    );
    (identity, path, rest).prop_map(
        |((method, uri, from, to, call_id, cseq), path, (headers, content_type, body))| {
            let mut request = Request::new(method, uri, from, to, CallId::new(call_id), cseq);
            let contacts;
            (request.via, request.max_forwards, request.route, request.record_route, contacts) = path;
            request.contacts = Contacts::List(contacts);
            for (name, value) in headers {
                request.headers.push(HeaderName::parse(name).unwrap(), value);
            }
            request.content_type = content_type.map(Text::from);
            request.body = Bytes::from(body);
            request
        },
    )
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Invite),
        Just(Method::Register),
        "[A-Z]{1,10}".prop_map(|name| Method::parse(&Text::from(name)).unwrap()),
    ]
}

fn uri() -> impl Strategy<Value = Uri> {
    let sip = (
        "(sip|sips|SIP):([a-zA-Z0-9.;?%]{0,4}[a-z]@)?",
        "([a-z]{1,8}\\.example|192\\.0\\.2\\.[0-9]|\\[2001:db8::[1-9]\\])(:[1-9][0-9]{0,3})?(;[a-z]{1,3}[0-9]?)?",
    )
        .prop_filter_map("a legal URI", |(begin, end)| Uri::parse(format!("{begin}{end}")).ok());
    prop_oneof![4 => sip, 1 => "tel:\\+[0-9]{3,10}".prop_map(|tel| Uri::parse(tel).unwrap())]
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    (
        proptest::option::of("[ -~\u{e9}\u{4e2d}\\x07\\x7f]{0,12}"),
        uri(),
        proptest::option::of("[a-z0-9]{1,6}"),
    )
        .prop_map(|(display, uri, tag)| {
            let mut address = NameAddr::new(uri);
            address.display = display.map(Text::from);
            match tag {
                Some(tag) => address.with_tag(tag),
                None => address,
            }
        })
}

fn via() -> impl Strategy<Value = Via> {
    ("(TLS|TCP|UDP)", "[a-z]{1,8}\\.example", proptest::option::of(1_u16..), "[a-zA-Z0-9]{1,10}").prop_map(
        |(transport, host, port, branch)| {
            Via::new(transport, Host::parse(host).unwrap(), port, format!("z9hG4bK{branch}"))
        },
    )
}
