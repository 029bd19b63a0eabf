//! By what names the PBX knows a phone's registration.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use aws_lc_rs::digest;
use cordon_sip::{CallId, Text};

use super::phone::Aor;
use crate::room;
use crate::wire::Token;

/// The registrations as the PBX sees them, by AOR and the Call-ID the phone uses (RFC 3261 section 10.2.4).
///
/// They outlive the connections of their phones, so they stand in place in two flat tables, as nonces do.
#[derive(Default)]
pub(super) struct Upstreams {
    table: HashMap<UpstreamKey, Upstream>,
    /// Every one with its end, the first to end on top. One that was kept longer since has lingered here, and opens nothing:
    /// only what says the same as the table counts.
    ends: BinaryHeap<Reverse<(Instant, UpstreamKey)>>,
}

/// Whose registration, and the phone's Call-ID for it: hashed, so that an entry is of one size whatever a phone writes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct UpstreamKey([u8; 16]);

impl UpstreamKey {
    pub(super) fn of(aor: &Aor, call_id: &CallId) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [aor.as_bytes(), call_id.text().as_bytes()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let (hash, mut key) = (context.finish(), [0; 16]);
        key.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        Self(key)
    }
}

struct Upstream {
    call_id: Token,
    from_tag: Token,
    /// Of the last request sent.
    cseq: u32,
    /// Until when it is kept.
    end: Instant,
}

/// The names of one request.
pub(super) struct Names {
    pub(super) call_id: CallId,
    pub(super) from_tag: Text,
    pub(super) cseq: u32,
}

impl Upstreams {
    /// The names for the phone's next REGISTER: Call-ID and From tag as before, CSeq one higher; new ones from
    /// `token` for a registration not known yet. Kept until `end` at least.
    pub(super) fn next(
        &mut self,
        key: &UpstreamKey,
        end: Instant,
        mut token: impl FnMut() -> Token,
    ) -> Names {
        if !self.table.contains_key(key) {
            // A full table gives up the one that ends first: one that was never granted, and under a flood the flood's own.
            if self.table.len() >= MAX_UPSTREAMS {
                self.forget_first();
            }
            self.table.insert(*key, Upstream { call_id: token(), from_tag: token(), cseq: 0, end });
            self.ends.push(Reverse((end, *key)));
        }
        self.keep(key, end);
        let upstream = self.table.get_mut(key).expect("put in above, if it was not there");
        upstream.cseq = (upstream.cseq + 1) & MAX_CSEQ;
        let Upstream { call_id, from_tag, cseq, end: _ } = *upstream;
        Names { call_id: CallId::new(call_id.text()), from_tag: from_tag.text(), cseq }
    }

    /// Keeps the names until `end`, since the PBX holds a binding under them.
    pub(super) fn keep(&mut self, key: &UpstreamKey, end: Instant) {
        if let Some(upstream) = self.table.get_mut(key).filter(|upstream| upstream.end < end) {
            upstream.end = end;
            self.ends.push(Reverse((end, *key)));
            self.tidy();
        }
    }

    /// Forgets the names, since the PBX holds no binding under them.
    pub(super) fn forget(&mut self, key: &UpstreamKey) {
        self.table.remove(key);
        self.tidy();
    }

    /// When the next one may be forgotten.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.peek().map(|Reverse((end, _))| *end)
    }

    /// Forgets what the PBX has forgotten, too.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.next_end().is_some_and(|end| end <= now) {
            self.forget_first();
        }
        self.tidy();
    }

    fn forget_first(&mut self) {
        if let Some(Reverse((_, key))) = self.ends.pop() {
            self.table.remove(&key);
        }
        self.drop_outlived();
    }

    /// Leaves on top one that is in the table with this end.
    fn drop_outlived(&mut self) {
        while self.ends.peek().is_some_and(|Reverse(first)| !is_current(&self.table, first)) {
            self.ends.pop();
        }
    }

    /// Takes out the ends that count no more once they are as many as those that do, and gives back room that a crowd has left.
    fn tidy(&mut self) {
        self.drop_outlived();
        if room::to_keep(self.table.len(), 2 * self.ends.len()).is_some() {
            self.ends.retain(|Reverse(end)| is_current(&self.table, end));
        }
        if let Some(room) = room::to_keep(self.ends.len(), self.ends.capacity()) {
            self.ends.shrink_to(room);
        }
        if let Some(room) = room::to_keep(self.table.len(), self.table.capacity()) {
            self.table.shrink_to(room);
        }
    }
}

