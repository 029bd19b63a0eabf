//! Developer chores. `cargo xtask check` is what CI runs.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

mod attack;
mod bench;
mod check;
mod fuzz_smoke;
mod instructions;
mod layers;
mod setup;
mod srtp_differential;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| matches!(argument.as_str(), "--help" | "-h")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let outcome = match arguments.first().map(String::as_str) {
        Some("check") => check::run(&arguments[1..]),
        Some("attack") => attack::run(&arguments[1..]),
        Some("bench") => bench::run(&arguments[1..]),
        Some("fuzz-smoke") => fuzz_smoke::run(&arguments[1..]),
        Some("instructions") => instructions::run(&arguments[1..]),
        Some("srtp-differential") => srtp_differential::run(&arguments[1..]),
        Some("setup") => setup::run(),
        Some("layers") => layers::run(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a program from the workspace's root and fails when it does.
fn run(program: &str, arguments: &[&str]) -> Result<()> {
    eprintln!("\n==> {program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .status()
        .with_context(|| format!("{program} can be started"))?;
    ensure!(status.success(), "{program} {} failed ({status})", arguments.join(" "));
    Ok(())
}

/// The workspace's root.
fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the workspace")
}

const USAGE: &str = "\
cargo xtask VERB

  check       everything CI runs: setup, format, clippy, layers, build, instructions, fuzz targets, all tests
              example: cargo xtask check
              example: cargo xtask check refused    (only the tests whose name contains the word)
  attack      runs the attack suite and prints its table (docs/threats.md); --full: the stated lengths, a release build
              example: cargo xtask attack A03
              example: cargo xtask attack --full B
  bench NAME  Cordon beside its peers, on a machine that does nothing else (BENCHMARKS.md): media, signalling
              example: cargo xtask bench media
              example: cargo xtask bench media cpu delay --rounds 5
  fuzz-smoke  replays the seeds of every fuzz target and runs it for 10 s
              example: cargo xtask fuzz-smoke
              example: cargo xtask fuzz-smoke 900 sip_uri    (15 minutes of one)
  instructions [--record]
              counts the instructions of the hot functions under valgrind against benches/instructions/recorded.tsv
  srtp-differential [PACKETS]
              holds the SRTP engine against webrtc-srtp over ten million packets of all suites, lost, late and forged
              example: cargo xtask srtp-differential 100000
  setup       installs the programs that the tests talk to (needs root on Debian 12)
  layers      proves the arrows words <- cores, hand <- edges <- top, and that no core has hands";
