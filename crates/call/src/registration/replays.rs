//! Proofs that somebody recorded, changed or doubled: which of them reach the PBX, and with what it answers.

use cordon_sip::{HeaderName, Text};

use super::house::{A, B, House, challenge, proof, register};

#[test]
fn a_proof_replayed_on_the_connection_it_was_made_for_is_the_pbxs_to_judge() {
    let mut house = challenged();
    house.phone(A, &register(2, &proof("n1")));
    house.grant(600);
    house.phone(A, &register(3, &proof("n1")));
    assert!(has_proof(&house));
    let stale = format!("{}, stale=true", challenge("n2"));
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &stale)], &[]);
    let told = house.at_phone().headers.get(&HeaderName::WWW_AUTHENTICATE).unwrap();
    assert!(told.as_str().contains("stale=true"));
}

#[test]
fn a_proof_replayed_on_another_connection_never_reaches_the_pbx_even_after_it_was_accepted() {
    let mut house = challenged();
    house.phone(A, &register(2, &proof("n1")));
    house.grant(600);
    house.phone(B, &register(2, &proof("n1")));
    assert!(!has_proof(&house));
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n9"))], &[]);
    assert_eq!(house.at_phone().status.code(), 401);
    house.close(A);
    house.phone(B, &register(3, &proof("n1")));
    assert!(!has_proof(&house));
}

#[test]
fn a_proof_replayed_by_somebody_who_was_given_the_same_nonce_never_reaches_the_pbx() {
    let mut house = challenged();
    house.phone(B, &register(1, ""));
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
    house.phone(A, &register(2, &proof("n1")));
    house.grant(600);
    house.phone(B, &register(2, &proof("n1")));
    assert!(!has_proof(&house));
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
    house.close(A);
    house.phone(B, &register(3, &proof("n1").replace("nc=00000001", "nc=00000002")));
    assert!(!has_proof(&house), "nobody is there any more, and its response is the same");
    house.phone(B, &register(4, &proof("n1").replace("\"00\"", "\"01\"")));
    assert!(has_proof(&house), "one of its own");
}

#[test]
fn a_phone_goes_on_with_its_nonce_on_its_own_connection_with_the_next_count_and_with_the_same_request() {
    let mut house = challenged();
    for count in 1..=3 {
        let next = proof("n1").replace("nc=00000001", &format!("nc=0000000{count}"));
        let next = next.replace("\"00\"", &format!("\"0{count}\""));
        house.phone(A, &register(count + 1, &next));
        assert!(has_proof(&house));
        house.grant(600);
        house.phone(A, &register(count + 10, &next));
        assert!(has_proof(&house), "the very same proof");
        house.grant(600);
    }
}

#[test]
fn what_a_proof_says_beside_its_nonce_is_the_pbxs_to_judge_and_crosses_as_written() {
    let line = proof("n1");
    for changed in [
        line.replace(", qop=auth, nc=00000001, cnonce=\"c\"", ""),
        line.replace("qop=auth,", "qop=auth-int,"),
        line.replace("response=", "algorithm=MD5-sess, response="),
        line.replace("response=", "algorithm=SHA-512-256, response="),
        line.replace("response=", "opaque=\"other\", response="),
        line.replace("realm=\"mx.example.org\"", "realm=\"elsewhere\""),
        line.replace("uri=\"sip:mx.example.org\"", "uri=\"sip:101@mx.example.org\""),
        line.replace("nc=00000001", "nc=00000000"),
    ] {
        let mut house = challenged();
        house.phone(A, &register(2, &changed));
        let value = changed.strip_prefix("Authorization: ").unwrap().trim_end();
        assert_eq!(house.at_pbx().headers.get(&HeaderName::AUTHORIZATION).unwrap(), value);
        house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n2"))], &[]);
        assert_eq!(house.at_phone().status.code(), 401);
        assert_eq!(house.registrar.binding_count(), 0);
    }
}

#[test]
fn a_proof_that_is_no_digest_or_has_no_known_nonce_never_reaches_the_pbx() {
    for line in [
        "Authorization: Basic MTAwOjEwMA==\r\n".to_owned(),
        "Authorization: Bearer abc\r\n".to_owned(),
        proof("N1"),
        proof("n1 "),
        proof(""),
        proof("n1").replace("nonce=", "cnonce2="),
        proof("n1").replace("nonce=\"n1\"", "nonce=\"n2\", opaque=\"n1\""),
    ] {
        let mut house = challenged();
        house.phone(A, &register(2, &line));
        assert!(!has_proof(&house), "{line}");
    }
}

#[test]
fn two_proofs_for_one_realm_are_none_and_proofs_for_two_realms_are_two() {
    let mut house = challenged();
    house.phone(A, &register(2, &format!("{}{}", proof("n1"), proof("n1").replace("\"00\"", "\"01\""))));
    assert!(!has_proof(&house));
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);

    let other = proof("n1").replace("realm=\"mx.example.org\"", "realm=\"gateway\"");
    house.phone(A, &register(3, &format!("{}{other}", proof("n1"))));
    assert_eq!(house.at_pbx().headers.get_all(&HeaderName::AUTHORIZATION).count(), 2);
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);

    let proxy = proof("n1").replace("Authorization", "Proxy-Authorization");
    house.phone(A, &register(4, &format!("{}{proxy}", proof("n1"))));
    let headers = &house.at_pbx().headers;
    assert!(headers.has(&HeaderName::AUTHORIZATION) && headers.has(&HeaderName::PROXY_AUTHORIZATION));
}

/// A phone on A that was challenged with the nonce n1.
fn challenged() -> House {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
    house
}

fn has_proof(house: &House) -> bool {
    let headers = &house.at_pbx().headers;
    let proofs: Vec<&Text> = headers.get_all(&HeaderName::AUTHORIZATION).collect();
    !proofs.is_empty()
}
