//! `cordon bench media`: what the media relay carries on this machine.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use cordon_load::{
    CordonRelay, Limit, Load, LoadError, Neighbour, Pace, Processors, Report, Settings, Station, Trial, Way,
    find_limit, stay_on,
};
use cordon_rtp::Suite;

/// What is measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Encrypted calls through the media relay, every packet verified: how many streams one processor carries in time.
    ///
    /// Relay and generator are two processes with a processor each. A stream is one direction of a call, 50 packets a
    /// second. Without --calls it measures 500 calls, and then looks for the most streams with p99 <= 20 ms and loss <=
    /// 0.1 %, which takes a minute or two.
    #[command(after_help = EXAMPLES)]
    Media(MediaBench),
}

/// The options of `cordon bench media`.
#[derive(Args)]
pub(crate) struct MediaBench {
    /// Measure so many calls, and look for no limit.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_600))]
    calls: Option<u32>,
    /// How long is measured, in seconds.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// How the packets lie in time.
    #[arg(long, value_enum, default_value_t = PaceChoice::Even)]
    pace: PaceChoice,
    /// Which way datagrams take, as `media.io` does.
    #[arg(long, value_enum, default_value_t = WayChoice::Auto)]
    io: WayChoice,
    /// The suites of the two legs; where they are the same, packets are opened and sealed all the same.
    #[arg(long, value_name = "A,B", value_parser = suites, default_value = "AES_CM_128_HMAC_SHA1_80,AES_256_CM_HMAC_SHA1_80")]
    suites: [Suite; 2],
    /// Let the media thread sleep no half millisecond longer when it is woken thousands of times a second.
    #[arg(long)]
    no_nap: bool,
    /// Write the result as a JSON object.
    #[arg(long)]
    json: bool,
    /// Be the relay for a generator on another host that says --to. Whoever reaches this port can use it: not for a
    /// network with strangers.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "to")]
    listen: Option<SocketAddr>,
    /// Load the relay of another host that says --listen.
    #[arg(long, value_name = "ADDRESS:PORT")]
    to: Option<SocketAddr>,
    /// End when standard input does: how the generator starts its relay.
    #[arg(long, hide = true, requires = "listen")]
    until_input_ends: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PaceChoice {
    Even,
    Bursts,
}

#[derive(Clone, Copy, ValueEnum)]
enum WayChoice {
    Auto,
    PerPort,
    Steered,
}

/// 0 when every packet that arrived was the right one.
pub(crate) fn bench(Bench::Media(options): &Bench) -> ExitCode {
    let done = match options.listen {
        Some(at) => options.serve(at),
        None => options.measure(),
    };
    done.unwrap_or_else(|error| {
        anstream::eprintln!("the bench has ended: {error}");
        ExitCode::FAILURE
    })
}

impl MediaBench {
    fn serve(&self, at: SocketAddr) -> Result<ExitCode, LoadError> {
        let station = Station::listen(at)?;
        anstream::println!("{}", Neighbour::announcement(&station)?);
        if self.until_input_ends {
            Neighbour::end_with_input();
        }
        loop {
            if let Err(error) = station.serve_one() {
                anstream::eprintln!("a generator has gone: {error}");
            }
        }
    }

    fn measure(&self) -> Result<ExitCode, LoadError> {
        if let Some(elsewhere) = self.to {
            return self.measure_at(elsewhere, true);
        }
        let (neighbour, is_apart) = start_apart()?;
        self.measure_at(neighbour.address(), is_apart)
    }

    fn measure_at(&self, station: SocketAddr, is_apart: bool) -> Result<ExitCode, LoadError> {
        let seconds = Duration::from_secs(self.seconds);
        let (way, trial) = self.trial(station, self.calls.unwrap_or(CALLS), seconds)?;
        let limit = match self.calls {
            Some(_) => None,
            None => Some(self.limit(station, seconds.min(LIMIT_LENGTH))?),
        };
        let report = Report::new(&way, &trial, limit, is_apart);
        match self.json {
            true => anstream::println!(
                "{}",
                serde_json::to_string_pretty(&report).map_err(|_| LoadError::Unexpected)?
            ),
            false => anstream::print!("{report}"),
        }
        Ok(if report.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// One load on a relay that the station has just begun, and which way its datagrams took.
    fn trial(&self, station: SocketAddr, calls: u32, length: Duration) -> Result<(String, Trial), LoadError> {
        let settings = Settings { way: self.io.into(), nap: !self.no_nap };
        let load = Load { suites: self.suites, pace: self.pace.into(), length, ..Load::of_calls(calls) };
        let mut relay = CordonRelay::begin(station, settings)?;
        let trial = Trial::run(&mut relay, &load)?;
        Ok((relay.way().to_owned(), trial))
    }

    fn limit(&self, station: SocketAddr, length: Duration) -> Result<Limit, LoadError> {
        find_limit(|streams| {
            let (_, trial) = self.trial(station, streams / 2, length)?;
            anstream::eprintln!(
                "{streams} streams: CPU {:.0} %, p99 {:.2} ms, {} lost",
                trial.cpu_percent(),
                trial.tally.delays.permille(990).as_secs_f64() * 1_000.0,
                trial.tally.lost()
            );
            Ok(trial)
        })
    }
}

/// Starts the relay on a processor of its own where there are two, and keeps this thread on the other; says whether it is so.
fn start_apart() -> Result<(Neighbour, bool), LoadError> {
    let program = std::env::current_exe().map_err(LoadError::at("find this program"))?;
    let processors = Processors::apart().map_err(LoadError::at("ask for the processors"))?;
    let neighbour = Neighbour::start(&program, processors.map(|processors| processors.relay))?;
    if let Some(Processors { generator, .. }) = processors {
        stay_on(&[generator]).map_err(LoadError::at("stay on a processor"))?;
    }
    Ok((neighbour, processors.is_some()))
}

fn suites(text: &str) -> Result<[Suite; 2], String> {
    let suite = |name: &str| Suite::parse(name).ok_or_else(|| format!("{name} is no suite"));
    let (a, b) = text.split_once(',').ok_or("two suites, with a comma between")?;
    Ok([suite(a)?, suite(b)?])
}

impl From<PaceChoice> for Pace {
    fn from(choice: PaceChoice) -> Pace {
        match choice {
            PaceChoice::Even => Pace::Even,
            PaceChoice::Bursts => Pace::Bursts,
        }
    }
}

impl From<WayChoice> for Way {
    fn from(choice: WayChoice) -> Way {
        match choice {
            WayChoice::Auto => Way::Auto,
            WayChoice::PerPort => Way::PerPort,
            WayChoice::Steered => Way::Steered,
        }
    }
}

const EXAMPLES: &str = "Examples:
  cordon bench media
  cordon bench media --calls 200 --io per-port --json
  cordon bench media --listen 192.0.2.7:9070      on the host that is to relay, and on another
  cordon bench media --to 192.0.2.7:9070";
/// What is measured where no number is given: a thousand streams.
const CALLS: u32 = 500;
/// Long enough for a backlog to show, short enough for a dozen trials.
const LIMIT_LENGTH: Duration = Duration::from_secs(5);
