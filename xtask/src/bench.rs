//! Runs a bench of Cordon as a whole beside its peers.

use anyhow::{Context, Result, ensure};

use crate::{run as run_tool, setup};

/// Builds what is measured and what measures, and runs the bench of this name with the rest of the words.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (name, words) = arguments.split_first().context("cargo xtask bench media | signalling")?;
    ensure!(BENCHES.contains(&name.as_str()), "{name} is no bench; there are {}", BENCHES.join(", "));
    setup::run()?;
    run_tool("cargo", &["build", "--release", "--locked", "--package", "cordon"])?;
    let mut run = vec!["run", "--release", "--locked", "--package", "cordon-benches", "--bin", name, "--"];
    run.extend(words.iter().map(String::as_str));
    run_tool("cargo", &run)
}

const BENCHES: [&str; 2] = ["media", "signalling"];
