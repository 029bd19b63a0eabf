//! The signalling of the whole gateway beside Debian's Kamailio (with rtpengine for calls): the same SIPp phones over
//! TLS, the same SIPp PBX behind both, in turns on the same machine. What is compared is the CPU time of the system in
//! the middle, since generator, PBX and it share the cores.
//!
//! ```text
//! cargo build --release -p cordon && cargo run -p cordon-benches --bin signalling
//! ```

#![allow(clippy::print_stdout, reason = "the table is what the program is for")]

mod system;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cordon_tests::machine::{self, Machine};
use cordon_tests::pki::Authority;
use cordon_tests::sipp::Sipp;

use crate::system::{System, Which};

/// What the phones do.
struct Work {
    name: &'static str,
    scenario: &'static str,
    phones: u32,
    rounds: u32,
    has_media: bool,
}

/// What one run cost.
struct Cost {
    /// CPU seconds per 1,000 registrations or calls.
    cpu: f64,
    /// Registrations or calls per second while everything shared the cores.
    rate: f64,
}

fn main() -> Result<()> {
    machine::main_on_a_machine(|machine| {
        for work in WORKS {
            println!("{}: {} phones, {} rounds each", work.name, work.phones, work.rounds);
            let mut costs: [Vec<Cost>; 2] = [Vec::new(), Vec::new()];
            for run in 1..=RUNS {
                for (which, costs) in [Which::Cordon, Which::Kamailio].into_iter().zip(&mut costs) {
                    let cost = run_once(machine, &work, which, run)?;
                    println!(
                        "  run {run} {:9} {:6.3} CPU s per 1,000, {:6.0} per second",
                        which.name(),
                        cost.cpu,
                        cost.rate
                    );
                    costs.push(cost);
                }
            }
            let [cordon, kamailio] = costs.map(|costs| median(costs.into_iter().map(|cost| cost.cpu)));
            println!(
                "  median    Cordon {cordon:.3}, Kamailio {kamailio:.3} CPU s per 1,000: ratio {:.2}; one core of Cordon carries {:.0} per second",
                cordon / kamailio,
                1_000.0 / cordon
            );
        }
        Ok(())
    })
}

fn run_once(machine: &Machine, work: &Work, which: Which, run: u32) -> Result<Cost> {
    let folder = machine.folder().join(format!("{}-{}-{run}", work.name, which.name()));
    std::fs::create_dir_all(&folder)?;
    let authority = Authority::new(&folder, "lab-ca")?;
    let pbx = Sipp::pbx(&folder, &authority, &written(&folder, "pbx.xml", PBX)?)?;
    let mut system = System::start(which, &folder, &authority, work.has_media)?;
    let text = work.scenario.replace("@ROUNDS@", &work.rounds.to_string());
    let numbers: Vec<u32> = (4_000..4_000 + work.phones).collect();
    let phones =
        Sipp::phones(&folder, &authority, &written(&folder, "phones.xml", &text)?, "10.1.0.11", &numbers)?
            .with(["-r", "20", "-l", &work.phones.to_string()]);

    let (cpu, began) = (system.cpu()?, Instant::now());
    phones.play(LIMIT).with_context(|| format!("{} run {run}; the PBX: {}", which.name(), pbx.errors()))?;
    let (cpu, wall) = (system.cpu()? - cpu, began.elapsed());

    let done = f64::from(work.phones * work.rounds);
    Ok(Cost { cpu: cpu.as_secs_f64() * 1_000.0 / done, rate: done / wall.as_secs_f64() })
}

fn written(folder: &Path, name: &str, text: &str) -> Result<std::path::PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

const WORKS: [Work; 2] = [
    Work {
        name: "REGISTER",
        scenario: include_str!("phone_registers.xml"),
        phones: 10,
        rounds: 500,
        has_media: false,
    },
    Work {
        name: "calls",
        scenario: include_str!("phone_calls.xml"),
        phones: 40,
        rounds: 50,
        has_media: true,
    },
];
const PBX: &str = include_str!("pbx.xml");
/// The least that has a median which one disturbed run does not move.
const RUNS: u32 = 3;
/// A run takes some 10 s on two cores.
const LIMIT: Duration = Duration::from_secs(180);
