//! The refusal table as a whole: every row is complete, and nothing in it could embarrass a phone.

use std::collections::BTreeSet;

use cordon_policy::refusal::MAX_WARNING_TEXT;
use cordon_policy::{Answer, Door, Family, Refusal, controls};
use cordon_sip::{Rule, Warning};

const DOOR: Door<'static> = Door { host: "sip.clinic-north.example.org", port: 5061 };

#[test]
fn codes_and_labels_are_unique_and_have_their_shape() {
    let codes: BTreeSet<&str> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    let labels: BTreeSet<&str> = Refusal::ALL.iter().map(|refusal| refusal.label()).collect();
    assert_eq!(codes.len(), Refusal::ALL.len());
    assert_eq!(labels.len(), Refusal::ALL.len());
    for code in codes {
        let parts: Vec<&str> = code.split('-').collect();
        let [cordon, area, number] = parts[..] else { panic!("{code}") };
        assert_eq!(cordon, "CD");
        assert!(AREAS.contains(&area), "{code}");
        assert!(number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    }
    for label in labels {
        assert!(label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
    }
}

#[test]
fn a_refusal_is_found_by_its_code() {
    for refusal in Refusal::ALL {
        assert_eq!(Refusal::from_code(refusal.code()), Some(refusal));
        assert_eq!(Refusal::from_code(&refusal.code().to_lowercase()), Some(refusal));
    }
    assert_eq!(Refusal::from_code("CD-MEDIA-99"), None);
}

#[test]
fn every_row_is_filled_in() {
    for refusal in Refusal::ALL {
        assert!(!refusal.title().is_empty(), "{refusal:?}");
        assert!(refusal.rule().ends_with('.') || refusal.rule().ends_with(')'), "{refusal:?}");
        assert!(!refusal.controls().is_empty(), "{refusal:?}");
        for family in Family::ALL {
            assert!(!refusal.fix(family).is_empty(), "{refusal:?} {family:?}");
        }
    }
}

#[test]
fn every_control_cited_is_in_the_list() {
    for refusal in Refusal::ALL {
        for id in refusal.controls() {
            assert!(controls::find(id).is_some(), "{refusal:?} cites {id}");
        }
    }
}

#[test]
fn warnings_are_short_plain_ascii_begin_with_the_code_and_hold_no_quotes() {
    for refusal in Refusal::ALL {
        let (code, text) = refusal.warning(&DOOR);
        assert_eq!(code, 399);
        assert!(text.len() <= MAX_WARNING_TEXT, "{refusal:?}: {text}");
        assert!(text.starts_with(refusal.code()), "{text}");
        assert!(
            text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'),
            "{text}"
        );
        assert!(!text.contains('{'), "{text}");
    }
}

#[test]
fn every_warning_reads_as_the_warning_that_is_meant() {
    for refusal in Refusal::ALL {
        let warnings = refusal.warnings(&DOOR);
        let read: Vec<_> = warnings.iter().map(|value| Warning::parse(value.as_str()).unwrap()).collect();
        let (code, text) = refusal.warning(&DOOR);
        assert_eq!(read.last(), Some(&Warning::new(code, DOOR.host, text.as_str())), "{refusal:?}");
    }
}

#[test]
fn refusals_of_plain_sip_name_the_tls_host_and_port() {
    for refusal in
        [Refusal::PlainUdp, Refusal::PlainTcp, Refusal::PlainOnTlsPort, Refusal::CredentialsExposed]
    {
        assert!(refusal.warning(&DOOR).1.contains("sip.clinic-north.example.org:5061"), "{refusal:?}");
        assert_eq!(refusal.status(), 480);
        assert!(refusal.retry_after().is_some());
    }
}

#[test]
fn every_rule_of_the_wire_has_a_refusal_of_its_own_with_the_status_that_is_answered() {
    let refusals = Rule::ALL.map(cordon_policy::connection::refusal_for);
    for (rule, refusal) in Rule::ALL.into_iter().zip(refusals) {
        assert_eq!(refusal.status(), rule.status().code(), "{rule:?}");
    }
    assert_eq!(refusals.iter().collect::<BTreeSet<_>>().len(), Rule::ALL.len());
}

#[test]
fn a_host_name_too_long_for_a_display_leaves_the_port() {
    let host = "a".repeat(120);
    let (_, text) = Refusal::PlainUdp.warning(&Door { host: &host, port: 5061 });
    assert!(text.len() <= MAX_WARNING_TEXT);
    assert!(text.contains("port 5061"));
}

#[test]
fn the_warning_of_the_rfc_comes_first_where_there_is_one() {
    let warnings = Refusal::PlainMedia.warnings(&DOOR);
    assert_eq!(warnings.len(), 2);
    assert_eq!(warnings[0], "302 sip.clinic-north.example.org \"Incompatible transport protocol\"");
    assert!(warnings[1].starts_with("399 sip.clinic-north.example.org \"CD-MEDIA-01 "));
    assert!(Refusal::NoCodec.warnings(&DOOR)[0].starts_with("305 "));
    assert!(Refusal::FaxT38.warnings(&DOOR)[0].starts_with("304 "));
    assert_eq!(Refusal::RegisterFirst.warnings(&DOOR).len(), 1);
}

#[test]
fn statuses_are_final_and_tell_of_a_refusal() {
    for refusal in Refusal::ALL {
        match refusal.answer() {
            Answer::Sip(status) => {
                assert!((400..700).contains(&status), "{refusal:?}");
                // 401 and 407 belong to the PBX: we know no secret to challenge for.
                assert!(!matches!(status, 401 | 407), "{refusal:?}");
                // A phone that is told to come back learns when.
                assert!(status != 503 || refusal.retry_after().is_some(), "{refusal:?}");
            }
            Answer::TlsAlert(alert) => assert!((40..=120).contains(&alert), "{refusal:?}"),
            Answer::Close | Answer::Silence | Answer::NotStarted => assert_eq!(refusal.status(), 403),
        }
    }
}

const AREAS: [&str; 8] = ["TRANSPORT", "TLS", "REG", "CALL", "MEDIA", "PBX", "OVERLOAD", "CONFIG"];
