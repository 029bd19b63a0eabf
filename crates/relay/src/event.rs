//! What the relay tells the layer above.

use crate::{End, StreamId, StreamStatistics};

/// Something signalling should know about a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RelayEvent {
    /// The first packet of this end was authenticated; not repeated after a re-key.
    FirstAuthenticated {
        /// The stream.
        stream: StreamId,
        /// The end that proved itself.
        end: End,
    },
    /// Our key toward this end, or its peer's key, has few packets left; said once per key. An offer of ours brings a
    /// new key of ours, and is the occasion for the peer to take one.
    KeyNearlySpent {
        /// The stream.
        stream: StreamId,
        /// The end whose keys must be replaced.
        end: End,
    },
    /// The address set for this end would send the stream's media back into the stream.
    LoopRefused {
        /// The stream.
        stream: StreamId,
        /// The end that was to be set; its earlier setting stays.
        end: End,
    },
    /// A command was not carried out.
    CommandRefused {
        /// The stream it named.
        stream: StreamId,
        /// Why.
        error: CommandError,
    },
    /// The stream is forgotten; these are its last figures.
    Closed {
        /// The stream.
        stream: StreamId,
        /// Final statistics.
        statistics: Box<StreamStatistics>,
    },
}

/// Why a command was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandError {
    /// The stream is not open here.
    #[error("the stream is not open")]
    UnknownStream,
    /// The stream is open already.
    #[error("the stream is open already")]
    StreamInUse,
    /// One of the ports belongs to another stream, or is named twice.
    #[error("a port belongs to another stream")]
    PortInUse,
    /// The relay holds as many streams as it is allowed to.
    #[error("no room for another stream")]
    TooManyStreams,
    /// The ports of the stream are not served: told by who drives the relay, see
    /// [`Relay::refuse`](crate::Relay::refuse).
    #[error("its ports cannot be served")]
    PortsNotServed,
}
