//! What is measured: each row takes its samples in turn and makes its lines of the table.

use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_load::{Forgery, Limit, Load, Pace, STREAM_RATE, Trial, find_limit};

use crate::engine::Which;
use crate::samples::{Figure, Samples};
use crate::stage::{Contender, Stage};
use crate::table::{Cell, Line, Ratio};

/// A word of the command line, and what it measures.
pub(crate) const ROWS: [(&str, Row); 5] =
    [("cpu", cpu), ("delay", delay), ("limit", limit), ("forged", forged), ("engine", engine)];

type Row = fn(&Stage, Lengths) -> Result<Vec<Line>>;

/// How much time everything takes.
#[derive(Clone, Copy)]
pub(crate) struct Lengths {
    pub(crate) rounds: usize,
    /// How long one measuring lasts.
    pub(crate) one: Duration,
}

/// CPU for 1,000 streams, evenly spaced and in bursts, and the memory of their calls.
fn cpu(stage: &Stage, lengths: Lengths) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for pace in [Pace::Even, Pace::Bursts] {
        let load = Load { pace, length: lengths.one, ..Load::of_calls(500) };
        let samples =
            Samples::take(&BESIDE, lengths.rounds, |who| verified(|| take(stage, who, &load, None)))?;
        let measure = format!("CPU % for 1,000 streams, {}", pace.name());
        lines.push(beside(&samples, measure, "0.55, 0.40 x rtpengine", 1, Trial::cpu_per_1000_streams));
        let measure = format!("us the generator spent to send it a packet, {}", pace.name());
        lines.push(beside(&samples, measure, "-", 2, Trial::sending_micros));
        if pace == Pace::Even {
            let measure = "memory of a call, bytes beyond socket buffers".to_owned();
            lines.push(beside(&samples, measure, "4,096", 0, Trial::memory_per_call));
        }
    }
    Ok(lines)
}

/// What is added to the delay at 500 streams, with the nap and without.
fn delay(stage: &Stage, lengths: Lengths) -> Result<Vec<Line>> {
    let load = Load { length: lengths.one, ..Load::of_calls(250) };
    let contenders = [PER_PORT, STEERED, PER_PORT_AWAKE, STEERED_AWAKE, Contender::Rtpengine];
    let samples =
        Samples::take(&contenders, lengths.rounds, |who| verified(|| take(stage, who, &load, None)))?;
    let line = |permille: u64, measure: &str, needed, [per_port, steered]: [Contender; 2]| {
        let micros = |trial: &Trial| trial.tally.delays.permille(permille).as_secs_f64() * 1e6;
        let told = |who| samples.of(who, micros).told(0);
        let [per_port, steered] = [per_port, steered].map(told).map(Cell::alone);
        Line { measure: measure.to_owned(), needed, per_port, steered, peer: told(Contender::Rtpengine) }
    };
    let (napping, awake) = ([PER_PORT, STEERED], [PER_PORT_AWAKE, STEERED_AWAKE]);
    Ok(vec![
        line(500, "added delay at 500 streams, p50, us, with nap", "600", napping),
        line(990, "added delay at 500 streams, p99, us, with nap", "1,000", napping),
        line(500, "the same without nap, p50, us", "40", awake),
        line(990, "the same without nap, p99, us", "-", awake),
    ])
}

/// The most streams in time, beside rtpengine's and beside what the machine gives.
fn limit(stage: &Stage, lengths: Lengths) -> Result<Vec<Line>> {
    let length = lengths.one.min(LIMIT_LENGTH);
    let samples = Samples::take(&BESIDE, lengths.rounds, |who| {
        let limit = find_limit(|streams| {
            let load = Load { length, ..Load::of_calls(streams / 2) };
            take(stage, who, &load, None)
                .map_err(|error| cordon_load::LoadError::Refused(format!("{error:#}")))
        })?;
        let Limit { streams, is_generators } = limit;
        println!(
            "  {:16} carries {streams}{}",
            who.name(),
            if is_generators { " (the generator's limit)" } else { "" }
        );
        Ok(Reached { figure: f64::from(streams), is_least: limit.is_least() })
    })?;
    let bare = bare(stage, lengths, &[Which::Cordon])?;
    let most = 1e6 / bare.of(Which::Cordon, |sample| sample.0);
    let packets = |who| samples.of(who, |reached| reached.figure).median * f64::from(STREAM_RATE);
    let share = |who| {
        let is_least = is_least(&samples, who);
        let ratio = Ratio::of([packets(who), most], [is_least, false]);
        Cell::new(least(format!("{:.0}", packets(who)), is_least), ratio)
    };
    let in_time = "streams on one processor with p99 <= 20 ms".to_owned();
    Ok(vec![
        reached(&samples, in_time, "1.8, 2.3 x rtpengine"),
        Line {
            measure: format!("packets a second, of {most:.0} that bare system calls and ciphers reach"),
            needed: "0.60, 0.75",
            per_port: share(PER_PORT),
            steered: share(STEERED),
            peer: least(
                format!("{:.0}", packets(Contender::Rtpengine)),
                is_least(&samples, Contender::Rtpengine),
            ),
        },
    ])
}

