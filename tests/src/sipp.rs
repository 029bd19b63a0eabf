//! SIPp 3.8 with TLS and SRTP (see `tests/tools/install-sipp`), one scenario to its end.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::program::Program;

/// One run of SIPp.
pub struct Sipp {
    command: Command,
    name: String,
}

impl Sipp {
    /// Prepares a scenario of `tests/scenarios/`, run in `folder`.
    pub fn new(folder: &Path, scenario: &str) -> Result<Self> {
        let folder = folder.join(format!("sipp-{scenario}"));
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new(binary()?);
        command.arg("-sf").arg(root().join("tests/scenarios").join(format!("{scenario}.xml")));
        command.args(["-nostdin", "-trace_err", "-trace_screen"]).current_dir(folder);
        Ok(Self { command, name: format!("sipp {scenario}") })
    }

    /// Adds arguments.
    pub fn with<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(mut self, arguments: I) -> Self {
        self.command.args(arguments);
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<Program> {
        Program::start(&self.name, self.command)
    }
}

fn binary() -> Result<PathBuf> {
    let path = root().join(".tools/sipp/sipp");
    ensure!(path.exists(), "SIPp is not there: cargo xtask setup");
    Ok(path)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("tests/ is in the workspace")
        .expect("it has a parent")
        .to_owned()
}
