//! The most streams that a relay carries.

use crate::error::LoadError;
use crate::trial::Trial;

/// The most streams that a relay carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many were carried.
    pub streams: u32,
    /// More were not, but it may have been the generator that did not keep up.
    pub is_generators: bool,
}

impl Limit {
    /// Whether the relay may carry more: the generator did not keep up, or knows no more calls.
    pub fn is_least(self) -> bool {
        self.is_generators || self.streams >= MOST
    }
}

/// Finds the most streams that are carried, to the nearest hundred below, by trying more until it is too much, and then between.
/// What fails is tried once more: on a machine that does other things too one trial may have met one of them.
pub fn find_limit(mut run: impl FnMut(u32) -> Result<Trial, LoadError>) -> Result<Limit, LoadError> {
    let mut carries = |streams: u32| -> Result<(bool, bool), LoadError> {
        let mut trial = run(streams)?;
        if !trial.is_carried() {
            trial = run(streams)?;
        }
        Ok((trial.is_carried(), trial.is_generator_late()))
    };
    search(&mut carries)
}

fn search(carries: &mut impl FnMut(u32) -> Result<(bool, bool), LoadError>) -> Result<Limit, LoadError> {
    let mut limit = Limit { streams: 0, is_generators: false };
    let mut wanted = FIRST;
    let mut too_many = loop {
        let (is_carried, is_generator_late) = carries(wanted)?;
        if !is_carried {
            limit.is_generators = is_generator_late;
            break wanted;
        }
        limit.streams = wanted;
        if wanted >= MOST {
            return Ok(limit);
        }
        wanted = (wanted * 2).min(MOST);
    };
    while too_many - limit.streams > STEP {
        let between = (limit.streams + too_many) / 2 / STEP * STEP;
        match carries(between)? {
            (true, _) => limit.streams = between,
            (false, is_generator_late) => {
                too_many = between;
                limit.is_generators = is_generator_late;
            }
        }
    }
    Ok(limit)
}

/// Streams that any machine of today carries.
const FIRST: u32 = 400;
/// Four ports a call, of those a station has.
const MOST: u32 = 11_200;
/// How exactly the limit is told.
const STEP: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_found_to_a_step_wherever_it_lies() {
        for most in [0, 50, 400, 1_400, 2_799, 3_650, 11_200, 20_000] {
            let mut tried = 0;
            let limit = search(&mut |streams| {
                tried += 1;
                Ok((streams <= most, false))
            });
            let expected = if most >= MOST { MOST } else { most / STEP * STEP };
            let limit = limit.unwrap();
            assert_eq!(limit, Limit { streams: expected, is_generators: false });
            assert_eq!(limit.is_least(), most >= MOST, "{most}");
            assert!(tried <= 12, "{tried} trials for {most}");
        }
    }

    #[test]
    fn a_generator_that_does_not_keep_up_is_told() {
        let limit = search(&mut |streams| Ok((streams <= 3_000, streams > 3_000))).unwrap();
        assert!(limit.is_generators && limit.is_least());
    }
}
