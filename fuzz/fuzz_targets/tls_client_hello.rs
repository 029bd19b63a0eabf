//! The first bytes of a connection: never a panic, and more bytes never turn an answer into none.
#![no_main]

use cordon_transport::ClientHello;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(Some(hello)) = ClientHello::read(data) {
        let _ = hello.offer();
        let _ = hello.has_server_name();
        let mut more = data.to_vec();
        more.push(0);
        assert!(!matches!(ClientHello::read(&more), Ok(None)), "a whole hello stays whole");
    }
});
