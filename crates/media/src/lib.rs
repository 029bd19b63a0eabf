//! UDP sockets, the port pool and the threads that move media between them.
//!
//! [`MediaEngine`] is what signalling holds: it reserves ports, passes commands to the thread that owns a stream,
//! and brings events and figures back. The threads know no clock but their own waiting, share no lock per packet, and
//! each moves a datagram from receive to send in one buffer.
//!
//! | file | noun |
//! |---|---|
//! | `engine` | [`MediaEngine`]: reserve, command, close, figures |
//! | `config`, `error` | what the engine is started with, and why it did not do something |
//! | `ledger` | which stream lives on which thread and ports |
//! | `port_pair` | [`PortPair`] and [`Reservation`]: our ports as a session description names them |
//! | `port_pool` | [`PortPool`]: even and odd port pairs, resting before they are used again |
//! | `socket` | one UDP socket as media needs it |
//! | `thread` | one media thread as signalling sees it: jobs, waker, figures |
//! | `worker` | the same thread from inside: wait, receive, relay, send |
//! | `batch` | its buffers |
//! | `waker`, `snapshot` | what wakes it, and what it published |
//! | `rights` | [`give_up_rights`]: what the process may do only while media is set up |
//! | `io` | the seam between relaying and the kernel, and who stands behind it |
//! | `port_map` | what a thread keeps for each open port, found in constant time |
#![forbid(unsafe_code)]

mod batch;
mod config;
mod engine;
mod error;
mod io;
mod ledger;
mod port_map;
mod port_pair;
mod port_pool;
mod rights;
mod snapshot;
mod socket;
mod thread;
mod waker;
mod worker;

pub use config::MediaConfig;
pub use cordon_relay::{
    AddressChange, Before, Command, End, EndSetup, EndStatistics, Protection, Refused, RelayEvent, StreamId,
    StreamStatistics,
};
pub use engine::MediaEngine;
pub use error::{EngineError, NoPorts};
pub use io::{ChosenIo, IoChoice, IoFigures};
pub use port_pair::{PortPair, Reservation};
pub use port_pool::PortPool;
pub use rights::give_up_rights;
