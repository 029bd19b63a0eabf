//! Words of real-time media: RTP and RTCP views over bytes, the numbers they are made of, and the SRTP suites.
//!
//! | module | holds |
//! |---|---|
//! | [`number`] | [`Ssrc`], [`Seq`], [`Roc`], [`PacketIndex`], [`Timestamp`], [`PayloadType`] |
//! | [`suite`] | [`Suite`]: the table of SRTP suites and their sizes |
//! | [`key`] | [`KeyMaterial`]: a master key and salt that neither print nor copy |
//! | [`packet_buf`] | [`PacketBuf`]: one datagram with room for a tag |
//! | [`header`] | [`RtpHeader`]: a checked view of an RTP packet |
//! | [`rtcp`] | compound packets, and the SSRCs in them |
//! | [`mod@demux`] | [`demux`](demux()): what a datagram is, by its first bytes |
#![forbid(unsafe_code)]

pub mod demux;
pub mod header;
pub mod key;
pub mod number;
pub mod packet_buf;
pub mod rtcp;
pub mod suite;

pub use demux::{Kind, demux};
pub use header::{RtpHeader, RtpHeaderMut};
pub use key::{KeyMaterial, WrongLength};
pub use number::{PacketIndex, PayloadType, Roc, Seq, Ssrc, Timestamp};
pub use packet_buf::{MAX_PACKET, PacketBuf, TAILROOM};
pub use suite::Suite;
