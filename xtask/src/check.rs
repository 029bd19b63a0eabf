//! What CI runs, in the order that fails soonest.

use anyhow::Result;

use crate::{fuzz_smoke, instructions, layers, run as run_tool, setup};

/// Runs every step; a word in `filter` narrows the tests to those whose name contains it.
pub(crate) fn run(filter: &[String]) -> Result<()> {
    setup::run()?;
    run_tool("cargo", &["fmt", "--all", "--check"])?;
    run_tool("cargo", &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])?;
    layers::run()?;
    run_tool("cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    run_tool("cargo", &["build", "--workspace", "--locked"])?;
    instructions::run(&[])?;
    fuzz_smoke::run(&[])?;
    let words: Vec<&str> = filter.iter().map(String::as_str).collect();
    if has_nextest() {
        let tests = ["nextest", "run", "--workspace", "--locked", "--no-fail-fast"];
        return run_tool("cargo", &[&tests, words.as_slice()].concat());
    }
    let tests = ["test", "--workspace", "--exclude", "cordon-tests", "--locked", "--no-fail-fast", "--"];
    run_tool("cargo", &[&tests, words.as_slice()].concat())?;
    // What .config/nextest.toml says of machines and of load is unknown here: one machine after the other.
    let machines =
        ["test", "--package", "cordon-tests", "--locked", "--no-fail-fast", "--", "--test-threads=1"];
    run_tool("cargo", &[&machines, words.as_slice()].concat())
}

fn has_nextest() -> bool {
    std::process::Command::new("cargo")
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}
