//! Values that count as health information.
//!
//! Who called whom, when and from where is protected health information in the places Cordon guards. Such a value
//! travels as [`Phi<T>`]: it prints as a pseudonym that is stable for the life of the process, so that one call can be
//! followed through a log, and it is opened only by [`Phi::reveal`] with a [`Reason`].
//!
//! ```
//! use cordon_phi::{Phi, Reason};
//!
//! let caller = Phi::new("alice");
//! assert!(!format!("{caller:?}").contains("alice"));
//! assert_eq!(*caller.reveal(Reason::Test), "alice");
//! ```
#![forbid(unsafe_code)]

mod phi;
mod pseudonym;
mod reason;

pub use phi::Phi;
pub use pseudonym::Pseudonym;
pub use reason::Reason;
