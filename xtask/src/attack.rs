//! Runs the attack suite and prints its table.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{root, run as run_tool, setup};

/// Runs the cases named in `arguments` (`A03`, or `B` for all of them), or every one; `--full` runs the stated lengths
/// against a release build.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let is_full = arguments.iter().any(|argument| argument == "--full");
    let cases: Vec<String> =
        arguments.iter().filter(|argument| *argument != "--full").map(|case| case.to_lowercase()).collect();
    setup::run()?;
    let profile: &[&str] = if is_full { &["--release"] } else { &[] };
    run_tool("cargo", &[&["build", "--locked", "--package", "cordon"], profile].concat())?;

    let report = root().join("target").join("attack-report.tsv");
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let mut tests = std::process::Command::new("cargo");
    tests.current_dir(root()).env("CORDON_ATTACK_REPORT", &report);
    if is_full {
        tests.env("CORDON_ATTACK_FULL", "1");
    }
    // One at a time: each has the machine to itself, so that the figures are its own.
    tests.args(["test", "--locked", "--package", "cordon-tests", "--test", "attack", "--no-fail-fast"]);
    tests.args(profile).args(["--", "--test-threads=1"]).args(cases.iter().map(|case| format!("::{case}")));
    let status = tests.status().context("cargo can be started")?;
    let lines = fs::read_to_string(&report).context("no case was run")?;
    println!("{}", table(&lines));
    ensure!(status.success(), "a case failed");
    Ok(())
}

/// The lines of the report as a table in Markdown, by case.
fn table(lines: &str) -> String {
    let mut rows: Vec<String> = lines
        .lines()
        .map(|line| format!("| {} |", line.split('\t').collect::<Vec<_>>().join(" | ")))
        .collect();
    rows.sort();
    format!("{HEAD}\n{}", rows.join("\n"))
}

const HEAD: &str = "\
| case | form | attack | result | log | canary | time | verdict |
|---|---|---|---|---|---|---|---|";
