//! The nonces that may count, the connections they were given to, and the proofs that were made with them.
//!
//! What is kept for an hour stands in a few flat tables: a node per entry, as a tree has, would lie among the memory of the
//! connections of that moment, and hold its page long after they are gone.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use cordon_sip::FlowId;

use super::withheld::Withheld;

/// Every nonce of the PBX that may count, for an hour from when it was first relayed.
///
/// A proof counts on the connection that showed it first. It is kept as long as its nonce, and goes only with it: once a proof
/// is forgotten, so is its nonce, on every connection, and whoever holds it is challenged afresh.
#[derive(Default)]
pub(super) struct NonceTable {
    nonces: HashMap<Mark, Nonce>,
    /// Every nonce in the order it was first relayed. One that was released may linger here: given again it has another age.
    by_age: VecDeque<Given>,
    /// What each connection was given, the oldest first. A nonce that the table has forgotten may linger here, and opens
    /// nothing, for the same reason.
    flows: HashMap<FlowId, VecDeque<Given>>,
    /// The proofs shown, by [`Mark::with`] of nonce and proof. Those of one nonce are a chain that begins at the nonce.
    proofs: HashMap<Mark, Proof>,
}

/// A nonce or a proof by its hash: of one size, whatever the PBX or a phone sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mark([u8; 16]);

/// A nonce and when it was first relayed.
type Given = (Instant, Mark);

struct Nonce {
    relayed_at: Instant,
    /// How many connections that are up were given it.
    holders: u32,
    /// How many proofs were made with it: so long is their chain.
    proofs: u32,
    /// The last of them.
    latest: Mark,
}

struct Proof {
    /// The connection that showed it first.
    flow: FlowId,
    /// The proof shown before it with the same nonce.
    before: Mark,
}

impl Mark {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        let mut mark = [0; 16];
        mark.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        Self(mark)
    }

    /// Both together.
    fn with(self, other: Self) -> Self {
        let mut both = [0; 32];
        both.iter_mut().zip(self.0.into_iter().chain(other.0)).for_each(|(to, from)| *to = from);
        Self::of(&both)
    }

    const NONE: Self = Self([0; 16]);
}

impl NonceTable {
    /// A nonce is relayed to this connection.
    pub(super) fn give(&mut self, now: Instant, flow: FlowId, mark: Mark) {
        self.forget_dead(now);
        let nonce = self.nonces.entry(mark).or_insert_with(|| {
            self.by_age.push_back((now, mark));
            Nonce { relayed_at: now, holders: 0, proofs: 0, latest: Mark::NONE }
        });
        let given = self.flows.entry(flow).or_default();
        if let Err(place) = given.binary_search(&(nonce.relayed_at, mark)) {
            given.insert(place, (nonce.relayed_at, mark));
            nonce.holders = nonce.holders.saturating_add(1);
        }
        while let Some(oldest) = given.front().copied()
            && (given.len() > MAX_NONCES_PER_FLOW || !is_live(now, oldest.0))
        {
            given.pop_front();
            release(&mut self.nonces, oldest);
        }
        if self.nonces.len() > MAX_NONCES {
            self.forget_oldest();
        }
        self.tidy();
    }

    /// A proof for this nonce comes on this connection.
    ///
    /// # Errors
    /// Why it must not reach the PBX.
    pub(super) fn show(
        &mut self,
        now: Instant,
        flow: FlowId,
        mark: Mark,
        proof: Mark,
    ) -> Result<(), Withheld> {
        let nonce = self.nonces.get_mut(&mark).filter(|nonce| is_live(now, nonce.relayed_at));
        let nonce = nonce.ok_or(Withheld::ForeignNonce)?;
        let given = (nonce.relayed_at, mark);
        if self.flows.get(&flow).is_none_or(|flow| flow.binary_search(&given).is_err()) {
            return Err(Withheld::ForeignNonce);
        }
        let proof = mark.with(proof);
        match self.proofs.get(&proof) {
            Some(first) if first.flow == flow => return Ok(()),
            Some(_) => return Err(Withheld::ShownElsewhere),
            None => {}
        }
        if nonce.proofs >= MAX_PROOFS_PER_NONCE {
            return Err(Withheld::NonceWornOut);
        }
        nonce.proofs = nonce.proofs.saturating_add(1);
        let before = std::mem::replace(&mut nonce.latest, proof);
        self.proofs.insert(proof, Proof { flow, before });
        while self.proofs.len() > MAX_PROOFS {
            self.forget_oldest();
        }
        Ok(())
    }

