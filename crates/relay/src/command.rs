//! What signalling asks the relay for: plain values that could cross a process boundary.

use std::fmt;
use std::net::SocketAddr;

use cordon_rtp::{AudioCodecs, KeyMaterial};
use cordon_srtp::{AddressChange, Plain};

/// One audio stream of a call, named by whoever reserved its ports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId(pub u64);

/// One of the two ends of a stream: `A` is the leg that made the call first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum End {
    /// The leg that made the call.
    A,
    /// The leg that was called.
    B,
}

impl End {
    /// The end a packet that arrived here leaves by.
    pub fn other(self) -> End {
        match self {
            End::A => End::B,
            End::B => End::A,
        }
    }
}

/// One UDP port of ours, on one of the configured interfaces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LocalPort {
    /// Position of the interface in the configured list.
    pub interface: u8,
    /// The UDP port.
    pub port: u16,
}

/// The two ports one end of a stream receives on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Local {
    /// RTP, and RTCP too where `mux` was agreed.
    pub rtp: LocalPort,
    /// RTCP.
    pub rtcp: LocalPort,
}

/// One wish of signalling about one stream.
#[derive(Debug)]
pub enum Command {
    /// Makes the stream known on its four ports. Until both ends are set, nothing is forwarded.
    Open {
        /// The new stream.
        stream: StreamId,
        /// Ports of end `A`.
        a: Local,
        /// Ports of end `B`.
        b: Local,
    },
    /// Says how one end is protected, reached and permitted; repeated at every change.
    Set {
        /// The stream.
        stream: StreamId,
        /// Which of its ends.
        end: End,
        /// What holds from now on.
        setup: EndSetup,
    },
    /// Forgets the stream; its final statistics come back as [`RelayEvent::Closed`](crate::RelayEvent::Closed).
    Close {
        /// The stream.
        stream: StreamId,
    },
}

/// How one end of a stream is protected, reached and permitted.
#[derive(Debug)]
pub struct EndSetup {
    /// Keys, or the permit to go without.
    pub protection: Protection,
    /// We use a new local key: fresh SSRCs with a first sequence below 2^15. Signalled or not, a key that
    /// differs from the one in use is treated as new; a key that is the same continues its index space.
    pub local_changed: bool,
    /// The peer uses a new key, or moved; `None` where both are as before. A key that differs from the one
    /// in use is treated as new even when this says `None`.
    pub remote_changed: Option<AddressChange>,
    /// The peer's description was negotiated again, be it word for word the same: the peer may have made its SRTP
    /// session anew and start over at ROC 0. False where only the other end changed.
    pub renegotiated: bool,
    /// Where the session description says RTP is received.
    pub remote_rtp: SocketAddr,
    /// Where the session description says RTCP is received; not used with `mux`.
    pub remote_rtcp: SocketAddr,
    /// RTP and RTCP share the RTP port (RFC 5761).
    pub mux: bool,
    /// Where media may go before the peer proved an address with an authenticated packet.
    pub before_proof: Before,
    /// What the peer may send, for the measuring of its jitter.
    pub codecs: AudioCodecs,
    /// What the peer sends may be forwarded.
    pub receive: bool,
    /// We may send to the peer.
    pub send: bool,
}

/// The protection of one end.
pub enum Protection {
    /// SRTP: our key seals what goes to the peer, the peer's key opens what comes from it.
    Secure {
        /// The key we announced to this peer.
        local: Box<KeyMaterial>,
        /// The key this peer announced to us.
        remote: Box<KeyMaterial>,
    },
    /// RTP in clear, by permit.
    Plain(Plain),
}

impl Protection {
    /// SRTP with these keys.
    pub fn secure(local: KeyMaterial, remote: KeyMaterial) -> Protection {
        Protection::Secure { local: Box::new(local), remote: Box::new(remote) }
    }
}

impl fmt::Debug for Protection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Protection::Secure { local, .. } => write!(out, "Secure({})", local.suite().name()),
            Protection::Plain(_) => out.write_str("Plain"),
        }
    }
}

/// Where media may go before the first authenticated packet of an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// To the address of the session description: it lies inside the leg's networks, or is a port of ours.
    SendToSdp,
    /// Nowhere.
    HoldUntilProven,
}
