//! Our keys on one leg: one per suite, the same for the life of the leg's address.

use cordon_rtp::{KeyMaterial, Suite};

use crate::wire::Entropy;

/// Our keys on one leg. They are drawn for it and given to no other leg.
#[derive(Default)]
pub(crate) struct LocalKeys {
    /// Grows whenever all keys are drawn anew.
    generation: u32,
    /// At most one per suite.
    keys: Vec<KeyMaterial>,
}

impl LocalKeys {
    /// Draws the key of a suite, unless there is one: a refresh repeats it.
    pub(crate) fn draw(&mut self, suite: Suite, entropy: &mut (dyn Entropy + Send)) {
        if self.existing(suite).is_none() {
            self.keys.push(KeyMaterial::generate(suite, |bytes| entropy.fill(bytes)));
        }
    }

    /// The key of a suite, once drawn.
    pub(crate) fn existing(&self, suite: Suite) -> Option<&KeyMaterial> {
        self.keys.iter().find(|key| key.suite() == suite)
    }

    /// All of them, for the check whether a peer sends one back.
    pub(crate) fn all(&self) -> Vec<&KeyMaterial> {
        self.keys.iter().collect()
    }

    /// Names the set; two sets of one leg never share a generation.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// An empty set of this name, for after a change of address.
    pub(crate) fn renewed(generation: u32) -> LocalKeys {
        LocalKeys { generation, keys: Vec::new() }
    }

    /// Forgets the key of a suite that is no longer used: should it come back, it takes a new one.
    pub(crate) fn forget(&mut self, suite: Suite) {
        self.keys.retain(|key| key.suite() != suite);
    }
}
