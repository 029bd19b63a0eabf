//! Values of single headers: what parses can be written, and reads back to the same text.
#![no_main]

use cordon_sip::{Challenge, Credentials, NameAddr, Text, Uri, Warning};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(uri) = Uri::parse(text) {
        let once = uri.to_text();
        assert_eq!(once.as_str(), Uri::parse(once.as_str()).expect("reads back").to_text().as_str());
    }
    if let Ok(address) = NameAddr::parse(text) {
        let once = address.to_text();
        assert_eq!(once.as_str(), NameAddr::parse(once.as_str()).expect("reads back").to_text().as_str());
    }
    if let Ok(challenge) = Challenge::parse(text) {
        let once = challenge.to_text();
        assert_eq!(once.as_str(), Challenge::parse(once.as_str()).expect("reads back").to_text().as_str());
        if let Some(narrowed) = challenge.without_auth_int() {
            assert!(!narrowed.qop().iter().any(|qop| qop.as_str().eq_ignore_ascii_case("auth-int")));
        }
    }
    if let Ok(credentials) = Credentials::parse(text) {
        let once = credentials.to_text();
        assert_eq!(once.as_str(), Credentials::parse(once.as_str()).expect("reads back").to_text().as_str());
    }
    let _ = Warning::parse(&Text::from(text));
});
