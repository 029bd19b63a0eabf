//! Packets from the peer: estimate, replay, authenticate, decrypt, and only then commit.

mod readings;

use std::time::{Duration, Instant};

use cordon_rtp::{KeyMaterial, PacketBuf, Roc, RtpHeader, Ssrc, Timestamp, rtcp};

use crate::candidate::{Age, Candidate, Candidates};
use crate::error::OpenError;
use crate::former_keys::{FormerKey, FormerKeys};
use crate::packet::{RtcpPacket, RtpPacket, SourceId, SrtcpPacket, SrtpPacket};
use crate::session_keys::SessionKeys;
use crate::source::{Heard, Source, Sources};
use crate::transform::{ENCRYPTED, RTCP_CLEAR};

/// Whether the peer's address or port changed together with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressChange {
    /// It did: most peers then start a new SRTP context, with ROC 0 (RFC 4568 §7.1.4).
    Changed,
    /// It did not: most peers then keep counting.
    Same,
}

/// Opens what one peer sends.
///
/// A forged packet leaves no trace: sources, windows and the lifetime of the key move only when a tag was right. Each
/// costs one computation of a tag, except in the two seconds after [`Inbound::rekey`], where it can cost four (five where
/// the peer comes back to a key), and after [`Inbound::renegotiated`], where it can cost two.
///
/// At most eight sources are remembered packet by packet. One that makes room for another leaves its highest indexes, and
/// so does a source under the key it leaves, so that a recording is refused whichever source and key the peer comes back
/// to. A peer whose sources leave more under one key than there is room for is heard under no further one until it takes
/// another key.
pub struct Inbound {
    current: Key,
    /// The key before, while packets under it may still be on their way.
    superseded: Option<Superseded>,
    /// Keys that were left before.
    former: FormerKeys,
    /// The description has just been negotiated again, with the key it had.
    renegotiated: Option<Renegotiated>,
    /// Counts the peer's descriptions; a stream remembers after which it was last heard.
    negotiation: u32,
    /// The last description after which anything was heard, and the ROC it came with.
    heard_after: u32,
    heard_roc: Roc,
    sources: Sources,
    next_generation: u32,
    next_epoch: u32,
    tag_checks: u64,
}

/// One key of the peer.
struct Key {
    keys: Box<SessionKeys>,
    /// Counts the peer's keys; a stream remembers under which it was last heard.
    generation: u32,
    /// Whether any SRTP packet authenticated under it.
    is_proven: bool,
    opened_rtp: u64,
    opened_rtcp: u64,
}

struct Superseded {
    key: Key,
    until: Instant,
    /// Whether the new key is tried with ROC 0 before the ROC that was reached.
    zero_first: bool,
}

struct Renegotiated {
    until: Instant,
    /// Whether ROC 0 is tried before the ROC that was reached.
    zero_first: bool,
}

impl Inbound {
    /// Derives the session keys of the peer's `key`.
    pub fn new(key: &KeyMaterial) -> Self {
        Self {
            current: Key::new(key, 0),
            superseded: None,
            former: FormerKeys::new(),
            renegotiated: None,
            negotiation: 0,
            heard_after: 0,
            heard_roc: Roc(0),
            sources: Sources::new(),
            next_generation: 1,
            next_epoch: 0,
            tag_checks: 0,
        }
    }

