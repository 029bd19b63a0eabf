//! Counts the instructions of the hot functions under valgrind and holds them against what was recorded: the same on a
//! busy machine as on a quiet one, where a time would say nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::root;

/// Fails when a function takes more instructions than were recorded, by more than [`TOLERANCE_PERCENT`]. With `--record` it
/// writes down what it counts.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let is_recording = match arguments {
        [] => false,
        [only] if only == "--record" => true,
        _ => bail!("cargo xtask instructions [--record]"),
    };
    crate::run("cargo", &["build", "--release", "--locked", "--package", "cordon-instructions"])?;
    let counts = cases()?.into_iter().map(|case| Ok((count(&case)?, case))).collect::<Result<Vec<_>>>()?;
    if is_recording {
        return record(&counts);
    }
    let mut recorded = recorded()?;
    let mut faults = Vec::new();
    for (count, case) in &counts {
        let Some(known) = recorded.remove(case) else {
            faults.push(format!("{case} has no figure"));
            continue;
        };
        let percent = 100.0 * (*count as f64 / known as f64 - 1.0);
        eprintln!("{case:24} {count:>8} instructions, recorded {known:>8} ({percent:+.1} %)");
        if percent > TOLERANCE_PERCENT {
            faults.push(format!("{case} grew by {percent:.1} %, from {known} to {count} instructions"));
        }
    }
    faults.extend(recorded.keys().map(|case| format!("{case} has a figure and is not counted")));
    let advice = "make it cheaper, or, where it is worth its price, run `cargo xtask instructions --record` and say why in the commit";
    ensure!(faults.is_empty(), "{}\n  {advice}", faults.join("\n  "));
    Ok(())
}

/// The names of what can be counted.
fn cases() -> Result<Vec<String>> {
    let output = Command::new(program()).output().context("the program that does the counted things")?;
    ensure!(output.status.success(), "the list of what is counted: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// Instructions of one round.
fn count(case: &str) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=cordon_instructions::measured*")
        .arg(program())
        .arg(case)
        .output()
        .context("valgrind counts instructions: cargo xtask setup installs it")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{case} under valgrind: {told}");
    let total = told
        .lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok())
        .filter(|total| *total > 0)
        .with_context(|| format!("valgrind has counted nothing of {case}: {told}"))?;
    Ok(total.div_euclid(ROUNDS))
}

fn recorded() -> Result<BTreeMap<String, u64>> {
    let path = figures();
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (case, count) = line.split_once('\t').with_context(|| format!("not a figure: {line}"))?;
            Ok((case.to_owned(), count.parse().with_context(|| format!("not a number: {line}"))?))
        })
        .collect()
}

fn record(counts: &[(u64, String)]) -> Result<()> {
    let lines: String = counts.iter().map(|(count, case)| format!("{case}\t{count}\n")).collect();
    fs::write(figures(), format!("{HEAD}{lines}"))?;
    eprint!("{lines}");
    Ok(())
}

fn figures() -> PathBuf {
    root().join("benches/instructions/recorded.tsv")
}

fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release/cordon-instructions")
}

/// Compilers and C libraries of one minor version move a figure by less.
const TOLERANCE_PERCENT: f64 = 5.0;

/// How often the program repeats what it does.
const ROUNDS: u64 = 100;

const HEAD: &str = "\
# Instructions of one round, counted by callgrind on x86-64 with AVX2 and AES-NI, release profile.
# cargo xtask instructions          fails when one is passed by more than 5 %
# cargo xtask instructions --record writes them anew
";
