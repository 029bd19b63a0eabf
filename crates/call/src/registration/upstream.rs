//! By what names the PBX knows a phone's registration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use aws_lc_rs::digest;
use cordon_sip::{CallId, Text};

use super::phone::Aor;

/// The registrations as the PBX sees them, by AOR and the Call-ID the phone uses (RFC 3261 section 10.2.4).
#[derive(Default)]
pub(super) struct Upstreams {
    table: BTreeMap<UpstreamKey, Upstream>,
    by_end: BTreeSet<(Instant, UpstreamKey)>,
}

/// Whose registration, and the phone's Call-ID for it: hashed, so that an entry is of one size whatever a phone writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UpstreamKey([u8; 32]);

impl UpstreamKey {
    pub(super) fn of(aor: &Aor, call_id: &CallId) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [aor.as_bytes(), call_id.text().as_bytes()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let hash = context.finish();
        Self(hash.as_ref().try_into().expect("SHA-256 makes 32 bytes"))
    }
}

struct Upstream {
    call_id: CallId,
    from_tag: Text,
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
    pub(super) fn next(&mut self, key: &UpstreamKey, end: Instant, mut token: impl FnMut() -> Text) -> Names {
        let mut upstream = self.take(key).unwrap_or_else(|| Upstream {
            call_id: CallId::new(token()),
            from_tag: token(),
            cseq: 0,
            end,
        });
        upstream.cseq = (upstream.cseq + 1) & MAX_CSEQ;
        upstream.end = upstream.end.max(end);
        let Upstream { call_id, from_tag, cseq, end: _ } = &upstream;
        let names = Names { call_id: call_id.clone(), from_tag: from_tag.clone(), cseq: *cseq };
        self.put(*key, upstream);
        names
    }

    /// Keeps the names until `end`, since the PBX holds a binding under them.
    pub(super) fn keep(&mut self, key: &UpstreamKey, end: Instant) {
        if let Some(mut upstream) = self.take(key) {
            upstream.end = upstream.end.max(end);
            self.put(*key, upstream);
        }
    }

    /// When the next one may be forgotten.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.by_end.first().map(|(end, _)| *end)
    }

    /// Forgets what the PBX has forgotten, too.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.next_end().is_some_and(|end| end <= now) {
            self.forget_first();
        }
    }

    fn take(&mut self, key: &UpstreamKey) -> Option<Upstream> {
        let upstream = self.table.remove(key)?;
        self.by_end.remove(&(upstream.end, *key));
        Some(upstream)
    }

    /// A full table gives up the one that ends first: one that was never granted, and under a flood the flood's own.
    fn put(&mut self, key: UpstreamKey, upstream: Upstream) {
        if self.table.len() >= MAX_UPSTREAMS {
            self.forget_first();
        }
        self.by_end.insert((upstream.end, key));
        self.table.insert(key, upstream);
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.by_end.pop_first() {
            self.table.remove(&key);
        }
    }
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
            Text::from(format!("token{made}"))
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
        upstreams.next(&key("100"), now, || Text::from("a"));
        upstreams.keep(&key("100"), now + Duration::from_secs(60));
        upstreams.expire(now + Duration::from_secs(59));
        assert!(upstreams.next_end().is_some());
        upstreams.expire(now + Duration::from_secs(60));
        assert!(upstreams.next_end().is_none());
    }
}
