//! The nonces that may count, the connections they were given to, and the proofs that were made with them.
//!
//! What outlives its connection stands in a few flat tables: a node per entry, as a tree has, would lie among the memory of the
//! connections of that moment, and hold its page long after they are gone.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use cordon_sip::FlowId;

use super::withheld::Withheld;
use crate::room;

/// Every nonce of the PBX that may count, for ten minutes from when it was first relayed.
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
    flows: HashMap<FlowId, VecDeque<Held>>,
    /// How much all connections were given.
    held: usize,
    /// The proofs shown, by [`Mark::with`] of nonce and proof. Those of one nonce are a chain that begins at the nonce.
    proofs: HashMap<Mark, Proof>,
}

/// A nonce or a proof by its hash: of one size, whatever the PBX or a phone sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mark([u8; 16]);

/// A nonce and when it was first relayed.
type Given = (Instant, Mark);

/// A nonce that a connection was given.
struct Held {
    given: Given,
    /// How many proofs this connection made with it.
    proofs: u32,
}

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
        if let Err(place) = place_of(given, (nonce.relayed_at, mark)) {
            given.insert(place, Held { given: (nonce.relayed_at, mark), proofs: 0 });
            self.held += 1;
            nonce.holders = nonce.holders.saturating_add(1);
        }
        while let Some(oldest) = given.front().map(|held| held.given)
            && (!is_live(now, oldest.0)
                || given.len() > MAX_NONCES_PER_FLOW
                || (given.len() > NONCES_PER_FLOW && self.held > MAX_HELD))
        {
            given.pop_front();
            self.held -= 1;
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
    pub(super) fn check(&self, now: Instant, flow: FlowId, mark: Mark, proof: Mark) -> Result<(), Withheld> {
        let nonce = self.nonces.get(&mark).filter(|nonce| is_live(now, nonce.relayed_at));
        let nonce = nonce.ok_or(Withheld::ForeignNonce)?;
        let held = self.flows.get(&flow).and_then(|held| {
            let place = place_of(held, (nonce.relayed_at, mark)).ok()?;
            held.get(place)
        });
        let held = held.ok_or(Withheld::ForeignNonce)?;
        match self.proofs.get(&mark.with(proof)) {
            Some(first) if first.flow == flow => Ok(()),
            Some(_) => Err(Withheld::ShownElsewhere),
            None if held.proofs >= MAX_PROOFS_PER_FLOW => Err(Withheld::NonceWornOut),
            None if nonce.proofs >= MAX_PROOFS_PER_NONCE => Err(Withheld::NonceWornOut),
            None => Ok(()),
        }
    }

    /// The proof goes to the PBX: from now on it counts on this connection only.
    ///
    /// # Errors
    /// As [`NonceTable::check`].
    pub(super) fn show(
        &mut self,
        now: Instant,
        flow: FlowId,
        mark: Mark,
        proof: Mark,
    ) -> Result<(), Withheld> {
        self.check(now, flow, mark, proof)?;
        let proof = mark.with(proof);
        if self.proofs.contains_key(&proof) {
            return Ok(());
        }
        let nonce = self.nonces.get_mut(&mark).ok_or(Withheld::ForeignNonce)?;
        if let Some(held) = self.flows.get_mut(&flow)
            && let Ok(place) = place_of(held, (nonce.relayed_at, mark))
            && let Some(held) = held.get_mut(place)
        {
            held.proofs = held.proofs.saturating_add(1);
        }
        nonce.proofs = nonce.proofs.saturating_add(1);
        let before = std::mem::replace(&mut nonce.latest, proof);
        self.proofs.insert(proof, Proof { flow, before });
        if self.proofs.len() > MAX_PROOFS {
            self.forget_proofs();
        }
        Ok(())
    }

    /// The connection is gone. What it has shown is kept: the PBX may give the same nonce to somebody else.
    pub(super) fn handle_flow_closed(&mut self, flow: FlowId) {
        for held in self.flows.remove(&flow).unwrap_or_default() {
            self.held -= 1;
            release(&mut self.nonces, held.given);
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

    /// Forgets the oldest nonces until there is room for proofs again.
    fn forget_proofs(&mut self) {
        while self.proofs.len() > MAX_PROOFS && self.forget_first().is_some() {}
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
        if room::to_keep(self.nonces.len(), 2 * self.by_age.len()).is_some() {
            self.by_age.retain(|given| is_known(&self.nonces, *given));
        }
        if let Some(room) = room::to_keep(self.by_age.len(), self.by_age.capacity()) {
            self.by_age.shrink_to(room);
        }
        shrink(&mut self.nonces);
        shrink(&mut self.flows);
        shrink(&mut self.proofs);
    }
}

/// Where in what a connection was given a nonce is, or would be.
fn place_of(held: &VecDeque<Held>, given: Given) -> Result<usize, usize> {
    held.binary_search_by_key(&given, |held| held.given)
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
    if let Some(room) = room::to_keep(table.len(), table.capacity()) {
        table.shrink_to(room);
    }
}

/// Longer than a PBX honours a nonce (Kamailio: 5 minutes, Asterisk: 32 seconds, unless told otherwise), and than a phone takes
/// to refresh; where that is not so, forgetting one costs the phone one challenge. All proofs of that time are kept. It counts from the first time the nonce was relayed, so that no use of it outlives the
/// memory of what was proved with it.
const NONCE_LIFETIME: Duration = Duration::from_secs(600);

/// Three algorithms for each of some hundred lines on one connection; the oldest goes first.
const MAX_NONCES_PER_FLOW: usize = 1_024;

/// What every connection may keep, however much the others were given: three algorithms for each of five requests.
const NONCES_PER_FLOW: usize = 16;

/// All connections together, 10 MB; beyond it one that has its [`NONCES_PER_FLOW`] loses one for each that it is given.
const MAX_HELD: usize = 262_144;

/// Ten minutes of 10,000 phones that log in every 50 seconds, each time with a nonce of its own; 20 to 25 MB. The oldest goes first.
/// The PBX gives a nonce to several phones only within a second or so, and never so many others meanwhile that one that it
/// still gives would be forgotten.
const MAX_NONCES: usize = 131_072;

/// As many as nonces; 11 MB.
const MAX_PROOFS: usize = 131_072;

/// Some hundred lines on one connection that are challenged with one nonce, twice over. Beyond it no further proof counts there,
/// and the next challenge brings another nonce: who invents proofs wears out what he was given himself.
const MAX_PROOFS_PER_FLOW: u32 = 256;

/// Several times what all phones can prove within the second for which a PBX gives everybody the same nonce, and more than
/// hundreds of connections can invent in it.
const MAX_PROOFS_PER_NONCE: u32 = 32_768;

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1_200;
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
    fn a_nonce_ends_ten_minutes_after_it_was_first_relayed_however_often_it_is_used_or_relayed() {
        let now = Instant::now();
        let mut table = shared(now);
        for seconds in [200, 400, 599] {
            let at = now + Duration::from_secs(seconds);
            table.give(at, B, mark("n"));
            assert_eq!(table.show(at, A, mark("n"), mark(&format!("a{seconds}"))), Ok(()));
        }
        let end = now + NONCE_LIFETIME;
        assert_eq!(table.show(end, A, mark("n"), mark("a599")), Err(Withheld::ForeignNonce));
        table.give(end, B, mark("n"));
        assert_eq!(table.show(end, A, mark("n"), mark("a599")), Err(Withheld::ForeignNonce));
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
        assert!(rooms(&table).iter().all(|room| *room <= ROOM), "{:?}", rooms(&table));
    }

    #[test]
    fn a_crowd_whose_time_is_over_leaves_no_room_behind() {
        let now = Instant::now();
        let mut table = NonceTable::default();
        for n in 0..30_000 {
            let (flow, nonce) = (FlowId(n), mark(&n.to_string()));
            table.give(now, flow, nonce);
            table.show(now, flow, nonce, mark("a")).unwrap();
            table.handle_flow_closed(flow);
        }
        assert_eq!((table.nonces.len(), table.proofs.len()), (30_000, 30_000));
        table.give(now + NONCE_LIFETIME, A, mark("next"));
        assert_eq!((table.nonces.len(), table.proofs.len()), (1, 0));
        assert!(rooms(&table).iter().all(|room| *room <= ROOM), "{:?}", rooms(&table));
    }

    fn rooms(table: &NonceTable) -> [usize; 4] {
        [table.nonces.capacity(), table.by_age.capacity(), table.flows.capacity(), table.proofs.capacity()]
    }

    #[test]
    fn who_comes_and_goes_at_the_same_moment_pushes_out_nobody_else() {
        let now = Instant::now();
        let mut table = shared(now);
        for n in 0..1_024 {
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
            let (flow, nonce) = (FlowId(10 + n as u64 / 100), mark(&format!("m{}", n / 10_000)));
            table.give(at, flow, nonce);
            assert_eq!(table.show(at, flow, nonce, mark(&n.to_string())), Ok(()));
        }
        assert_eq!(table.proofs.len(), MAX_PROOFS);
        for flow in [A, B] {
            assert_eq!(table.show(now, flow, mark("n"), mark("a")), Err(Withheld::ForeignNonce));
        }
    }

    #[test]
    fn who_invents_proofs_wears_out_the_nonce_for_himself_alone() {
        let now = Instant::now();
        let mut table = shared(now);
        for n in 0..MAX_PROOFS_PER_FLOW {
            assert_eq!(table.show(now, A, mark("n"), mark(&n.to_string())), Ok(()));
        }
        assert_eq!(table.show(now, A, mark("n"), mark("one more")), Err(Withheld::NonceWornOut));
        assert_eq!(table.show(now, A, mark("n"), mark("0")), Ok(()), "what is known goes on");
        assert_eq!(table.show(now, B, mark("n"), mark("0")), Err(Withheld::ShownElsewhere));
        assert_eq!(table.show(now, B, mark("n"), mark("b")), Ok(()), "others have their own");
    }

    #[test]
    fn a_nonce_wears_out_for_all_rather_than_forget_what_it_proved() {
        let now = Instant::now();
        let mut table = shared(now);
        for n in 0..MAX_PROOFS_PER_NONCE {
            let flow = FlowId(10 + u64::from(n / MAX_PROOFS_PER_FLOW));
            table.give(now, flow, mark("n"));
            assert_eq!(table.show(now, flow, mark("n"), mark(&n.to_string())), Ok(()));
        }
        assert_eq!(table.show(now, B, mark("n"), mark("one more")), Err(Withheld::NonceWornOut));
        assert_eq!(table.show(now, FlowId(10), mark("n"), mark("0")), Ok(()), "what is known goes on");
        assert_eq!(table.show(now, B, mark("n"), mark("0")), Err(Withheld::ShownElsewhere));
    }

    #[test]
    fn a_proof_is_checked_without_being_shown() {
        let now = Instant::now();
        let mut table = shared(now);
        assert_eq!(table.check(now, A, mark("n"), mark("a")), Ok(()));
        assert_eq!(table.check(now, B, mark("n"), mark("a")), Ok(()));
        table.show(now, B, mark("n"), mark("a")).unwrap();
        assert_eq!(table.check(now, A, mark("n"), mark("a")), Err(Withheld::ShownElsewhere));
    }

    #[test]
    fn many_connections_that_only_ask_keep_a_few_nonces_each() {
        let now = Instant::now();
        let mut table = NonceTable::default();
        for n in 0..600_u64 {
            for flow in 0..512 {
                table.give(now + Duration::from_secs(n), FlowId(flow), mark(&format!("{n}-{flow}")));
            }
        }
        assert!(table.held <= MAX_HELD, "{}", table.held);
        assert_eq!(table.held, table.flows.values().map(VecDeque::len).sum::<usize>());
        (0..512).for_each(|flow| table.handle_flow_closed(FlowId(flow)));
        assert_eq!((table.held, table.flows.len()), (0, 0));
    }
}
