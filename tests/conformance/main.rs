//! What the RFCs say, sent to the real binary over TLS: the torture messages of RFC 4475 and RFC 5118, each answered as
//! docs/conformance-torture.md says, with nothing lost behind it.
#![cfg(test)]

mod case;
mod invalid;
mod ipv6;
mod layers;
mod paper;
mod site;
mod torture;
mod valid;
