//! How much of the log strangers can fill.
//!
//! Whoever can reach a port can cause events in any number. Of each kind of event a few lines a second are written, of
//! all kinds together a bounded number; what is left out is counted, and told in one line per kind.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Counts lines, by what they tell and about whom.
#[derive(Debug)]
pub(crate) struct LogBudget {
    written: LastSecond,
    kinds: BTreeMap<Kind, Count>,
}

/// One kind of event. There are as many as codes and locations, whatever strangers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// The code of a refusal, or a name of ours.
    pub(crate) reason: &'static str,
    /// Where it came from.
    pub(crate) source: Source,
}

/// The class of the address behind an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The networks of a location, or whoever knocked there.
    Location(usize),
    /// Phones, wherever they are.
    Handset,
    /// The side of the PBX.
    Pbx,
}

/// Lines that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suppressed {
    pub(crate) kind: Kind,
    pub(crate) count: u64,
}

#[derive(Debug, Default)]
struct Count {
    written: LastSecond,
    /// Since it was last told.
    suppressed: u64,
    /// When the first of them was left out.
    since: Option<Instant>,
}

/// When the lines of the last second were written: of any second, wherever it begins.
#[derive(Debug, Default)]
struct LastSecond(VecDeque<Instant>);

impl LogBudget {
    pub(crate) fn new() -> Self {
        Self { written: LastSecond::default(), kinds: BTreeMap::new() }
    }

    /// Whether one more line of this kind is written now.
    pub(crate) fn admits(&mut self, now: Instant, kind: Kind) -> bool {
        let count = self.kinds.entry(kind).or_default();
        if self.written.has_room(now, MOST_OF_ALL) && count.written.has_room(now, MOST_OF_KIND) {
            self.written.0.push_back(now);
            count.written.0.push_back(now);
            return true;
        }
        count.suppressed += 1;
        count.since.get_or_insert(now);
        false
    }

    /// What is to be told now; called once a second.
    pub(crate) fn suppressed(&mut self, now: Instant) -> Vec<Suppressed> {
        self.tell(|since| now.saturating_duration_since(since) >= INTERVAL, MOST_TOLD)
    }

    /// What is still to be told at the end.
    pub(crate) fn rest(&mut self) -> Vec<Suppressed> {
        self.tell(|_| true, usize::MAX)
    }

    fn tell(&mut self, is_due: impl Fn(Instant) -> bool, most: usize) -> Vec<Suppressed> {
        let due = self.kinds.iter_mut().filter(|(_, count)| count.since.is_some_and(&is_due));
        let told = due.take(most).map(|(&kind, count)| {
            count.since = None;
            Suppressed { kind, count: std::mem::take(&mut count.suppressed) }
        });
        told.collect()
    }
}

impl LastSecond {
    /// Whether one more line now leaves the second that ends with it within the bound.
    fn has_room(&mut self, now: Instant, most: usize) -> bool {
        while self.0.front().is_some_and(|written| now.saturating_duration_since(*written) >= SECOND) {
            self.0.pop_front();
        }
        self.0.len() < most
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// How often what was left out is told, of each kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lines a second of one kind: a person who tries a phone sees each attempt.
const MOST_OF_KIND: usize = 20;

/// Of all kinds. With [`MOST_TOLD`] a hundred lines a second, some 2 GB a day: what a disk of logs can take.
const MOST_OF_ALL: usize = 80;

/// Lines about lines that were left out, in one second.
const MOST_TOLD: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_writes_twenty_lines_a_second_and_one_about_the_rest() {
        let start = Instant::now();
        let mut budget = LogBudget::new();
        let mut lines = 0;
        for n in 0..100_000_u32 {
            let now = start + Duration::from_micros(100) * n;
            lines += u32::from(budget.admits(now, kind("CD-TRANSPORT-07", 0)));
        }

        assert_eq!(lines, 200);
        let told = budget.suppressed(start + INTERVAL + SECOND);
        assert_eq!(told, [Suppressed { kind: kind("CD-TRANSPORT-07", 0), count: 99_800 }]);
        assert_eq!(budget.suppressed(start + INTERVAL * 2), []);
    }

    #[test]
    fn a_flood_of_one_location_leaves_lines_to_another() {
        let now = Instant::now();
        let mut budget = LogBudget::new();
        for _ in 0..1_000 {
            budget.admits(now, kind("CD-TRANSPORT-07", 0));
        }

        assert!(budget.admits(now, kind("CD-TRANSPORT-07", 1)));
        assert!(budget.admits(now, kind("CD-TLS-01", 0)));
    }

    #[test]
    fn whatever_strangers_do_at_most_a_hundred_lines_a_second_are_written() {
        let start = Instant::now();
        let mut budget = LogBudget::new();
        for second in 0..60 {
            let now = start + SECOND * second;
            let mut lines = 0;
            for location in 0..200 {
                for _ in 0..30 {
                    lines += usize::from(budget.admits(now, kind("CD-TLS-07", location)));
                }
            }
            lines += budget.suppressed(now).len();
            assert!(lines <= 100, "{lines} lines in second {second}");
        }
    }

    #[test]
    fn a_second_that_begins_anywhere_has_no_more_lines_than_any_other() {
        let start = Instant::now();
        let mut budget = LogBudget::new();
        let mut written = Vec::new();
        // Quiet at first, so that a burst lies across the end of a second of the clock's.
        for n in 0..2_000_u32 {
            let now = start + Duration::from_millis(900) + Duration::from_millis(1) * n;
            let location = usize::try_from(n % 10).unwrap();
            if budget.admits(now, kind("CD-TLS-07", location)) {
                written.push(now);
            }
        }

        let most = written
            .iter()
            .map(|from| written.iter().filter(|at| *at >= from && **at < *from + SECOND).count());
        assert_eq!(most.max(), Some(80));
        assert_eq!(written.len(), 160);
    }

    #[test]
    fn nothing_that_was_left_out_is_forgotten() {
        let start = Instant::now();
        let mut budget = LogBudget::new();
        let mut told = 0;
        let mut written = 0;
        for second in 0..60 {
            let now = start + SECOND * second;
            for location in 0..50 {
                written += u64::from(budget.admits(now, kind("CD-TLS-07", location)));
                written += u64::from(budget.admits(now, kind("CD-TLS-01", location)));
            }
            told += budget.suppressed(now).iter().map(|suppressed| suppressed.count).sum::<u64>();
        }
        told += budget.rest().iter().map(|suppressed| suppressed.count).sum::<u64>();

        assert_eq!(written + told, 60 * 100);
    }

    fn kind(reason: &'static str, location: usize) -> Kind {
        Kind { reason, source: Source::Location(location) }
    }
}
