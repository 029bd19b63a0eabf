//! The wires: SIP over TLS for phones, one verified connection to the PBX, and the listener that refuses plain SIP.
//!
//! [`Transport::start`] binds everything and hands back [`Events`], a bounded queue; whoever reads it slowly slows the
//! peers down (their TCP windows close), and where messages wait too long the least important requests are shed. Bytes go
//! out by [`Transport::send`], which never waits.
//!
//! The way of a phone's connection, from outside in:
//! - `listener`: accept, the location's networks, the caps of `admission`
//! - `handshake`: first bytes; TLS, or one refusal in SIP text; `client_hello` explains what cannot work
//! - `flow`: bytes to messages, pings, deadlines; `inbox` the way to signalling, `write_queue` the way back
//! - `plain`: the `refuse` listeners, UDP and TCP, with `answer` and `rate_limit`
//! - `pbx_link`: the connection we open and verify; `pbx_listener` and `pbx_datagram`: where the PBX reaches us

#![forbid(unsafe_code)]

mod admission;
mod answer;
mod begun;
mod client_hello;
mod config;
mod event;
mod flow;
mod flow_table;
mod handshake;
mod inbox;
mod keepalive;
mod listener;
mod pbx_connector;
mod pbx_datagram;
mod pbx_link;
mod pbx_listener;
mod plain;
mod prefixed;
mod rate_limit;
mod shared;
mod tls;
mod transport;
mod write_queue;

pub use client_hello::{ClientHello, HelloError};
pub use config::{Limits, LocationConfig, PbxConfig, PbxWay, Target, TlsFront, TlsTarget, TransportConfig};
pub use event::{CloseReason, ConnectionKey, PbxTransport, TransportEvent};
pub use inbox::Events;
pub use transport::{Listening, SendError, StartError, Transport};
