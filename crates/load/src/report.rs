//! What a person or a program reads in the end.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::limit::Limit;
use crate::load::STREAM_RATE;
use crate::trial::Trial;

/// What a bench of the relay has found. Percentages are of one processor.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Which way datagrams took: `per-port` or `steered`.
    pub io: String,
    /// Calls at once.
    pub calls: u32,
    /// Directions of media: two a call.
    pub streams: u32,
    /// Packets a second of each stream.
    pub packets_per_second: u32,
    /// The suites of the two legs.
    pub suites: [&'static str; 2],
    /// How the packets lay in time.
    pub pace: &'static str,
    /// How long was measured.
    pub seconds: f64,
    /// Packets sent.
    pub sent: u64,
    /// Packets that came to the other phone of their call, decrypted, word for word and in order.
    pub right: u64,
    /// Packets sent and not heard.
    pub lost: u64,
    /// Packets behind a later one of their stream, or twice.
    pub out_of_order: u64,
    /// Packets that said something else than the other phone had said.
    pub foreign: u64,
    /// Packets that did not open with the key of their leg.
    pub unopened: u64,
    /// Processor time of the relay.
    pub cpu_percent: f64,
    /// The same, for 1,000 streams.
    pub cpu_percent_per_1000_streams: f64,
    /// What the relay added to half of the packets at most.
    pub delay_p50_micros: u64,
    /// What the relay added to 99 of 100 packets at most.
    pub delay_p99_micros: u64,
    /// What it added to the last.
    pub delay_longest_micros: u64,
    /// How late 99 of 100 packets left at most: the generator's fault.
    pub generator_late_p99_micros: u64,
    /// By how much the relay's memory grew with each call.
    pub memory_bytes_per_call: u64,
    /// Relay and generator had a processor each.
    pub processors_apart: bool,
    /// The most streams one processor carries with p99 <= 20 ms and loss <= 0.1 %; absent where it was not looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_streams: Option<u32>,
    /// The generator did not keep up beyond the limit: the relay may carry more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_is_generators: Option<bool>,
    /// The relay may carry more: the generator did not keep up, or knows no more calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_is_least: Option<bool>,
    /// What Cordon is rated at, for one processor and this way of datagrams.
    pub rated_streams: u32,
}

impl Report {
    /// Of a trial of a relay that took this way, and of the limit if it was looked for.
    pub fn new(io: &str, trial: &Trial, limit: Option<Limit>, processors_apart: bool) -> Report {
        let Trial { load, tally, .. } = trial;
        Report {
            io: io.to_owned(),
            calls: load.calls,
            streams: load.streams(),
            packets_per_second: STREAM_RATE,
            suites: load.suites.map(|suite| suite.name()),
            pace: load.pace.name(),
            seconds: load.length.as_secs_f64(),
            sent: tally.sent,
            right: tally.right,
            lost: tally.lost(),
            out_of_order: tally.out_of_order,
            foreign: tally.foreign,
            unopened: tally.unopened,
            cpu_percent: tenths(trial.cpu_percent()),
            cpu_percent_per_1000_streams: tenths(trial.cpu_per_1000_streams()),
            delay_p50_micros: micros(tally.delays.permille(500)),
            delay_p99_micros: micros(tally.delays.permille(990)),
            delay_longest_micros: micros(tally.delays.longest()),
            generator_late_p99_micros: micros(tally.lateness.permille(990)),
            memory_bytes_per_call: trial.memory_per_call() as u64,
            processors_apart,
            limit_streams: limit.map(|limit| limit.streams),
            limit_is_generators: limit.map(|limit| limit.is_generators),
            limit_is_least: limit.map(Limit::is_least),
            rated_streams: rated_streams(io),
        }
    }

    /// Whether every packet that was delivered was the right one.
    pub fn is_right(&self) -> bool {
        self.right > 0 && self.out_of_order + self.foreign + self.unopened == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { io, streams, calls, pace, suites: [a, b], seconds, .. } = self;
        writeln!(f, "{streams} streams of {calls} calls, {io}, {pace}, {a} and {b}, {seconds} s")?;
        writeln!(
            f,
            "  CPU     {:.1} % of a processor; {:.1} % for 1,000 streams",
            self.cpu_percent, self.cpu_percent_per_1000_streams
        )?;
        let [p50, p99, longest] =
            [self.delay_p50_micros, self.delay_p99_micros, self.delay_longest_micros].map(Millis);
        writeln!(f, "  delay   p50 {p50}, p99 {p99}, longest {longest}")?;
        writeln!(f, "  loss    {} of {} packets", self.lost, self.sent)?;
        let Self { right, foreign, out_of_order, unopened, .. } = self;
        writeln!(
            f,
            "  right   {right} packets; {foreign} foreign, {out_of_order} out of order, {unopened} that did not open"
        )?;
        writeln!(f, "  memory  {} bytes for each call", self.memory_bytes_per_call)?;
        let rated = self.rated_streams;
        if let Some(limit) = self.limit_streams {
            let least = if self.limit_is_least == Some(true) { "at least " } else { "" };
            let share = f64::from(limit) / f64::from(rated);
            writeln!(
                f,
                "limit: {least}{limit} streams on one processor with p99 <= 20 ms and loss <= 0.1 %"
            )?;
            writeln!(f, "rated: {rated} streams; this machine carries {share:.2} times as many")?;
        } else {
            writeln!(f, "rated: {rated} streams on one processor")?;
        }
        if self.limit_is_generators == Some(true) || self.generator_late_p99_micros > GENERATOR_LATE_MICROS {
            writeln!(f, "note: the generator did not keep up; delays and limit are its own, too")?;
        }
        if cfg!(debug_assertions) {
            writeln!(f, "note: this program was built without optimisation; its figures are none")?;
        }
        if !self.processors_apart {
            writeln!(
                f,
                "note: relay and generator shared a processor; delays and limit are worse than they need be"
            )?;
        }
        Ok(())
    }
}

/// Microseconds, said as milliseconds.
struct Millis(u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms", self.0 as f64 / 1_000.0)
    }
}

fn rated_streams(io: &str) -> u32 {
    let [per_port, steered] = RATED_STREAMS;
    if io == "steered" { steered } else { per_port }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn micros(delay: Duration) -> u64 {
    u64::try_from(delay.as_micros()).unwrap_or(u64::MAX)
}

/// Streams that one processor carries, per port and steered, on a virtual machine of two processors (BENCHMARKS.md).
pub const RATED_STREAMS: [u32; 2] = [2_000, 2_800];
const GENERATOR_LATE_MICROS: u64 = 5_000;
