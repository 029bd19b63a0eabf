//! Certificates and TLS: what Cordon shows to phones, and what it asks of the PBX.
//!
//! - [`Identity`]: one certificate chain with its private key; [`SharedIdentity`] swaps it while running.
//! - [`LeafFacts`]: what a certificate says about itself (names, validity, key), for checks and metrics.
//! - [`Trust`]: the authorities believed: the system's public store, or a file.
//! - [`RevocationLists`]: the certificates that their issuers took back.
//! - [`verify_own`], [`own_problems`]: would a phone that trusts `Trust` accept our own chain?
//! - [`PeerName`]: the name a PBX must prove (RFC 5922: a subjectAltName, exact, no wildcard).
//! - [`server_config`], [`client_config`]: the only two TLS configurations there are.
//! - [`provider`]: the six cipher suites of SP 800-52r2 within RFC 9325, by aws-lc-rs, never the process default.
//! - [`ExpiryWatch`]: days left, and the warnings at 30, 14, 7 and 1.

#![forbid(unsafe_code)]

mod chain;
mod client;
mod error;
mod expiry;
mod identity;
mod leaf;
mod name;
mod own;
mod problem;
mod provider;
mod revocation;
mod server;
mod trust;

pub use chain::judge_peer;
pub use client::client_config;
pub use error::CertError;
pub use expiry::{ExpiryWarning, ExpiryWatch, days_left};
pub use identity::Identity;
pub use leaf::{KeyKind, LeafFacts};
pub use name::{NotAName, PeerName};
pub use own::{own_problems, verify_own};
pub use problem::CertProblem;
pub use provider::provider;
pub use revocation::RevocationLists;
pub use server::{SharedIdentity, server_config};
pub use trust::{Trust, TrustAnchors};
