//! How something grows over time, and how surely that is known.

use std::fmt;

use anyhow::{Context, Result};

/// A straight line by least squares.
pub(crate) struct Trend {
    /// MB an hour.
    pub(crate) slope: f64,
    /// Its standard error.
    pub(crate) error: f64,
}

impl Trend {
    /// Of points (hours, MB) that lie evenly in time.
    ///
    /// Memory stays where it is from one second to the next, so that a thousand readings know less than a thousand: the error is
    /// that of least squares, widened by the correlation of each residual with the next (an AR(1) process).
    ///
    /// # Errors
    /// Too few points.
    pub(crate) fn of(points: &[(f64, f64)]) -> Result<Self> {
        let count = points.len() as f64;
        let freedom =
            Some(count - 2.0).filter(|freedom| *freedom >= 1.0).context("a trend has three points")?;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
        let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let covariance: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        let slope = covariance / variance;
        let residuals: Vec<f64> = points.iter().map(|(x, y)| y - mean_y - slope * (x - mean_x)).collect();
        let squares: f64 = residuals.iter().map(|residual| residual.powi(2)).sum();
        let products: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let likeness = if squares > 0.0 { (products / squares).clamp(0.0, MOST_ALIKE) } else { 0.0 };
        let error = (squares / freedom / variance).sqrt() * ((1.0 + likeness) / (1.0 - likeness)).sqrt();
        Ok(Self { slope, error })
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:+.2} ± {:.2} MB/h", self.slope, self.error)
    }
}

/// Beyond it a series is one step, of which nothing can be said.
const MOST_ALIKE: f64 = 0.999;

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u32, memory: impl Fn(u32) -> f64) -> Vec<(f64, f64)> {
        (0..count).map(|second| (f64::from(second) / 3_600.0, memory(second))).collect()
    }

    #[test]
    fn a_straight_line_is_known_without_error() {
        let trend = Trend::of(&seconds(1_200, |second| 17.0 + 3.0 * f64::from(second) / 3_600.0)).unwrap();
        assert!((trend.slope - 3.0).abs() < 1e-6 && trend.error < 1e-6, "{trend}");
    }

    #[test]
    fn what_stays_for_minutes_is_known_less_surely_than_what_changes_each_second() {
        let each = Trend::of(&seconds(1_200, |second| f64::from(second % 2))).unwrap();
        let stays = Trend::of(&seconds(1_200, |second| f64::from(second / 120 % 2))).unwrap();
        assert!(stays.error > 5.0 * each.error, "{stays} against {each}");
    }

    #[test]
    fn three_points_are_the_least() {
        assert!(Trend::of(&seconds(2, f64::from)).is_err());
        assert!(Trend::of(&seconds(3, f64::from)).is_ok());
    }
}
