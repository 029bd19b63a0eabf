//! A stream cut at any place, or coming byte by byte, gives the same frames as the whole stream; what the framer learned of a
//! message is what the parser reads in it; what cannot be framed is answered with one message. The first two bytes say where
//! the stream is cut.
#![no_main]

use cordon_sip::{Frame, Framer, FramerLimits, Framing, Index, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u16, &[u8])| {
    let (cut, stream) = data;
    let cut = usize::from(cut) % (stream.len() + 1);
    let whole = frames([stream].into_iter());
    let parts = frames([&stream[..cut], &stream[cut..]].into_iter());
    assert_eq!(whole, parts, "where a stream is cut must not matter");
    assert_eq!(whole, frames(stream.chunks(1)), "nor how often");
});

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut framer = Framer::new(FramerLimits::default());
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(framed))) => {
                    let bytes = framed.bytes().clone();
                    found.push(format!("message {bytes:?}"));
                    let alone = Message::parse(bytes, Framing::Stream);
                    assert!(framed.parse() == alone, "framer and parser agree");
                }
                Ok(Some(Frame::Ping)) => found.push("ping".to_owned()),
                Ok(Some(Frame::Pong)) => found.push("pong".to_owned()),
                Ok(None) => break,
                Err(error) => {
                    found.push(format!("error {:?} {}", error.rule(), error.reason()));
                    assert!(framer.next_frame().as_ref() == Err(&error), "nothing is read behind it");
                    if let Some(reply) = error.reply() {
                        assert!(Index::new().read(&reply.write()).is_ok(), "the answer can be read");
                    }
                    return found;
                }
            }
        }
    }
    found
}