/// Forged packets beside 500 streams: how many a second harm nothing, what each costs, and what a million of them leave.
fn forged(stage: &Stage, lengths: Lengths) -> Result<Vec<Line>> {
    let beside_them = Load { length: lengths.one.min(LIMIT_LENGTH), ..Load::of_calls(250) };
    let rates = Samples::take(&BESIDE, lengths.rounds, |who| borne(stage, who, &beside_them))?;
    let timed = Load { length: lengths.one, ..beside_them };
    let costs = Samples::take(&BESIDE, lengths.rounds, |who| {
        let idle = verified(|| take(stage, who, &timed, None))?;
        let under = verified(|| take(stage, who, &timed, Some(COUNTED_RATE)))?;
        Ok(micros_of_forged(&idle, &under))
    })?;
    let million = Load { length: MILLION.div_f64(f64::from(COUNTED_RATE)), ..beside_them };
    // One round: it is long, and memory is counted, not timed.
    let memory = Samples::take(&BESIDE, 1, |who| {
        let under = verified(|| take(stage, who, &million, Some(COUNTED_RATE)))?;
        let [_, begin, end] = under.usage;
        Ok(end.memory.saturating_sub(begin.memory) as f64 / 1024.0)
    })?;
    let rate = "forged packets a second without loss on 500 other streams".to_owned();
    let cost = "CPU of a forged packet, us".to_owned();
    let left = "memory after 1,000,000 forged packets, KiB".to_owned();
    Ok(vec![
        reached(&rates, rate, "100,000"),
        beside(&costs, cost, "-", 2, |micros| *micros),
        beside(&memory, left, "1,024", 0, |kibibytes| *kibibytes),
    ])
}

/// The most forged packets a second beside which nothing of the load is lost.
fn borne(stage: &Stage, who: Contender, load: &Load) -> Result<Reached> {
    let mut most = 0.0;
    for per_second in FORGED_RATES {
        let trial = take(stage, who, load, Some(per_second))?;
        if trial.is_generator_late() || trial.tally.lost() > 0 {
            return Ok(Reached { figure: most, is_least: trial.is_generator_late() });
        }
        most = trial.forged_per_second();
    }
    // More was not tried.
    Ok(Reached { figure: most, is_least: true })
}

/// webrtc-srtp in the place of our engine, in a relay that has nothing else.
fn engine(stage: &Stage, lengths: Lengths) -> Result<Vec<Line>> {
    let samples = bare(stage, lengths, &[Which::Cordon, Which::Webrtc])?;
    let line = |measure: &str, digits, figure: fn(&(f64, f64)) -> f64| {
        let told = |which| samples.figure(which, figure).told(digits);
        Line {
            measure: measure.to_owned(),
            needed: "-",
            per_port: Cell::alone(format!("ours {}", told(Which::Cordon))),
            steered: Cell::default(),
            peer: format!("webrtc-srtp {}", told(Which::Webrtc)),
        }
    };
    Ok(vec![
        line("bare relay, CPU of a packet, us", 2, |sample| sample.0),
        line("bare relay, allocations of a packet", 2, |sample| sample.1),
    ])
}

/// What a forged packet costs a relay beyond the load that is there anyway.
fn micros_of_forged(idle: &Trial, under: &Trial) -> f64 {
    let percent = under.cpu_percent() - idle.cpu_percent();
    percent / 100.0 * 1e6 / under.forged_per_second()
}

/// The most that was borne.
struct Reached {
    figure: f64,
    /// More may be borne: the generator did not keep up, or tried no more.
    is_least: bool,
}

/// A line of what was reached, which says where more may be.
fn reached(samples: &Samples<Reached>, measure: String, needed: &'static str) -> Line {
    let figure = |who| samples.of(who, |reached| reached.figure);
    let told = |who| least(figure(who).told(0), is_least(samples, who));
    let cell = |who| {
        let medians = [who, Contender::Rtpengine].map(|who| figure(who).median);
        let are_least = [who, Contender::Rtpengine].map(|who| is_least(samples, who));
        Cell::new(told(who), Ratio::of(medians, are_least))
    };
    Line {
        measure,
        needed,
        per_port: cell(PER_PORT),
        steered: cell(STEERED),
        peer: told(Contender::Rtpengine),
    }
}

/// Whether more may have been borne in one round or another.
fn is_least(samples: &Samples<Reached>, who: Contender) -> bool {
    samples.of(who, |reached| f64::from(u8::from(reached.is_least))).most > 0.0
}

fn least(told: String, is_least: bool) -> String {
    if is_least { format!("at least {told}") } else { told }
}

