//! Configurations as operators write them, from file to settings or to findings.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on may panic, its helpers too"
)]

mod examples;
mod refusals;
mod revocation;
mod support;
