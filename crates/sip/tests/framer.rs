//! Where a message on a stream ends, and what never ends one.
#![cfg(test)]

use bytes::Bytes;
use cordon_sip::{Frame, FrameError, Framer, FramerLimits, MAX_HEAD, Message, Rule};
use proptest::prelude::*;

#[test]
fn a_message_ends_where_content_length_says_and_the_next_begins() {
    let stream = [options("l: 5\r\n", "hello"), options("Content-Length: 0\r\n", "")].concat();
    let frames = frames_of(stream.as_bytes()).unwrap();
    assert_eq!(frames.len(), 2);
    assert_eq!(bytes_of(&frames[0]), options("l: 5\r\n", "hello"));
}

#[test]
fn every_legal_spelling_of_content_length_is_honoured() {
    for header in
        ["Content-Length : 5", "CONTENT-LENGTH:5", "L \t : 0005", "l:\r\n 5", "Content-Length:5\r\n "]
    {
        let stream = options(&format!("{header}\r\n"), "BYE s");
        let frames = frames_of(stream.as_bytes()).unwrap();
        assert_eq!(frames.iter().map(bytes_of).collect::<Vec<_>>(), [stream], "{header:?}");
    }
}

#[test]
fn a_request_hidden_in_a_body_stays_body() {
    let bye = "BYE sip:victim@h SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    let stream = options(&format!("Content-Length : {}\r\n", bye.len()), bye);
    assert_eq!(frames_of(stream.as_bytes()).unwrap().len(), 1);
}