    /// Authenticates and decrypts an SRTP packet in place.
    ///
    /// `now` ends the time in which a superseded key is still accepted. After an error the buffer is of no more use.
    pub fn open_rtp<'b>(&mut self, now: Instant, packet: SrtpPacket<'b>) -> Result<RtpPacket<'b>, OpenError> {
        self.forget_transitions(now);
        let buf = packet.into_buf();
        let header = RtpHeader::parse_protected(buf.as_slice()).ok_or(OpenError::Malformed)?;
        let (ssrc, seq, header_len) = (header.ssrc(), header.seq(), header.header_len());
        let timestamp = header.timestamp();
        let source = self.sources.find(ssrc);
        self.find_room(source)?;
        let candidates = self.candidates(source, ssrc, seq, timestamp);
        let accepted = self.authenticate(&candidates, buf, |keys, bytes, candidate| {
            keys.rtp.open(bytes, header_len, ssrc, candidate.index, keys.mki_len)
        })?;
        let (source, is_newest) = self.commit_rtp(ssrc, timestamp, accepted)?;
        Ok(RtpPacket::new(buf, source, accepted.index, is_newest))
    }

    /// Authenticates and decrypts an SRTCP packet in place.
    ///
    /// `now` ends the time in which a superseded key is still accepted. After an error the buffer is of no more use.
    pub fn open_rtcp<'b>(
        &mut self,
        now: Instant,
        packet: SrtcpPacket<'b>,
    ) -> Result<RtcpPacket<'b>, OpenError> {
        self.forget_transitions(now);
        let buf = packet.into_buf();
        if buf.len() < RTCP_CLEAR {
            return Err(OpenError::TooShort);
        }
        let ssrc = rtcp::sender(buf.as_slice()).ok_or(OpenError::Malformed)?;
        let source = self.sources.find(ssrc);
        self.find_room(source)?;
        let candidates = self.rtcp_candidates(source, ssrc, buf.as_slice())?;
        let accepted = self.authenticate(&candidates, buf, |keys, bytes, candidate| {
            let index = candidate.index.as_u64() as u32;
            keys.rtcp.open(bytes, ssrc, index | ENCRYPTED, keys.mki_len)
        })?;
        let generation = self.key(accepted.age).generation;
        let is_recorded = self.sources.past(ssrc, generation).is_some_and(|past| {
            rtcp::sender_clock(buf.as_slice()).is_some_and(|clock| past.clock().is_spent(clock))
        });
        if is_recorded {
            return Err(OpenError::Replayed);
        }
        let source = self.commit_rtcp(ssrc, accepted)?;
        Ok(RtcpPacket::new(buf, source))
    }

    /// Takes the key of the peer's newest description.
    ///
    /// The same key again changes nothing: indexes go on (see [`Inbound::renegotiated`]). A different key is tried beside
    /// the one the peer was last heard with, until a packet proves it, and for two seconds at most. A description that
    /// was withdrawn before the peer used its key is undone by calling this with the former key.
    pub fn rekey(&mut self, now: Instant, key: &KeyMaterial, change: AddressChange) {
        self.forget_transitions(now);
        let mut new = Key::new(key, self.next_generation);
        if new.keys.is_same_as(&self.current.keys) {
            // The suite may differ in the length of its tag, and the announcement in its identifier.
            self.current.keys = new.keys;
            return;
        }
        self.next_generation = self.next_generation.saturating_add(1);
        if let Some(withdrawn) =
            self.superseded.take_if(|superseded| superseded.key.keys.is_same_as(&new.keys))
        {
            self.take_back(&mut new, withdrawn.key.as_former());
            let unused = std::mem::replace(&mut self.current, new);
            self.park(unused);
            return;
        }
        if let Some(former) = self.former.take(&new.keys.mark()) {
            self.take_back(&mut new, former);
        }
        self.negotiation = self.negotiation.wrapping_add(1);
        self.renegotiated = None;
        let replaced = std::mem::replace(&mut self.current, new);
        let heard_last = match self.superseded.take() {
            Some(superseded) if !replaced.is_proven => {
                self.park(replaced);
                superseded.key
            }
            older => {
                older.into_iter().for_each(|superseded| self.park(superseded.key));
                replaced
            }
        };
        self.superseded = Some(Superseded {
            key: heard_last,
            until: now + TRANSITION,
            zero_first: change.is_zero_likely(),
        });
    }

    /// Takes note that the peer's description was negotiated again with the key it had.
    ///
    /// Peers that make their SRTP session anew then start over at ROC 0 under a key and SSRC they have used, so that
    /// their packets authenticate like those somebody recorded at the beginning. What tells them apart is the media
    /// clock, which is authenticated too: for two seconds, and beyond them until the source is heard, a packet is also
    /// tried with ROC 0 if its timestamp is one that the source never showed under this key. From such a restart on every packet
    /// with a timestamp of before it is refused as a replay, however well it authenticates.
    ///
    /// What remains: a peer that sets back its media clock too is not heard until it has passed where it was or takes a
    /// new key. Receiver reports carry no clock, so that recorded ones may be heard once more, where their index is ahead.
    /// And the peer itself has used keystream twice, which no receiver can mend.
    pub fn renegotiated(&mut self, now: Instant, change: AddressChange) {
        self.forget_transitions(now);
        self.negotiation = self.negotiation.wrapping_add(1);
        self.renegotiated =
            Some(Renegotiated { until: now + TRANSITION, zero_first: change.is_zero_likely() });
    }

    /// SRTP packets opened under the key in force.
    pub fn opened_rtp(&self) -> u64 {
        self.current.opened_rtp
    }

    /// SRTCP packets opened under the key in force.
    pub fn opened_rtcp(&self) -> u64 {
        self.current.opened_rtcp
    }

    /// Packets the peer may still send before it must change its key, in the protocol that has fewer left.
    pub fn remaining(&self) -> u64 {
        let Key { keys, opened_rtp, opened_rtcp, .. } = &self.current;
        let [rtp, rtcp] = keys.remaining(*opened_rtp, *opened_rtcp);
        rtp.min(rtcp)
    }

    /// Whether it is time for the peer to change its key.
    pub fn is_nearly_spent(&self) -> bool {
        let Key { keys, opened_rtp, opened_rtcp, .. } = &self.current;
        keys.are_nearly_spent(*opened_rtp, *opened_rtcp)
    }

    /// Sources that are remembered; each has sent a packet that authenticated.
    pub fn source_count(&self) -> usize {
        self.sources.len()
    }

    /// Tags computed to check a packet: what good and forged packets cost.
    pub fn tag_checks(&self) -> u64 {
        self.tag_checks
    }

    fn forget_transitions(&mut self, now: Instant) {
        if let Some(superseded) = self.superseded.take_if(|superseded| now >= superseded.until) {
            self.park(superseded.key);
        }
        self.renegotiated.take_if(|renegotiated| now >= renegotiated.until);
    }

    /// Remembers a key that is no longer accepted, if anything was heard under it.
    fn park(&mut self, key: Key) {
        if key.opened_rtp > 0 || key.opened_rtcp > 0 {
            self.former.park(key.as_former());
        }
    }

    /// The peer comes back to a key: what was heard under it counts again.
    fn take_back(&mut self, key: &mut Key, former: FormerKey) {
        self.sources.rename_generation(former.generation, key.generation);
        (key.opened_rtp, key.opened_rtcp) = (former.opened_rtp, former.opened_rtcp);
    }

    /// Refuses a source that nothing could be remembered of, before any tag is computed. A packet under the key in force
    /// ends the one before, and what is remembered for that one makes room.
    fn find_room(&self, source: Option<&Source>) -> Result<(), OpenError> {
        let has_place = source.is_some() || self.sources.has_room(self.current.generation);
        has_place.then_some(()).ok_or(OpenError::TooManySources)
    }

    /// The first generation whose key is still accepted.
    fn oldest_live(&self) -> u32 {
        self.superseded.as_ref().map_or(self.current.generation, |superseded| superseded.key.generation)
    }

    /// Tries the candidates in order; the first whose tag is right has decrypted the packet.
    fn authenticate(
        &mut self,
        candidates: &Candidates,
        buf: &mut PacketBuf,
        open: impl Fn(&SessionKeys, &mut [u8], Candidate) -> Result<usize, OpenError>,
    ) -> Result<Candidate, OpenError> {
        let mut result = Err(OpenError::Replayed);
        // A GCM trial spoils the packet, so that before another trial it must be put back.
        let original = candidates.is_several().then(|| PacketBuf::from_slice(buf.as_slice())).flatten();
        for candidate in candidates.iter() {
            if let Some(original) = &original {
                buf.as_mut_slice().copy_from_slice(original.as_slice());
            }
            let key = self.key(candidate.age);
            if key.opened_rtp >= key.keys.max_srtp || key.opened_rtcp >= key.keys.max_srtcp {
                result = Err(OpenError::KeySpent);
                continue;
            }
            let opened = open(&key.keys, buf.as_mut_slice(), *candidate);
            self.tag_checks += u64::from(opened != Err(OpenError::TooShort));
            match opened {
                Ok(len) => {
                    buf.truncate(len);
                    return Ok(*candidate);
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Remembers an authenticated packet: from here on the peer is known to count like this.
    fn commit_rtp(
        &mut self,
        ssrc: Ssrc,
        timestamp: Timestamp,
        accepted: Candidate,
    ) -> Result<(SourceId, bool), OpenError> {
        if accepted.age == Age::Current {
            if let Some(superseded) = self.superseded.take() {
                self.park(superseded.key);
            }
            self.current.is_proven = true;
        }
        self.key_mut(accepted.age).opened_rtp += 1;
        let heard = self.heard(ssrc, accepted);
        let (id, is_newest) = self.sources.commit_rtp(heard, timestamp)?;
        self.note_epoch(id);
        if is_newest {
            (self.heard_after, self.heard_roc) = (self.negotiation, accepted.index.roc());
        }
        Ok((id, is_newest))
    }

    fn commit_rtcp(&mut self, ssrc: Ssrc, accepted: Candidate) -> Result<SourceId, OpenError> {
        self.key_mut(accepted.age).opened_rtcp += 1;
        let heard = self.heard(ssrc, accepted);
        let id = self.sources.commit_rtcp(heard)?;
        self.note_epoch(id);
        Ok(id)
    }

    fn heard(&self, ssrc: Ssrc, accepted: Candidate) -> Heard {
        Heard {
            ssrc,
            index: accepted.index.as_u64(),
            count: accepted.count,
            is_current: accepted.age == Age::Current,
            generation: self.key(accepted.age).generation,
            oldest_live: self.oldest_live(),
            negotiation: self.negotiation,
            epoch: self.next_epoch,
        }
    }

    /// No two epochs have one number.
    fn note_epoch(&mut self, id: SourceId) {
        if id.epoch == self.next_epoch {
            self.next_epoch = self.next_epoch.saturating_add(1);
        }
    }

    fn key(&self, age: Age) -> &Key {
        match (age, &self.superseded) {
            (Age::Superseded, Some(superseded)) => &superseded.key,
            (Age::Superseded | Age::Current, _) => &self.current,
        }
    }

    fn key_mut(&mut self, age: Age) -> &mut Key {
        match (age, &mut self.superseded) {
            (Age::Superseded, Some(superseded)) => &mut superseded.key,
            (Age::Superseded | Age::Current, _) => &mut self.current,
        }
    }
}

impl AddressChange {
    /// Whether a peer is likelier to have started over than to have gone on.
    fn is_zero_likely(self) -> bool {
        match self {
            AddressChange::Changed => true,
            AddressChange::Same => false,
        }
    }
}

impl Key {
    fn new(key: &KeyMaterial, generation: u32) -> Self {
        Self {
            keys: Box::new(SessionKeys::derive(key)),
            generation,
            is_proven: false,
            opened_rtp: 0,
            opened_rtcp: 0,
        }
    }

    fn as_former(&self) -> FormerKey {
        FormerKey {
            mark: self.keys.mark(),
            generation: self.generation,
            opened_rtp: self.opened_rtp,
            opened_rtcp: self.opened_rtcp,
        }
    }
}

/// How long packets under the key before may still arrive: far longer than a network keeps one.
const TRANSITION: Duration = Duration::from_secs(2);
