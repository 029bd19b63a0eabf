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
    title: "Neither TLS nor SIP",
    rule: "Whatever begins with neither a TLS handshake nor a SIP message is closed unread, on every port.",
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

pub(super) const BODY_TOO_LARGE: Row = Row {
    code: "CD-TRANSPORT-08",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "body is longer than 64 kB",
    label: "body_too_large",
    title: "Body too large",
    rule: "No body grows beyond 64 kB; the connection is closed, since nothing of it is kept.",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "look for what the sender puts into messages, such as pictures or whole address books",
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

pub(super) const CONTENT_LENGTH_UNCLEAR: Row = Row {
    code: "CD-TRANSPORT-11",
    answer: Answer::Sip(400),
    retry_after: None,
    standard: None,
    text: "Content-Length is missing, double or wrong",
    label: "content_length_unclear",
    title: "Content-Length that can be read in two ways",
    rule: "Content-Length stands once, in plain digits, and is the length of the body; else nobody knows what belongs to the next message, and the connection is closed.",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "update the firmware of the sender; if it is not a phone of this site, it may be an attack that hides one message in another",
    ),
};

pub(super) const LINE_END_UNCLEAR: Row = Row {
    code: "CD-TRANSPORT-12",
    answer: Answer::Sip(400),
    retry_after: None,
    standard: None,
    text: "a line ends with CR or LF alone",
    label: "line_end_unclear",
    title: "Line end that can be read in two ways",
    rule: "A line ends with CR LF: what one reader takes for the end of a line another does not, and the connection is closed.",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "update the firmware of the sender; if it is not a phone of this site, it may be an attack that hides one message in another",
    ),
};

pub(super) const HEAD_TOO_LARGE: Row = Row {
    code: "CD-TRANSPORT-13",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "head is longer than 16 kB",
    label: "head_too_large",
    title: "Head too large",
    rule: "The headers of a message take 16 kB at most, and as it would go on to the PBX no more; a connection on which no end was seen is closed.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for headers that grow with every hop, as in a forwarding loop"),
};

pub(super) const LINE_TOO_LONG: Row = Row {
    code: "CD-TRANSPORT-14",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "a header is longer than 8 kB",
    label: "line_too_long",
    title: "Header too long",
    rule: "One header takes 8 kB at most, folds included.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for the header that the sender fills so, such as a picture in Call-Info"),
};

pub(super) const TOO_MANY_HEADERS: Row = Row {
    code: "CD-TRANSPORT-15",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "more than 128 headers",
    label: "too_many_headers",
    title: "Too many headers",
    rule: "A message has 128 headers at most; real ones have 10 to 40.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for headers that are added with every hop, as in a forwarding loop"),
};

pub(super) const TOO_MANY_VIAS: Row = Row {
    code: "CD-TRANSPORT-16",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "more than 40 Vias",
    label: "too_many_vias",
    title: "Too many Vias",
    rule: "A message has passed 40 hops at most.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for a forwarding loop between the PBX and its neighbours"),
};

pub(super) const TOO_MANY_CONTACTS: Row = Row {
    code: "CD-TRANSPORT-17",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "too many Contacts",
    label: "too_many_contacts",
    title: "Too many Contacts",
    rule: "A request has 16 Contacts at most and an answer 64: each one becomes state.",
    controls: &["ZC-46"],
    remedy: Remedy::Site(
        "let each phone register its own contact; remove what is stale from the account in the PBX",
    ),
};

pub(super) const TOO_MANY_ROUTES: Row = Row {
    code: "CD-TRANSPORT-18",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "more than 32 Routes",
    label: "too_many_routes",
    title: "Too many Routes",
    rule: "A message has 32 Route and 32 Record-Route addresses at most.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for a forwarding loop between the PBX and its neighbours"),
};

pub(super) const VERSION_UNSUPPORTED: Row = Row {
    code: "CD-TRANSPORT-19",
    answer: Answer::Sip(505),
    retry_after: None,
    standard: None,
    text: "only SIP/2.0 is spoken",
    label: "version_unsupported",
    title: "Another version of SIP",
    rule: "SIP/2.0 is the one version there is (RFC 3261).",
    controls: &["ZC-46"],
    remedy: Remedy::Site("update the firmware of the sender; no phone speaks another version"),
};

pub(super) const MADE_ROOM: Row = Row {
    code: "CD-TRANSPORT-20",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "connection without a registration made room for another",
    label: "made_room",
    title: "Connection that made room",
    rule: "When all places of an address (of a /64 in IPv6) or of the site are taken, the connection without registration and call that stood still longest makes room for the next.",
    controls: &["HV-21", "ZC-77"],
    remedy: Remedy::Site(
        "none for a phone, it comes back by itself; find what opens so many connections at the addresses in the events",
    ),
};

pub(super) const NO_DESCRIPTORS: Row = Row {
    code: "CD-TRANSPORT-21",
    answer: Answer::Silence,
    retry_after: None,
    standard: None,
    text: "no file descriptor is free",
    label: "no_descriptors",
    title: "No file descriptor free",
    rule: "While the system grants no further descriptor, new connections wait; those that are there are served.",
    controls: &["HV-21"],
    remedy: Remedy::Site(
        "raise the hard limit of open files (LimitNOFILE, ulimit -Hn): the start-up event names how many are wanted",
    ),
};

pub(super) const TOO_MANY_PARAMETERS: Row = Row {
    code: "CD-TRANSPORT-22",
    answer: Answer::Sip(513),
    retry_after: None,
    standard: None,
    text: "too many parameters in one header",
    label: "too_many_parameters",
    title: "Too many parameters",
    rule: "An address, a URI, a Via and a proof of a password hold 32 parameters at most.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("update the firmware of the sender; no phone writes as many"),
};

pub(super) const TLS_ON_PLAIN_PORT: Row = Row {
    code: "CD-TRANSPORT-23",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "this port refuses plain SIP, TLS is spoken at {door}",
    label: "tls_on_plain_port",
    title: "TLS on the port for plain SIP",
    rule: "The transport is right and the port is not: here plain SIP is heard, in order to refuse it, and no TLS is spoken.",
    controls: &["ZC-38", "ZC-43", "CI-05"],
    remedy: Remedy::Site(
        "set the server port of the phone to the one in the event (5061 unless `listen` of the location says otherwise)",
    ),
};
