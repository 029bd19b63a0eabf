//! What loss and delay do to speech: the E-model of ITU-T G.107 with everything but the network at its default.
//!
//! ```text
//! R     = 93.2 - Id - Ie,eff                                  the rating, 93.2 is the best a telephone can do
//! Id    = 0.024 d + 0.11 (d - 177.3) H(d - 177.3)             d: mouth to ear in ms
//! Ie,eff = Ie + (95 - Ie) Ppl / (Ppl + Bpl)                   Ppl: loss in percent, taken as random
//! MOS   = 1 + 0.035 R + R (R - 60) (100 - R) 7e-6             1 below R = 6.5, 4.5 above R = 100
//! ```
//! R and MOS: G.107 (06/2015) §7.1, §7.5 and annex B, whose polynomial falls below the scale between R = 0 and 6.5: nothing sounds
//! worse than bad. Id: the line that R. G. Cole and J. H. Rosenbluth fitted to G.107 for calls
//! without echo ("Voice over IP performance monitoring", 2001). Ie and Bpl: G.113 appendix I.

use std::time::Duration;

use crate::Coding;

/// The rating R of a way of speech, 0 to 93.2.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rating(f64);

impl Rating {
    /// Of speech in this coding, of which a share of the packets from 0 to 1 is lost, `delay` after it was spoken. `None`
    /// where nobody has published what loss does to the coding.
    pub fn of(coding: Coding, loss: f64, delay: Duration) -> Option<Rating> {
        let Robustness { impairment, loss: robustness } = robustness(coding)?;
        let percent = 100.0 * loss.clamp(0.0, 1.0);
        let equipment = impairment + (95.0 - impairment) * percent / (percent + robustness);
        let delay = 1000.0 * delay.as_secs_f64();
        let late = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
        Some(Rating((BEST - late - equipment).max(0.0)))
    }

    /// R itself.
    pub fn r(self) -> f64 {
        self.0
    }

    /// The mean opinion score, 1 (bad) to 4.5 (excellent).
    pub fn mos(self) -> f64 {
        let Rating(r) = self;
        match r {
            r if r <= 0.0 => 1.0,
            r if r >= 100.0 => 4.5,
            r => (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5),
        }
    }
}

/// Ie and Bpl of a coding.
struct Robustness {
    impairment: f64,
    loss: f64,
}

/// G.113 appendix I, table I.4. Phones conceal loss in G.711 (its appendix I). Wideband codecs are measured on a scale of their
/// own (G.107.1); here they count like G.711, so that loss and delay show and the wider band does not.
fn robustness(coding: Coding) -> Option<Robustness> {
    let (impairment, loss) = match coding {
        Coding::G711 | Coding::Wideband => (0.0, 25.1),
        Coding::G729 => (11.0, 19.0),
        Coding::G7231 => (15.0, 16.1),
        Coding::GsmEfr => (5.0, 10.0),
        Coding::Other => return None,
    };
    Some(Robustness { impairment, loss })
}

/// R0 - Is with every parameter of G.107 at its default.
const BEST: f64 = 93.2;

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from the formula of annex B.
    #[test]
    fn a_rating_is_a_mean_opinion_score() {
        let table = [
            (0.0, 1.0),
            // The polynomial has a dip to 0.988 here.
            (3.2, 1.0),
            (6.0, 1.0),
            (10.0, 1.035),
            (50.0, 2.575),
            (60.0, 3.1),
            (70.0, 3.597),
            (80.0, 4.024),
            (90.0, 4.339),
            (93.2, 4.409),
            (100.0, 4.5),
        ];
        for (r, mos) in table {
            let is = Rating(r).mos();
            assert!((is - mos).abs() < 0.0005, "R {r} is MOS {mos}, not {is}");
        }
    }

    /// Worked by hand: loss in percent, delay in ms, R.
    #[test]
    fn loss_delay_and_coding_lower_the_rating() {
        let table = [
            (Coding::G711, 0.0, 0, 93.2),
            (Coding::G711, 0.0, 100, 90.8),
            // 93.2 - 0.024 * 200 - 0.11 * 22.7
            (Coding::G711, 0.0, 200, 85.903),
            // 93.2 - 95 * 5 / 30.1
            (Coding::G711, 5.0, 0, 77.419),
            // 93.2 - 11 - 84 * 1 / 20
            (Coding::G729, 1.0, 0, 78.0),
            // 93.2 - 15 - 80 * 3 / 19.1
            (Coding::G7231, 3.0, 0, 65.635),
            (Coding::GsmEfr, 10.0, 0, 43.2),
        ];
        for (coding, loss, delay, r) in table {
            let is = Rating::of(coding, loss / 100.0, Duration::from_millis(delay)).unwrap().r();
            assert!((is - r).abs() < 0.001, "{coding:?} {loss} % {delay} ms is R {r}, not {is}");
        }
    }

    #[test]
    fn no_score_leaves_the_scale_and_a_better_rating_never_scores_less() {
        let scores: Vec<f64> = (-10..=1010).map(|tenths| Rating(f64::from(tenths) / 10.0).mos()).collect();
        assert!(scores.iter().all(|score| (1.0..=4.5).contains(score)));
        assert!(scores.is_sorted());
    }

    #[test]
    fn nothing_is_rated_below_the_scale_and_an_unknown_coding_not_at_all() {
        assert_eq!(Rating::of(Coding::G711, 1.0, Duration::from_secs(60)), Some(Rating(0.0)));
        assert_eq!(
            Rating::of(Coding::G711, f64::INFINITY, Duration::ZERO).map(Rating::mos),
            Rating::of(Coding::G711, 1.0, Duration::ZERO).map(Rating::mos)
        );
        assert_eq!(Rating::of(Coding::Other, 0.0, Duration::ZERO), None);
    }
}
