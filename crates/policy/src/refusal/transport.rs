//! Rows CD-TRANSPORT: what is refused before a SIP message counts.

use super::remedy::Remedy;
use super::row::{Answer, Row};

pub(super) const PLAIN_UDP: Row = Row {
    code: "CD-TRANSPORT-01",
    answer: Answer::Sip(480),
    retry_after: Some(3600),
    standard: None,
    text: "plain SIP is refused, set transport TLS at {door}",
    label: "plain_udp",
    title: "Plain SIP over UDP",
    rule: "A phone of this site speaks SIP over TLS or not at all.",
    controls: &["ZC-38", "ZC-43", "ZC-46", "CI-05", "HV-02"],
    remedy: Remedy::UseTls,
};

pub(super) const PLAIN_TCP: Row = Row {
    code: "CD-TRANSPORT-02",
    answer: Answer::Sip(480),
    retry_after: Some(3600),
    standard: None,
    text: "plain SIP is refused, set transport TLS at {door}",
    label: "plain_tcp",
    title: "Plain SIP over TCP",
    rule: "A phone of this site speaks SIP over TLS or not at all.",
    controls: &["ZC-38", "ZC-43", "ZC-46", "CI-05", "HV-02"],
    remedy: Remedy::UseTls,
};

pub(super) const PLAIN_ON_TLS_PORT: Row = Row {
    code: "CD-TRANSPORT-03",
    answer: Answer::Sip(480),
    retry_after: Some(3600),
    standard: None,
    text: "this port speaks TLS, set transport TLS at {door}",
    label: "plain_on_tls_port",
    title: "Plain SIP on the TLS port",
    rule: "The port is right and the transport is not: nothing but TLS is read here.",
    controls: &["ZC-38", "ZC-43", "CI-05"],
    remedy: Remedy::UseTls,
};

pub(super) const FOREIGN_NETWORK: Row = Row {
    code: "CD-TRANSPORT-04",
    answer: Answer::Silence,
    retry_after: None,
    standard: None,
    text: "this address is in no network of the location",
    label: "foreign_network",
    title: "Address outside the location",
    rule: "Only addresses inside the networks of a location may connect to it; nobody else is answered.",
    controls: &["ZC-77", "ZC-80"],
    remedy: Remedy::Site(
        "connect the phone inside the location, or add its network to `networks` of the location",
    ),
};

pub(super) const NOT_SIP: Row = Row {
    code: "CD-TRANSPORT-05",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "this port speaks SIP over TLS at {door}",
    label: "not_sip",
    title: "Neither TLS nor SIP on the TLS port",
    rule: "Whatever does not begin with a TLS handshake is closed unread.",
    controls: &["ZC-77", "CI-05"],
    remedy: Remedy::Site(
        "find the program at that address: a web browser or a port scanner looks like this, a phone does not",
    ),
};

pub(super) const CREDENTIALS_EXPOSED: Row = Row {
    code: "CD-TRANSPORT-06",
    answer: Answer::Sip(480),
    retry_after: Some(3600),
    standard: None,
    text: "password was sent in clear, change it; then use TLS at {door}",
    label: "credentials_exposed",
    title: "Credentials sent in clear",
    rule: "A digest response that travelled without TLS counts as known to others, although the request was refused.",
    controls: &["ZC-38", "ZC-50", "HV-31"],
    remedy: Remedy::ReplaceSecret,
};

pub(super) const MESSAGE_UNREADABLE: Row = Row {
    code: "CD-TRANSPORT-07",
    answer: Answer::Sip(400),
    retry_after: None,
    standard: None,
    text: "message breaks the grammar of SIP",
    label: "message_unreadable",
    title: "Message that is not SIP",
    rule: "A message is taken as RFC 3261 writes it, or answered with the reason and dropped.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("update the firmware of the sender; the event names what could not be read"),
};

pub(super) const MESSAGE_TOO_LARGE: Row = Row {
    code: "CD-TRANSPORT-08",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "message is longer than 64 kB",
    label: "message_too_large",
    title: "Message too large",
    rule: "No message grows beyond the bound that is kept for one.",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "look for a header or a body that grows with every hop, such as an image in Call-Info or a forwarding loop",
    ),
};

pub(super) const FLOW_TOO_SLOW: Row = Row {
    code: "CD-TRANSPORT-09",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "connection stayed silent",
    label: "flow_too_slow",
    title: "Connection without a message",
    rule: "A connection carries its first SIP byte within 15 s, and a message that was begun within 30 s.",
    controls: &["ZC-46", "ZC-77"],
    remedy: Remedy::Site(
        "none for a phone that registers; look for a scanner, a load balancer that probes, or a broken network path",
    ),
};

pub(super) const FLOW_NOT_READ: Row = Row {
    code: "CD-TRANSPORT-10",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "connection does not read what it is sent",
    label: "flow_not_read",
    title: "Connection that does not read",
    rule: "What waits for one connection is bounded; beyond it the connection is closed and the phone has to come back.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("check the network to the phone; a phone that hangs has to be restarted"),
};
