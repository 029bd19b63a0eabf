//! The lists that the PBX's certificate is held against: read whole, and told of when they are late.

use cordon_config::Severity;
use rcgen::{
    CertificateParams, CertificateRevocationListParams, DnType, Issuer, KeyIdMethod, KeyPair, date_time_ymd,
};

use crate::support::{Folder, Leaf, file};

#[test]
fn lists_are_read_and_nothing_is_said_while_they_are_current() {
    let folder = Folder::new(Leaf::Good);
    std::fs::write(folder.path().join("pki/lists.pem"), list_until(2027).repeat(2)).unwrap();

    let loaded = folder.load(&with_lists()).unwrap();

    assert_eq!(loaded.anchors.revocations().count(), 2);
    assert!(loaded.warnings.iter().all(|warning| !warning.to_string().contains("revocation")));
}

#[test]
fn a_list_that_should_have_been_replaced_is_a_warning_and_calls_go_on() {
    let folder = Folder::new(Leaf::Good);
    std::fs::write(folder.path().join("pki/lists.pem"), list_until(2026)).unwrap();

    let loaded = folder.load(&with_lists()).unwrap();

    let warning = loaded.warnings.iter().map(ToString::to_string).find(|text| text.contains("revocation"));
    let warning = warning.expect("a late list is told of");
    assert!(warning.contains("should have been replaced 324 days ago"), "{warning}");
    assert!(warning.contains("pki/lists.pem"), "{warning}");
    assert_eq!(loaded.anchors.revocations().count(), 1);
}

#[test]
fn a_file_that_is_missing_or_holds_no_list_is_an_error_at_its_place() {
    let folder = Folder::new(Leaf::Good);
    for (content, told) in [
        (None, "cannot be read"),
        (Some("hello"), "no certificate revocation list is in it"),
        (
            Some("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
            "a certificate revocation list in it is malformed",
        ),
    ] {
        if let Some(content) = content {
            std::fs::write(folder.path().join("pki/lists.pem"), content).unwrap();
        }

        let findings = folder.load(&with_lists()).unwrap_err();

        let errors: Vec<String> = findings
            .iter()
            .filter(|finding| finding.severity() == Severity::Error)
            .map(ToString::to_string)
            .collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains(told) && errors[0].contains("revocation_lists ="), "{}", errors[0]);
    }
}

/// The reference, with the key that is a comment in it.
fn with_lists() -> String {
    let text = file("config/cordon.toml");
    assert!(text.contains("# revocation_lists = \"pki/lists.pem\""));
    text.replace("# revocation_lists", "revocation_lists")
}

/// A list that names nobody, to be replaced on the first of January.
fn list_until(year: i32) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "public");
    let issuer = Issuer::new(params, KeyPair::generate().unwrap());
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(year, 1, 1),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&issuer).unwrap().pem().unwrap()
}
