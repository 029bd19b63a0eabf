//! The nonces that may count, the connections they were given to, and the proofs that were made with them.

use std::collections::{BTreeMap, BTreeSet};
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
    nonces: BTreeMap<Mark, Nonce>,
    /// Every nonce, the oldest first.
    by_age: BTreeSet<(Instant, Mark)>,
    /// What each connection was given, the oldest first. A nonce that the table has forgotten may linger here, and opens
    /// nothing: given again it has another age.
    flows: BTreeMap<FlowId, BTreeSet<(Instant, Mark)>>,
    /// The connection that showed a proof first, by nonce and proof.
    proofs: BTreeMap<(Mark, Mark), FlowId>,
}

/// A nonce or a proof by its hash: of one size, whatever the PBX or a phone sends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark([u8; 16]);

struct Nonce {
    relayed_at: Instant,
    /// How many connections that are up were given it.
    holders: u32,
    /// How many proofs were made with it.
    proofs: u32,
}

impl Mark {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        let mut mark = [0; 16];
        mark.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        Self(mark)
    }

    const LEAST: Self = Self([0; 16]);
    const MOST: Self = Self([u8::MAX; 16]);
}

impl NonceTable {
    /// A nonce is relayed to this connection.
    pub(super) fn give(&mut self, now: Instant, flow: FlowId, mark: Mark) {
        while let Some((relayed_at, oldest)) = self.by_age.first().copied()
            && !is_live(now, relayed_at)
        {
            self.forget(oldest);
        }
        let nonce = self.nonces.entry(mark).or_insert(Nonce { relayed_at: now, holders: 0, proofs: 0 });
        self.by_age.insert((nonce.relayed_at, mark));
        let given = self.flows.entry(flow).or_default();
        if given.insert((nonce.relayed_at, mark)) {
            nonce.holders = nonce.holders.saturating_add(1);
        }
        while let Some((relayed_at, oldest)) = given.first().copied()
            && (given.len() > MAX_NONCES_PER_FLOW || !is_live(now, relayed_at))
        {
            given.remove(&(relayed_at, oldest));
            release(&mut self.nonces, &mut self.by_age, (relayed_at, oldest));
        }
        if self.nonces.len() > MAX_NONCES {
            self.forget_oldest();
        }
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
        let given = self.flows.get(&flow);
        if !given.is_some_and(|given| given.contains(&(nonce.relayed_at, mark))) {
            return Err(Withheld::ForeignNonce);
        }
        match self.proofs.get(&(mark, proof)) {
            Some(first) if *first == flow => return Ok(()),
            Some(_) => return Err(Withheld::ShownElsewhere),
            None => {}
        }
        if nonce.proofs >= MAX_PROOFS_PER_NONCE {
            return Err(Withheld::NonceWornOut);
        }
        nonce.proofs = nonce.proofs.saturating_add(1);
        self.proofs.insert((mark, proof), flow);
        while self.proofs.len() > MAX_PROOFS {
            self.forget_oldest();
        }
        Ok(())
    }

    /// The connection is gone. What it has shown is kept: the PBX may give the same nonce to somebody else.
    pub(super) fn handle_flow_closed(&mut self, flow: FlowId) {
        for given in self.flows.remove(&flow).unwrap_or_default() {
            release(&mut self.nonces, &mut self.by_age, given);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, oldest)) = self.by_age.first().copied() {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, mark: Mark) {
        let Some(nonce) = self.nonces.remove(&mark) else { return };
        self.by_age.remove(&(nonce.relayed_at, mark));
        let made_with_it = self.proofs.range((mark, Mark::LEAST)..=(mark, Mark::MOST));
        let made_with_it: Vec<_> = made_with_it.map(|(key, _)| *key).collect();
        for key in made_with_it {
            self.proofs.remove(&key);
        }
    }
}

/// One connection holds the nonce no more. A nonce that nobody holds and that proved nothing leaves nothing to replay.
fn release(
    nonces: &mut BTreeMap<Mark, Nonce>,
    by_age: &mut BTreeSet<(Instant, Mark)>,
    (relayed_at, mark): (Instant, Mark),
) {
    let Some(nonce) = nonces.get_mut(&mark).filter(|nonce| nonce.relayed_at == relayed_at) else { return };
    nonce.holders = nonce.holders.saturating_sub(1);
    if nonce.holders == 0 && nonce.proofs == 0 {
        nonces.remove(&mark);
        by_age.remove(&(relayed_at, mark));
    }
}

fn is_live(now: Instant, relayed_at: Instant) -> bool {
    now.saturating_duration_since(relayed_at) < NONCE_LIFETIME
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

/// As many as nonces; 8 MB.
const MAX_PROOFS: usize = 131_072;

/// Several times what all phones can prove within the second for which a PBX gives everybody the same nonce. Beyond it no
/// further proof counts: the next challenge brings another nonce.
const MAX_PROOFS_PER_NONCE: u32 = 32_768;

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
        assert_eq!((table.nonces.len(), table.by_age.len(), table.flows.len()), (0, 0, 0));
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
