//! What the layer above hears from the wires.

use std::fmt;
use std::net::SocketAddr;

use cordon_policy::Refusal;
use cordon_policy::connection::{FlowFacts, TlsFacts};
use cordon_sip::{FlowId, Message, Origin};
use rustls::pki_types::CertificateDer;

/// Something arrived, or a connection changed. Events of one flow come in order: opened, messages, closed.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a message, the others may be large too")]
pub enum TransportEvent {
    /// A phone's connection is ready.
    FlowOpened(FlowFacts),
    /// A message that parsed.
    Message {
        /// From where.
        origin: Origin,
        /// False over UDP: transactions have to retransmit.
        reliable: bool,
        /// Itself.
        message: Message,
    },
    /// A message that did not parse; it has been answered where it could be. The flow lives on unless a
    /// [`TransportEvent::FlowClosed`] follows.
    Unreadable {
        /// From where.
        origin: Origin,
        /// The device, or the PBX. Asset data, to be printed.
        peer: SocketAddr,
        /// The rule.
        refusal: Refusal,
        /// What could not be read.
        error: &'static str,
        /// The status answered.
        status: u16,
    },
    /// A phone's connection is gone.
    FlowClosed {
        /// Which.
        flow: FlowId,
        /// The device. To be printed where a rule ended the flow, and not else.
        peer: SocketAddr,
        /// Why.
        reason: CloseReason,
    },
    /// A connection to the PBX that we opened is verified and in use. What waited for it has been sent.
    PbxUp {
        /// Its messages come from `Origin::Pbx` of this.
        flow: FlowId,
        /// What it is bound to.
        key: ConnectionKey,
        /// The handshake; `None` where the lab chose UDP or TCP.
        tls: Option<TlsFacts>,
        /// The chain the PBX showed, its own certificate first: for the watch over expiry.
        chain: Vec<CertificateDer<'static>>,
    },
    /// That connection is gone, and with it the answers to what was under way on it. The next attempt is already running.
    PbxDown {
        /// Which.
        flow: FlowId,
        /// Why.
        reason: CloseReason,
    },
    /// A connection that the PBX had opened to us is gone.
    PbxFlowClosed {
        /// Which.
        flow: FlowId,
        /// Why.
        reason: CloseReason,
    },
    /// No target of the PBX could be reached, or messages waited too long for it. What waited is lost: transactions to
    /// `Hop::Pbx` must fail. Comes again with each round of attempts that fails.
    PbxUnreachable {
        /// The most telling reason of the round.
        refusal: Refusal,
        /// One clause per target. Names of machines, no health information.
        details: String,
    },
    /// Somebody was refused before a SIP message of theirs counted.
    Refused {
        /// The rule.
        refusal: Refusal,
        /// The device. Asset data, to be printed.
        peer: SocketAddr,
        /// The location it knocked at; `None` on the PBX side.
        location: Option<usize>,
        /// What was seen, such as the versions and suites of a ClientHello; may be empty.
        details: String,
    },
    /// The system grants no further descriptor: connections wait to be accepted until one is free.
    NoDescriptors {
        /// Where they wait.
        listener: SocketAddr,
    },
    /// A plain request carried digest credentials over the open network.
    Exposure {
        /// The device.
        peer: SocketAddr,
        /// The location.
        location: usize,
    },
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer closed it.
    PeerClosed,
    /// It broke, or the peer stopped to acknowledge (keep-alive, RFC 5482).
    Broken,
    /// Where one message ends could not be told any more.
    Unframeable,
    /// The first byte or the end of a message did not come in time.
    TooSlow,
    /// The peer does not read what is sent to it.
    NotRead,
    /// The layer above asked for it.
    Asked,
    /// Its network or its target is no longer configured.
    NoLongerAdmitted,
    /// Nobody was registered on it, and another connection needed its place.
    MadeRoom,
    /// Every place of its address, or of all, holds a registered phone.
    NoPlace(Refusal),
    /// Cordon is shutting down.
    ShuttingDown,
}

impl CloseReason {
    /// The refusal behind it, where a rule ended the flow and nothing has told of it yet.
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::TooSlow => Some(Refusal::FlowTooSlow),
            Self::NotRead => Some(Refusal::FlowNotRead),
            Self::NoLongerAdmitted => Some(Refusal::ForeignNetwork),
            // The message that could not be framed has been an event of its own.
            Self::Unframeable => None,
            Self::MadeRoom => Some(Refusal::MadeRoom),
            Self::NoPlace(refusal) => Some(refusal),
            Self::PeerClosed | Self::Broken | Self::Asked | Self::ShuttingDown => None,
        }
    }
}

/// What a connection to the PBX is bound to. Two keys never share a connection (CVE-2020-15260).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    /// The protocol.
    pub transport: PbxTransport,
    /// The address connected to.
    pub address: SocketAddr,
    /// The name that was proven; `None` without TLS.
    pub name: Option<String>,
}

/// The protocols that can be spoken with the PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PbxTransport {
    /// SIP over TLS.
    Tls,
    /// Plain, in the lab.
    Tcp,
    /// Plain, in the lab.
    Udp,
}

impl fmt::Display for PbxTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "TLS",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}
