//! What CI runs, in the order that fails soonest.

use anyhow::Result;

use crate::{layers, run as run_tool, setup};

/// Runs every step; a word in `filter` narrows the tests to those whose name contains it.
pub(crate) fn run(filter: &[String]) -> Result<()> {
    setup::run()?;
    run_tool("cargo", &["fmt", "--all", "--check"])?;
    layers::run()?;
    run_tool("cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    run_tool("cargo", &["build", "--workspace", "--locked"])?;
    let mut tests = if has_nextest() {
        vec!["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]
    } else {
        vec!["test", "--workspace", "--locked", "--no-fail-fast"]
    };
    tests.extend(filter.iter().map(String::as_str));
    run_tool("cargo", &tests)
}

fn has_nextest() -> bool {
    std::process::Command::new("cargo")
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}
