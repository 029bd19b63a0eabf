//! What a description says, apart from addresses and keys: the part that crosses from one leg to the other.

use cordon_policy::Refusal;
use cordon_policy::media::{LegRules, OfferedMedia};
use cordon_rtp::Suite;
use cordon_sdp::{Codec, Direction, Protocol, Session, Text};

/// What a description says besides addresses and keys; this crosses from one leg to the other.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) codecs: Vec<Codec>,
    /// As its writer sees it.
    pub(crate) direction: Direction,
    pub(crate) packet_time: Option<u16>,
    pub(crate) maximum_packet_time: Option<u16>,
}

impl Content {
    pub(crate) fn of(stream: &OfferedMedia, session: &Session) -> Content {
        let media = session.media.get(stream.line);
        Content {
            codecs: stream.codecs.clone(),
            direction: stream.direction,
            packet_time: media.and_then(|media| media.packet_time()),
            maximum_packet_time: media.and_then(|media| media.maximum_packet_time()),
        }
    }

    /// Takes out what the leg it crosses to does not accept.
    ///
    /// # Errors
    /// [`Refusal::NoCodec`] when no audio is left.
    pub(crate) fn filtered(mut self, rules: &LegRules) -> Result<Content, Refusal> {
        self.codecs = rules.filter(&self.codecs);
        match self.codecs.iter().any(Codec::carries_audio) {
            true => Ok(self),
            false => Err(Refusal::NoCodec),
        }
    }
}

/// A crypto line of ours, without its key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OurLine {
    pub(crate) tag: u32,
    pub(crate) spelling: Text,
    pub(crate) suite: Suite,
}

/// Everything a description of ours depends on; the key itself is named by its generation.
#[derive(PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) content: Content,
    pub(crate) protocol: Protocol,
    pub(crate) lines: usize,
    pub(crate) audio: usize,
    pub(crate) rtcp_mux: bool,
    pub(crate) crypto: Vec<OurLine>,
    pub(crate) generation: u32,
}
