//! A process that takes all the processor time it can get.

use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Result;

use crate::vitals::Vitals;

/// Runs until it is dropped. Whoever turns in circles beside it gets as much of the processor, however busy the machine is.
pub(crate) struct Hog(Child);

impl Hog {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self(Command::new("sh").args(["-c", "while :; do :; done"]).spawn()?))
    }

    /// What it has had so far.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        Vitals::processor_time_of(self.0.id())
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        // One that has ended by itself is nothing to complain about.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
