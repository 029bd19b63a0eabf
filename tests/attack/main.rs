//! Cordon under attack. Each case has a site on a machine of its own, and a canary that talks and registers through it
//! while it is attacked ([`attack::Attack`]).
//!
//! `cargo xtask attack [CASE]` runs the short forms and prints the table; `--full` runs the stated lengths against a
//! release build. docs/threats.md holds what was measured, the threat model in front of it.

mod attack;
mod call;
mod canary;
mod connections;
mod framing;
mod impostor;
mod ledger;
mod odd;
mod oracle;
mod plain;
mod report;
mod requests;
mod site;
mod sizes;
mod tls;
#[path = "../conformance/torture/valid.rs"]
mod torture;
mod upstream;
mod vitals;
