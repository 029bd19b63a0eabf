//! What each end of a stream opened, sealed and refused: counters, never contents.

use std::time::Instant;

use cordon_rtp::{Arrived, Reported, RoundTrip};
use cordon_srtp::OpenError;

/// Figures of both ends of one stream.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct StreamStatistics {
    /// End `A`.
    pub a: EndStatistics,
    /// End `B`.
    pub b: EndStatistics,
}

/// Figures of one end of one stream. "Opened" is what came from the peer, "sealed" what went to it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct EndStatistics {
    /// RTP packets of the peer that were authenticated (or taken as plain by permit).
    pub opened: u64,
    /// Bytes of authenticated packets as received, RTCP included.
    pub opened_bytes: u64,
    /// RTP packets that left toward the peer.
    pub sealed: u64,
    /// Bytes that left toward the peer, RTCP included.
    pub sealed_bytes: u64,
    /// RTCP packets of the peer that were authenticated.
    pub rtcp_opened: u64,
    /// RTCP packets that left toward the peer.
    pub rtcp_sealed: u64,
    /// What the peer's ports received and did not get through, by reason.
    pub refused: Refused,
    /// STUN messages received and dropped.
    pub stun: u64,
    /// DTLS, and whatever is no media at all, received and dropped.
    pub other: u64,
    /// When the last packet of the peer was authenticated.
    pub last_authenticated: Option<Instant>,
    /// When the last RTP packet of the peer was authenticated.
    pub last_heard: Option<Instant>,
    /// Since when the session lets the peer be heard; `None` while it is on hold or not set.
    pub heard_from: Option<Instant>,
    /// What came of the RTP packets that the peer sent.
    pub arrived: Arrived,
    /// What the peer reports of the RTP packets sent to it.
    pub reported: Reported,
    /// The way to the peer and back; `None` before it answered a report that crossed.
    pub round_trip: Option<RoundTrip>,
    /// How often a key of this end was replaced, ours or the peer's.
    pub rekeys: u32,
    /// How often the peer's address changed without signalling, proven by an authenticated packet.
    pub moves: u32,
}

/// Packets that were not forwarded, by reason.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The authentication tag did not verify.
    pub forged: u64,
    /// Seen before, or older than the replay window.
    pub replayed: u64,
    /// Too short, or no RTP or RTCP by its header.
    pub malformed: u64,
    /// From one SSRC more than an end may use.
    pub too_many_sources: u64,
    /// The peer's key protected as many packets as its suite allows.
    pub key_spent: u64,
    /// The direction is on hold, the other end is not set, or this end is not.
    pub no_permit: u64,
    /// The other end proved no address yet.
    pub not_proven: u64,
    /// From an address a plain end may not send from.
    pub foreign: u64,
    /// Authentic, but older than the first packet its source was mapped by.
    pub too_old: u64,
    /// Could not be sealed: the key is spent or the packet has no room for its tag.
    pub unsealed: u64,
}

impl Refused {
    /// All reasons together.
    pub fn total(&self) -> u64 {
        let Refused {
            forged,
            replayed,
            malformed,
            too_many_sources,
            key_spent,
            no_permit,
            not_proven,
            foreign,
            too_old,
            unsealed,
        } = *self;
        [
            forged,
            replayed,
            malformed,
            too_many_sources,
            key_spent,
            no_permit,
            not_proven,
            foreign,
            too_old,
            unsealed,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Counts a packet that did not open.
    pub(crate) fn count(&mut self, error: OpenError) {
        let counter = match error {
            OpenError::Forged => &mut self.forged,
            OpenError::Replayed => &mut self.replayed,
            OpenError::TooShort | OpenError::Malformed | OpenError::NotEncrypted => &mut self.malformed,
            OpenError::TooManySources => &mut self.too_many_sources,
            OpenError::KeySpent => &mut self.key_spent,
        };
        *counter += 1;
    }
}
