//! Why the media engine did not do what it was asked for.

/// Why no ports were reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoPorts {
    /// Every pair is in use or rests.
    #[error("all media ports of the interface are in use")]
    Exhausted,
    /// There is no such interface.
    #[error("no such media interface")]
    UnknownInterface,
    /// The media thread has more to do than it can take, or the system has no socket left.
    #[error("no media thread or no socket is free")]
    Overloaded,
}

/// Why a command was not passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EngineError {
    /// The media thread has more to do than it can take.
    #[error("the media thread is overloaded")]
    Overloaded,
    /// The media thread has ended.
    #[error("the media thread has ended")]
    Ended,
    /// The stream is not open.
    #[error("the stream is not open")]
    UnknownStream,
    /// The address would send the stream's media back into the stream; [`RelayEvent::LoopRefused`](crate::RelayEvent::LoopRefused) follows.
    #[error("the media would come back to the stream it left")]
    LoopRefused,
    /// Streams are opened by [`MediaEngine::reserve`](crate::MediaEngine::reserve), which has the sockets.
    #[error("a stream is opened by reserving its ports")]
    OpenedByReserve,
}
