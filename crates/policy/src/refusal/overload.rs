//! Rows CD-OVERLOAD: what is refused because a bound is reached.

use super::remedy::Remedy;
use super::row::{Answer, Row};

pub(super) const DRAINING: Row = Row {
    code: "CD-OVERLOAD-01",
    answer: Answer::Sip(503),
    retry_after: Some(30),
    standard: None,
    text: "being restarted, try again",
    label: "draining",
    title: "Shutting down",
    rule: "While calls in progress run to their end, nothing new is begun.",
    controls: &["HV-21"],
    remedy: Remedy::Site("none, phones come back by themselves"),
};

pub(super) const TOO_MANY_CALLS: Row = Row {
    code: "CD-OVERLOAD-02",
    answer: Answer::Sip(503),
    retry_after: Some(10),
    standard: None,
    text: "too many calls at once",
    label: "too_many_calls",
    title: "Too many calls",
    rule: "The number of calls is bounded, so that those in progress keep their quality.",
    controls: &["HV-06", "HV-21"],
    remedy: Remedy::Site(
        "look at the number of calls in the metrics: add a second instance, or find the loop or flood that fills this one",
    ),
};

pub(super) const NO_PORTS: Row = Row {
    code: "CD-OVERLOAD-03",
    answer: Answer::Sip(503),
    retry_after: Some(10),
    standard: None,
    text: "no media port is free",
    label: "no_ports",
    title: "No media port free",
    rule: "Each call takes ports from `media.ports`, and a port rests for 60 s after its call.",
    controls: &["HV-06", "HV-21"],
    remedy: Remedy::Site("widen `media.ports`: eight ports for each call at the busiest minute"),
};

pub(super) const TOO_MANY_BINDINGS: Row = Row {
    code: "CD-OVERLOAD-04",
    answer: Answer::Sip(503),
    retry_after: Some(60),
    standard: None,
    text: "too many registrations",
    label: "too_many_bindings",
    title: "Too many registrations",
    rule: "The number of registrations is bounded: in total, on one connection, and of one account.",
    controls: &["HV-21"],
    remedy: Remedy::Site("look for a phone or a script that registers ever new contacts"),
};

pub(super) const TOO_MANY_TRANSACTIONS: Row = Row {
    code: "CD-OVERLOAD-05",
    answer: Answer::Sip(503),
    // Longer than Timer F (32 s): what filled the table has ended by then.
    retry_after: Some(33),
    standard: None,
    text: "too many requests at once",
    label: "too_many_transactions",
    title: "Too many requests at once",
    rule: "The number of requests in progress is bounded.",
    controls: &["HV-21"],
    remedy: Remedy::Site("look at the rate of requests by location in the metrics"),
};

pub(super) const TOO_MANY_FLOWS: Row = Row {
    code: "CD-OVERLOAD-06",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "too many connections",
    label: "too_many_flows",
    title: "Too many connections",
    rule: "The number of connections is bounded, handshakes apart from established ones.",
    controls: &["HV-21"],
    remedy: Remedy::Site("look at the number of connections by location in the metrics"),
};

pub(super) const TOO_MANY_FLOWS_FROM_ADDRESS: Row = Row {
    code: "CD-OVERLOAD-07",
    answer: Answer::Close,
    retry_after: None,
    standard: None,
    text: "too many connections from this address",
    label: "too_many_flows_from_address",
    title: "Too many connections from one address",
    rule: "One address, or one /64 of IPv6, holds a bounded number of connections, so that one broken device cannot shut out the others.",
    controls: &["HV-21", "ZC-77"],
    remedy: Remedy::Site(
        "restart the device at that address; behind NAT give the site its own location with its own address",
    ),
};

pub(super) const TOO_FAST: Row = Row {
    code: "CD-OVERLOAD-08",
    answer: Answer::Silence,
    retry_after: None,
    standard: None,
    text: "too many requests from this address",
    label: "too_fast",
    title: "Too many refused requests from one address",
    rule: "Refusals toward one address, or one /64 of IPv6, are limited in rate, so that they can neither flood nor be reflected.",
    controls: &["HV-21", "ZC-46"],
    remedy: Remedy::Site("set the device at that address to TLS, it repeats what is refused"),
};

pub(super) const OVERLOADED: Row = Row {
    code: "CD-OVERLOAD-09",
    answer: Answer::Sip(503),
    // The range is `policy::overload`'s.
    retry_after: Some(5),
    standard: None,
    text: "too busy at the moment, try again",
    label: "overloaded",
    title: "Overloaded",
    rule: "When messages wait for more than 50 ms a whole second long, or the PBX says its first word more than 100 ms later than usual, the least important requests are turned away until they no longer do: strangers, probes, new registrations, new calls, refreshes. Calls in progress and emergencies are not.",
    controls: &["HV-06", "HV-21"],
    remedy: Remedy::Site(
        "look at `cordon_shed` in the metrics: strangers and probes mean a flood to be found, new calls mean a site that has outgrown this machine, or its PBX where `cordon_pbx_delay_seconds` is above 0.1",
    ),
};

pub(super) const TOO_MANY_CALLS_OF_ACCOUNT: Row = Row {
    code: "CD-OVERLOAD-10",
    answer: Answer::Sip(503),
    retry_after: Some(10),
    standard: None,
    text: "too many calls of this account at once",
    label: "too_many_calls_of_account",
    title: "Too many calls of one account",
    rule: "One account has a bounded number of calls at once, on however many connections; emergency calls are not counted.",
    controls: &["HV-18", "HV-21"],
    remedy: Remedy::Site(
        "look for a dialler or a stolen password: change the password of the account; a gateway gets an account for each line",
    ),
};

pub(super) const TOO_MANY_EMERGENCY_CALLS: Row = Row {
    code: "CD-OVERLOAD-11",
    answer: Answer::Sip(503),
    retry_after: Some(10),
    standard: None,
    text: "too many emergency calls without registration",
    label: "too_many_emergency_calls",
    title: "Too many emergency calls from one device that is not registered",
    rule: "Without a registration a connection has 4 emergency calls at once, an address or a /64 of IPv6 32 at once and 60 begun in a minute, so that one device cannot take every media port from the others. Registered phones have no such bound.",
    controls: &["HV-06", "HV-21"],
    remedy: Remedy::Site("find the device at that address: it dials an emergency number without end"),
};
