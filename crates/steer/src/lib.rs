//! The kernel's hand: datagrams of many ports reach one socket, and leave through one, each from its own port.
//!
//! A program of a few instructions runs in the kernel where it looks for the socket of a datagram (`sk_lookup`). It
//! asks a table of our open ports and names the socket of the media thread; what is not in the table goes the way it
//! would have gone without us. So a thread receives and sends 64 datagrams of any of its calls with one system call
//! each. Everything that needs `unsafe` is in this crate, behind functions that do not.
//!
//! | file | noun |
//! |---|---|
//! | `steering` | [`Steering`]: the program in its network namespace, the table of open ports |
//! | `socket` | [`SteeredSocket`]: where the datagrams of many ports arrive |
//! | `receive` | [`ReceiveBatch`]: up to 64 datagrams, who sent them and to which port |
//! | `send` | [`RawSender`]: up to 64 datagrams, each from the port it must come from |
//! | `plain_send` | [`SendBatch`]: up to 64 datagrams from the port of one socket |
//! | `message` | the list of datagrams that one system call takes |
//! | `header` | the IP and UDP headers of a datagram |
//! | `checksum` | the Internet checksum |
//! | `capability` | [`Capability`]: what the process must be allowed, and is not |
//! | `obstacle` | [`Obstacle`]: why nothing can be steered here, and what helps |
//! | `program`, `instruction` | what the kernel runs |
//! | `bpf` | the system call `bpf(2)` |
#![deny(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

mod bpf;
mod capability;
mod checksum;
mod header;
mod instruction;
mod message;
mod obstacle;
mod plain_send;
mod program;
mod receive;
mod send;
mod socket;
mod steering;

pub use capability::Capability;
pub use obstacle::Obstacle;
pub use plain_send::SendBatch;
pub use receive::{Arrival, ReceiveBatch};
pub use send::{Departure, MAX_RAW_PAYLOAD, RawSender};
pub use socket::{Family, SteeredSocket};
pub use steering::Steering;

/// Datagrams one system call receives or sends: the cost of the call is below a fiftieth of theirs by then.
pub const BATCH: usize = 64;
