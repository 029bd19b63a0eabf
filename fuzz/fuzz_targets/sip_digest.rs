//! Challenges, proofs and what follows a proof. The first line is a header's value, the rest a text to be quoted.
#![no_main]

use cordon_sip::{Algorithm, AuthParams, AuthenticationInfo, Challenge, Credentials, HeaderValue, Text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (value, quoted) = text.split_once('\n').unwrap_or((text, ""));
    // No header hands a line end to these: a fold has become a space before.
    if value.contains('\r') {
        return;
    }
    if let Ok(challenge) = Challenge::parse(value) {
        look_at_challenge(&challenge, quoted);
    }
    if let Ok(credentials) = Credentials::parse(value) {
        look_at_credentials(&credentials);
    }
    if let Ok(info) = AuthenticationInfo::parse(value) {
        let again = AuthenticationInfo::parse(info.to_text()).expect("what Cordon writes it can read");
        assert!(again.next_nonce() == info.next_nonce() && again.server_proof() == info.server_proof());
        check_count(&info.params);
    }
});

fn look_at_challenge(challenge: &Challenge, quoted: &str) {
    let again = Challenge::parse(challenge.to_text()).expect("what Cordon writes it can read");
    assert_eq!(again.to_text().as_str(), challenge.to_text().as_str(), "writing is a fixed point");
    assert_eq!(again.is_stale(), challenge.is_stale());
    check_algorithm(&challenge.algorithm());
    if let Some(narrowed) = challenge.without_auth_int() {
        let narrowed = Challenge::parse(narrowed.to_text()).expect("a narrowed challenge is one");
        assert!(!narrowed.qop().iter().any(|qop| qop.eq_ignore_case("auth-int")), "auth-int is out");
        assert_eq!(narrowed.nonce(), challenge.nonce(), "and nothing else");
    }
    let mut renamed = challenge.clone();
    renamed.params.set_quoted("realm", quoted);
    // Thirty-two parameters are as many as are read.
    if let Ok(renamed) = Challenge::parse(renamed.to_text()) {
        let realm = renamed.realm().expect("the realm was set");
        assert_eq!(realm.as_str(), quoted.replace(['\r', '\n'], " "), "a quoted text is read back");
        assert_eq!(renamed.nonce(), challenge.nonce(), "and cannot reach its neighbour");
    }
}

fn look_at_credentials(credentials: &Credentials) {
    let again = Credentials::parse(credentials.to_text()).expect("what Cordon writes it can read");
    assert_eq!(again.to_text().as_str(), credentials.to_text().as_str(), "writing is a fixed point");
    assert_eq!(again.nonce(), credentials.nonce());
    assert_eq!(again.response(), credentials.response());
    check_algorithm(&credentials.algorithm());
    check_count(&credentials.params);
}

fn check_algorithm(algorithm: &Algorithm) {
    let again = Algorithm::of(Some(&Text::from(algorithm.as_str())));
    assert!(again == *algorithm, "an algorithm is known by its own name");
    assert!(algorithm.proof_digits().is_none_or(|digits| digits == 32 || digits == 64));
}

fn check_count(params: &AuthParams) {
    if let Some(count) = params.nonce_count() {
        let digits = params.get("nc").expect("a count has digits");
        assert!(digits.eq_ignore_case(&format!("{count:08x}")), "eight hexadecimal digits and nothing else");
    }
}
