//! Packets from the peer: estimate, replay, authenticate, decrypt, and only then commit.

use std::time::{Duration, Instant};

use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Roc, RtpHeader, Seq, Ssrc, rtcp};

use crate::candidate::{Age, Candidate, Candidates, Count};
use crate::error::OpenError;
use crate::packet::{RtcpPacket, RtpPacket, SourceId, SrtcpPacket, SrtpPacket};
use crate::replay_window::ReplayWindow;
use crate::session_keys::SessionKeys;
use crate::source::{Source, Sources, Stream};
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
/// costs one computation of a tag, except in the two seconds after [`Inbound::rekey`], where it can cost four.
pub struct Inbound {
    current: Key,
    /// The key before, while packets under it may still be on their way.
    superseded: Option<Superseded>,
    sources: Sources,
    next_generation: u32,
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

impl Inbound {
    /// Derives the session keys of the peer's `key`.
    pub fn new(key: &KeyMaterial) -> Self {
        Self {
            current: Key::new(key, 0),
            superseded: None,
            sources: Sources::new(),
            next_generation: 1,
            tag_checks: 0,
        }
    }

    /// Authenticates and decrypts an SRTP packet in place.
    ///
    /// `now` ends the time in which a superseded key is still accepted. After an error the buffer is of no more use.
    pub fn open_rtp<'b>(&mut self, now: Instant, packet: SrtpPacket<'b>) -> Result<RtpPacket<'b>, OpenError> {
        self.forget_superseded(now);
        let buf = packet.into_buf();
        let header = RtpHeader::parse_protected(buf.as_slice()).ok_or(OpenError::Malformed)?;
        let (ssrc, seq, header_len) = (header.ssrc(), header.seq(), header.header_len());
        let source = self.sources.find(ssrc);
        if source.is_none() && !self.sources.has_room(self.oldest_live()) {
            return Err(OpenError::TooManySources);
        }
        let candidates = self.candidates(source, seq);
        let accepted = self.authenticate(&candidates, buf, |keys, bytes, candidate| {
            keys.rtp.open_rtp(bytes, header_len, ssrc, candidate.index, keys.mki_len)
        })?;
        let (source, is_newest) = self.commit_rtp(ssrc, accepted)?;
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
        self.forget_superseded(now);
        let buf = packet.into_buf();
        if buf.len() < RTCP_CLEAR {
            return Err(OpenError::TooShort);
        }
        let ssrc = rtcp::sender(buf.as_slice()).ok_or(OpenError::Malformed)?;
        let source = self.sources.find(ssrc);
        if source.is_none() && !self.sources.has_room(self.oldest_live()) {
            return Err(OpenError::TooManySources);
        }
        let candidates = self.rtcp_candidates(source, buf.as_slice())?;
        let accepted = self.authenticate(&candidates, buf, |keys, bytes, candidate| {
            let index = candidate.index.as_u64() as u32;
            keys.rtcp.open_rtcp(bytes, ssrc, index | ENCRYPTED, keys.mki_len)
        })?;
        let source = self.commit_rtcp(ssrc, accepted)?;
        Ok(RtcpPacket::new(buf, source))
    }

    /// Takes the key of the peer's newest description.
    ///
    /// The same key again changes nothing: indexes go on, and a peer that starts over under the same key and SSRC is
    /// refused as a replay, because its packets cannot be told from recorded ones. A different key is tried beside the
    /// one the peer was last heard with, until a packet proves it, and for two seconds at most. A description that was
    /// withdrawn before the peer used its key is undone by calling this with the former key.
    pub fn rekey(&mut self, now: Instant, key: &KeyMaterial, change: AddressChange) {
        self.forget_superseded(now);
        let mut new = Key::new(key, self.next_generation);
        if new.keys.is_same_as(&self.current.keys) {
            self.current.keys.mki_len = new.keys.mki_len;
            return;
        }
        if let Some(withdrawn) =
            self.superseded.take_if(|superseded| superseded.key.keys.is_same_as(&new.keys))
        {
            self.current = withdrawn.key;
            self.current.keys.mki_len = new.keys.mki_len;
            return;
        }
        self.next_generation = self.next_generation.saturating_add(1);
        std::mem::swap(&mut self.current, &mut new);
        let replaced = new;
        let heard_last = match self.superseded.take() {
            Some(superseded) if !replaced.is_proven => superseded.key,
            _ => replaced,
        };
        let zero_first = match change {
            AddressChange::Changed => true,
            AddressChange::Same => false,
        };
        self.superseded = Some(Superseded { key: heard_last, until: now + TRANSITION, zero_first });
    }

    /// SRTP packets opened under the key in force.
    pub fn opened_rtp(&self) -> u64 {
        self.current.opened_rtp
    }

    /// SRTCP packets opened under the key in force.
    pub fn opened_rtcp(&self) -> u64 {
        self.current.opened_rtcp
    }

    /// Packets the peer may still send before it must change its key.
    pub fn remaining(&self) -> u64 {
        let rtp = self.current.keys.max_srtp.saturating_sub(self.current.opened_rtp);
        let rtcp = self.current.keys.max_srtcp.saturating_sub(self.current.opened_rtcp);
        rtp.min(rtcp)
    }

    /// Sources that are remembered; each has sent a packet that authenticated.
    pub fn source_count(&self) -> usize {
        self.sources.len()
    }

    /// Tags computed to check a packet: what good and forged packets cost.
    pub fn tag_checks(&self) -> u64 {
        self.tag_checks
    }

    fn forget_superseded(&mut self, now: Instant) {
        self.superseded.take_if(|superseded| now >= superseded.until);
    }

    /// The first generation whose key is still accepted.
    fn oldest_live(&self) -> u32 {
        self.superseded.as_ref().map_or(self.current.generation, |superseded| superseded.key.generation)
    }

    /// Estimates the index, and drops what would be a replay.
    fn candidates(&self, source: Option<&Source>, seq: Seq) -> Candidates {
        let mut candidates = Candidates::none();
        let stream = source.and_then(|source| source.rtp.as_ref());
        for (age, key, zero_first) in self.keys_in_force() {
            let zero = PacketIndex::new(Roc(0), seq);
            let Some(stream) = stream else {
                candidates.push(Candidate { age, index: zero, count: Count::Continues });
                continue;
            };
            let highest = stream.highest();
            let kept = PacketIndex::estimate(seq, highest);
            if stream.generation >= key.generation {
                if stream.window.is_fresh(kept.as_u64()) {
                    candidates.push(Candidate { age, index: kept, count: Count::Continues });
                }
                continue;
            }
            // Nothing came under this key yet, so nothing can be a replay. A peer that counts on is above all it sent
            // under the key before; below that it has started over.
            let count = |index| if index > highest { Count::Continues } else { Count::Restarts };
            let kept = Candidate { age, index: kept, count: count(kept) };
            let zero = Candidate { age, index: zero, count: count(zero) };
            let (first, second) = if zero_first { (zero, kept) } else { (kept, zero) };
            if kept == zero {
                candidates.push(kept);
            } else if self.superseded.is_some() {
                candidates.push(first);
                candidates.push(second);
            } else {
                // Out of the transition each packet gets one trial. Which one depends on the sequence number: a peer
                // is heard from its second packet on, and no forger can turn the choice.
                candidates.push(if seq.0.is_multiple_of(2) { first } else { second });
            }
        }
        candidates
    }

    /// The index stands in the packet: one candidate per key in force, unless it would be a replay.
    fn rtcp_candidates(&self, source: Option<&Source>, bytes: &[u8]) -> Result<Candidates, OpenError> {
        let mut candidates = Candidates::none();
        let stream = source.and_then(|source| source.rtcp.as_ref());
        let mut problem = OpenError::Replayed;
        for (age, key, _) in self.keys_in_force() {
            let Some(word) = key.keys.rtcp.rtcp_word(bytes, key.keys.mki_len) else {
                problem = OpenError::TooShort;
                continue;
            };
            if word & ENCRYPTED == 0 {
                problem = OpenError::NotEncrypted;
                continue;
            }
            let index = u64::from(word & !ENCRYPTED);
            let count = match (stream, age) {
                (None, _) => Count::Continues,
                (Some(stream), _) if stream.generation < key.generation => Count::Restarts,
                // Late under the key before: reports come again, and two counts must not mix in one window.
                (Some(stream), Age::Superseded) if stream.generation > key.generation => continue,
                (Some(stream), _) if !stream.window.is_fresh(index) => continue,
                (Some(_), _) => Count::Continues,
            };
            let index = PacketIndex::from_u64(index).ok_or(OpenError::Malformed)?;
            candidates.push(Candidate { age, index, count });
        }
        if candidates.is_empty() { Err(problem) } else { Ok(candidates) }
    }

    fn keys_in_force(&self) -> impl Iterator<Item = (Age, &Key, bool)> {
        let superseded = self.superseded.as_ref();
        let zero_first = superseded.is_some_and(|superseded| superseded.zero_first);
        let older = superseded.map(|superseded| (Age::Superseded, &superseded.key, false));
        std::iter::once((Age::Current, &self.current, zero_first)).chain(older)
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
            let key = match (candidate.age, &self.superseded) {
                (Age::Superseded, Some(superseded)) => &superseded.key,
                (Age::Superseded | Age::Current, _) => &self.current,
            };
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
    fn commit_rtp(&mut self, ssrc: Ssrc, accepted: Candidate) -> Result<(SourceId, bool), OpenError> {
        if accepted.age == Age::Current {
            self.superseded = None;
            self.current.is_proven = true;
        }
        let key = self.key_mut(accepted.age);
        key.opened_rtp += 1;
        let generation = key.generation;
        let oldest_live = self.oldest_live();
        let source = self.sources.entry(ssrc, generation, oldest_live)?;
        let index = accepted.index.as_u64();
        let is_newest = match (&mut source.rtp, accepted.count) {
            (Some(stream), Count::Continues) => {
                stream.generation = generation;
                stream.window.commit(index)
            }
            (Some(_), Count::Restarts) => {
                source.epoch = generation;
                source.rtp = Some(Stream { window: ReplayWindow::starting_at(index), generation });
                true
            }
            (None, Count::Continues | Count::Restarts) => {
                source.rtp = Some(Stream { window: ReplayWindow::starting_at(index), generation });
                true
            }
        };
        Ok((source.id(), is_newest))
    }

    fn commit_rtcp(&mut self, ssrc: Ssrc, accepted: Candidate) -> Result<SourceId, OpenError> {
        let key = self.key_mut(accepted.age);
        key.opened_rtcp += 1;
        let generation = key.generation;
        let oldest_live = self.oldest_live();
        let source = self.sources.entry(ssrc, generation, oldest_live)?;
        let index = accepted.index.as_u64();
        match (&mut source.rtcp, accepted.count) {
            (Some(stream), Count::Continues) => {
                stream.window.commit(index);
            }
            (Some(_), Count::Restarts) | (None, Count::Continues | Count::Restarts) => {
                source.rtcp = Some(Stream { window: ReplayWindow::starting_at(index), generation });
            }
        }
        Ok(source.id())
    }

    fn key_mut(&mut self, age: Age) -> &mut Key {
        match (age, &mut self.superseded) {
            (Age::Superseded, Some(superseded)) => &mut superseded.key,
            (Age::Superseded | Age::Current, _) => &mut self.current,
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
}

/// How long packets under the key before may still arrive: far longer than a network keeps one.
const TRANSITION: Duration = Duration::from_secs(2);