#[test]
fn an_ambiguous_content_length_ends_the_stream_with_400() {
    for header in [
        "",
        "Content-Length: 0\r\nContent-Length: 300\r\n",
        "Content-Length: 300\r\nl: 0\r\n",
        "l: 0\r\nl: 0\r\n",
        "l: +5\r\n",
        "l: 0x5\r\n",
        "l: 5 5\r\n",
        "l: 5,5\r\n",
        "l: \u{ff15}\r\n",
        "l: -1\r\n",
        "l:\r\n",
    ] {
        let error = frames_of(options(header, "BYE").as_bytes()).unwrap_err();
        assert_eq!((error.status().code(), error.rule()), (400, Rule::ContentLength), "{header:?}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_513_before_a_byte_of_it_is_kept() {
    for length in ["65537", "99999999", "2147483647"] {
        let error = frames_of(options(&format!("l: {length}\r\n"), "").as_bytes()).unwrap_err();
        assert_eq!((error.status().code(), error.rule()), (513, Rule::BodySize), "{length}");
        assert!(error.reply().is_some());
    }
}

#[test]
fn a_content_length_that_others_would_wrap_is_ambiguous() {
    for length in ["2147483648", "4294967296", "4294967328", "9223372036854775808", "18446744073709551615"] {
        let error = frames_of(options(&format!("l: {length}\r\n"), "").as_bytes()).unwrap_err();
        assert_eq!((error.status().code(), error.rule()), (400, Rule::ContentLength), "{length}");
        assert!(error.reply().is_some());
    }
}

#[test]
fn the_answer_to_a_bad_content_length_repeats_the_headers_behind_it() {
    let head =
        "OPTIONS sip:h SIP/2.0\r\nl: 5 5\r\nVia: SIP/2.0/TLS p;branch=z9hG4bKa\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let mut framer = Framer::default();
    let error = head.as_bytes().iter().find_map(|byte| {
        framer.push(&[*byte]);
        framer.next_frame().err()
    });
    let reply = String::from_utf8(error.unwrap().reply().unwrap().write().to_vec()).unwrap();
    assert!(reply.contains("branch=z9hG4bKa") && reply.contains("CSeq: 1 OPTIONS"), "{reply}");
}

#[test]
fn bare_line_ends_are_400_as_soon_as_they_are_seen() {
    for start in
        ["OPTIONS sip:h SIP/2.0\n", "OPTIONS sip:h SIP/2.0\rX", "OPTIONS sip:h SIP/2.0\r\nVia: x\n\r\n"]
    {
        let error = frames_of(start.as_bytes()).unwrap_err();
        assert_eq!((error.status().code(), error.rule()), (400, Rule::LineEnds), "{start:?}");
    }
}

#[test]
fn a_control_character_costs_the_message_and_not_the_flow() {
    let stream = [options("Subject: \u{1b}[2J\r\nl: 0\r\n", ""), options("l: 0\r\n", "")].concat();
    let frames = frames_of(stream.as_bytes()).unwrap();
    let parsed = frames.into_iter().map(|frame| match frame {
        Frame::Message(framed) => framed.parse().map(|_| ()).map_err(|error| error.status().code()),
        other => panic!("{other:?}"),
    });
    assert_eq!(parsed.collect::<Vec<_>>(), [Err(400), Ok(())]);
}

#[test]
fn an_endless_head_is_513_before_it_fills_memory() {
    let mut framer = Framer::default();
    let mut pushed = 0;
    let error = loop {
        framer.push(&[b'a'; 1_000]);
        pushed += 1_000;
        match framer.next_frame() {
            Ok(frame) => assert_eq!(frame, None),
            Err(error) => break error,
        }
    };
    assert_eq!((error.status().code(), error.rule()), (513, Rule::HeadSize));
    assert!(pushed <= MAX_HEAD + 2_000);
}

#[test]
fn after_an_error_nothing_more_is_read() {
    let mut framer = Framer::default();
    framer.push(b"OPTIONS\n");
    let error = framer.next_frame().unwrap_err();
    framer.push(options("l: 0\r\n", "").as_bytes());
    assert_eq!(framer.next_frame(), Err(error));
}

#[test]
fn two_empty_lines_are_a_ping_and_one_is_a_pong() {
    let message = options("l: 0\r\n", "");
    let stream = format!("\r\n\r\n{message}\r\n{message}\r\n\r\n\r\n\r\n");
    let frames = frames_of(stream.as_bytes()).unwrap();
    let [Frame::Ping, first, Frame::Pong, second, Frame::Ping, Frame::Ping] = frames.as_slice() else {
        panic!("{frames:?}");
    };
    assert_eq!((bytes_of(first), bytes_of(second)), (message.clone(), message));
}

#[test]
fn who_sends_pings_sees_each_pong_at_once() {
    let mut framer = Framer::new(FramerLimits { expect_pongs: true, ..FramerLimits::default() });
    framer.push(b"\r\n");
    assert_eq!(framer.next_frame(), Ok(Some(Frame::Pong)));
    assert_eq!(framer.next_frame(), Ok(None));
}

#[test]
fn a_smaller_limit_is_kept() {
    let mut framer = Framer::new(FramerLimits { body: 89, ..FramerLimits::default() });
    framer.push(options("l: 90\r\n", "").as_bytes());
    assert_eq!(framer.next_frame().unwrap_err().status().code(), 513);
}

#[test]
fn a_bound_that_is_passed_costs_the_message_and_not_the_flow() {
    let many = |header: &str, count: usize| header.repeat(count);
    for (headers, rule) in [
        (many("Z: 1\r\n", 200), Rule::HeaderCount),
        (format!("X: {}\r\n", "a".repeat(9_000)), Rule::LineLength),
        (many("Via: SIP/2.0/TLS p;branch=z9hG4bKa\r\n", 40), Rule::ViaCount),
        (format!("Via: SIP/2.0/TLS p{}\r\n", ", SIP/2.0/TLS p".repeat(300)), Rule::ViaCount),
        (many("Contact: <sip:a@h>\r\n", 17), Rule::ContactCount),
        (format!("m: <sip:a@h>{}\r\n", ", <sip:a@h>".repeat(500)), Rule::ContactCount),
        (many("Route: <sip:h;lr>\r\n", 33), Rule::RouteCount),
        (many("Record-Route: <sip:h;lr>\r\n", 33), Rule::RouteCount),
    ] {
        let stream = [options(&format!("{headers}l: 0\r\n"), ""), options("l: 0\r\n", "")].concat();
        let mut parsed = frames_of(stream.as_bytes()).unwrap().into_iter().map(|frame| match frame {
            Frame::Message(framed) => framed.parse(),
            other => panic!("{other:?}"),
        });
        let error = parsed.next().unwrap().unwrap_err();
        assert_eq!((error.rule(), error.status().code()), (rule, 513));
        assert!(error.reply().is_some(), "{rule:?}");
        assert!(matches!(parsed.next(), Some(Ok(Message::Request(_)))), "{rule:?}");
    }
}

#[test]
fn a_bound_is_the_last_number_that_passes() {
    for headers in [
        "Z: 1\r\n".repeat(122),
        "Via: SIP/2.0/TLS p;branch=z9hG4bKa\r\n".repeat(39),
        "Contact: <sip:a@h>\r\n".repeat(16),
        "Route: <sip:h;lr>\r\n".repeat(32),
    ] {
        let frames = frames_of(options(&format!("{headers}l: 0\r\n"), "").as_bytes()).unwrap();
        let [Frame::Message(framed)] = frames.as_slice() else { panic!("one message") };
        assert_eq!(framed.clone().parse().err().map(|error| error.reason()), None);
    }
    let body = "x".repeat(cordon_sip::MAX_BODY);
    assert_eq!(frames_of(options("l: 65536\r\n", &body).as_bytes()).unwrap().len(), 1);
}

#[test]
fn a_datagram_is_one_frame() {
    assert_eq!(Frame::datagram(Bytes::from_static(b"\r\n\r\n")), Frame::Ping);
    assert_eq!(Frame::datagram(Bytes::from_static(b"")), Frame::Pong);
    assert_eq!(bytes_of(&Frame::datagram(Bytes::from_static(b"\r\nOPTIONS"))), "OPTIONS");
}

#[test]
fn a_frame_shares_no_memory_with_its_neighbours() {
    let one = options("l: 0\r\n", "");
    let stream = one.repeat(2);
    let frames = frames_of(stream.as_bytes()).unwrap();
    let [Frame::Message(first), Frame::Message(second)] = frames.as_slice() else {
        panic!("two messages");
    };
    assert!(first.bytes().is_unique() && second.bytes().is_unique());
}

proptest! {
    #[test]
    fn the_same_bytes_give_the_same_frames_however_they_are_split(
        pieces in proptest::collection::vec(piece(), 0..12),
        cuts in proptest::collection::vec(1_usize..40, 1..40),
    ) {
        let stream = pieces.concat();
        let whole = frames_of(&stream);
        let mut framer = Framer::default();
        let mut split = Vec::new();
        let mut error = None;
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            framer.push(now);
            rest = later;
            if let Err(e) = drain(&mut framer, &mut split) {
                error = Some((e.status(), e.reason()));
                break;
            }
        }
        match whole {
            Ok(frames) => {
                prop_assert_eq!(error, None);
                prop_assert_eq!(split, frames);
            }
            // The reply of an early error has seen less of the head; what is wrong is the same.
            Err(e) => prop_assert_eq!(error, Some((e.status(), e.reason()))),
        }
    }

    #[test]
    fn no_bytes_make_the_framer_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = frames_of(&bytes);
    }

    #[test]
    fn framer_and_parser_agree_on_the_body(length in 0_usize..40, spelling in 0_usize..4) {
        let name = ["Content-Length: ", "l:", "L : ", "content-length :\r\n "][spelling];
        let body = "x".repeat(length);
        let stream = options(&format!("{name}{length}\r\n"), &body);
        let Ok(frames) = frames_of(stream.as_bytes()) else {
            return Err(TestCaseError::fail("not framed"));
        };
        prop_assert_eq!(frames.len(), 1);
        let Frame::Message(frame) = frames[0].clone() else {
            return Err(TestCaseError::fail("not a message"));
        };
        match frame.parse() {
            Ok(Message::Request(request)) => prop_assert_eq!(request.body, body.as_bytes()),
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
    }
}

/// What a frame holds, which is a message.
fn bytes_of(frame: &Frame) -> String {
    match frame {
        Frame::Message(framed) => String::from_utf8(framed.bytes().to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A request with these Content-Length headers and this body.
fn options(content_length: &str, body: &str) -> String {
    format!(
        "OPTIONS sip:h.example SIP/2.0\r\nVia: SIP/2.0/TLS p.example;branch=z9hG4bKa\r\nFrom: <sip:a@h.example>;tag=1\r\n\
         To: <sip:h.example>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{content_length}\r\n{body}"
    )
}

fn frames_of(stream: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut framer = Framer::default();
    framer.push(stream);
    let mut frames = Vec::new();
    drain(&mut framer, &mut frames).map(|()| frames)
}

fn drain(framer: &mut Framer, frames: &mut Vec<Frame>) -> Result<(), FrameError> {
    while let Some(frame) = framer.next_frame()? {
        frames.push(frame);
    }
    Ok(())
}

/// What a stream is made of, well formed or not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0_usize..30).prop_map(|n| options(&format!("l: {n}\r\n"), &"\r\n".repeat(15)[..n]).into_bytes()),
        3 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"l: 3\r\n".to_vec()),
        1 => Just(options("", "").into_bytes()),
    ]
}