    /// The connection is gone. What it has shown is kept: the PBX may give the same nonce to somebody else.
    pub(super) fn handle_flow_closed(&mut self, flow: FlowId) {
        for given in self.flows.remove(&flow).unwrap_or_default() {
            release(&mut self.nonces, given);
        }
        self.tidy();
    }

    /// Forgets every nonce that is too old to count.
    fn forget_dead(&mut self, now: Instant) {
        while self.by_age.front().is_some_and(|(relayed_at, _)| !is_live(now, *relayed_at)) {
            self.forget_first();
        }
    }

    /// Forgets the oldest nonce that is known, with what it proved.
    fn forget_oldest(&mut self) {
        while self.forget_first() == Some(false) {}
    }

    /// Takes the first out of the row. Tells whether it was known, where there was one.
    fn forget_first(&mut self) -> Option<bool> {
        let first = self.by_age.pop_front()?;
        let was_known = is_known(&self.nonces, first);
        if was_known {
            self.forget(first.1);
        }
        Some(was_known)
    }

    fn forget(&mut self, mark: Mark) {
        let Some(nonce) = self.nonces.remove(&mark) else { return };
        let mut proof = nonce.latest;
        for _ in 0..nonce.proofs {
            let Some(forgotten) = self.proofs.remove(&proof) else { return };
            proof = forgotten.before;
        }
    }

    /// Takes the released out of the row and gives back room that a crowd has left. Each time as much has gone as is left, so
    /// that no single nonce pays for it.
    fn tidy(&mut self) {
        if self.by_age.len() / 2 > self.nonces.len().max(ROOM_KEPT) {
            self.by_age.retain(|given| is_known(&self.nonces, *given));
            self.by_age.shrink_to(2 * self.nonces.len());
        }
        shrink(&mut self.nonces);
        shrink(&mut self.flows);
        shrink(&mut self.proofs);
    }
}

/// One connection holds the nonce no more. A nonce that nobody holds and that proved nothing leaves nothing to replay.
fn release(nonces: &mut HashMap<Mark, Nonce>, (relayed_at, mark): Given) {
    let Some(nonce) = nonces.get_mut(&mark).filter(|nonce| nonce.relayed_at == relayed_at) else { return };
    nonce.holders = nonce.holders.saturating_sub(1);
    if nonce.holders == 0 && nonce.proofs == 0 {
        nonces.remove(&mark);
    }
}

fn is_known(nonces: &HashMap<Mark, Nonce>, (relayed_at, mark): Given) -> bool {
    nonces.get(&mark).is_some_and(|nonce| nonce.relayed_at == relayed_at)
}

fn is_live(now: Instant, relayed_at: Instant) -> bool {
    now.saturating_duration_since(relayed_at) < NONCE_LIFETIME
}

fn shrink<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.capacity() / 4 > table.len().max(ROOM_KEPT) {
        table.shrink_to(2 * table.len());
    }
}

/// Longer than any PBX honours a nonce (Kamailio: 5 minutes, Asterisk: 32 seconds, unless told otherwise); forgetting one
/// costs the phone one challenge. It counts from the first time the nonce was relayed, so that no use of it outlives the
/// memory of what was proved with it.
const NONCE_LIFETIME: Duration = Duration::from_secs(3_600);

/// Three algorithms for each of some hundred lines on one connection; the oldest goes first.
const MAX_NONCES_PER_FLOW: usize = 1_024;

/// An hour of 10,000 phones that log in every 5 minutes, each with a nonce of its own; 20 MB. The oldest goes first. The
/// PBX gives a nonce to several phones only within a second or so, and never so many others meanwhile that one that it
/// still gives would be forgotten.
const MAX_NONCES: usize = 131_072;

