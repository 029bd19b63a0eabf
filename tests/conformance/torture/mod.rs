//! The torture messages of RFC 4475 and RFC 5118, written out byte for byte under the names the RFCs give them.
//!
//! One source for two readers: the tests of the wire layer (`crates/sip/tests`) and those that send them to Cordon over
//! TLS (`tests/conformance`).

pub(crate) mod invalid;
pub(crate) mod ipv6;
pub(crate) mod layers;
pub(crate) mod valid;
