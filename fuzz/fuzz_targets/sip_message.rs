//! What parses can be written, and what was written parses to the same bytes; the index places every header where a slow and
//! simple reading finds it; what does not parse is answered in one response that can be read.
#![no_main]

use bytes::Bytes;
use cordon_sip::{Frame, Framer, Framing, Index, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let mut index = Index::new();
    let is_indexed = index.read(&bytes).is_ok();
    if is_indexed {
        assert_eq!(headers(&index, data), slowly(data), "the index is right");
    }
    for framing in [Framing::Stream, Framing::Datagram] {
        match Message::parse(bytes.clone(), framing) {
            Ok(message) => {
                assert!(is_indexed, "what parses has an index");
                let once = message.write();
                let again = Message::parse(once.clone(), framing).expect("what Cordon writes it can read");
                assert_eq!(once, again.write(), "writing is a fixed point");
            }
            Err(error) => {
                assert_eq!(error.status(), error.rule().status());
                if let Some(reply) = error.reply() {
                    let written = reply.write();
                    assert!(written.starts_with(b"SIP/2.0 "), "a response");
                    assert!(index.read(&written).is_ok(), "its lines are in order");
                    let mut framer = Framer::default();
                    framer.push(&written);
                    let frame = framer.next_frame();
                    assert!(matches!(frame, Ok(Some(Frame::Message(framed))) if framed.bytes() == &written));
                    assert!(!framer.is_within_message(), "and nothing is behind it");
                }
            }
        }
    }
});

type Headers<'a> = Vec<(&'a [u8], &'a [u8])>;

fn headers<'a>(index: &Index, message: &'a [u8]) -> Headers<'a> {
    index.fields().iter().map(|field| (&message[field.name()], &message[field.value()])).collect()
}

/// Names and values as one would find them by hand.
fn slowly(message: &[u8]) -> Headers<'_> {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n").expect("an index has an end");
    let head = &message[..end];
    let mut lines = Vec::new();
    let mut start = 0;
    for at in 0..end {
        let is_fold = matches!(head.get(at + 2), Some(b' ' | b'\t'));
        if head[at..].starts_with(b"\r\n") && !is_fold {
            lines.push(&head[start..at]);
            start = at + 2;
        }
    }
    lines.push(&head[start..]);
    let headers = lines.into_iter().skip(1).map(|line| {
        let colon = line.iter().position(|byte| *byte == b':').expect("an indexed line has a name");
        (trim(&line[..colon], b" \t"), trim(&line[colon + 1..], b" \t\r\n"))
    });
    headers.collect()
}

fn trim<'a>(mut text: &'a [u8], spaces: &[u8]) -> &'a [u8] {
    while let [first, rest @ ..] = text
        && spaces.contains(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && spaces.contains(last)
    {
        text = rest;
    }
    text
}
