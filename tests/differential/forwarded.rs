//! The real binary between phones that say what is nearly right and a Kamailio that tells how it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_sip::{Message, Request};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::Transport;
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, Machine, on_a_machine};
use cordon_tests::pki::Authority;
use cordon_tests::reading_pbx::{Reading, ReadingPbx};

use crate::comparison::{differences, sent};
use crate::crossing;
use crate::cut::Cut;
use crate::lane::{LANES, Lane, Ledger};
use crate::mutator::Mutated;

#[test]
fn nothing_that_is_forwarded_is_read_differently_and_nothing_refused_arrives() {
    on_a_machine(|machine| {
        let began = Instant::now();
        let (pbx, ledgers) = converse(machine)?;
        let last = ledgers.iter().flat_map(|ledger| &ledger.own).max().context("phones registered")?;
        let readings = pbx.readings_up_to(*last, LIMIT)?;
        let report = Report::of(&readings, &ledgers);
        report.print(began.elapsed());
        ensure!(report.forwarded > MESSAGES / 5, "most of what is harmless is forwarded");
        ensure!(
            report.faults.is_empty(),
            "{} faults, the first: {}",
            report.faults.len(),
            first(&report.faults)
        );
        Ok(())
    });
}

/// Says everything, each lane by a thread of its own.
fn converse(machine: &Machine) -> Result<(ReadingPbx, Vec<Ledger>)> {
    let folder = machine.folder();
    let authority = Authority::new(folder, "lab-ca")?;
    let leaf = authority.leaf("cordon", &[HOST, CORDON_PBX_SIDE])?;
    let pbx = ReadingPbx::start(folder, &authority, Transport::Tls)?;
    let cordon = Cordon::start(folder, &Configuration::lab(&authority, &leaf, Transport::Tls))?;
    cordon.program.await_line("connection to the PBX is up", LIMIT)?;
    let tls = authority.client_config()?;
    let door = SocketAddr::new(CORDON_LOCATION.parse()?, 5061);
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let from = format!("10.1.0.{}", 11 + lane % 4).parse()?;
            let mut lane = (lane, Lane::new(tls.clone(), door, from, format!("20{lane:02}")));
            Ok(std::thread::spawn(move || {
                for number in (lane.0..MESSAGES).step_by(LANES) {
                    lane.1.say(number)?;
                }
                anyhow::Ok(lane.1.ledger)
            }))
        })
        .collect::<Result<_>>()?;
    let ledgers =
        lanes.into_iter().map(|lane| lane.join().expect("a lane does not panic")).collect::<Result<_>>();
    drop(cordon);
    Ok((pbx, ledgers?))
}

/// The whole of it.
#[derive(Default)]
struct Report {
    forwarded: usize,
    refused: usize,
    shed: usize,
    uncut: usize,
    /// Forwarded, and over before the answer.
    unanswered: usize,
    faults: Vec<String>,
}

impl Report {
    fn of(readings: &[Reading], ledgers: &[Ledger]) -> Report {
        let mut report = Report::default();
        let mut said = BTreeMap::new();
        let mut cut_off = Vec::new();
        let mut own: BTreeSet<u64> = BTreeSet::new();
        for ledger in ledgers {
            let Ledger { forwarded, own: theirs, refused, shed, uncut, uncertain, faults } = ledger;
            said.extend(forwarded.iter().map(|(serial, mutated)| (*serial, mutated)));
            own.extend(theirs);
            report.refused += refused;
            report.shed += shed;
            report.uncut += uncut;
            cut_off.extend(uncertain);
            report.faults.extend(faults.iter().cloned());
        }
        report.forwarded = said.len();
        for reading in readings {
            let sent = match sent(reading) {
                Ok(sent) => sent,
                Err(reason) => {
                    report.faults.push(format!("Kamailio cut a message otherwise: {reason}: {reading:?}"));
                    continue;
                }
            };
            for (name, ours, theirs) in differences(&sent, reading) {
                report.faults.push(format!(
                    "{name} is {ours:?} to Cordon and {theirs:?} to Kamailio: {}",
                    written(reading)
                ));
            }
            match said.get(&reading.serial) {
                Some(mutated) if !becomes(mutated, &sent) => {
                    let said = String::from_utf8_lossy(&mutated.bytes).escape_debug().to_string();
                    report.faults.push(format!("{said} crossed as {}", written(reading)));
                }
                Some(_) => {}
                None if own.contains(&reading.serial) => {}
                None => match cut_off.iter().position(|mutated| becomes(mutated, &sent)) {
                    Some(at) => {
                        cut_off.swap_remove(at);
                        report.unanswered += 1;
                    }
                    None => report.faults.push(format!("nobody said {}", written(reading))),
                },
            }
        }
        report
    }

    fn print(&self, took: Duration) {
        let Report { forwarded, refused, shed, uncut, unanswered, faults } = self;
        println!(
            "{MESSAGES} messages in {:.1} s: {forwarded} forwarded and answered, {unanswered} forwarded and over \
             before the answer, {refused} refused, {shed} turned away by a busy Cordon, {uncut} without an end; {} read differently or lost",
            took.as_secs_f64(),
            faults.len()
        );
    }
}

/// Whether this is what Cordon makes of what was said; of several messages in one piece of a stream, one is enough.
fn becomes(mutated: &Mutated, sent: &Request) -> bool {
    Cut::of(&mutated.bytes).messages.iter().any(
        |message| matches!(message, Ok(Message::Request(said)) if crossing::changes(said, sent).is_empty()),
    )
}

fn written(reading: &Reading) -> String {
    String::from_utf8_lossy(&reading.message).escape_debug().to_string()
}

fn first(faults: &[String]) -> String {
    faults.iter().take(20).map(|fault| format!("\n{fault}")).collect()
}

const MESSAGES: usize = 10_000;
const LIMIT: Duration = Duration::from_secs(10);
