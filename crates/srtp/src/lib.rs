//! The SRTP engine: keys, opening and sealing in place, replay windows, SRTCP (RFC 3711, RFC 6188, RFC 7714).
//!
//! What stands between a socket and a sink is a type. A datagram from a socket is an [`SrtpPacket`] or an
//! [`SrtcpPacket`]; [`Inbound`] turns it into an [`RtpPacket`] or [`RtcpPacket`] only when it authenticates;
//! [`Outbound`] turns those back into packets for the wire. Media in clear needs a [`Plain`], which names its reason.
//!
//! | module | holds |
//! |---|---|
//! | [`packet`] | the packets as states of one buffer |
//! | [`inbound`] | [`Inbound`]: estimate, replay, authenticate, decrypt, commit; the peer's re-keying |
//! | [`outbound`] | [`Outbound`]: encrypt and tag, never the same index twice |
//! | [`plain`] | [`Plain`]: the permit for media in clear |
//! | [`error`] | [`OpenError`], [`SealError`] |
#![forbid(unsafe_code)]

mod candidate;
mod clock_span;
pub mod error;
mod floor;
mod former_keys;
mod gcm;
pub mod inbound;
mod media_clock;
pub mod outbound;
pub mod packet;
pub mod plain;
mod provider;
mod replay_window;
mod session_keys;
mod source;
mod transform;

pub use error::{OpenError, SealError};
pub use inbound::{AddressChange, Inbound};
pub use outbound::Outbound;
pub use packet::{RtcpPacket, RtpPacket, SourceId, SrtcpPacket, SrtpPacket};
pub use plain::{Plain, PlainPacket, PlainReason};
pub use provider::{NotInFipsMode, Provider};
