//! A tone put in on one side and measured on the other: the proof that audio was heard.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Samples per second of every file here.
pub const RATE: u32 = 8000;

/// Writes `seconds` of a sine tone as a 16-bit mono WAV file.
pub fn write(path: &Path, hertz: f64, seconds: u32) -> Result<()> {
    let samples: Vec<i16> = (0..RATE * seconds)
        .map(|n| (f64::from(n) * hertz * std::f64::consts::TAU / f64::from(RATE)).sin())
        .map(|value| (value * 12_000.0) as i16)
        .collect();
    let data = samples.len() as u32 * 2;
    let mut file = Vec::with_capacity(44 + data as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    file.extend_from_slice(&1u16.to_le_bytes()); // PCM
    file.extend_from_slice(&1u16.to_le_bytes()); // mono
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * 2).to_le_bytes());
    file.extend_from_slice(&2u16.to_le_bytes());
    file.extend_from_slice(&16u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data.to_le_bytes());
    samples.iter().for_each(|sample| file.extend_from_slice(&sample.to_le_bytes()));
    std::fs::write(path, file).context("the tone can be written")
}

/// What part of the energy in a recording lies at one frequency, and for how long it was heard.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// Seconds (in steps of 0.1) in which the tone dominated.
    pub seconds: f64,
    /// Seconds in which anything but silence was recorded.
    pub loud: f64,
}

/// Measures in tenths of a second where a tone of `hertz` dominates a recording (Goertzel's algorithm).
pub fn heard(path: &Path, hertz: f64) -> Result<Heard> {
    let bytes = std::fs::read(path).with_context(|| format!("{} was recorded", path.display()))?;
    let start =
        bytes.windows(4).position(|window| window == b"data").context("a WAV file has a data chunk")? + 8;
    ensure!(bytes.get(8..12) == Some(b"WAVE"), "{} is a WAV file", path.display());
    let samples: Vec<f64> = bytes[start..]
        .chunks_exact(2)
        .map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]])))
        .collect();
    let (mut tone, mut loud) = (0, 0);
    for block in samples.chunks_exact(RATE as usize / 10) {
        let energy: f64 = block.iter().map(|sample| sample * sample).sum();
        if energy < 1e6 {
            continue;
        }
        loud += 1;
        // A pure tone of amplitude A over N samples: energy N*A^2/2 and |X|^2 = (N*A/2)^2.
        if goertzel(block, hertz) / (energy * block.len() as f64 / 2.0) > 0.7 {
            tone += 1;
        }
    }
    Ok(Heard { seconds: f64::from(tone) / 10.0, loud: f64::from(loud) / 10.0 })
}

fn goertzel(block: &[f64], hertz: f64) -> f64 {
    let step = 2.0 * (std::f64::consts::TAU * hertz / f64::from(RATE)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in block {
        (last, before) = (sample + step * last - before, last);
    }
    last * last + before * before - step * last * before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_heard_at_its_own_frequency_only() {
        let path = std::env::temp_dir().join(format!("cordon-tone-{}.wav", std::process::id()));
        write(&path, 440.0, 2).unwrap();
        assert!(heard(&path, 440.0).unwrap().seconds >= 1.9);
        assert!(heard(&path, 660.0).unwrap().seconds < 0.1);
        std::fs::remove_file(path).unwrap();
    }
}
