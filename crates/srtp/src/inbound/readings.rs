//! The ways a packet of the peer can be read, before any of them is proven.

use cordon_rtp::{PacketIndex, Roc, Seq, Ssrc, Timestamp};

use super::{Inbound, Key};
use crate::candidate::{Age, Candidate, Candidates, Count, Trials};
use crate::error::OpenError;
use crate::source::{FIRST_REPORTS, Past, Source, Stream};
use crate::transform::ENCRYPTED;

impl Inbound {
    /// Estimates the index, and drops what would be a replay.
    pub(super) fn candidates(
        &self,
        source: Option<&Source>,
        ssrc: Ssrc,
        seq: Seq,
        timestamp: Timestamp,
    ) -> Candidates {
        let mut candidates = Candidates::none();
        let reading = Reading { seq, timestamp };
        for (age, key, zero_first) in self.keys_in_force() {
            let here = self.sources.past_of(source, ssrc, key.generation);
            let elsewhere =
                source.and_then(Source::stream).filter(|stream| stream.generation != key.generation);
            match (here, elsewhere) {
                (Some(past), None) => self.candidates_that_go_on(&mut candidates, age, past, reading),
                // Late under the key before.
                (_, Some(stream)) if stream.generation > key.generation => {}
                (past, Some(stream)) => {
                    let trials = if self.superseded.is_some() { Trials::All } else { Trials::One };
                    let readings = candidates_under_another_key(age, past, stream, reading, zero_first);
                    candidates.push_readings(readings, trials, seq);
                }
                (None, None) => self.candidates_of_new_source(&mut candidates, age, seq),
            }
        }
        candidates
    }

    /// A source is heard under the key it was heard with before: it counts on, or started over with its session.
    fn candidates_that_go_on(&self, candidates: &mut Candidates, age: Age, past: Past<'_>, reading: Reading) {
        let Reading { seq, timestamp } = reading;
        let kept = PacketIndex::estimate(seq, past.highest());
        let zero = PacketIndex::new(Roc(0), seq);
        let goes_on =
            past.is_fresh(kept, timestamp).then_some(Candidate { age, index: kept, count: past.onward() });
        let trials = self.trials_after_renegotiation(past.negotiation());
        let starts_over = trials
            .filter(|_| age == Age::Current && !past.clock().has_shown(timestamp))
            .map(|trials| (Candidate { age, index: zero, count: Count::Restarts }, trials));
        match (goes_on, starts_over) {
            (Some(goes_on), Some((starts_over, trials))) if kept != zero => {
                let zero_first = self.renegotiated.as_ref().is_some_and(|now| now.zero_first);
                let [first, second] = in_order(goes_on, starts_over, zero_first);
                candidates.push_readings([Some(first), Some(second), None], trials, seq);
            }
            (Some(only), _) | (None, Some((only, _))) => candidates.push(only),
            (None, None) => {}
        }
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
                let readings = [Some(candidate(Roc(0))), Some(candidate(self.heard_roc)), None];
                candidates.push_readings(readings, trials, seq);
            }
            None => candidates.push(candidate(Roc(0))),
        }
    }

    /// Whether and how a source may have started over under the key it was last heard with.
    fn trials_after_renegotiation(&self, heard_after: u32) -> Option<Trials> {
        match &self.renegotiated {
            Some(_) => Some(Trials::All),
            // It was silent through the change.
            None => (heard_after != self.negotiation).then_some(Trials::One),
        }
    }

    /// The index stands in the packet: one candidate per key in force, unless it would be a replay.
    pub(super) fn rtcp_candidates(
        &self,
        source: Option<&Source>,
        ssrc: Ssrc,
        bytes: &[u8],
    ) -> Result<Candidates, OpenError> {
        let mut candidates = Candidates::none();
        let stream = source.and_then(Source::reports);
        let mut problem = OpenError::Replayed;
        for (age, key, _) in self.keys_in_force() {
            let Some(word) = key.keys.rtcp.word(bytes, key.keys.mki_len) else {
                problem = OpenError::TooShort;
                continue;
            };
            if word & ENCRYPTED == 0 {
                problem = OpenError::NotEncrypted;
                continue;
            }
            let index = u64::from(word & !ENCRYPTED);
            let starts_over = age == Age::Current
                && index < FIRST_REPORTS
                && source.is_some_and(|source| source.awaits_reports);
            let count = match stream {
                Some(stream) if stream.generation == key.generation => match stream.window.is_fresh(index) {
                    _ if starts_over => Count::Restarts,
                    true => Count::Continues,
                    false => continue,
                },
                // Late under the key before: reports come again, and two counts must not mix in one window.
                Some(stream) if stream.generation > key.generation => continue,
                Some(_) | None => match self.sources.rtcp_floor(ssrc, key.generation) {
                    Some(floor) if index <= floor && !starts_over => continue,
                    Some(_) | None => Count::Restarts,
                },
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

/// What of a packet tells where it stands.
#[derive(Clone, Copy)]
struct Reading {
    seq: Seq,
    timestamp: Timestamp,
}

/// The readings under a key with which the source was not heard last: `past` is what was heard under this key before the
/// source went on under another one, as `stream`.
///
/// A peer that counts on is above all it sent under the other key; below that it has started over. A peer that comes back
/// to a key may also count on where it left that key. Under a key that is new nothing can be a replay; under one that is
/// not, whatever was heard before is.
fn candidates_under_another_key(
    age: Age,
    past: Option<Past<'_>>,
    stream: &Stream<16>,
    reading: Reading,
    zero_first: bool,
) -> [Option<Candidate>; 3] {
    let Reading { seq, timestamp } = reading;
    let highest = stream.highest();
    let candidate = |index| {
        let count = if index > highest { Count::Continues } else { Count::Restarts };
        Candidate { age, index, count }
    };
    let (kept, zero) = (PacketIndex::estimate(seq, highest), PacketIndex::new(Roc(0), seq));
    let Some(past) = past else {
        let [first, second] = in_order(candidate(kept), candidate(zero), zero_first);
        return [Some(first), Some(second), None];
    };
    let is_fresh = |index| past.is_fresh(index, timestamp);
    let left = PacketIndex::estimate(seq, past.highest());
    let taken_up = is_fresh(left).then_some(Candidate { age, index: left, count: Count::Restarts });
    let counted_on = is_fresh(kept).then_some(candidate(kept));
    let anew = (is_fresh(zero) || !past.clock().has_shown(timestamp)).then_some(Candidate {
        age,
        index: zero,
        count: Count::Restarts,
    });
    if zero_first { [anew, taken_up, counted_on] } else { [taken_up, counted_on, anew] }
}

/// The two readings of a packet, the likelier first.
fn in_order(kept: Candidate, zero: Candidate, zero_first: bool) -> [Candidate; 2] {
    if zero_first { [zero, kept] } else { [kept, zero] }
}
