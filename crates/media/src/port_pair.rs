//! Ports of ours, as a session description names them.

use std::net::SocketAddr;

use cordon_relay::{Local, LocalPort, StreamId};

use crate::io::PORTS_PER_STREAM;

/// Two neighbouring ports of ours, bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortPair {
    /// Position of the interface in [`MediaConfig::interfaces`](crate::MediaConfig::interfaces).
    pub interface: u8,
    /// The even port.
    pub rtp: SocketAddr,
    /// The odd port above it.
    pub rtcp: SocketAddr,
}

/// A stream that is open, but forwards nothing until both its ends are set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reservation {
    /// What commands call it.
    pub stream: StreamId,
    /// Ports toward the leg that made the call.
    pub a: PortPair,
    /// Ports toward the leg that was called.
    pub b: PortPair,
}

impl PortPair {
    pub(crate) fn local(self) -> Local {
        let port = |address: SocketAddr| LocalPort { interface: self.interface, port: address.port() };
        Local { rtp: port(self.rtp), rtcp: port(self.rtcp) }
    }
}

/// The ports of both ends, in the order a thread keeps them.
pub(crate) fn all_ports(a: PortPair, b: PortPair) -> [LocalPort; PORTS_PER_STREAM] {
    let (a, b) = (a.local(), b.local());
    [a.rtp, a.rtcp, b.rtp, b.rtcp]
}
