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
    /// DTLS records received and dropped.
    pub dtls: u64,
    /// Whatever is no media at all, or on the wrong port, received and dropped.
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

impl EndStatistics {
    /// What the counters have grown by since these figures were `before`; what is no counter is as of now.
    pub fn since(&self, before: &EndStatistics) -> EndStatistics {
        let EndStatistics {
            opened,
            opened_bytes,
            sealed,
            sealed_bytes,
            rtcp_opened,
            rtcp_sealed,
            refused,
            stun,
            dtls,
            other,
            last_authenticated,
            last_heard,
            heard_from,
            arrived,
            reported,
            round_trip,
            rekeys,
            moves,
        } = *self;
        EndStatistics {
            opened: opened.saturating_sub(before.opened),
            opened_bytes: opened_bytes.saturating_sub(before.opened_bytes),
            sealed: sealed.saturating_sub(before.sealed),
            sealed_bytes: sealed_bytes.saturating_sub(before.sealed_bytes),
            rtcp_opened: rtcp_opened.saturating_sub(before.rtcp_opened),
            rtcp_sealed: rtcp_sealed.saturating_sub(before.rtcp_sealed),
            refused: refused.since(&before.refused),
            stun: stun.saturating_sub(before.stun),
            dtls: dtls.saturating_sub(before.dtls),
            other: other.saturating_sub(before.other),
            last_authenticated,
            last_heard,
            heard_from,
            arrived: arrived.since(&before.arrived),
            reported: reported.since(&before.reported),
            round_trip,
            rekeys: rekeys.saturating_sub(before.rekeys),
            moves: moves.saturating_sub(before.moves),
        }
    }
}

impl Refused {
    /// Every reason by its name in labels, with its packets.
    pub fn by_reason(&self) -> [(&'static str, u64); 10] {
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
            ("forged", forged),
            ("replayed", replayed),
            ("malformed", malformed),
            ("too_many_sources", too_many_sources),
            ("key_spent", key_spent),
            ("no_permit", no_permit),
            ("not_proven", not_proven),
            ("foreign", foreign),
            ("too_old", too_old),
            ("unsealed", unsealed),
        ]
    }

    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.by_reason().into_iter().fold(0, |total, (_, packets)| total.saturating_add(packets))
    }

    fn since(&self, before: &Refused) -> Refused {
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
        Refused {
            forged: forged.saturating_sub(before.forged),
            replayed: replayed.saturating_sub(before.replayed),
            malformed: malformed.saturating_sub(before.malformed),
            too_many_sources: too_many_sources.saturating_sub(before.too_many_sources),
            key_spent: key_spent.saturating_sub(before.key_spent),
            no_permit: no_permit.saturating_sub(before.no_permit),
            not_proven: not_proven.saturating_sub(before.not_proven),
            foreign: foreign.saturating_sub(before.foreign),
            too_old: too_old.saturating_sub(before.too_old),
            unsealed: unsealed.saturating_sub(before.unsealed),
        }
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
