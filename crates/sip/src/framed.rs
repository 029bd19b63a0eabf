use std::fmt;

use bytes::Bytes;

use crate::index::Index;
use crate::{Framing, Message, ParseError};

/// One whole message, cut out of what a peer sent, and what was learned of it on the way.
#[derive(Clone)]
pub struct Framed {
    bytes: Bytes,
    source: Source,
}

#[derive(Clone)]
enum Source {
    /// The framer has indexed it while it looked for its end.
    Stream(Index),
    Datagram,
}

impl Framed {
    pub(crate) fn stream(bytes: Bytes, index: Index) -> Framed {
        Framed { bytes, source: Source::Stream(index) }
    }

    pub(crate) fn datagram(bytes: Bytes) -> Framed {
        Framed { bytes, source: Source::Datagram }
    }

    /// Reads it, as [`Message::parse`] does, without searching again for what the framer has found.
    ///
    /// # Errors
    /// As of [`Message::parse`]. Where the message ends is certain all the same: what comes behind it can be read.
    pub fn parse(self) -> Result<Message, ParseError> {
        match self.source {
            Source::Stream(index) => crate::parser::parse_indexed(self.bytes, &index, Framing::Stream),
            Source::Datagram => crate::parser::parse(self.bytes, Framing::Datagram),
        }
    }

    /// The message as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// Equal bytes: the index follows from them.
impl PartialEq for Framed {
    fn eq(&self, other: &Framed) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Framed {}

impl fmt::Debug for Framed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framed({} bytes)", self.bytes.len())
    }
}
