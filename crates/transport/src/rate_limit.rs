//! How often one source is answered.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cordon_policy::Neighbourhood;

/// At most so many answers to one source in any one second.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Every answer of the last second.
    answered: VecDeque<(Instant, Neighbourhood)>,
    /// Who was answered within it, and nobody else.
    sources: HashMap<Neighbourhood, Source>,
}

#[derive(Debug, Default)]
struct Source {
    answered: usize,
    /// Whether it has been told in an event that it is too fast.
    is_reported: bool,
}

/// What to do about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer it.
    Answer,
    /// Keep silent, and tell the operator: it is the first of this burst.
    SilenceAndReport,
    /// Keep silent.
    Silence,
}

impl RateLimit {
    /// `per_second` is 1 at least.
    pub(crate) fn new(per_second: usize) -> Self {
        Self { per_second, state: Mutex::default() }
    }

    /// Counts a request from `source`.
    pub(crate) fn admit(&self, now: Instant, source: IpAddr) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pass(now);
        let key = Neighbourhood::of(source);
        let is_full = state.sources.len() >= MAX_SOURCES;
        let State { answered, sources } = &mut *state;
        let Some(source) = sources.get_mut(&key) else {
            if is_full {
                return Verdict::Silence;
            }
            sources.insert(key, Source { answered: 1, is_reported: false });
            answered.push_back((now, key));
            return Verdict::Answer;
        };
        if source.answered < self.per_second {
            source.answered += 1;
            source.is_reported = false;
            answered.push_back((now, key));
            return Verdict::Answer;
        }
        match std::mem::replace(&mut source.is_reported, true) {
            false => Verdict::SilenceAndReport,
            true => Verdict::Silence,
        }
    }
}

impl State {
    /// Forgets the answers that are a second old, and whoever got no other since.
    fn pass(&mut self, now: Instant) {
        while let Some((then, key)) = self.answered.front().copied()
            && now.saturating_duration_since(then) >= WINDOW
        {
            self.answered.pop_front();
            let Some(source) = self.sources.get_mut(&key) else { continue };
            source.answered = source.answered.saturating_sub(1);
            if source.answered == 0 {
                self.sources.remove(&key);
            }
        }
        if self.answered.capacity() / 4 > self.answered.len().max(ROOM_KEPT) {
            self.answered.shrink_to(2 * self.answered.len());
            self.sources.shrink_to(2 * self.sources.len());
        }
    }
}

const WINDOW: Duration = Duration::from_secs(1);

/// Sources answered in one second: a /16 of phones does not all speak plain SIP in one. Beyond it strangers hear nothing.
const MAX_SOURCES: usize = 4_096;

/// Answers for which room is kept, some kilobytes.
const ROOM_KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_request_of_a_second_is_met_with_silence() {
        let limit = RateLimit::new(10);
        let start = Instant::now();
        let source = IpAddr::from([10, 0, 0, 1]);
        for n in 0..10 {
            assert_eq!(limit.admit(start + Duration::from_millis(n), source), Verdict::Answer);
        }
        let later = start + Duration::from_millis(999);

        assert_eq!(limit.admit(later, source), Verdict::SilenceAndReport);
        assert_eq!(limit.admit(later, source), Verdict::Silence);
        assert_eq!(limit.admit(later, IpAddr::from([10, 0, 0, 2])), Verdict::Answer);
        assert_eq!(limit.admit(start + WINDOW, source), Verdict::Answer);
        assert_eq!(limit.admit(start + WINDOW, source), Verdict::SilenceAndReport);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let limit = RateLimit::new(1);
        let now = Instant::now();

        assert_eq!(limit.admit(now, "fd00::1".parse().unwrap()), Verdict::Answer);
        assert_eq!(limit.admit(now, "fd00::2".parse().unwrap()), Verdict::SilenceAndReport);
        assert_eq!(limit.admit(now, "fd00:0:0:1::2".parse().unwrap()), Verdict::Answer);
    }

    #[test]
    fn the_table_is_bounded_and_comes_free_again() {
        let limit = RateLimit::new(1);
        let start = Instant::now();
        for n in 0..u32::try_from(MAX_SOURCES).unwrap() {
            assert_eq!(limit.admit(start, IpAddr::from(n.to_be_bytes())), Verdict::Answer);
        }
        let stranger = IpAddr::from([192, 0, 2, 1]);

        assert_eq!(limit.admit(start, stranger), Verdict::Silence);
        assert_eq!(limit.state.lock().unwrap().sources.len(), MAX_SOURCES);
        assert_eq!(limit.admit(start + WINDOW, stranger), Verdict::Answer);
        let state = limit.state.lock().unwrap();
        assert_eq!((state.sources.len(), state.answered.len()), (1, 1), "nothing is kept of who has gone");
    }
}
