//! The ways a packet of the peer can be read, before any of them is proven.

use cordon_rtp::{PacketIndex, Roc, Seq, Timestamp};

use super::{FIRST_REPORTS, Inbound, Key};
use crate::candidate::{Age, Candidate, Candidates, Count, Trials};
use crate::error::OpenError;
use crate::source::{Source, Stream};
use crate::transform::ENCRYPTED;

impl Inbound {
    /// Estimates the index, and drops what would be a replay.
    pub(super) fn candidates(&self, source: Option<&Source>, seq: Seq, timestamp: Timestamp) -> Candidates {
        let mut candidates = Candidates::none();
        let known = source.and_then(|source| Some((source, source.rtp.as_ref()?)));
        for (age, key, zero_first) in self.keys_in_force() {
            let candidate = |index, count| Candidate { age, index, count };
            let zero = PacketIndex::new(Roc(0), seq);
            let Some((source, stream)) = known else {
                self.candidates_of_new_source(&mut candidates, age, seq);
                continue;
            };
            let highest = stream.highest();
            let kept = PacketIndex::estimate(seq, highest);
            if stream.generation >= key.generation {
                let is_fresh = stream.window.is_fresh(kept.as_u64()) && !source.is_spent(timestamp);
                let goes_on = is_fresh.then_some(candidate(kept, Count::Continues));
                let starts_over = self
                    .trials_after_renegotiation(stream)
                    .filter(|_| age == Age::Current && !source.has_shown(timestamp))
                    .map(|trials| (candidate(zero, Count::Restarts), trials));
                match (goes_on, starts_over) {
                    (Some(goes_on), Some((starts_over, trials))) if kept != zero => {
                        let zero_first = self.renegotiated.as_ref().is_some_and(|now| now.zero_first);
                        let (likely, other) = in_order(goes_on, starts_over, zero_first);
                        candidates.push_both(likely, other, trials, seq);
                    }
                    (Some(only), _) | (None, Some((only, _))) => candidates.push(only),
                    (None, None) => {}
                }
                continue;
            }
            // Nothing came under this key yet, so nothing can be a replay. A peer that counts on is above all it sent
            // under the key before; below that it has started over.
            let count = |index| if index > highest { Count::Continues } else { Count::Restarts };
            let (kept, zero) = (candidate(kept, count(kept)), candidate(zero, count(zero)));
            let trials = if self.superseded.is_some() { Trials::All } else { Trials::One };
            let (likely, other) = in_order(kept, zero, zero_first);
            candidates.push_both(likely, other, trials, seq);
        }
        candidates
    }

    /// A new source starts at ROC 0 (RFC 3711 §3.3.1). A peer that keeps one counter for all it sends carries that over
    /// when it takes a new SSRC in a new description.
    fn candidates_of_new_source(&self, candidates: &mut Candidates, age: Age, seq: Seq) {
        let candidate = |roc| Candidate { age, index: PacketIndex::new(roc, seq), count: Count::Continues };
        let trials = match age {
            Age::Superseded => None,
            Age::Current if self.superseded.is_some() || self.renegotiated.is_some() => Some(Trials::All),
            Age::Current => (self.heard_after != self.negotiation).then_some(Trials::One),
        };
        match trials {
            Some(trials) => {
                candidates.push_both(candidate(Roc(0)), candidate(self.heard_roc), trials, seq);
            }
            None => candidates.push(candidate(Roc(0))),
        }
    }

    /// Whether and how a source may have started over under the key it was last heard with.
    fn trials_after_renegotiation(&self, stream: &Stream<16>) -> Option<Trials> {
        match &self.renegotiated {
            Some(_) => Some(Trials::All),
            // It was silent through the change.
            None => (stream.negotiation != self.negotiation).then_some(Trials::One),
        }
    }

    /// The index stands in the packet: one candidate per key in force, unless it would be a replay.
    pub(super) fn rtcp_candidates(
        &self,
        source: Option<&Source>,
        bytes: &[u8],
    ) -> Result<Candidates, OpenError> {
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
            let starts_over = index < FIRST_REPORTS && source.is_some_and(|source| source.awaits_reports);
            let count = match (stream, age) {
                (None, _) => Count::Continues,
                (Some(stream), _) if stream.generation < key.generation => Count::Restarts,
                // Late under the key before: reports come again, and two counts must not mix in one window.
                (Some(stream), Age::Superseded) if stream.generation > key.generation => continue,
                (Some(_), Age::Current) if starts_over => Count::Restarts,
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
}

/// The two readings of a packet, the likelier first.
fn in_order(kept: Candidate, zero: Candidate, zero_first: bool) -> (Candidate, Candidate) {
    if zero_first { (zero, kept) } else { (kept, zero) }
}
