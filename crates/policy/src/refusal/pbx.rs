//! Rows CD-PBX: what is refused on the way to the PBX.

use super::remedy::Remedy;
use super::row::{Answer, Row};

pub(super) const SILENT: Row = Row {
    code: "CD-PBX-01",
    answer: Answer::Sip(503),
    retry_after: Some(10),
    standard: None,
    text: "the PBX does not answer",
    label: "pbx_silent",
    title: "The PBX does not answer",
    rule: "A request that the PBX leaves without any response is answered within 4 s.",
    controls: &["ZC-45", "HV-21"],
    remedy: Remedy::Site("check the PBX; phones come back by themselves"),
};

pub(super) const UNREACHABLE: Row = Row {
    code: "CD-PBX-02",
    answer: Answer::Sip(503),
    retry_after: Some(10),
    standard: None,
    text: "no verified connection to the PBX",
    label: "pbx_unreachable",
    title: "No connection to the PBX",
    rule: "What must go over TLS waits for a verified connection and never takes another way.",
    controls: &["ZC-45", "HV-21"],
    remedy: Remedy::Site(
        "check the PBX, the network to it and `pbx.uri`; the event before this one says why the connection was not made",
    ),
};

pub(super) const CERTIFICATE_NOT_TRUSTED: Row = Row {
    code: "CD-PBX-03",
    answer: Answer::Sip(503),
    retry_after: Some(60),
    standard: None,
    text: "certificate of the PBX is not trusted",
    label: "pbx_certificate_not_trusted",
    title: "PBX certificate not trusted",
    rule: "The chain of the PBX ends in a trusted root: in hipaa one of the public store, in lab one of `tls.trust_anchors`.",
    controls: &["ZC-13", "ZC-34", "ZC-45"],
    remedy: Remedy::Site("install a certificate of a public CA on the PBX, with its intermediates"),
};

pub(super) const CERTIFICATE_NAME: Row = Row {
    code: "CD-PBX-04",
    answer: Answer::Sip(503),
    retry_after: Some(60),
    standard: None,
    text: "certificate of the PBX carries another name",
    label: "pbx_certificate_name",
    title: "PBX certificate with another name",
    rule: "The certificate of the PBX carries the name of `pbx.name` in its subjectAltName, exactly and without wildcard (RFC 5922).",
    controls: &["ZC-13", "ZC-45"],
    remedy: Remedy::Site("correct `pbx.name`, or have the certificate of the PBX issued for it"),
};

pub(super) const CERTIFICATE_EXPIRED: Row = Row {
    code: "CD-PBX-05",
    answer: Answer::Sip(503),
    retry_after: Some(60),
    standard: None,
    text: "certificate of the PBX is not valid today",
    label: "pbx_certificate_expired",
    title: "PBX certificate not valid today",
    rule: "A certificate is used between its two dates.",
    controls: &["ZC-13", "ZC-35", "ZC-45"],
    remedy: Remedy::Site("renew the certificate of the PBX, and check the clock of this machine"),
};

pub(super) const CERTIFICATE_WEAK: Row = Row {
    code: "CD-PBX-06",
    answer: Answer::Sip(503),
    retry_after: Some(60),
    standard: None,
    text: "certificate of the PBX is too weak",
    label: "pbx_certificate_weak",
    title: "PBX certificate too weak",
    rule: "RSA keys have 2048 bits or more, elliptic ones are on P-256 or P-384, and nothing is signed with SHA-1.",
    controls: &["CI-08", "ZC-13"],
    remedy: Remedy::Site("have the certificate of the PBX issued anew with RSA 2048 or P-256 and SHA-256"),
};

pub(super) const TLS_TOO_OLD: Row = Row {
    code: "CD-PBX-07",
    answer: Answer::Sip(503),
    retry_after: Some(60),
    standard: None,
    text: "TLS of the PBX is too old",
    label: "pbx_tls_too_old",
    title: "PBX TLS too old",
    rule: "Toward the PBX the same versions and suites are spoken as toward the phones.",
    controls: &["CI-07", "CI-08", "ZC-32", "ZC-45"],
    remedy: Remedy::Site(
        "switch TLS 1.2 and ECDHE AES-GCM on in the PBX (Zultys MX: backward compatibility off, latest release)",
    ),
};

pub(super) const FOREIGN_NETWORK: Row = Row {
    code: "CD-PBX-08",
    answer: Answer::Silence,
    retry_after: None,
    standard: None,
    text: "this address is not the PBX",
    label: "pbx_foreign_network",
    title: "Not the PBX",
    rule: "The port of the PBX is open to the addresses in `pbx.networks` and to nobody else.",
    controls: &["ZC-77", "ZC-76"],
    remedy: Remedy::Site("add the address of the PBX node to `pbx.networks`, or find out who connects there"),
};

pub(super) const CERTIFICATE_REVOKED: Row = Row {
    code: "CD-PBX-09",
    answer: Answer::Sip(503),
    retry_after: Some(60),
    standard: None,
    text: "certificate of the PBX is revoked",
    label: "pbx_certificate_revoked",
    title: "PBX certificate revoked",
    rule: "No certificate of the PBX's chain stands in a list of `tls.revocation_lists`; one that no list covers is believed.",
    controls: &["ZC-13", "ZC-45"],
    remedy: Remedy::Site(
        "find out why it was revoked, and have the certificate of the PBX issued anew with a new key",
    ),
};
