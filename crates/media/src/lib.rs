//! UDP sockets, the port pool and the threads that move media between them.
//!
//! [`MediaEngine`] is what signalling holds: it reserves ports, passes commands to the thread that owns a stream,
//! and brings events and figures back. The threads know no clock but their own poll, share no lock per packet, and
//! each moves a datagram from receive to send in one buffer.
//!
//! | file | noun |
//! |---|---|
//! | `engine` | [`MediaEngine`]: reserve, command, close, figures |
//! | `worker` | one media thread: poll, receive, relay, send |
//! | `port_pool` | [`PortPool`]: even and odd port pairs, resting before they are used again |
//! | `socket` | one UDP socket as media needs it |
#![forbid(unsafe_code)]

mod engine;
mod port_pool;
mod socket;
mod worker;

pub use cordon_relay::{
    AddressChange, Before, Command, End, EndSetup, EndStatistics, Protection, Refused, RelayEvent, StreamId,
    StreamStatistics,
};
pub use engine::{EngineError, MediaConfig, MediaEngine, NoPorts, PortPair, Reservation};
pub use port_pool::PortPool;
