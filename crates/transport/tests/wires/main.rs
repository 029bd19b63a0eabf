//! The wires over loopback sockets, with certificates made for each test.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

mod crowds;
mod handset;
mod handshake;
mod pbx;
mod plain;
mod support;