/// CPU microseconds and allocations of a packet in the bare relay.
struct BareSamples(Vec<(Which, Vec<(f64, f64)>)>);

impl BareSamples {
    fn figure(&self, which: Which, figure: fn(&(f64, f64)) -> f64) -> Figure {
        Figure::of(
            self.0.iter().filter(|(whose, _)| *whose == which).flat_map(|(_, samples)| samples).map(figure),
        )
    }

    fn of(&self, which: Which, figure: fn(&(f64, f64)) -> f64) -> f64 {
        self.figure(which, figure).median
    }
}

fn bare(stage: &Stage, lengths: Lengths, engines: &[Which]) -> Result<BareSamples> {
    let load = Load { length: lengths.one, ..Load::of_calls(1_000) };
    let mut all: Vec<(Which, Vec<(f64, f64)>)> = engines.iter().map(|which| (*which, Vec::new())).collect();
    for _ in 0..lengths.rounds {
        for (which, samples) in &mut all {
            let run = stage.bare(*which, &load)?;
            ensure!(run.trial.tally.wrong() == 0, "the bare relay is right");
            let micros = run.trial.cpu.as_secs_f64() * 1e6 / run.trial.tally.right.max(1) as f64;
            println!("  bare, {which:?}: {micros:.2} us a packet, {} lost", run.trial.tally.lost());
            samples.push((micros, run.allocations_per_packet));
        }
    }
    Ok(BareSamples(all))
}

/// A line with the ratio to rtpengine.
fn beside<T>(
    samples: &Samples<T>,
    measure: String,
    needed: &'static str,
    digits: usize,
    figure: impl Fn(&T) -> f64,
) -> Line {
    let peer = samples.of(Contender::Rtpengine, &figure);
    let cell = |who| {
        let ours = samples.of(who, &figure);
        Cell::new(ours.told(digits), Ratio::of([ours.median, peer.median], [false; 2]))
    };
    Line { measure, needed, per_port: cell(PER_PORT), steered: cell(STEERED), peer: peer.told(digits) }
}

/// A trial whose figures may be quoted: nearly all arrived, and left when it was due. One that a machine with other work
/// has disturbed is made once more.
fn verified(mut take: impl FnMut() -> Result<Trial>) -> Result<Trial> {
    let is_quotable = |trial: &Trial| !trial.is_lossy() && !trial.is_generator_late();
    let mut trial = take()?;
    if !is_quotable(&trial) {
        trial = take()?;
    }
    ensure!(is_quotable(&trial), "more than 0.1 % was lost, or the generator was late");
    Ok(trial)
}

/// A trial whose every packet that arrived was the right one, or an error; beside so many forged packets a second.
fn take(stage: &Stage, who: Contender, load: &Load, forged: Option<u32>) -> Result<Trial> {
    let forgery = forged.map(|per_second| Forgery { per_second, calls: QUIET_CALLS });
    let trial = stage.trial(who, load, forgery)?;
    say(who, &trial);
    if forgery.is_some() {
        println!("  {:16} beside {} forged", "", trial.tally.forged);
    }
    ensure!(trial.tally.wrong() == 0 && trial.tally.right > 0, "{} packets are wrong", trial.tally.wrong());
    Ok(trial)
}

fn say(who: Contender, trial: &Trial) {
    let late = trial.tally.lateness.permille(990).as_micros();
    println!(
        "  {:16} {:5} streams: CPU {:5.1} %, p50 {:6} us, p99 {:6} us, {} of {} lost, generator late {late} us, \
         {:.2} us to send one",
        who.name(),
        trial.load.streams(),
        trial.cpu_percent(),
        trial.tally.delays.permille(500).as_micros(),
        trial.tally.delays.permille(990).as_micros(),
        trial.tally.lost(),
        trial.tally.sent,
        trial.sending_micros(),
    );
}

const PER_PORT: Contender = Contender::PerPort { nap: true };
const STEERED: Contender = Contender::Steered { nap: true };
const PER_PORT_AWAKE: Contender = Contender::PerPort { nap: false };
const STEERED_AWAKE: Contender = Contender::Steered { nap: false };
const BESIDE: [Contender; 3] = [PER_PORT, STEERED, Contender::Rtpengine];
/// Long enough for a backlog to show, short enough for a dozen trials of each.
const LIMIT_LENGTH: Duration = Duration::from_secs(5);
/// Tried in turn until something is lost.
const FORGED_RATES: [u32; 7] = [COUNTED_RATE, 50_000, 75_000, 100_000, 125_000, 150_000, 200_000];
/// So many that every contender has time for all of them.
const COUNTED_RATE: u32 = 25_000;
const MILLION: Duration = Duration::from_secs(1_000_000);
/// Calls nobody speaks on, whose 64 ports the forged packets are aimed at: so many that no port has its share of the queue
/// used up.
const QUIET_CALLS: u32 = 32;
