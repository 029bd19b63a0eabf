//! What Cordon admits and what it refuses: facts go in, a [`Permit`] or a [`Refusal`] comes out.
//!
//! - [`refusal`]: the one table of refusals, with everything that is said about each
//! - [`explain`](mod@explain): a refusal told to a person, for `cordon explain`
//! - [`connection`]: who may connect, and why a TLS handshake cannot end well
//! - [`request`]: emergency first, then methods, extensions, hops and registration
//! - [`media`]: offers and answers, and nothing in clear without a permit
//! - [`overload`]: what is shed first when signalling cannot keep up
//! - [`Neighbourhood`]: whose connections count together where strangers are counted
//! - [`controls`]: the controls that rules, findings and reports cite
//! - [`permit`]: the proof that policy was asked
//!
//! Decides from its arguments alone: no socket, clock, lock, task or random source.

#![forbid(unsafe_code)]

pub mod connection;
pub mod controls;
pub mod explain;
pub mod media;
mod neighbourhood;
pub mod overload;
pub mod permit;
pub mod refusal;
pub mod request;

pub use media::{PlainMedia, PlainReason, SecureMedia};
pub use neighbourhood::Neighbourhood;
pub use permit::Permit;
pub use refusal::{Answer, Door, Family, Refusal};
