//! What parses can be written, and what was written parses to the same bytes; what does not is answered in one response.
#![no_main]

use bytes::Bytes;
use cordon_sip::{Framing, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for framing in [Framing::Stream, Framing::Datagram] {
        match Message::parse(Bytes::copy_from_slice(data), framing) {
            Ok(message) => {
                let once = message.write();
                let again = Message::parse(once.clone(), framing).expect("what Cordon writes it can read");
                assert_eq!(once, again.write(), "writing is a fixed point");
            }
            Err(error) => {
                assert!((400..=513).contains(&error.status().code()));
                if let Some(reply) = error.reply() {
                    let written = reply.write();
                    assert!(written.starts_with(b"SIP/2.0 "), "a response");
                    let ends = written.windows(4).filter(|window| window == b"\r\n\r\n").count();
                    assert!(ends == 1 && written.ends_with(b"\r\n\r\n"), "one, and nothing behind it");
                }
            }
        }
    }
});
