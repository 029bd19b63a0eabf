//! Rows CD-CALL: what is refused of requests and dialogs.

use super::remedy::Remedy;
use super::row::{Answer, Row};

pub(super) const METHOD_NOT_ALLOWED: Row = Row {
    code: "CD-CALL-01",
    answer: Answer::Sip(405),
    retry_after: None,
    standard: None,
    text: "this method is not supported here",
    label: "method_not_allowed",
    title: "Method not supported",
    rule: "INVITE, ACK, BYE, CANCEL, OPTIONS and REGISTER are handled, whatever else is answered with the list of these.",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "switch the feature off that sends it (transfer, presence, message waiting, messages), it comes with a later release",
    ),
};

pub(super) const EXTENSION_REQUIRED: Row = Row {
    code: "CD-CALL-02",
    answer: Answer::Sip(420),
    retry_after: None,
    standard: None,
    text: "a required extension is not supported",
    label: "extension_required",
    title: "Required extension not supported",
    rule: "An extension that a request requires is supported or named in the answer, never ignored.",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "set session timers, reliable provisional responses and Replaces to supported instead of required, on the phone and in the PBX",
    ),
};

pub(super) const HOPS_EXHAUSTED: Row = Row {
    code: "CD-CALL-03",
    answer: Answer::Sip(483),
    retry_after: None,
    standard: None,
    text: "too many hops",
    label: "hops_exhausted",
    title: "Too many hops",
    rule: "Max-Forwards is counted down across both legs, so that no request circles for ever.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for a forwarding loop between the extensions involved"),
};

pub(super) const REQUEST_LOOP: Row = Row {
    code: "CD-CALL-04",
    answer: Answer::Sip(482),
    retry_after: None,
    standard: None,
    text: "request came back or came twice",
    label: "request_loop",
    title: "Request loop",
    rule: "A request that arrives again by another way is answered once.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for a PBX route that sends calls back to where they came from"),
};

pub(super) const DIALOG_UNKNOWN: Row = Row {
    code: "CD-CALL-05",
    answer: Answer::Sip(481),
    retry_after: None,
    standard: None,
    text: "no such call on this connection",
    label: "dialog_unknown",
    title: "No such dialog",
    rule: "A request inside a call counts only from the side that owns it: the connection of the phone, its successor, or the PBX.",
    controls: &["ZC-46", "HV-19"],
    remedy: Remedy::Site("none, the call is over; a phone that shows it forever has to be restarted"),
};

pub(super) const CHANGE_PENDING: Row = Row {
    code: "CD-CALL-06",
    answer: Answer::Sip(491),
    retry_after: None,
    standard: None,
    text: "the other side is changing this call",
    label: "change_pending",
    title: "Both sides change the call at once",
    rule: "One change of a session at a time (RFC 3261 section 14.1).",
    controls: &["ZC-46"],
    remedy: Remedy::Site("none, the phone repeats its change by itself"),
};

pub(super) const INVITE_OVERLAPS: Row = Row {
    code: "CD-CALL-07",
    answer: Answer::Sip(500),
    retry_after: Some(5),
    standard: None,
    text: "the change before this one is not finished",
    label: "invite_overlaps",
    title: "Change before the last one ended",
    rule: "A second INVITE waits for the final answer to the first (RFC 3261 section 14.2).",
    controls: &["ZC-46"],
    remedy: Remedy::Site("none, the phone repeats its change by itself"),
};

pub(super) const SEQUENCE_OUT_OF_ORDER: Row = Row {
    code: "CD-CALL-08",
    answer: Answer::Sip(500),
    retry_after: None,
    standard: None,
    text: "CSeq is not above the last one",
    label: "sequence_out_of_order",
    title: "CSeq out of order",
    rule: "Requests of one dialog are taken in their order (RFC 3261 section 12.2.2).",
    controls: &["ZC-46"],
    remedy: Remedy::Site("update the firmware of the sender"),
};

pub(super) const FOREIGN_REDIRECT: Row = Row {
    code: "CD-CALL-09",
    answer: Answer::Sip(480),
    retry_after: None,
    standard: None,
    text: "redirect to a foreign target is not followed",
    label: "foreign_redirect",
    title: "Redirection out of the domain",
    rule: "A redirection is followed when it stays in the domain of the PBX: a call must not be led out of the secured side.",
    controls: &["ZC-49", "HV-19"],
    remedy: Remedy::Site("let the PBX place forwarded calls itself instead of redirecting the phone"),
};

