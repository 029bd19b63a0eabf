//! How long certificates last, and when to warn.

/// Whole days from `now` to `not_after` (both seconds since 1970), rounded down; negative once expired.
pub const fn days_left(not_after: i64, now: i64) -> i64 {
    not_after.saturating_sub(now).div_euclid(DAY)
}

/// Warns once when a certificate passes 30, 14, 7 and 1 days before its end, and once when it has ended.
#[derive(Debug, Default, Clone)]
pub struct ExpiryWatch {
    /// The certificate watched, by the end of its validity; another end starts anew.
    not_after: i64,
    /// The lowest threshold already warned about.
    warned: Option<i64>,
}

/// One warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryWarning {
    /// Whole days left; negative when expired.
    pub days_left: i64,
    /// The threshold passed: 30, 14, 7, 1, or 0 for expired.
    pub threshold: i64,
}

impl ExpiryWatch {
    /// Looks at the clock (seconds since 1970); call it at start, after a reload and at least daily.
    pub fn check(&mut self, not_after: i64, now: i64) -> Option<ExpiryWarning> {
        if not_after != self.not_after {
            *self = Self { not_after, warned: None };
        }
        let left = days_left(not_after, now);
        let threshold = THRESHOLDS.into_iter().filter(|&days| left < days).min()?;
        if self.warned.is_some_and(|warned| warned <= threshold) {
            return None;
        }
        self.warned = Some(threshold);
        Some(ExpiryWarning { days_left: left, threshold })
    }
}

const DAY: i64 = 86_400;

/// Public leaves last 100 days from 2027 and 47 from 2029: thirty days is before a healthy renewal is late.
const THRESHOLDS: [i64; 5] = [30, 14, 7, 1, 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_threshold_warns_once_and_a_renewal_starts_anew() {
        let end = 1_000 * DAY;
        let mut watch = ExpiryWatch::default();
        let thresholds: Vec<i64> = (0..=45)
            .filter_map(|day| watch.check(end, end - (40 - day) * DAY - 1))
            .map(|warning| warning.threshold)
            .collect();

        assert_eq!(thresholds, [30, 14, 7, 1, 0]);
        assert_eq!(watch.check(end + 90 * DAY, end), None);
        assert!(watch.check(end + 90 * DAY, end + 89 * DAY).is_some());
    }

    #[test]
    fn a_first_look_warns_about_the_nearest_threshold_only() {
        let mut watch = ExpiryWatch::default();

        assert_eq!(watch.check(5 * DAY, 0), Some(ExpiryWarning { days_left: 5, threshold: 7 }));
        assert_eq!(watch.check(5 * DAY, 60), None);
    }

    #[test]
    fn the_day_after_the_end_is_negative() {
        assert_eq!(days_left(DAY, DAY + 1), -1);
        assert_eq!(days_left(2 * DAY, DAY), 1);
    }
}
