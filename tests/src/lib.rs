//! What the end-to-end tests share: an isolated machine for each test, real peers started, awaited and stopped,
//! and the means to measure what they heard.
//!
//! Every test runs in network and mount namespaces of its own ([`machine`]), so that addresses and ports are
//! fixed, nothing leaves the machine, and tests may run side by side.

pub mod baresip;
pub mod caller;
pub mod capture;
pub mod clinic;
pub mod cordon;
pub mod handset;
pub mod kamailio;
pub mod machine;
pub mod metrics;
pub mod ng;
pub mod pki;
pub mod program;
pub mod raw_flow;
pub mod reading_pbx;
pub mod rtpengine;
pub mod sipp;
pub mod standstill;
pub mod tone;
pub mod wire;
