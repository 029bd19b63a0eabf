//! Why a packet was not opened or not sealed. No variant carries data: a packet's content stays out of errors.

use thiserror::Error;

/// Why a packet from the network was dropped. Each is one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum OpenError {
    /// Fewer bytes than header, tag and index need.
    #[error("packet too short to be protected")]
    TooShort,
    /// Not a packet of RTP or RTCP version 2, or lengths that leave it.
    #[error("packet malformed")]
    Malformed,
    /// An SRTCP packet says that it is not encrypted.
    #[error("packet not encrypted")]
    NotEncrypted,
    /// This index was received before, or is too old to tell.
    #[error("packet replayed")]
    Replayed,
    /// The tag does not fit the packet under any key that is in force.
    #[error("packet forged or under another key")]
    Forged,
    /// As many sources are known as one direction may have.
    #[error("too many sources in one direction")]
    TooManySources,
    /// The peer's key has protected as many packets as its suite allows.
    #[error("key of the peer is spent")]
    KeySpent,
}

/// Why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum SealError {
    /// Our key has protected as many packets as its suite allows.
    #[error("key is spent")]
    Lifetime,
    /// No room for the tag.
    #[error("packet too long to seal")]
    TooLong,
    /// Not a packet of RTP or RTCP version 2.
    #[error("packet malformed")]
    Malformed,
    /// This index was sealed before, or is too old to tell: sealing it could use keystream twice.
    #[error("packet index already used")]
    IndexUsed,
    /// As many sources were sealed under this key as can be kept apart.
    #[error("too many sources under one key")]
    TooManySources,
}
