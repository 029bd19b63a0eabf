//! The randomness that the cores may not own: the system's, by aws-lc-rs.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use cordon_call::Entropy;

/// The system's random source.
pub(crate) struct SystemEntropy {
    source: SystemRandom,
}

impl SystemEntropy {
    pub(crate) fn new() -> Self {
        Self { source: SystemRandom::new() }
    }
}

impl Entropy for SystemEntropy {
    /// Keys and tags come from here: without randomness nothing may go on, so a failure ends the process.
    fn fill(&mut self, bytes: &mut [u8]) {
        self.source.fill(bytes).expect("the kernel's random source does not fail once it is seeded");
    }
}
