//! Every fuzz target for a few seconds: first its seeds and what once broke it, then what it makes of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::root;

/// Runs `[SECONDS] [TARGET]...`: ten seconds each and all targets, unless it is said otherwise.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (seconds, names) = match arguments.split_first() {
        Some((first, rest)) if first.bytes().all(|byte| byte.is_ascii_digit()) => (first.parse()?, rest),
        _ => (SECONDS, arguments),
    };
    let mut targets = targets()?;
    if let Some(unknown) = names.iter().find(|name| !targets.contains(name)) {
        bail!("{unknown} is none of the targets: {}", targets.join(" "));
    }
    targets.retain(|target| names.is_empty() || names.contains(target));
    build()?;
    eprintln!("\n==> {} fuzz targets, {seconds} s each", targets.len());
    let waiting = Mutex::new(targets.into_iter());
    let failures = Mutex::new(Vec::new());
    let next = || waiting.lock().ok()?.next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(target) = next() {
                    match fuzz(&target, seconds) {
                        Ok(line) => eprintln!("{line}"),
                        Err(error) => {
                            eprintln!("{target}: {error:#}");
                            failures.lock().expect("no thread panics with the list").push(target);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panics with the list");
    ensure!(failures.is_empty(), "fuzz targets that failed: {}", failures.join(" "));
    Ok(())
}

/// The names of the files in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let files = files(&root().join("fuzz/fuzz_targets"))?;
    let names = files.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    Ok(names.collect())
}

/// Builds all of them beside the tests' programs, so that what we lean on is compiled once; `fuzz/instrument` adds what
/// the fuzzer sees by to our own crates.
fn build() -> Result<()> {
    // Not --locked: a dependency that a crate has taken on meanwhile is added to the lock file of the targets here.
    let arguments = ["build", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target", "--bins"];
    eprintln!("\n==> cargo {}", arguments.join(" "));
    let status = Command::new("cargo")
        .args(arguments)
        .env("RUSTC_WRAPPER", root().join("fuzz/instrument"))
        .current_dir(root())
        .status()
        .context("cargo can be started")?;
    ensure!(status.success(), "the fuzz targets cannot be built ({status})");
    Ok(())
}

/// Runs one target and tells what it did.
fn fuzz(target: &str, seconds: u64) -> Result<String> {
    // New finds go to the first; the others are only read.
    let corpora = ["corpus", "seeds", "regressions"].map(|kind| Path::new("fuzz").join(kind).join(target));
    let artifacts = Path::new("fuzz/artifacts").join(target);
    for folder in corpora.iter().chain([&artifacts]) {
        fs::create_dir_all(root().join(folder))?;
    }
    let log = Path::new("target/fuzz").join(target).with_extension("log");
    fs::create_dir_all(root().join("target/fuzz"))?;
    let output = File::create(root().join(&log))?;
    let program = Path::new("target/debug").join(target);
    let status = Command::new(root().join(&program))
        .args(&corpora)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(dictionary(target).map(|path| format!("-dict={}", path.display())))
        .args(LIMITS)
        .current_dir(root())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .with_context(|| format!("{} can be started", program.display()))?;
    let told = fs::read(root().join(&log))?;
    let told = String::from_utf8_lossy(&told);
    let after = |mark: &str| told.lines().find_map(|line| Some(line.split_once(mark)?.1.trim().to_owned()));
    if status.success() {
        let runs = after("stat::number_of_executed_units:").unwrap_or_default();
        let memory = after("stat::peak_rss_mb:").unwrap_or_default();
        let seeds = files(&root().join("fuzz/seeds").join(target))?.len();
        return Ok(format!("{target:<24} {runs:>10} runs, {seeds:>3} seeds, {memory:>4} MB"));
    }
    match after("Test unit written to ") {
        Some(input) => bail!(
            "{}\n  input:  {input}\n  again:  {} {input}\n  keep:   {}",
            after("panicked at").unwrap_or_else(|| status.to_string()),
            program.display(),
            Path::new("fuzz/regressions").join(target).display(),
        ),
        None => bail!("{status}, see {}", log.display()),
    }
}

/// The words of the protocol the target's name begins with.
fn dictionary(target: &str) -> Option<PathBuf> {
    let protocol = target.split('_').next()?;
    let path = Path::new("fuzz/dictionaries").join(protocol).with_extension("dict");
    root().join(&path).is_file().then_some(path)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} can be read", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// What a run of `cargo xtask check` can spare for each target.
const SECONDS: u64 = 10;

/// An input that takes longer or needs more memory than that is a finding: real ones take microseconds and kilobytes.
const LIMITS: [&str; 4] = ["-timeout=5", "-rss_limit_mb=512", "-malloc_limit_mb=64", "-print_final_stats=1"];
