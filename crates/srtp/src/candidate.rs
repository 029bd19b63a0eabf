//! The ways in which one packet could be genuine, before any is proven.

use cordon_rtp::PacketIndex;

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
    /// Under a new key it counts anew, below what was reached.
    Restarts,
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
