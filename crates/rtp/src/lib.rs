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
//! | [`report`] | what a compound packet reports |
//! | [`audio`] | [`AudioCodecs`]: payload types, media clocks and codings of a session |
//! | [`quality`] | [`Rating`]: what loss and delay do to speech |
//! | [`figures`] | [`Arrived`], [`Reported`], [`RoundTrip`]: how media of one end is doing |
//! | [`mod@demux`] | [`demux`](demux()): what a datagram is, by its first bytes |
#![forbid(unsafe_code)]

pub mod audio;
pub mod demux;
pub mod figures;
pub mod header;
pub mod key;
pub mod number;
pub mod packet_buf;
pub mod quality;
pub mod report;
pub mod rtcp;
pub mod suite;

pub use audio::{AudioCodec, AudioCodecs, Coding};
pub use demux::{Kind, demux};
pub use figures::{Arrived, Micros, Reported, RoundTrip};
pub use header::{RtpHeader, RtpHeaderMut};
pub use key::{KeyMaterial, WrongLength};
pub use number::{PacketIndex, PayloadType, Roc, Seq, Ssrc, Timestamp};
pub use packet_buf::{MAX_PACKET, PacketBuf, TAILROOM};
pub use quality::Rating;
pub use suite::Suite;
