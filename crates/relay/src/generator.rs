//! SSRCs, first indexes and timestamps from one seed, so that a relay is the same in every test run.

use aes::Aes256;
use ctr::cipher::{KeyIvInit, StreamCipher};

/// Numbers nobody outside can foresee, drawn from the seed in counter mode.
pub(crate) struct Generator {
    stream: ctr::Ctr128BE<Aes256>,
}

impl Generator {
    pub(crate) fn new(seed: [u8; 32]) -> Generator {
        Generator { stream: ctr::Ctr128BE::new(&seed.into(), &[0; 16].into()) }
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.stream.apply_keystream(&mut bytes);
        u32::from_be_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
        let draw = |seed: u8| {
            let mut generator = Generator::new([seed; 32]);
            [generator.next_u32(), generator.next_u32(), generator.next_u32()]
        };

        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let [first, second, _] = draw(1);
        assert_ne!(first, second);
    }
}
