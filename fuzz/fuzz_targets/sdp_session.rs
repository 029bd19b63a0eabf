//! What parses can be written, and what was written parses to the same bytes.
#![no_main]

use cordon_sdp::Session;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(session) = Session::parse(data) {
        let once = session.write();
        let again = Session::parse(&once).expect("what Cordon writes it can read");
        assert_eq!(once, again.write(), "writing is a fixed point");
    }
});
