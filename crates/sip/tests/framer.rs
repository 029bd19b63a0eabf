//! Where a message on a stream ends, and what never ends one.
#![cfg(test)]

use bytes::Bytes;
use cordon_sip::{Frame, FrameError, Framer, FramerLimits, Framing, Message};
use proptest::prelude::*;

#[test]
fn a_message_ends_where_content_length_says_and_the_next_begins() {
    let stream = [options("l: 5\r\n", "hello"), options("Content-Length: 0\r\n", "")].concat();
    let frames = frames_of(stream.as_bytes()).unwrap();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0], Frame::Message(Bytes::from(options("l: 5\r\n", "hello"))));
}

#[test]
fn every_legal_spelling_of_content_length_is_honoured() {
    for header in
        ["Content-Length : 5", "CONTENT-LENGTH:5", "L \t : 0005", "l:\r\n 5", "Content-Length:5\r\n "]
    {
        let stream = options(&format!("{header}\r\n"), "BYE s");
        assert_eq!(
            frames_of(stream.as_bytes()).unwrap(),
            [Frame::Message(Bytes::from(stream))],
            "{header:?}"
        );
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
        assert_eq!(error.status().code(), 400, "{header:?}");
    }
}

#[test]
fn a_huge_content_length_is_513_and_never_wraps() {
    for length in
        ["65536", "2147483648", "4294967296", "4294967328", "9223372036854775808", "18446744073709551615"]
    {
        let error = frames_of(options(&format!("l: {length}\r\n"), "").as_bytes()).unwrap_err();
        assert_eq!(error.status().code(), 513, "{length}");
        assert!(error.reply().is_some());
    }
}

#[test]
fn bare_line_ends_are_400_as_soon_as_they_are_seen() {
    for start in
        ["OPTIONS sip:h SIP/2.0\n", "OPTIONS sip:h SIP/2.0\rX", "OPTIONS sip:h SIP/2.0\r\nVia: x\n\r\n"]
    {
        assert_eq!(frames_of(start.as_bytes()).unwrap_err().status().code(), 400, "{start:?}");
    }
}

#[test]
fn a_control_character_costs_the_message_and_not_the_flow() {
    let stream = [options("Subject: \u{1b}[2J\r\nl: 0\r\n", ""), options("l: 0\r\n", "")].concat();
    let frames = frames_of(stream.as_bytes()).unwrap();
    let parsed = frames.into_iter().map(|frame| match frame {
        Frame::Message(bytes) => {
            Message::parse(bytes, Framing::Stream).map(|_| ()).map_err(|error| error.status().code())
        }
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
    assert_eq!(error.status().code(), 513);
    assert!(pushed <= 18_000);
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
    let sip = || Frame::Message(Bytes::from(message.clone()));
    let expected = [Frame::Ping, sip(), Frame::Pong, sip(), Frame::Ping, Frame::Ping];
    assert_eq!(frames_of(stream.as_bytes()).unwrap(), expected);
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
    let mut framer = Framer::new(FramerLimits { message: 100, ..FramerLimits::default() });
    framer.push(options("l: 90\r\n", "").as_bytes());
    assert_eq!(framer.next_frame().unwrap_err().status().code(), 513);
}

#[test]
fn a_datagram_is_one_frame() {
    assert_eq!(Frame::datagram(Bytes::from_static(b"\r\n\r\n")), Frame::Ping);
    assert_eq!(Frame::datagram(Bytes::from_static(b"")), Frame::Pong);
    let stray = Frame::datagram(Bytes::from_static(b"\r\nOPTIONS"));
    assert_eq!(stray, Frame::Message(Bytes::from_static(b"OPTIONS")));
}

#[test]
fn a_frame_shares_no_memory_with_its_neighbours() {
    let one = options("l: 0\r\n", "");
    let stream = one.repeat(2);
    let frames = frames_of(stream.as_bytes()).unwrap();
    let [Frame::Message(first), Frame::Message(second)] = frames.as_slice() else {
        panic!("two messages");
    };
    assert!(first.is_unique() && second.is_unique());
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
        match Message::parse(frame, Framing::Stream) {
            Ok(Message::Request(request)) => prop_assert_eq!(request.body, body.as_bytes()),
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
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
