//! Our own certificate, judged before a listener starts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on may panic")]

mod support;

use cordon_certs::{CertError, CertProblem, Identity, PeerName, own_problems, verify_own};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use support::{Authority, leaf, now, self_signed};

fn host() -> PeerName {
    "sip.example.org".parse().unwrap()
}

fn problem_of(identity: &Identity, authority: &Authority) -> Option<CertProblem> {
    verify_own(identity, &host(), &authority.anchors(), now()).err()
}

#[test]
fn a_chain_to_a_trusted_authority_under_the_exact_name_is_accepted() {
    let authority = Authority::new("public");

    assert_eq!(problem_of(&authority.issue(&leaf(&["sip.example.org"])), &authority), None);
}

#[test]
fn a_private_authority_breaks_zc_34() {
    let (public, private) = (Authority::new("public"), Authority::new("private"));
    let problem = problem_of(&private.issue(&leaf(&["sip.example.org"])), &public).unwrap();

    assert_eq!(problem, CertProblem::UntrustedIssuer);
    assert_eq!(problem.control(), "ZC-34");
}

#[test]
fn a_self_signed_certificate_breaks_zc_34() {
    let problem = problem_of(&self_signed(&["sip.example.org"]), &Authority::new("public")).unwrap();

    assert_eq!(problem, CertProblem::SelfSigned);
    assert_eq!(problem.control(), "ZC-34");
}

#[test]
fn an_expired_certificate_says_since_when() {
    let authority = Authority::new("public");
    let mut params = leaf(&["sip.example.org"]);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    let identity = authority.issue(&params);
    let ten_days_later = identity.leaf().not_after + 10 * 86_400;

    let problem = verify_own(&identity, &host(), &authority.anchors(), ten_days_later).unwrap_err();

    assert_eq!(problem, CertProblem::Expired { days: 10 });
    assert_eq!(problem.to_string(), "the certificate expired 10 days ago");
    assert_eq!(problem.control(), "ZC-13");
}

#[test]
fn a_certificate_of_tomorrow_points_at_the_clock() {
    let authority = Authority::new("public");
    let mut params = leaf(&["sip.example.org"]);
    params.not_before = date_time_ymd(4000, 1, 1);

    assert_eq!(problem_of(&authority.issue(&params), &authority), Some(CertProblem::NotYetValid));
}

#[test]
fn a_wildcard_is_refused_even_beside_the_exact_name() {
    let authority = Authority::new("public");

    let problem = problem_of(&authority.issue(&leaf(&["sip.example.org", "*.example.org"])), &authority);

    assert_eq!(problem, Some(CertProblem::Wildcard));
}

#[test]
fn another_name_is_a_mismatch_and_the_message_says_which_name_is_missing() {
    let authority = Authority::new("public");
    let problem = problem_of(&authority.issue(&leaf(&["www.example.org"])), &authority).unwrap();

    assert_eq!(problem.to_string(), "the certificate does not carry the name sip.example.org");
}

#[test]
fn a_certificate_for_clients_only_is_refused() {
    let authority = Authority::new("public");
    let mut params = leaf(&["sip.example.org"]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

    assert_eq!(problem_of(&authority.issue(&params), &authority), Some(CertProblem::NotForServers));
}

#[test]
fn without_a_host_in_the_lab_names_are_not_compared() {
    let authority = Authority::new("lab");
    let identity = authority.issue(&leaf(&["anything.test"]));

    assert_eq!(own_problems(&identity, None, &authority.anchors(), now()), []);
}

#[test]
fn sha_1_is_refused() {
    let identity =
        Identity::load(include_bytes!("fixtures/sha1.pem"), include_bytes!("fixtures/sha1.key")).unwrap();

    let problems = own_problems(&identity, Some(&host()), &Authority::new("public").anchors(), now());

    assert!(problems.contains(&CertProblem::WeakSignature), "{problems:?}");
    assert_eq!(CertProblem::WeakSignature.control(), "CI-08");
}

#[test]
fn certificate_and_key_must_be_a_pair() {
    let other = KeyPair::generate().unwrap().serialize_pem();
    let key = KeyPair::generate().unwrap();
    let certificate = leaf(&["sip.example.org"]).self_signed(&key).unwrap();

    let error = Identity::load(certificate.pem().as_bytes(), other.as_bytes()).unwrap_err();

    assert!(matches!(error, CertError::KeyMismatch), "{error:?}");
}

#[test]
fn missing_pieces_are_named() {
    let key = KeyPair::generate().unwrap();
    let certificate = leaf(&["sip.example.org"]).self_signed(&key).unwrap().pem();

    assert!(matches!(Identity::load(b"", key.serialize_pem().as_bytes()), Err(CertError::NoCertificate)));
    assert!(matches!(Identity::load(certificate.as_bytes(), b""), Err(CertError::NoPrivateKey)));
}

#[test]
fn a_debug_print_shows_no_key() {
    let identity = self_signed(&["sip.example.org"]);

    let printed = format!("{identity:?}");

    assert!(printed.contains("sip.example.org"));
    assert!(!printed.to_lowercase().contains("private"), "{printed}");
}
