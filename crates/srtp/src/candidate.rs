//! The ways in which one packet could be genuine, before any is proven.

use cordon_rtp::{PacketIndex, Seq};

/// One way in which a packet could be genuine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) age: Age,
    pub(crate) index: PacketIndex,
    pub(crate) count: Count,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    Current,
    Superseded,
}

/// How a packet stands to what was received from its source before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// It is the first, or counts on.
    Continues,
    /// It counts anew: under a new key below what was reached, or under the same key after a renegotiation.
    Restarts,
}

/// How many readings of one packet may be tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trials {
    /// All: the peer's description has just changed.
    All,
    /// One, which the sequence number chooses: a peer is heard from its second packet on, and no forger can turn the
    /// choice.
    One,
}

/// The candidates of one packet in the order of trial; four at most: two keys, each with the ROC kept and zero.
pub(crate) struct Candidates {
    list: [Option<Candidate>; 4],
}

impl Candidates {
    pub(crate) fn none() -> Self {
        Self { list: [None; 4] }
    }

    pub(crate) fn push(&mut self, candidate: Candidate) {
        if let Some(place) = self.list.iter_mut().find(|place| place.is_none()) {
            *place = Some(candidate);
        }
    }

    /// Takes two readings of one packet, the likelier first, as far as they may be tried.
    pub(crate) fn push_both(&mut self, likely: Candidate, other: Candidate, trials: Trials, seq: Seq) {
        match trials {
            _ if likely.index == other.index => self.push(likely),
            Trials::All => {
                self.push(likely);
                self.push(other);
            }
            Trials::One => self.push(if seq.0.is_multiple_of(2) { likely } else { other }),
        }
    }

    pub(crate) fn is_several(&self) -> bool {
        self.list.iter().flatten().count() > 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.list.iter().flatten()
    }
}
