//! Cordon under attack. Each case has a site on a machine of its own, and a canary that talks and registers through it
//! while it is attacked ([`attack::Attack`]).
//!
//! `cargo xtask attack [CASE]` runs the short forms and prints the table; `--full` runs the stated lengths against a
//! release build. docs/threats.md holds what was measured, the threat model in front of it.

mod agent;
mod attack;
mod call;
mod canary;
mod connections;
mod dialogs;
mod eavesdropper;
mod findings;
mod framing;
mod hog;
mod identity;
mod impostor;
mod intruder;
mod journal;
mod ledger;
mod liar;
mod lies;
mod load;
mod logs;
mod media;
mod odd;
mod oracle;
mod plain;
mod puppet;
mod registration;
mod replay;
mod report;
mod requests;
mod resources;
mod site;
mod sizes;
mod spread;
mod storms;
mod tls;
mod told;
#[path = "../conformance/torture/valid.rs"]
mod torture;
mod trend;
mod upstream;
mod vitals;