/// As many as nonces; 10 MB.
const MAX_PROOFS: usize = 131_072;

/// Several times what all phones can prove within the second for which a PBX gives everybody the same nonce. Beyond it no
/// further proof counts: the next challenge brings another nonce.
const MAX_PROOFS_PER_NONCE: u32 = 32_768;

/// Entries for which a table keeps its room: some tens of kilobytes are not worth the move.
const ROOM_KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const A: FlowId = FlowId(1);
    const B: FlowId = FlowId(2);

    /// A table in which both connections were given the nonce `n`.
    fn shared(now: Instant) -> NonceTable {
        let mut table = NonceTable::default();
        table.give(now, A, mark("n"));
        table.give(now, B, mark("n"));
        table
    }

    fn mark(word: &str) -> Mark {
        Mark::of(word.as_bytes())
    }

    #[test]
    fn a_proof_counts_only_on_the_connection_that_showed_it_first() {
        let now = Instant::now();
        let mut table = shared(now);
        assert_eq!(table.show(now, A, mark("n"), mark("a")), Ok(()));
        assert_eq!(table.show(now, A, mark("n"), mark("a")), Ok(()), "sent again");
        assert_eq!(table.show(now, B, mark("n"), mark("a")), Err(Withheld::ShownElsewhere));
        assert_eq!(table.show(now, B, mark("n"), mark("b")), Ok(()), "its own");
        table.handle_flow_closed(A);
        assert_eq!(table.show(now, B, mark("n"), mark("a")), Err(Withheld::ShownElsewhere));
    }

    #[test]
    fn a_proof_outlives_every_connection_that_held_its_nonce() {
        let now = Instant::now();
        let mut table = shared(now);
        table.show(now, A, mark("n"), mark("a")).unwrap();
        table.handle_flow_closed(A);
        table.handle_flow_closed(B);
        let later = FlowId(3);
        table.give(now, later, mark("n"));
        assert_eq!(table.show(now, later, mark("n"), mark("a")), Err(Withheld::ShownElsewhere));
    }

    #[test]
    fn a_nonce_ends_an_hour_after_it_was_first_relayed_however_often_it_is_used_or_relayed() {
        let now = Instant::now();
        let mut table = shared(now);
        for minutes in [20, 40, 59] {
            let at = now + Duration::from_secs(60 * minutes);
            table.give(at, B, mark("n"));
            assert_eq!(table.show(at, A, mark("n"), mark(&format!("a{minutes}"))), Ok(()));
        }
        let end = now + NONCE_LIFETIME;
        assert_eq!(table.show(end, A, mark("n"), mark("a59")), Err(Withheld::ForeignNonce));
        table.give(end, B, mark("n"));
        assert_eq!(table.show(end, A, mark("n"), mark("a59")), Err(Withheld::ForeignNonce));
        assert_eq!((table.nonces.len(), table.by_age.len(), table.proofs.len()), (1, 1, 0));
    }

    #[test]
    fn a_nonce_that_nobody_holds_and_that_proved_nothing_leaves_nothing_behind() {
        let now = Instant::now();
        let mut table = shared(now);
        table.handle_flow_closed(A);
        assert_eq!(table.nonces.len(), 1);
        table.handle_flow_closed(B);
        assert_eq!((table.nonces.len(), table.flows.len()), (0, 0));
    }

    #[test]
    fn a_crowd_that_comes_and_goes_leaves_no_room_behind() {
        let now = Instant::now();
        let mut table = NonceTable::default();
        for n in 0..30_000 {
            table.give(now, FlowId(n), mark(&n.to_string()));
        }
        table.show(now, FlowId(7), mark("7"), mark("a")).unwrap();
        for n in 0..30_000 {
            table.handle_flow_closed(FlowId(n));
        }
        assert_eq!((table.nonces.len(), table.proofs.len(), table.flows.len()), (1, 1, 0));
        assert!(table.by_age.len() <= 2 * ROOM_KEPT + 1, "{}", table.by_age.len());
        let room = [table.nonces.capacity(), table.by_age.capacity(), table.flows.capacity()];
        assert!(room.iter().all(|room| *room <= 16 * ROOM_KEPT), "{room:?}");
    }

    #[test]
    fn who_comes_and_goes_at_the_same_moment_pushes_out_nobody_else() {
        let now = Instant::now();
        let mut table = shared(now);
        for n in 0..4 * ROOM_KEPT as u64 {
            table.give(now, FlowId(10 + n), mark(&n.to_string()));
            table.handle_flow_closed(FlowId(10 + n));
        }
        let end = now + NONCE_LIFETIME;
        table.give(end - Duration::from_secs(1), A, mark("late"));
        table.give(end, B, mark("later"));
        assert_eq!(table.show(end, A, mark("late"), mark("a")), Ok(()));
        assert_eq!(table.show(end, A, mark("n"), mark("a")), Err(Withheld::ForeignNonce));
        assert_eq!((table.nonces.len(), table.by_age.len()), (2, 2));
    }

    #[test]
    fn what_a_connection_was_given_is_bounded_and_the_oldest_goes_first() {
        let now = Instant::now();
        let mut table = NonceTable::default();
        for n in 0..=MAX_NONCES_PER_FLOW {
            table.give(now + Duration::from_millis(n as u64), A, mark(&n.to_string()));
        }
        let end = now + Duration::from_secs(10);
        assert_eq!(table.show(end, A, mark("0"), mark("a")), Err(Withheld::ForeignNonce));
        assert_eq!(table.show(end, A, mark("1"), mark("a")), Ok(()));
        assert_eq!(table.nonces.len(), MAX_NONCES_PER_FLOW);
    }

    #[test]
    fn more_nonces_than_there_is_room_for_push_out_the_oldest_with_what_it_proved() {
        let now = Instant::now();
        let mut table = shared(now);
        table.show(now, A, mark("n"), mark("a")).unwrap();
        for n in 0..MAX_NONCES {
            let flow = FlowId(100 + n as u64 / 1_000);
            table.give(now + Duration::from_millis(1), flow, mark(&n.to_string()));
        }
        assert_eq!(table.show(now, A, mark("n"), mark("a")), Err(Withheld::ForeignNonce));
        assert_eq!(table.show(now, B, mark("n"), mark("a")), Err(Withheld::ForeignNonce));
        assert_eq!((table.nonces.len(), table.by_age.len()), (MAX_NONCES, MAX_NONCES));
        assert!(table.proofs.is_empty());
    }

    #[test]
    fn more_proofs_than_there_is_room_for_push_out_a_nonce_and_never_a_proof_alone() {
        let now = Instant::now();
        let mut table = shared(now);
        table.show(now, A, mark("n"), mark("a")).unwrap();
        for n in 0..MAX_PROOFS {
            let at = now + Duration::from_millis(1 + n as u64 / 10_000);
            let nonce = mark(&format!("m{}", n / 10_000));
            table.give(at, A, nonce);
            assert_eq!(table.show(at, A, nonce, mark(&n.to_string())), Ok(()));
        }
        assert_eq!(table.proofs.len(), MAX_PROOFS);
        for flow in [A, B] {
            assert_eq!(table.show(now, flow, mark("n"), mark("a")), Err(Withheld::ForeignNonce));
        }
    }

    #[test]
    fn a_nonce_wears_out_rather_than_forget_what_it_proved() {
        let now = Instant::now();
        let mut table = shared(now);
        for n in 0..MAX_PROOFS_PER_NONCE {
            assert_eq!(table.show(now, A, mark("n"), mark(&n.to_string())), Ok(()));
        }
        assert_eq!(table.show(now, A, mark("n"), mark("one more")), Err(Withheld::NonceWornOut));
        assert_eq!(table.show(now, A, mark("n"), mark("0")), Ok(()), "what is known goes on");
        assert_eq!(table.show(now, B, mark("n"), mark("0")), Err(Withheld::ShownElsewhere));
    }
}
