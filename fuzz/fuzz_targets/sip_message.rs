//! What parses can be written, and what was written parses to the same bytes.
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
                if let Some(reply) = error.reply() {
                    let _ = reply;
                }
            }
        }
    }
});