fn is_current(table: &HashMap<UpstreamKey, Upstream>, (end, key): &(Instant, UpstreamKey)) -> bool {
    table.get(key).is_some_and(|upstream| upstream.end == *end)
}

/// RFC 3261 §8.1.1.5: below 2^31.
const MAX_CSEQ: u32 = 0x7fff_ffff;

/// Twice the bindings: a phone that restarts comes with a new Call-ID before its old one has ended.
const MAX_UPSTREAMS: usize = 40_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cordon_sip::Uri;

    use super::*;

    fn key(user: &str) -> UpstreamKey {
        let uri = Uri::parse(format!("sip:{user}@example.org")).unwrap();
        UpstreamKey::of(&Aor::of(&uri).unwrap(), &CallId::new("phone-side"))
    }

    #[test]
    fn a_refresh_keeps_call_id_and_tag_and_counts_on() {
        let (mut upstreams, now) = (Upstreams::default(), Instant::now());
        let mut made = 0;
        let mut token = || {
            made += 1;
            Token::draw(&mut Always(made))
        };
        let first = upstreams.next(&key("100"), now, &mut token);
        let second = upstreams.next(&key("100"), now, &mut token);
        let other = upstreams.next(&key("101"), now, &mut token);
        assert!(first.call_id == second.call_id && first.from_tag == second.from_tag);
        assert!(first.call_id != other.call_id && first.from_tag != other.from_tag);
        assert_eq!((first.cseq, second.cseq, other.cseq), (1, 2, 1));
    }

    #[test]
    fn names_are_forgotten_at_their_end() {
        let (mut upstreams, now) = (Upstreams::default(), Instant::now());
        upstreams.next(&key("100"), now, || Token::draw(&mut Always(1)));
        upstreams.keep(&key("100"), now + Duration::from_secs(60));
        upstreams.expire(now + Duration::from_secs(59));
        assert!(upstreams.next_end().is_some());
        upstreams.expire(now + Duration::from_secs(60));
        assert!(upstreams.next_end().is_none());
    }
    #[test]
    fn a_registration_that_is_refreshed_for_days_takes_the_room_of_one() {
        let (mut upstreams, now) = (Upstreams::default(), Instant::now());
        for minutes in 0..10_000 {
            let at = now + Duration::from_secs(60 * minutes);
            upstreams.next(&key("100"), at, || Token::draw(&mut Always(1)));
            upstreams.keep(&key("100"), at + Duration::from_secs(3_600));
            upstreams.expire(at);
        }
        assert_eq!(upstreams.table.len(), 1);
        assert!(upstreams.ends.len() <= 600, "{}", upstreams.ends.len());
    }

    #[test]
    fn a_full_table_gives_up_the_one_that_ends_first() {
        let (mut upstreams, now) = (Upstreams::default(), Instant::now());
        upstreams.next(&key("kept"), now, || Token::draw(&mut Always(1)));
        upstreams.keep(&key("kept"), now + Duration::from_secs(60));
        for n in 0..MAX_UPSTREAMS {
            upstreams
                .next(&key(&n.to_string()), now + Duration::from_secs(1), || Token::draw(&mut Always(2)));
        }
        assert_eq!(upstreams.table.len(), MAX_UPSTREAMS);
        assert_eq!(upstreams.next(&key("kept"), now, || Token::draw(&mut Always(3))).cseq, 2);
    }

    /// Draws one byte for ever.
    struct Always(u8);

    impl crate::wire::Entropy for Always {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }
}
