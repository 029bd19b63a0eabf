//! What the oracle has found: every figure, and everything that is not as it must be.

use anyhow::{Result, bail};

/// Filled check by check: one that fails does not hide the figures of the others.
#[derive(Default)]
pub(crate) struct Findings {
    figures: Vec<String>,
    complaints: Vec<String>,
}

impl Findings {
    pub(crate) fn note(&mut self, figure: String) {
        self.figures.push(figure);
    }

    /// A figure that is told before the others.
    pub(crate) fn note_first(&mut self, figure: String) {
        self.figures.insert(0, figure);
    }

    pub(crate) fn weigh(&mut self, outcome: Result<()>) {
        self.complaints.extend(outcome.err().map(|error| format!("{error:#}")));
    }

    /// The figures in one line.
    pub(crate) fn figures(&self) -> String {
        self.figures.join("; ")
    }

    /// # Errors
    /// All that was not as it must be.
    pub(crate) fn verdict(self) -> Result<()> {
        if !self.complaints.is_empty() {
            bail!("{}", self.complaints.join("; "));
        }
        Ok(())
    }
}
