//! Registrations passing through: every REGISTER is relayed to the PBX, which alone decides who may register.
//!
//! | file | noun |
//! |---|---|
//! | `registrar` | REGISTER in, REGISTER out, answers back |
//! | `whereabouts` | where phones are, and which of them is on a connection |
//! | `admission` | what a REGISTER must look like to be relayed |
//! | `exchange` | one REGISTER on its way |
//! | `upstream` | the Call-ID, From tag and CSeq the PBX knows a phone's registration by |
//! | `phone` | who a phone is, and the opaque contact the PBX gets |
//! | `bindings` | which phone is reached over which flow, and until when |
//! | `request` | what of a phone's REGISTER goes to the PBX |
//! | `answer` | what of the PBX's answer the phone may see |
//! | `nonces` | challenges on their way to phones, proofs on their way to the PBX |
//! | `nonce_table` | the nonces that may count, who was given them, and what was proved with them |
//! | `withheld` | why a proof stays with us |
//! | `proofs` | whose password a request claims to know, and what the PBX says to that |
//! | `guesses` | accounts whose password is being guessed |
//! | `refuse` | how a refusal is told |

mod admission;
mod answer;
mod bindings;
mod exchange;
mod guesses;
#[cfg(test)]
mod house;
#[cfg(test)]
mod ladders;
#[cfg(test)]
mod lockouts;
#[cfg(test)]
mod model;
mod nonce_table;
mod nonces;
mod phone;
mod proofs;
mod refuse;
mod registrar;
#[cfg(test)]
mod replays;
mod request;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod strangers;
mod upstream;
mod whereabouts;
mod withheld;

pub(crate) use nonces::Nonces;
pub(crate) use phone::{Account, BindingId};
pub(crate) use proofs::{Claims, Wait};
pub(crate) use registrar::Registrar;
pub(crate) use whereabouts::Route;
pub use withheld::Withheld;
