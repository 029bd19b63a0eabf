//! Rows CD-TLS: what is refused in the TLS handshake with a phone.

use super::remedy::Remedy;
use super::row::{Answer, Row};

pub(super) const TOO_OLD: Row = Row {
    code: "CD-TLS-01",
    answer: Answer::TlsAlert(70),
    retry_after: None,
    standard: None,
    text: "TLS 1.2 or 1.3 is required, update the firmware",
    label: "tls_too_old",
    title: "TLS below 1.2",
    rule: "TLS 1.2 and 1.3 are spoken, older versions never.",
    controls: &["CI-07", "CI-09", "ZC-39"],
    remedy: Remedy::UpdateTls,
};

pub(super) const NO_COMMON_SUITE: Row = Row {
    code: "CD-TLS-02",
    answer: Answer::TlsAlert(40),
    retry_after: None,
    standard: None,
    text: "an ECDHE AES-GCM suite is required, update the firmware",
    label: "tls_no_common_suite",
    title: "No common TLS cipher suite",
    rule: "Six cipher suites are accepted: two of TLS 1.3 and the four ECDHE AES-GCM ones of TLS 1.2.",
    controls: &["CI-08", "ZC-39"],
    remedy: Remedy::UpdateTls,
};

pub(super) const NO_COMMON_GROUP: Row = Row {
    code: "CD-TLS-03",
    answer: Answer::TlsAlert(40),
    retry_after: None,
    standard: None,
    text: "curve P-256, P-384 or X25519 is required",
    label: "tls_no_common_group",
    title: "No common TLS key exchange group",
    rule: "Keys are agreed on P-256, P-384 or X25519.",
    controls: &["CI-08"],
    remedy: Remedy::UpdateTls,
};

pub(super) const NO_COMMON_SIGNATURE: Row = Row {
    code: "CD-TLS-04",
    answer: Answer::TlsAlert(40),
    retry_after: None,
    standard: None,
    text: "the phone cannot verify the key of this certificate",
    label: "tls_no_common_signature",
    title: "No common TLS signature",
    rule: "The certificate proves itself with SHA-256 or better, by RSA or by ECDSA as its key is made.",
    controls: &["CI-08"],
    remedy: Remedy::Site(
        "use a certificate with an RSA 2048 key in [tls], which older phones can verify, or update the phone",
    ),
};

pub(super) const TOO_SLOW: Row = Row {
    code: "CD-TLS-05",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "handshake took longer than 10 s",
    label: "tls_too_slow",
    title: "TLS handshake not finished",
    rule: "A handshake ends within 10 s.",
    controls: &["ZC-46", "ZC-77"],
    remedy: Remedy::Site(
        "check the network to the phone for loss and for packets that are too large; a scanner looks the same",
    ),
};

pub(super) const CERTIFICATE_NOT_TRUSTED: Row = Row {
    code: "CD-TLS-06",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "the phone does not trust the certificate of {door}",
    label: "tls_certificate_not_trusted",
    title: "The phone does not trust our certificate",
    rule: "The phone ended the handshake with an alert about our certificate: it cannot build the chain, reads another name or has the wrong time.",
    controls: &["ZC-13", "ZC-41"],
    remedy: Remedy::TrustCertificate,
};

pub(super) const BROKEN: Row = Row {
    code: "CD-TLS-07",
    answer: Answer::TlsAlert(50),
    retry_after: None,
    standard: None,
    text: "the TLS handshake broke",
    label: "tls_broken",
    title: "TLS handshake broken",
    rule: "A handshake that breaks the protocol is ended.",
    controls: &["ZC-46", "CI-05"],
    remedy: Remedy::UpdateTls,
};
