//! How evenly chosen numbers of seconds lie: a fleet that was sent away together must not come back together.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use anyhow::{Result, ensure};

/// How often each number was chosen.
#[derive(Default)]
pub(crate) struct Spread(BTreeMap<u32, usize>);

impl Spread {
    pub(crate) fn of(chosen: impl Iterator<Item = u32>) -> Self {
        let mut counts = BTreeMap::new();
        for seconds in chosen {
            *counts.entry(seconds).or_default() += 1;
        }
        Self(counts)
    }

    /// How many were chosen.
    pub(crate) fn count(&self) -> usize {
        self.0.values().sum()
    }

    /// # Errors
    /// One lies outside, one holds more than twice its share, half of them were never chosen, or, where there are enough to tell,
    /// one was not.
    pub(crate) fn is_even_over(&self, range: RangeInclusive<u32>) -> Result<()> {
        let outside = self.0.keys().find(|seconds| !range.contains(seconds));
        ensure!(outside.is_none(), "{outside:?} is not one of {range:?}");
        let values = range.count();
        let share = self.count() as f64 / values as f64;
        let fullest = self.0.values().max().copied().unwrap_or_default();
        ensure!(
            fullest as f64 <= 2.0 * share + CHANCE,
            "{fullest} chose the same where {share:.0} is the share"
        );
        let different = self.0.len();
        ensure!(different >= values.min(self.count()) / 2, "{different} of {values} were chosen");
        ensure!(share < ENOUGH || different == values, "{different} of {values} were chosen");
        Ok(())
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some((least, _)), Some((most, _))) = (self.0.first_key_value(), self.0.last_key_value()) else {
            return write!(out, "of none");
        };
        let fullest = self.0.values().max().copied().unwrap_or_default();
        write!(
            out,
            "{least} to {most} s, {} different, at most {fullest} of {} the same",
            self.0.len(),
            self.count()
        )
    }
}

/// What chance adds to twice a share of two or three, once in ten thousand runs.
const CHANCE: f64 = 8.0;
/// From this share on chance leaves no number out, but once in ten thousand runs.
const ENOUGH: f64 = 15.0;
