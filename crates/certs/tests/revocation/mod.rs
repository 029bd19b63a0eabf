//! Certificates that their issuers took back (RFC 5280 §5).

use cordon_certs::{CertProblem, Identity, RevocationLists, TrustAnchors, judge_peer};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList, CertificateRevocationListParams, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, date_time_ymd,
};
use rustls_pki_types::CertificateDer;

use crate::support::{self, Authority, leaf};

#[test]
fn a_certificate_that_its_issuer_took_back_is_refused_and_its_neighbour_is_not() {
    let authority = Authority::new("public");
    let list = list_by(&authority, REVOKED, FAR);
    for bytes in [list.pem().unwrap().into_bytes(), list.der().to_vec()] {
        let trust = trusting(&authority, &bytes);

        assert_eq!(judged(&numbered(&authority, REVOKED), &trust), Err(CertProblem::Revoked));
        assert_eq!(judged(&numbered(&authority, OTHER), &trust), Ok(()));
    }
}

#[test]
fn a_list_that_should_have_been_replaced_goes_on_to_refuse_what_it_names_and_nothing_else() {
    let authority = Authority::new("public");
    let trust = trusting(&authority, list_by(&authority, REVOKED, LONG_AGO).der());

    assert_eq!(judged(&numbered(&authority, REVOKED), &trust), Err(CertProblem::Revoked));
    assert_eq!(judged(&numbered(&authority, OTHER), &trust), Ok(()));
    assert_eq!(trust.revocations().first_end(), Some(date_time_ymd(2021, 1, 1).unix_timestamp()));
}

#[test]
fn a_certificate_that_no_list_covers_is_believed() {
    let (authority, another) = (Authority::new("public"), Authority::new("another"));
    let trust = trusting(&authority, list_by(&another, REVOKED, FAR).der());

    assert_eq!(judged(&numbered(&authority, REVOKED), &trust), Ok(()));
}

#[test]
fn a_list_in_the_name_of_the_issuer_that_it_did_not_sign_refuses_its_certificates() {
    let (authority, forger) = (Authority::new("public"), Authority::new("public"));
    let trust = trusting(&authority, list_by(&forger, OTHER, FAR).der());

    let verdict = judged(&numbered(&authority, REVOKED), &trust);

    assert_eq!(verdict, Err(CertProblem::RevocationListNotIssued));
}

#[test]
fn what_stands_below_an_intermediate_that_was_taken_back_is_refused() {
    let authority = Authority::new("public");
    let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::default());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "intermediate");
    params.serial_number = Some(REVOKED.into());
    let above = params.signed_by(&key, &authority.issuer).unwrap();
    let below = KeyPair::generate().unwrap();
    let leaf = leaf(&[NAME]).signed_by(&below, &Issuer::new(params, key)).unwrap();
    let chain = Identity::load((leaf.pem() + &above.pem()).as_bytes(), below.serialize_pem().as_bytes());
    let chain = chain.unwrap().chain().to_vec();

    assert_eq!(judged(&chain, &authority.anchors()), Ok(()));
    let trust = trusting(&authority, list_by(&authority, REVOKED, FAR).der());
    assert_eq!(judged(&chain, &trust), Err(CertProblem::Revoked));
}

/// A chain whose leaf has this serial number.
fn numbered(authority: &Authority, serial: u64) -> Vec<CertificateDer<'static>> {
    let mut params = leaf(&[NAME]);
    params.serial_number = Some(serial.into());
    authority.issue(&params).chain().to_vec()
}

fn list_by(authority: &Authority, serial: u64, next_update: (i32, u8, u8)) -> CertificateRevocationList {
    let (year, month, day) = next_update;
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(year, month, day),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&authority.issuer).unwrap()
}

fn trusting(authority: &Authority, lists: &[u8]) -> TrustAnchors {
    authority.anchors().with_revocations(RevocationLists::read(lists).unwrap())
}

fn judged(chain: &[CertificateDer<'_>], trust: &TrustAnchors) -> Result<(), CertProblem> {
    judge_peer(chain, &NAME.parse().unwrap(), trust, support::now())
}

const NAME: &str = "mx.example.org";
const REVOKED: u64 = 4_711;
const OTHER: u64 = 4_712;
const FAR: (i32, u8, u8) = (4000, 1, 1);
const LONG_AGO: (i32, u8, u8) = (2021, 1, 1);
