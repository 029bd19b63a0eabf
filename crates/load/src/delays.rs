//! How late packets were.

use std::time::Duration;

/// Delays, counted by microsecond up to a tenth of a second: no packet allocates, and any share of them is told exactly.
#[derive(Clone)]
pub struct Delays {
    /// The last place is for all that were longer.
    counts: Vec<u32>,
    count: u64,
    longest: Duration,
}

impl Delays {
    /// Adds one.
    pub fn note(&mut self, delay: Duration) {
        let place = usize::try_from(delay.as_micros()).unwrap_or(usize::MAX).min(PLACES - 1);
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
        self.count += 1;
        self.longest = self.longest.max(delay);
    }

    /// The delay that this many of a thousand do not pass: 990 is the 99th percentile. Beyond a tenth of a second it is the
    /// longest.
    pub fn permille(&self, permille: u64) -> Duration {
        let wanted = (self.count * permille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (micros, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted && micros + 1 < PLACES {
                return Duration::from_micros(micros as u64);
            }
        }
        self.longest
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Default for Delays {
    fn default() -> Self {
        Delays { counts: vec![0; PLACES], count: 0, longest: Duration::ZERO }
    }
}

const PLACES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_to_the_microsecond() {
        let mut delays = Delays::default();
        (1..=100).for_each(|micros| delays.note(Duration::from_micros(micros * 10)));

        assert_eq!(delays.permille(500), Duration::from_micros(500));
        assert_eq!(delays.permille(990), Duration::from_micros(990));
        assert_eq!(delays.longest(), Duration::from_millis(1));
        assert_eq!(delays.count(), 100);
    }

    #[test]
    fn what_is_beyond_the_scale_counts_as_the_longest() {
        let mut delays = Delays::default();
        delays.note(Duration::from_micros(5));
        delays.note(Duration::from_secs(3));

        assert_eq!(delays.permille(500), Duration::from_micros(5));
        assert_eq!(delays.permille(990), Duration::from_secs(3));
    }

    #[test]
    fn nothing_has_no_delay() {
        assert_eq!(Delays::default().permille(990), Duration::ZERO);
    }
}
