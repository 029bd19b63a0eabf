//! Media flows: one datagram in, one transmit out.
//!
//! [`Relay`] owns the audio streams of the calls and nothing else: no socket, clock, thread or random source.
//! The driver brings a datagram and `now`; the relay authenticates it on one end, gives it the SSRC and the
//! index of the other end, seals it in the same buffer and says from which port to which address it goes.
//!
//! | file | noun |
//! |---|---|
//! | `relay` | [`Relay`]: commands, datagrams, events |
//! | `stream` | one audio stream: two ends, and the way of a packet between them |
//! | `side` | one end: its protection, its permits, where it is reached |
//! | `plain` | the packets of an end that policy permitted to go unprotected |
//! | `latch` | where an end is reached, learned only from authenticated packets |
//! | `our_keys` | what seals toward one peer: the key in force, and those that were left and may come back |
//! | `rewrite` | which SSRC, index and timestamp an inbound source gets on the way out |
//! | `names` | the SSRCs an end's packets leave under |
//! | `rtcp` | what `rewrite` says, for the SSRCs and numbers inside RTCP |
//! | `arrivals` | what is missing, late or uneven of what an end's peer sends |
//! | `reports` | what an end's peer reports of what it was sent, and the round trip |
//! | `place` | where a datagram belongs that arrives at a port of ours |
//! | `port_table` | [`PortTable`]: what stands for each of our ports, in constant time |
//! | `chain` | refuses media that would come back to where it started |
//! | `command` | what signalling asks for |
//! | `event` | what signalling is told |
//! | `statistics` | what each end opened, sealed and refused |
//! | `generator` | SSRCs and first indexes from one seed |
#![forbid(unsafe_code)]

mod arrivals;
mod chain;
mod command;
mod event;
mod generator;
mod latch;
mod names;
mod our_keys;
mod place;
mod plain;
mod port_table;
mod relay;
mod reports;
mod rewrite;
mod rtcp;
mod side;
mod statistics;
mod stream;

pub use chain::{Chains, LoopRefused};
pub use command::{Before, Command, End, EndSetup, Local, LocalPort, Protection, StreamId};
pub use cordon_srtp::AddressChange;
pub use event::{CommandError, RelayEvent};
pub use port_table::PortTable;
pub use relay::{Relay, Transmit};
pub use statistics::{EndStatistics, Refused, StreamStatistics};
