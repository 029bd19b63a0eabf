//! What is measured: each row takes its samples in turn and makes its lines of the table.

use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_load::{Forgery, Limit, Load, Pace, STREAM_RATE, Trial, find_limit};

use crate::engine::Which;
use crate::samples::{Figure, Samples};
use crate::stage::{Contender, Stage};
use crate::table::{Cell, Line};

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
        let samples = Samples::take(&BESIDE, lengths.rounds, |who| {
            let trial = verified(stage.trial(who, &load, None)?)?;
            say(who, &trial);
            Ok(trial)
        })?;
        let measure = format!("CPU % for 1,000 streams, {}", pace.name());
        lines.push(beside(&samples, measure, "0.55, 0.40 x rtpengine", 1, Trial::cpu_per_1000_streams));
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
    let samples = Samples::take(&contenders, lengths.rounds, |who| {
        let trial = verified(stage.trial(who, &load, None)?)?;
        say(who, &trial);
        Ok(trial)
    })?;
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
            let trial = stage
                .trial(who, &load, None)
                .map_err(|error| cordon_load::LoadError::Refused(format!("{error:#}")))?;
            say(who, &trial);
            Ok(trial)
        })?;
        let Limit { streams, is_generators } = limit;
        println!(
            "  {:16} carries {streams}{}",
            who.name(),
            if is_generators { " (the generator's limit)" } else { "" }
        );
        Ok(limit)
    })?;
    let bare = bare(stage, lengths, &[Which::Cordon])?;
    let most = 1e6 / bare.of(Which::Cordon, |sample| sample.0);
    let streams = |limit: &Limit| f64::from(limit.streams);
    let peer = samples.of(Contender::Rtpengine, streams);
    let share = |who| {
        let packets = samples.of(who, streams).median * f64::from(STREAM_RATE);
        Cell::new(format!("{packets:.0}"), packets / most)
    };
    let mut in_time = beside(
        &samples,
        "streams on one processor with p99 <= 20 ms".to_owned(),
        "1.8, 2.3 x rtpengine",
        0,
        streams,
    );
    in_time.peer = peer.told(0);
    Ok(vec![
        in_time,
        Line {
            measure: format!("packets a second, of {most:.0} that bare system calls and ciphers reach"),
            needed: "0.60, 0.75",
            per_port: share(PER_PORT),
            steered: share(STEERED),
            peer: format!("{:.0}", peer.median * f64::from(STREAM_RATE)),
        },
    ])
}

/// Forged packets beside 500 streams: how many a second harm nothing, what each costs, and what a million of them leave.
fn forged(stage: &Stage, lengths: Lengths) -> Result<Vec<Line>> {
    let beside_them = Load { length: lengths.one.min(LIMIT_LENGTH), ..Load::of_calls(250) };
    let rates = Samples::take(&BESIDE, lengths.rounds, |who| borne(stage, who, &beside_them))?;
    let million = Load { length: MILLION.div_f64(f64::from(COUNTED_RATE)), ..beside_them };
    // One round: it is long, and what it looks at is counted, not timed.
    let costs = Samples::take(&BESIDE, 1, |who| {
        let idle = stage.trial(who, &beside_them, None)?;
        let under = forge(stage, who, &million, COUNTED_RATE)?;
        Ok(Cost::new(&idle, &under))
    })?;
    let rate = "forged packets a second without loss on 500 other streams".to_owned();
    let cost = "CPU of a forged packet, us".to_owned();
    let left = "memory after 1,000,000 forged packets, KiB".to_owned();
    Ok(vec![
        beside(&rates, rate, "100,000", 0, |rate| *rate),
        beside(&costs, cost, "-", 2, |cost| cost.micros_each),
        beside(&costs, left, "1,024", 0, |cost| cost.kibibytes_left),
    ])
}

/// The most forged packets a second beside which nothing of the load is lost.
fn borne(stage: &Stage, who: Contender, load: &Load) -> Result<f64> {
    let mut most = 0.0;
    for per_second in FORGED_RATES {
        let trial = forge(stage, who, load, per_second)?;
        if trial.tally.lost() > 0 {
            break;
        }
        most = trial.tally.forged as f64 / load.length.as_secs_f64();
    }
    Ok(most)
}

fn forge(stage: &Stage, who: Contender, load: &Load, per_second: u32) -> Result<Trial> {
    let trial = stage.trial(who, load, Some(Forgery { per_second, calls: QUIET_CALLS }))?;
    say(who, &trial);
    println!("  {:16} beside {} forged", "", trial.tally.forged);
    verified(trial)
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

/// What forged packets cost a relay, and what they leave.
struct Cost {
    micros_each: f64,
    kibibytes_left: f64,
}

impl Cost {
    fn new(idle: &Trial, under: &Trial) -> Self {
        let percent = under.cpu_percent() - idle.cpu_percent();
        let [_, begin, end] = under.usage;
        Self {
            micros_each: percent / 100.0 * 1e6 / f64::from(COUNTED_RATE),
            kibibytes_left: end.memory.saturating_sub(begin.memory) as f64 / 1024.0,
        }
    }
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
        Cell::new(ours.told(digits), ours.median / peer.median)
    };
    Line { measure, needed, per_port: cell(PER_PORT), steered: cell(STEERED), peer: peer.told(digits) }
}

/// A trial whose every packet was the right one, or an error.
fn verified(trial: Trial) -> Result<Trial> {
    ensure!(trial.tally.wrong() == 0 && trial.tally.right > 0, "{} packets are wrong", trial.tally.wrong());
    Ok(trial)
}

fn say(who: Contender, trial: &Trial) {
    let late = trial.tally.lateness.permille(990).as_micros();
    println!(
        "  {:16} {:5} streams: CPU {:5.1} %, p50 {:6} us, p99 {:6} us, {} of {} lost, generator late {late} us",
        who.name(),
        trial.load.streams(),
        trial.cpu_percent(),
        trial.tally.delays.permille(500).as_micros(),
        trial.tally.delays.permille(990).as_micros(),
        trial.tally.lost(),
        trial.tally.sent,
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
