//! The peer of a leg as its last description has it: where it is and what it seals with.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use cordon_policy::media::{self, OfferedMedia, PlainMedia};
use cordon_policy::{Permit, Refusal};
use cordon_rtp::{AudioCodec, AudioCodecs, Coding, KeyMaterial, Suite};
use cordon_sdp::{Codec, CryptoLine, Direction, Protocol, Session, Text};

/// The peer as its last description has it.
pub(crate) struct Peer {
    /// Which of its descriptions this is; 0 until it is counted.
    pub(crate) description: u64,
    pub(crate) protection: PeerProtection,
    pub(crate) protocol: Protocol,
    /// `None` while it is on hold by 0.0.0.0.
    pub(crate) rtp: Option<SocketAddr>,
    pub(crate) rtcp: Option<SocketAddr>,
    pub(crate) mux: bool,
    pub(crate) direction: Direction,
    pub(crate) codecs: AudioCodecs,
}

pub(crate) enum PeerProtection {
    Secure {
        tag: u32,
        spelling: Text,
        key: KeyMaterial,
        /// Bytes of the identifier in the peer's packets.
        mki: u8,
    },
    Plain(Permit<PlainMedia>),
}

impl Peer {
    /// Moves the peer's key out of its description: the rest of it is forgotten.
    pub(crate) fn of(permit: Permit<OfferedMedia>, session: Session) -> Result<Peer, Refusal> {
        let stream = permit.into_inner();
        let protection = match stream.protection {
            media::Protection::Plain(permit) => PeerProtection::Plain(permit),
            media::Protection::Secure(secure) => {
                let line = session.media.into_iter().nth(stream.line);
                let crypto = line.and_then(|line| line.crypto.into_iter().nth(secure.crypto));
                let Some(CryptoLine::Usable(attribute)) = crypto else { return Err(Refusal::KeysMissing) };
                let (tag, spelling, mki) = (secure.tag, secure.spelling.clone(), secure.mki_length);
                PeerProtection::Secure { tag, spelling, key: attribute.key, mki }
            }
        };
        Ok(Peer {
            description: 0,
            protection,
            protocol: stream.protocol,
            rtp: stream.remote.map(|remote| remote.rtp),
            rtcp: stream.remote.and_then(|remote| remote.rtcp),
            mux: stream.mux,
            direction: stream.direction,
            codecs: stream.codecs.iter().filter_map(audio_codec).collect(),
        })
    }

    pub(crate) fn suite(&self) -> Option<Suite> {
        match &self.protection {
            PeerProtection::Secure { key, .. } => Some(key.suite()),
            PeerProtection::Plain(_) => None,
        }
    }
}

fn audio_codec(codec: &Codec) -> Option<AudioCodec> {
    let clock_rate = NonZeroU32::new(codec.clock_rate).filter(|_| codec.carries_audio())?;
    let coding = Coding::named(codec.name.as_str());
    Some(AudioCodec { payload_type: codec.payload_type, coding, clock_rate })
}
