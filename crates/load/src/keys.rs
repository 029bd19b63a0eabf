//! The keys of a call, from one seed: generator and relay draw the same without sending any.

use cordon_rtp::{KeyMaterial, Suite};

/// The two keys of one leg.
pub struct LegKeys {
    /// What the phone seals with.
    pub phone: KeyMaterial,
    /// What the relay seals with toward the phone.
    pub relay: KeyMaterial,
}

/// The keys of both legs of a call. They protect a pattern that everybody may know.
pub fn call_keys(seed: u64, call: u32, suites: [Suite; 2]) -> [LegKeys; 2] {
    let mut draws = Draws(seed ^ u64::from(call).wrapping_mul(CALLS_APART));
    suites.map(|suite| {
        let mut key = || KeyMaterial::generate(suite, |bytes| draws.fill(bytes));
        LegKeys { phone: key(), relay: key() }
    })
}

/// SplitMix64.
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            piece.iter_mut().zip(self.next().to_le_bytes()).for_each(|(place, byte)| *place = byte);
        }
    }
}

/// Odd, so that no two calls begin at one place.
const CALLS_APART: u64 = 0xd1b5_4a32_d192_ed03;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_draw_the_same_keys_and_no_two_are_alike() {
        let suites = [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_80];
        let [one, again] = [(); 2].map(|()| call_keys(7, 3, suites));
        assert!(one.iter().zip(&again).all(|(one, again)| one.phone.is_same_as(&again.phone)));

        let calls = [call_keys(7, 3, suites), call_keys(7, 4, suites), call_keys(8, 3, suites)];
        let keys: Vec<&KeyMaterial> =
            calls.iter().flatten().flat_map(|leg| [&leg.phone, &leg.relay]).collect();
        for (number, key) in keys.iter().enumerate() {
            assert!(keys.iter().skip(number + 1).all(|other| !key.is_same_as(other)));
        }
    }
}