pub(super) const REDIRECT_LOOP: Row = Row {
    code: "CD-CALL-10",
    answer: Answer::Sip(480),
    retry_after: None,
    standard: None,
    text: "redirection did not end",
    label: "redirect_loop",
    title: "Redirection without an end",
    rule: "A bounded number of redirections is followed for one call.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for extensions that forward to each other"),
};

pub(super) const SCHEME_UNSUPPORTED: Row = Row {
    code: "CD-CALL-11",
    answer: Answer::Sip(416),
    retry_after: None,
    standard: None,
    text: "only sip, sips and tel addresses are handled",
    label: "scheme_unsupported",
    title: "Address of an unknown kind",
    rule: "Calls go to sip, sips and tel addresses.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("dial a number or a SIP address"),
};

pub(super) const BODY_UNSUPPORTED: Row = Row {
    code: "CD-CALL-12",
    answer: Answer::Sip(415),
    retry_after: None,
    standard: None,
    text: "only application/sdp is handled",
    label: "body_unsupported",
    title: "Body of an unknown kind",
    rule: "The body of a call is a session description and nothing else, so that nothing unseen passes.",
    controls: &["ZC-22", "ZC-57"],
    remedy: Remedy::Site(
        "switch off what adds parts to the body: recording metadata, location objects, vendor data",
    ),
};

pub(super) const FOREIGN_IDENTITY: Row = Row {
    code: "CD-CALL-13",
    answer: Answer::Sip(403),
    retry_after: None,
    standard: None,
    text: "From is no account registered on this connection",
    label: "foreign_identity",
    title: "Call in the name of another account",
    rule: "A phone calls as an account that is registered on its connection, or as anonymous (RFC 3323). Emergency calls are not refused for it.",
    controls: &["ZC-46", "HV-25"],
    remedy: Remedy::Site(
        "register the line on the phone that shall call with it; set user name and caller name of the line to its own account",
    ),
};

pub(super) const FOREIGN_ROUTE: Row = Row {
    code: "CD-CALL-14",
    answer: Answer::Sip(403),
    retry_after: None,
    standard: None,
    text: "a Route or maddr to elsewhere is not followed",
    label: "foreign_route",
    title: "Request that wants to go elsewhere",
    rule: "Requests of phones go to the PBX and nowhere else: a Route may name this server, the domain or the PBX, and maddr is not taken.",
    controls: &["ZC-46", "ZC-77", "HV-19"],
    remedy: Remedy::Site("set the outbound proxy of the phone to `site.host`, and nothing beside it"),
};

pub(super) const DESCRIPTION_UNWANTED: Row = Row {
    code: "CD-CALL-30",
    answer: Answer::Sip(406),
    retry_after: None,
    standard: None,
    text: "the answer is application/sdp, Accept leaves it out",
    label: "description_unwanted",
    title: "Answer of a kind that is not accepted",
    rule: "A call is answered with a session description; an INVITE that says it reads none is refused before anything rings.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("have the phone name application/sdp in Accept, or leave Accept out"),
};

pub(super) const PHONE_CHALLENGES: Row = Row {
    code: "CD-CALL-31",
    answer: Answer::Sip(403),
    retry_after: None,
    standard: None,
    text: "the phone asks the PBX for a password",
    label: "phone_challenges",
    title: "Phone that asks the PBX for a password",
    rule: "Phones prove to the PBX who they are, never the other way round: its calls reach a phone over the connection the phone opened itself.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("switch the authentication of incoming calls off on the phone"),
};

pub(super) const EXTENSION_UNREADABLE: Row = Row {
    code: "CD-CALL-32",
    answer: Answer::Sip(400),
    retry_after: None,
    standard: None,
    text: "Require is not a list of option tags",
    label: "extension_unreadable",
    title: "Required extensions that cannot be read",
    rule: "What a request requires is read whole or the request is refused; what cannot be read is never taken for nothing.",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "update the firmware of the sender: Require and Proxy-Require name option tags with commas between",
    ),
};
