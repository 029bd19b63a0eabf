//! Transactions: RFC 3261 section 17 with the corrections of RFC 6026, and every timer they need.
//!
//! The layer is driven: the caller brings messages and `now`, then drains [`Layer::poll_transmit`] and
//! [`Layer::poll_event`], and comes back at [`Layer::poll_timeout`]. It owns no socket, clock or random source.
//!
//! | where | what |
//! |---|---|
//! | [`Layer`] | the door: matches messages to transactions, answers what needs no decision |
//! | [`Event`], [`Transmit`] | what the layer hands up and what it wants sent |
//! | [`Timers`], [`Limits`] | T1, T2, T4, Timer C, and how large the tables may grow |
//! | `bounds` | how long a message toward the PBX may get |
//! | `invite_client`, `client` | the two client machines (17.1.1, 17.1.2) |
//! | `invite_server`, `server` | the two server machines (17.2.1, 17.2.2) |

#![forbid(unsafe_code)]

mod bounds;
mod client;
mod clients;
mod event;
mod invite_client;
mod invite_server;
mod key;
mod layer;
mod limits;
mod output;
mod schedule;
mod server;
mod servers;
mod stateless;
mod timers;

pub use event::{ClientId, Event, Gone, ServerId, Transmit, TurnedAway};
pub use layer::Layer;
pub use limits::Limits;
pub use timers::{TIMER_C, Timers};
