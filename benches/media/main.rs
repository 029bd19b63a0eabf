//! The media relay beside Debian's rtpengine in user space: the same generator, every packet verified, in turns on the same
//! machine, one processor for the relay and the other for the generator.
//!
//! ```text
//! cargo xtask bench media [ROW ..] [--rounds N] [--seconds N]
//! ```

#![allow(clippy::print_stdout, reason = "the table is what the program is for")]

mod allocations;
mod bare;
mod engine;
mod rows;
mod samples;
mod stage;
mod table;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cordon_tests::machine;

use crate::rows::{Lengths, ROWS};
use crate::stage::Stage;
use crate::table::table;

/// What is asked for.
struct Plan {
    /// Rows by name; all where none is named.
    rows: Vec<String>,
    lengths: Lengths,
}

fn main() -> Result<()> {
    let plan = Plan::read(std::env::args().skip(1))?;
    machine::main_on_a_machine(|_| {
        let stage = Stage::new()?;
        println!("{}", conditions(&plan)?);
        let mut lines = Vec::new();
        for (name, row) in ROWS {
            if plan.rows.is_empty() || plan.rows.iter().any(|wanted| wanted == name) {
                println!("{name}");
                lines.extend(row(&stage, plan.lengths).with_context(|| format!("row {name}"))?);
            }
        }
        println!("\n{}\n\nload at the end: {}", table(&lines), load_average()?);
        Ok(())
    })
}

impl Plan {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut plan =
            Self { rows: Vec::new(), lengths: Lengths { rounds: ROUNDS, one: Duration::from_secs(SECONDS) } };
        while let Some(word) = words.next() {
            let mut number = || words.next().context("a number")?.parse::<u64>().context("a number");
            match word.as_str() {
                "--rounds" => plan.lengths.rounds = usize::try_from(number()?)?,
                "--seconds" => plan.lengths.one = Duration::from_secs(number()?),
                row if ROWS.iter().any(|(name, _)| *name == row) => plan.rows.push(word),
                _ => bail!("{word} is no row; there are {}", ROWS.map(|(name, _)| name).join(", ")),
            }
        }
        ensure!(plan.lengths.rounds > 0 && !plan.lengths.one.is_zero(), "at least one round of one second");
        Ok(plan)
    }
}

/// What a reader of the figures must know of the machine.
fn conditions(plan: &Plan) -> Result<String> {
    let processor = std::fs::read_to_string("/proc/cpuinfo")?;
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let version = Command::new("rtpengine").arg("--version").output()?;
    // It says its version on the one stream or the other.
    let version = [version.stdout, version.stderr].concat();
    Ok(format!(
        "{}, Linux {}, rtpengine {}, {} rounds of {} s; load before: {}",
        processor.map_or("unknown processor", |(_, name)| name),
        kernel.trim(),
        String::from_utf8_lossy(&version).trim().trim_start_matches("Version: "),
        plan.lengths.rounds,
        plan.lengths.one.as_secs(),
        load_average()?
    ))
}

/// Above a half, figures are no results.
fn load_average() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// The least that has a median which one disturbed run does not move.
const ROUNDS: usize = 3;
const SECONDS: u64 = 10;
