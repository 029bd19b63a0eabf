//! The table of results: one line for each case, gathered by `cargo xtask attack`.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

use anyhow::{Error, Result};

/// One line of it.
pub(crate) struct Row {
    case: &'static str,
    what: &'static str,
    begun: Instant,
    /// What came of the attack.
    pub(crate) figure: String,
    /// The refusals in the log, by code.
    pub(crate) codes: String,
    /// How the canary fared.
    pub(crate) canary: String,
    verdict: String,
}

impl Row {
    pub(crate) fn new(case: &'static str, what: &'static str) -> Self {
        Self {
            case,
            what,
            begun: Instant::now(),
            figure: String::new(),
            codes: String::new(),
            canary: String::new(),
            verdict: "held".to_owned(),
        }
    }

    pub(crate) fn fail(&mut self, error: &Error) {
        // The rest of an error is the output of programs.
        let first = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
        self.verdict = format!("FAILED: {first}");
    }

    /// Appends it to the file that `cargo xtask attack` reads, and shows it.
    pub(crate) fn write(&self) -> Result<()> {
        let form = if is_full() { "full" } else { "short" };
        let seconds = format!("{:.0} s", self.begun.elapsed().as_secs_f64());
        let fields =
            [self.case, form, self.what, &self.figure, &self.codes, &self.canary, &seconds, &self.verdict];
        let line = fields.map(|field| field.replace(['\t', '\n', '|'], " ")).join("\t");
        eprintln!("{line}");
        if let Some(path) = std::env::var_os("CORDON_ATTACK_REPORT") {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            // One write, so that cases that end at the same moment do not mix.
            file.write_all(format!("{line}\n").as_bytes())?;
        }
        Ok(())
    }
}

/// Whether the stated lengths were asked for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("CORDON_ATTACK_FULL").is_some()
}
