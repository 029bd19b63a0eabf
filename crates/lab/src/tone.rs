//! A tone as G.711 µ-law, and what is heard of it at the other end.

use std::collections::VecDeque;
use std::f64::consts::TAU;

/// Plays a steady sine wave.
#[derive(Clone, Debug)]
pub(crate) struct ToneSource {
    step: f64,
    phase: f64,
}

impl ToneSource {
    /// A tone of this many Hz.
    pub(crate) fn new(frequency: f64) -> Self {
        ToneSource { step: TAU * frequency / SAMPLE_RATE, phase: 0.0 }
    }

    /// The next samples, as one RTP payload of PCMU.
    pub(crate) fn fill(&mut self, payload: &mut [u8]) {
        for sample in payload {
            *sample = to_ulaw((AMPLITUDE * self.phase.sin()) as i16);
            self.phase = (self.phase + self.step) % TAU;
        }
    }
}

/// Listens to PCMU and tells which tone it hears.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToneMeter {
    samples: VecDeque<i16>,
}

impl ToneMeter {
    pub(crate) fn hear(&mut self, payload: &[u8]) {
        for byte in payload {
            if self.samples.len() == WINDOW {
                self.samples.pop_front();
            }
            self.samples.push_back(from_ulaw(*byte));
        }
    }

    pub(crate) fn forget(&mut self) {
        self.samples.clear();
    }

    /// The tone in the last fifth of a second, in Hz to the nearest 5; `None` when there is too little to tell, or
    /// when less than half of the energy is in one tone.
    pub(crate) fn dominant(&self) -> Option<f64> {
        if self.samples.len() < WINDOW {
            return None;
        }
        let total: f64 = self.samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let candidates = (20..=680_u32).map(|step| f64::from(step) * 5.0);
        let (frequency, power) =
            candidates.map(|hz| (hz, self.power_at(hz))).max_by(|left, right| left.1.total_cmp(&right.1))?;
        // A pure sine of N samples has N/2 times its energy in its own bin.
        let share = power / (total * WINDOW as f64 / 2.0);
        (total > 0.0 && share > 0.5).then_some(frequency)
    }

    /// Goertzel's algorithm: the squared magnitude of one frequency.
    fn power_at(&self, frequency: f64) -> f64 {
        let coefficient = 2.0 * (TAU * frequency / SAMPLE_RATE).cos();
        let (mut one, mut two) = (0.0, 0.0);
        for sample in &self.samples {
            let zero = f64::from(*sample) + coefficient * one - two;
            (two, one) = (one, zero);
        }
        one * one + two * two - coefficient * one * two
    }
}

/// ITU-T G.711, µ-law.
fn to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + ULAW_BIAS).min(ULAW_CLIP + ULAW_BIAS);
    let exponent = (7..15).rev().find(|bit| magnitude & (1 << bit) != 0).unwrap_or(7) - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !((sign | (exponent << 4) | mantissa) as u8)
}

fn from_ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let (exponent, mantissa) = (i32::from(byte >> 4) & 7, i32::from(byte & 0x0f));
    let magnitude = (((mantissa << 3) + ULAW_BIAS) << exponent) - ULAW_BIAS;
    let sample = if byte & 0x80 != 0 { -magnitude } else { magnitude };
    sample as i16 // at most 32124 either way
}

const SAMPLE_RATE: f64 = 8_000.0;
const AMPLITUDE: f64 = 12_000.0;
const WINDOW: usize = 1_600; // 200 ms: bins 5 Hz wide
const ULAW_BIAS: i32 = 0x84;
const ULAW_CLIP: i32 = 32_635;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_played_is_the_tone_heard() {
        for frequency in [440.0, 1_000.0, 2_605.0] {
            let (mut source, mut meter) = (ToneSource::new(frequency), ToneMeter::default());
            let mut payload = [0; 160];
            for _ in 0..12 {
                source.fill(&mut payload);
                meter.hear(&payload);
            }
            assert_eq!(meter.dominant(), Some(frequency));
        }
    }

    #[test]
    fn silence_and_noise_are_no_tone() {
        let mut meter = ToneMeter::default();
        assert_eq!(meter.dominant(), None);
        meter.hear(&[0xff; 1_600]);
        assert_eq!(meter.dominant(), None);
        let mut state = 1_u32;
        let noise: Vec<u8> = (0..1_600)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        meter.hear(&noise);
        assert_eq!(meter.dominant(), None);
    }

    #[test]
    fn ulaw_survives_a_round_trip() {
        for byte in 0..=255_u8 {
            let again = to_ulaw(from_ulaw(byte));
            assert!(again == byte || from_ulaw(again) == from_ulaw(byte), "{byte}");
        }
    }
}
