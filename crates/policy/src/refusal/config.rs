//! Rows CD-CONFIG: what a configuration in profile hipaa may not say.

use super::remedy::Remedy;
use super::row::{Answer, Row};

pub(super) const OWN_CERTIFICATE_NOT_PUBLIC: Row = Row {
    code: "CD-CONFIG-01",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "certificate does not end in the public store",
    label: "own_certificate_not_public",
    title: "Own certificate from a private CA",
    rule: "In profile hipaa the own chain ends in a root of the system store, which phones know by themselves.",
    controls: &["ZC-34", "ZC-13"],
    remedy: Remedy::Site(
        "use a certificate of a public CA with all its intermediates, or a waiver of the control with reason, owner and date",
    ),
};

pub(super) const OWN_CERTIFICATE_SELF_SIGNED: Row = Row {
    code: "CD-CONFIG-02",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "certificate signs itself",
    label: "own_certificate_self_signed",
    title: "Own certificate signs itself",
    rule: "A certificate that signs itself proves nothing to a phone.",
    controls: &["ZC-34"],
    remedy: Remedy::Site("use a certificate of a public CA, or profile lab with a private one"),
};

pub(super) const OWN_CERTIFICATE_EXPIRED: Row = Row {
    code: "CD-CONFIG-03",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "certificate is not valid today",
    label: "own_certificate_expired",
    title: "Own certificate not valid today",
    rule: "A certificate is used between its two dates.",
    controls: &["ZC-13", "ZC-35"],
    remedy: Remedy::Site("renew the certificate, and check the clock of this machine"),
};

pub(super) const OWN_CERTIFICATE_WILDCARD: Row = Row {
    code: "CD-CONFIG-04",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "certificate carries a wildcard",
    label: "own_certificate_wildcard",
    title: "Own certificate with a wildcard",
    rule: "SIP matches names exactly (RFC 5922 section 7.2), and phones with strict checks refuse wildcards.",
    controls: &["ZC-13", "ZC-41"],
    remedy: Remedy::Site(
        "have the certificate issued for exactly `site.host`, and for `site.domain` beside it",
    ),
};

pub(super) const OWN_CERTIFICATE_NAME: Row = Row {
    code: "CD-CONFIG-05",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "certificate does not carry site.host",
    label: "own_certificate_name",
    title: "Own certificate with another name",
    rule: "The certificate carries the name phones connect to in its subjectAltName.",
    controls: &["ZC-13", "ZC-41"],
    remedy: Remedy::Site("correct `site.host`, or have the certificate issued for it"),
};

pub(super) const OWN_CERTIFICATE_WEAK: Row = Row {
    code: "CD-CONFIG-06",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "key or signature of the certificate is too weak",
    label: "own_certificate_weak",
    title: "Own certificate too weak",
    rule: "RSA keys have 2048 bits or more, elliptic ones are on P-256 or P-384, and nothing is signed with SHA-1.",
    controls: &["CI-08", "ZC-13"],
    remedy: Remedy::Site("have the certificate issued anew with RSA 2048 or P-256 and SHA-256"),
};

pub(super) const PRIVATE_TRUST_ANCHORS: Row = Row {
    code: "CD-CONFIG-07",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "trust_anchors is not the system store",
    label: "private_trust_anchors",
    title: "Private roots toward the PBX",
    rule: "In profile hipaa the chain of the PBX ends in the public store of the system.",
    controls: &["ZC-34"],
    remedy: Remedy::Site(
        "set `tls.trust_anchors` to \"system\" and give the PBX a public certificate, or a waiver of the control with reason, owner and date",
    ),
};

pub(super) const PBX_LEG_NOT_TLS: Row = Row {
    code: "CD-CONFIG-08",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "the PBX leg is not TLS",
    label: "pbx_leg_not_tls",
    title: "PBX leg without TLS",
    rule: "In profile hipaa SIP toward the PBX goes over TLS.",
    controls: &["ZC-45", "CI-05"],
    remedy: Remedy::Site(
        "use transport=tls in `pbx.uri`, or a waiver of the control with reason, owner and date",
    ),
};

pub(super) const PBX_MEDIA_NOT_SRTP: Row = Row {
    code: "CD-CONFIG-09",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "media toward the PBX is not SRTP",
    label: "pbx_media_not_srtp",
    title: "PBX leg without SRTP",
    rule: "In profile hipaa media toward the PBX is SRTP.",
    controls: &["ZC-16", "CI-06"],
    remedy: Remedy::Site(
        "set `pbx.media` to \"srtp\" and SRTP on in the PBX, or a waiver of the control with reason, owner and date",
    ),
};

pub(super) const WEAK_SUITE: Row = Row {
    code: "CD-CONFIG-10",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "suite has a short authentication tag",
    label: "weak_suite",
    title: "Weak SRTP suite",
    rule: "In profile hipaa suites with a tag of 32 bits are not accepted: a forged packet passes too easily.",
    controls: &["ZC-47", "ZC-16"],
    remedy: Remedy::Site(
        "take AES_CM_128_HMAC_SHA1_32 out of `srtp_suites`, or a waiver of the control with reason, owner and date",
    ),
};

pub(super) const OPPORTUNISTIC_ALLOWED: Row = Row {
    code: "CD-CONFIG-11",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "opportunistic_srtp is not refuse",
    label: "opportunistic_allowed",
    title: "Optional SRTP accepted",
    rule: "In profile hipaa a description says RTP/SAVP; keys beside RTP/AVP are not enough.",
    controls: &["ZC-44", "ZC-47"],
    remedy: Remedy::Site("set `opportunistic_srtp` to \"refuse\" and SRTP to required on the phones"),
};

pub(super) const NETWORKS_EMPTY: Row = Row {
    code: "CD-CONFIG-12",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "networks names nobody in particular",
    label: "networks_empty",
    title: "Nobody named who may connect",
    rule: "In profile hipaa each listener says who may connect; a network wider than /8 (IPv6: /32) says nothing.",
    controls: &["ZC-77", "ZC-80"],
    remedy: Remedy::Site("write the networks of the phones, or of the PBX, into `networks`"),
};

pub(super) const EMERGENCY_MISSING: Row = Row {
    code: "CD-CONFIG-13",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "no emergency number",
    label: "emergency_missing",
    title: "No emergency number",
    rule: "In profile hipaa the emergency numbers of the site are written down, so that no rule ever stands before them.",
    controls: &["HV-21", "ZC-01"],
    remedy: Remedy::Site("write the numbers into `emergency.numbers`, such as 911 and the test number 933"),
};

pub(super) const WAIVER_EXPIRED: Row = Row {
    code: "CD-CONFIG-14",
    answer: Answer::NotStarted,
    retry_after: None,
    standard: None,
    text: "a waiver is past its date",
    label: "waiver_expired",
    title: "Waiver past its date",
    rule: "A waiver ends on its date, and the rule it suspended holds again.",
    controls: &["PC-07"],
    remedy: Remedy::Site(
        "do what the waiver was waiting for and take it out, or have its owner decide on a new date",
    ),
};
