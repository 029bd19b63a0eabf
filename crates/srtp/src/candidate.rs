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
    /// It begins an epoch: it counts anew, under a new key below what was reached, or under the same key after a
    /// renegotiation; or it takes up a count that was left.
    Restarts,
}

/// How many readings of one packet may be tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trials {
    /// All: the peer's description has just changed.
    All,
    /// One, which the sequence number chooses: a peer is heard from its second packet on, or from its third where there
    /// are three readings, and no forger can turn the choice.
    One,
}

/// The candidates of one packet in the order of trial: two keys at most, each with three readings at most.
pub(crate) struct Candidates {
    list: [Option<Candidate>; 6],
}

impl Candidates {
    pub(crate) fn none() -> Self {
        Self { list: [None; 6] }
    }

    pub(crate) fn push(&mut self, candidate: Candidate) {
        if let Some(place) = self.list.iter_mut().find(|place| place.is_none()) {
            *place = Some(candidate);
        }
    }

    /// Takes the readings of one packet under one key, the likeliest first, as far as they may be tried.
    pub(crate) fn push_readings(&mut self, readings: [Option<Candidate>; 3], trials: Trials, seq: Seq) {
        let [first, second, third] = readings;
        let is_other = |one: &Candidate, earlier: [Option<Candidate>; 2]| {
            earlier.iter().flatten().all(|known| known.index != one.index)
        };
        let second = second.filter(|second| is_other(second, [first, None]));
        let third = third.filter(|third| is_other(third, [first, second]));
        let readings = [first, second, third];
        let count = readings.iter().flatten().count();
        match trials {
            Trials::All => readings.into_iter().flatten().for_each(|reading| self.push(reading)),
            Trials::One => {
                let chosen = usize::from(seq.0) % count.max(1);
                readings.into_iter().flatten().skip(chosen).take(1).for_each(|reading| self.push(reading));
            }
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
