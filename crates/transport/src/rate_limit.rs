//! How often one source is answered.

use std::collections::{BTreeMap, VecDeque};
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
    sources: BTreeMap<Neighbourhood, Source>,
    swept: Option<Instant>,
}

#[derive(Debug, Default)]
struct Source {
    answered: VecDeque<Instant>,
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
    pub(crate) fn new(per_second: usize) -> Self {
        Self { per_second, state: Mutex::default() }
    }

    /// Counts a request from `source`.
    pub(crate) fn admit(&self, now: Instant, source: IpAddr) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.sources.len() >= MAX_SOURCES {
            state.sweep(now);
        }
        let key = Neighbourhood::of(source);
        if state.sources.len() >= MAX_SOURCES && !state.sources.contains_key(&key) {
            return Verdict::Silence;
        }
        let entry = state.sources.entry(key).or_default();
        while entry.answered.front().is_some_and(|&then| now.saturating_duration_since(then) >= WINDOW) {
            entry.answered.pop_front();
        }
        if entry.answered.len() < self.per_second {
            entry.answered.push_back(now);
            entry.is_reported = false;
            return Verdict::Answer;
        }
        match std::mem::replace(&mut entry.is_reported, true) {
            false => Verdict::SilenceAndReport,
            true => Verdict::Silence,
        }
    }
}

impl State {
    /// Forgets sources that were not answered within the window; at most once per window, as it looks at all of them.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|then| now.saturating_duration_since(then) < WINDOW) {
            return;
        }
        self.swept = Some(now);
        self.sources.retain(|_, source| {
            source.answered.back().is_some_and(|&then| now.saturating_duration_since(then) < WINDOW)
        });
    }
}

const WINDOW: Duration = Duration::from_secs(1);

/// Sources remembered: a /16 of phones does not all speak plain SIP in one second. Beyond it strangers hear nothing.
const MAX_SOURCES: usize = 4_096;

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
    }
}
