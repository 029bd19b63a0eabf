//! What was measured of each contender, round by round.

use anyhow::Result;

use crate::stage::Contender;

/// What was measured of each contender, round by round.
pub(crate) struct Samples<T> {
    all: Vec<(Contender, Vec<T>)>,
}

impl<T> Samples<T> {
    /// Has each contender measured in turn, as often as there are rounds; every other round runs backwards, so that nobody
    /// is always the one behind another.
    pub(crate) fn take(
        contenders: &[Contender],
        rounds: usize,
        mut measure: impl FnMut(Contender) -> Result<T>,
    ) -> Result<Self> {
        let mut all: Vec<(Contender, Vec<T>)> = contenders.iter().map(|who| (*who, Vec::new())).collect();
        for round in 0..rounds {
            let in_turn: Vec<&mut (Contender, Vec<T>)> = match round % 2 {
                0 => all.iter_mut().collect(),
                _ => all.iter_mut().rev().collect(),
            };
            for (who, samples) in in_turn {
                samples.push(measure(*who)?);
            }
        }
        Ok(Self { all })
    }

    /// The median of this figure of a contender, and its least and greatest.
    pub(crate) fn of(&self, who: Contender, figure: impl Fn(&T) -> f64) -> Figure {
        let samples = self.all.iter().filter(|(whose, _)| *whose == who).flat_map(|(_, samples)| samples);
        Figure::of(samples.map(figure))
    }
}

/// A median, and between what it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Figure {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Self { median: at(values.len() / 2), least: at(0), most: at(values.len().saturating_sub(1)) }
    }

    /// With so many digits behind the point: `31.2 (30.8 to 33.0)`.
    pub(crate) fn told(self, digits: usize) -> String {
        let Self { median, least, most } = self;
        format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_round_runs_backwards_and_each_has_its_own_figures() {
        let contenders = [Contender::PerPort { nap: true }, Contender::Rtpengine];
        let mut order = Vec::new();
        let samples = Samples::take(&contenders, 3, |who| {
            order.push(who);
            Ok(order.len() as f64)
        });
        let samples = samples.unwrap();

        let [ours, theirs] = contenders;
        assert_eq!(order, [ours, theirs, theirs, ours, ours, theirs]);
        assert_eq!(samples.of(ours, |number| *number), Figure { median: 4.0, least: 1.0, most: 5.0 });
        assert_eq!(samples.of(theirs, |number| *number).told(1), "3.0 (2.0 to 6.0)");
    }
}
