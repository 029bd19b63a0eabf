//! What media may be: every offer and every answer, on every leg, is asked here.
//!
//! The callers: [`admit_offer`] for an offer that begins a session, [`admit_reoffer`] for one that changes
//! it, [`admit_answer`] for what comes back to an offer of ours. None of them knows which side a leg is on or
//! where its peer sits, so there is no exception to make: a call that comes back through Cordon is held to the
//! same rules as any other.

mod address;
mod answer;
mod codecs;
mod keys;
mod offer;

use std::net::SocketAddr;

use cordon_rtp::{KeyMaterial, Suite};
use cordon_sdp::{Codec, CryptoAttribute, Direction, Protocol, SdpError, Session, Text};
use ipnet::IpNet;

pub use answer::{OfferedKey, OurOffer, admit_answer};
pub use codecs::{CodecName, CodecRule, UnreadableCodec};
pub use offer::{Current, admit_offer, admit_reoffer};

use crate::Permit;
use crate::refusal::Refusal;

/// What is allowed on one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegRules {
    /// The accepted suites, in the order they are offered. As answerer the offerer's first acceptable line wins.
    pub suites: Vec<Suite>,
    /// The accepted codecs.
    pub codecs: CodecRule,
    /// What an offer of RTP/AVP with key lines is worth.
    pub opportunistic: Opportunistic,
    /// Whether media is protected.
    pub media: MediaRule,
    /// Where the peers of this leg are. Media without keys goes nowhere else.
    pub networks: Vec<IpNet>,
}

impl LegRules {
    /// The same rules for a call to an emergency number: any audio codec will do. Media stays protected.
    pub fn for_emergency(&self) -> LegRules {
        LegRules { codecs: CodecRule::Any, ..self.clone() }
    }

    /// The codecs of `codecs` that may stand in an offer or an answer on this leg, in their order.
    pub fn filter(&self, codecs: &[Codec]) -> Vec<Codec> {
        codecs.iter().filter(|codec| self.codecs.allows(codec)).cloned().collect()
    }
}

/// What an offer of RTP/AVP with key lines is worth (RFC 8643).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opportunistic {
    /// It is refused: a description has to say RTP/SAVP.
    Refuse,
    /// It is answered as RTP/AVP with exactly one key line, and never without.
    Upgrade,
}

/// Whether media on a leg is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaRule {
    /// SRTP or nothing.
    Srtp,
    /// RTP may pass, for this reason. SRTP is still taken where it is offered.
    Rtp(PlainReason),
}

/// Why media may go without protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainReason {
    /// The leg of a trunk that cannot do better.
    Trunk,
    /// Profile lab, toward the PBX.
    Lab,
    /// An emergency call.
    Emergency,
}

/// The right to send and receive RTP in clear on one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainMedia {
    reason: PlainReason,
}

impl PlainMedia {
    /// Why it was given.
    pub fn reason(&self) -> PlainReason {
        self.reason
    }
}

/// The key line that was chosen from a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecureMedia {
    /// Index into [`cordon_sdp::Media::crypto`] of the line.
    pub crypto: usize,
    /// Its tag, echoed in our answer.
    pub tag: u32,
    /// Its suite.
    pub suite: Suite,
    /// The name of the suite as the peer wrote it, echoed in our answer.
    pub spelling: Text,
    /// Bytes of the master key identifier in each packet of the peer; 0 without.
    pub mki_length: u8,
}

/// How the chosen stream is protected.
#[derive(Clone, Debug)]
pub enum Protection {
    /// By SRTP, with the peer's key on the line named here.
    Secure(Permit<SecureMedia>),
    /// Not at all, by permit.
    Plain(Permit<PlainMedia>),
}

impl Protection {
    /// True for SRTP.
    pub fn is_secure(&self) -> bool {
        match self {
            Protection::Secure(_) => true,
            Protection::Plain(_) => false,
        }
    }

    /// The chosen key line, when it is SRTP.
    pub fn secure(&self) -> Option<&SecureMedia> {
        match self {
            Protection::Secure(secure) => Some(secure),
            Protection::Plain(_) => None,
        }
    }
}

/// Where the peer receives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddresses {
    /// RTP goes here.
    pub rtp: SocketAddr,
    /// RTCP goes here, the same as RTP where both share a port; `None` where the peer named no usable one.
    pub rtcp: Option<SocketAddr>,
    /// Both lie inside the networks of the leg: media may go there before the peer has proven itself.
    pub is_inside: bool,
}

impl std::fmt::Debug for RemoteAddresses {
    /// Where somebody is reached counts as health information: only the judgement is printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteAddresses").field("is_inside", &self.is_inside).finish_non_exhaustive()
    }
}

/// The one audio stream that was chosen from a description: what a leg needs to know of its peer's media.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Index of its media line. Every other line is answered with port 0.
    pub line: usize,
    /// The profile as written, echoed in our answer (RFC 5124 §4).
    pub protocol: Protocol,
    /// How it is protected.
    pub protection: Protection,
    /// What is left of the codecs, in the peer's order; at least one of them carries audio.
    pub codecs: Vec<Codec>,
    /// Which way media flows, as the peer sees it, the old hold by 0.0.0.0 included.
    pub direction: Direction,
    /// Where the peer receives; `None` while it is on hold by 0.0.0.0.
    pub remote: Option<RemoteAddresses>,
    /// The peer wants RTP and RTCP on one port (RFC 5761).
    pub mux: bool,
}

impl Stream {
    /// The peer's key line in the description this stream was chosen from; `None` without protection.
    pub fn key<'a>(&self, session: &'a Session) -> Option<&'a CryptoAttribute> {
        let secure = self.protection.secure()?;
        session.media.get(self.line)?.crypto.get(secure.crypto)?.usable()
    }
}

/// A stream chosen from an offer of the peer.
pub type OfferedMedia = Stream;
/// A stream chosen from the peer's answer to ours.
pub type AnsweredMedia = Stream;

/// What to answer to a description that cannot be read.
pub fn refusal_for(error: SdpError) -> Refusal {
    match error {
        SdpError::TooManyMedia => Refusal::TooManyMediaLines,
        SdpError::TooManyAttributes => Refusal::TooManyAttributes,
        SdpError::TooManyFormats => Refusal::TooManyFormats,
        SdpError::TooLong => Refusal::BodyTooLarge,
        SdpError::NotUtf8
        | SdpError::Version
        | SdpError::Line
        | SdpError::Origin
        | SdpError::Connection
        | SdpError::Media => Refusal::DescriptionUnreadable,
    }
}

/// Whether the peer sent one of our own keys back, under whatever suite.
fn is_echo(theirs: &KeyMaterial, ours: &KeyMaterial) -> bool {
    theirs.has_bytes_of(ours)
}
