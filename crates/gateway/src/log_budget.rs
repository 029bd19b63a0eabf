//! How much of the log strangers can fill.
//!
//! Whoever can reach a port can cause events in any number. Of each kind of event a few lines a second are written, of
//! all kinds together a bounded number; what is left out is counted, and told in one line per kind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Counts lines, by what they tell and about whom.
#[derive(Debug)]
pub(crate) struct LogBudget {
    /// When the second under way began.
    second: Instant,
    /// Lines of all kinds written in it.
    written: u32,
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
    /// In the second under way.
    written: u32,
    /// Since it was last told.
    suppressed: u64,
    /// When the first of them was left out.
    since: Option<Instant>,
}

impl LogBudget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { second: now, written: 0, kinds: BTreeMap::new() }
    }

    /// Whether one more line of this kind is written now.
    pub(crate) fn admits(&mut self, now: Instant, kind: Kind) -> bool {
        if now.saturating_duration_since(self.second) >= SECOND {
            self.second = now;
            self.written = 0;
            self.kinds.values_mut().for_each(|count| count.written = 0);
        }
        let count = self.kinds.entry(kind).or_default();
        if self.written < MOST_OF_ALL && count.written < MOST_OF_KIND {
            self.written += 1;
            count.written += 1;
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

const SECOND: Duration = Duration::from_secs(1);

/// How often what was left out is told, of each kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lines a second of one kind: a person who tries a phone sees each attempt.
const MOST_OF_KIND: u32 = 20;

/// Of all kinds. With [`MOST_TOLD`] a hundred lines a second, some 2 GB a day: what a disk of logs can take.
const MOST_OF_ALL: u32 = 80;

/// Lines about lines that were left out, in one second.
const MOST_TOLD: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_writes_twenty_lines_a_second_and_one_about_the_rest() {
        let start = Instant::now();
        let mut budget = LogBudget::new(start);
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
        let mut budget = LogBudget::new(now);
        for _ in 0..1_000 {
            budget.admits(now, kind("CD-TRANSPORT-07", 0));
        }

        assert!(budget.admits(now, kind("CD-TRANSPORT-07", 1)));
        assert!(budget.admits(now, kind("CD-TLS-01", 0)));
    }

    #[test]
    fn whatever_strangers_do_at_most_a_hundred_lines_a_second_are_written() {
        let start = Instant::now();
        let mut budget = LogBudget::new(start);
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
    fn nothing_that_was_left_out_is_forgotten() {
        let start = Instant::now();
        let mut budget = LogBudget::new(start);
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
