//! Rows CD-REG: what is refused around registrations.

use super::remedy::Remedy;
use super::row::{Answer, Row};

pub(super) const REGISTER_FIRST: Row = Row {
    code: "CD-REG-01",
    answer: Answer::Sip(403),
    retry_after: None,
    standard: None,
    text: "register on this connection",
    label: "register_first",
    title: "No registration on this connection",
    rule: "A connection on which no phone has registered may only register, ask OPTIONS, or call an emergency number.",
    controls: &["ZC-36", "ZC-46", "ZC-55"],
    remedy: Remedy::RegisterOnFlow,
};

pub(super) const FOREIGN_DOMAIN: Row = Row {
    code: "CD-REG-02",
    answer: Answer::Sip(403),
    retry_after: None,
    standard: None,
    text: "this site does not serve that domain",
    label: "foreign_domain",
    title: "Registration for another domain",
    rule: "Phones register in the domain of the site and in no other.",
    controls: &["ZC-36", "ZC-63"],
    remedy: Remedy::Site("set the SIP domain of the account to `site.domain`, and the server to `site.host`"),
};

pub(super) const AUTH_INT_ALONE: Row = Row {
    code: "CD-REG-03",
    answer: Answer::Sip(502),
    retry_after: None,
    standard: None,
    text: "PBX asks for auth-int only, set qop auth there",
    label: "auth_int_alone",
    title: "The PBX demands auth-int",
    rule: "Digest with qop auth-int covers the body, which a B2BUA has to rewrite; it is taken out of the challenge, and nothing else was in it.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("set the digest of the PBX to qop=auth, or to auth,auth-int"),
};

pub(super) const CONTACT_UNUSABLE: Row = Row {
    code: "CD-REG-04",
    answer: Answer::Sip(400),
    retry_after: None,
    standard: None,
    text: "Contact of the REGISTER cannot be used",
    label: "contact_unusable",
    title: "Contact that cannot be used",
    rule: "A REGISTER carries readable contacts, and `*` only alone and with Expires 0 (RFC 3261 section 10.2.2).",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "update the firmware of the phone; one account with one contact is what every phone can write",
    ),
};

pub(super) const PHONE_UNREACHABLE: Row = Row {
    code: "CD-REG-05",
    answer: Answer::Sip(480),
    retry_after: Some(30),
    standard: None,
    text: "the connection of this phone is gone",
    label: "phone_unreachable",
    title: "The phone is not connected",
    rule: "A phone is reached over the connection it registered on and over nothing else.",
    controls: &["ZC-38", "CI-05"],
    remedy: Remedy::Site(
        "check power and network of the phone; it is reachable again as soon as it registers",
    ),
};

pub(super) const PHONE_UNKNOWN: Row = Row {
    code: "CD-REG-06",
    answer: Answer::Sip(404),
    retry_after: None,
    standard: None,
    text: "no phone holds this contact",
    label: "phone_unknown",
    title: "No phone behind this contact",
    rule: "The PBX reaches phones by the contacts it was given at registration.",
    controls: &["ZC-36", "ZC-77"],
    remedy: Remedy::Site("let the phone register again; delete stale contacts in the PBX if it stays"),
};

pub(super) const THIRD_PARTY: Row = Row {
    code: "CD-REG-07",
    answer: Answer::Sip(403),
    retry_after: None,
    standard: None,
    text: "From and To of the REGISTER must be the same account",
    label: "third_party_registration",
    title: "Registration for somebody else",
    rule: "A phone registers its own account and no other: From and To name the same one.",
    controls: &["ZC-46", "ZC-55", "HV-25"],
    remedy: Remedy::Site(
        "register each account with its own name in From and To, as every phone does by itself",
    ),
};

pub(super) const ACCOUNT_LOCKED: Row = Row {
    code: "CD-REG-08",
    // Not 503, which would make a phone leave us with all its other accounts (RFC 3261 section 21.5.4), and not 403, after
    // which many phones give the account up until somebody restarts them.
    answer: Answer::Sip(500),
    retry_after: Some(60),
    standard: None,
    text: "too many wrong passwords for this account, try later",
    label: "account_locked",
    title: "Account locked against guessing",
    rule: "After ten wrong passwords for an account, connections on which it is not registered wait before they may try again; phones that are registered with it go on.",
    controls: &["ZC-46", "ZC-51", "HV-25"],
    remedy: Remedy::Site(
        "find the device by the connection in the log: correct its password, or take it off the network if nobody knows it; the lock ends by itself",
    ),
};

pub(super) const CHALLENGE_UNUSABLE: Row = Row {
    code: "CD-REG-09",
    answer: Answer::Sip(502),
    retry_after: None,
    standard: None,
    text: "PBX asks for no digest that can be read, set digest there",
    label: "challenge_unusable",
    title: "The PBX challenges without digest",
    rule: "A challenge that reaches a phone is Digest with a nonce, 32 parameters at most and no escaped quote: Basic would have the phone send its password itself.",
    controls: &["ZC-46", "ZC-50"],
    remedy: Remedy::Site(
        "set the authentication of the PBX to digest, with MD5, SHA-256 or SHA-512-256, and a realm without quotes",
    ),
};
