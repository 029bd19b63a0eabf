//! One load on one fresh relay.

use std::time::{Duration, Instant};

use crate::error::LoadError;
use crate::forger::Forger;
use crate::generator::Generator;
use crate::load::{Load, STREAM_RATE};
use crate::relay::Relay;
use crate::tally::Tally;
use crate::usage::Usage;

/// What one load on one fresh relay cost, and what became of its packets.
pub struct Trial {
    /// What was asked.
    pub load: Load,
    /// What became of the packets.
    pub tally: Tally,
    /// Processor time of the relay while it was measured.
    pub cpu: Duration,
    /// How long that was: longer than the load says where the generator did not keep up.
    pub elapsed: Duration,
    /// What the relay had used before it had calls, when measuring began, and when it ended.
    pub usage: [Usage; 3],
}

/// Forged packets beside a load, to the ports of calls that nobody speaks on.
#[derive(Clone, Copy, Debug)]
pub struct Forgery {
    /// How many a second.
    pub per_second: u32,
    /// How many calls they are aimed at.
    pub calls: u32,
}

impl Trial {
    /// Sets up the calls of the load on a relay that has none, and speaks.
    pub fn run(relay: &mut dyn Relay, load: &Load) -> Result<Trial, LoadError> {
        Trial::run_under(relay, load, None)
    }

    /// The same, with packets that nobody has a key for beside it.
    pub fn run_under(
        relay: &mut dyn Relay,
        load: &Load,
        forgery: Option<Forgery>,
    ) -> Result<Trial, LoadError> {
        let before = relay.usage()?;
        let quiet = forgery.map_or(0, |forgery| forgery.calls);
        let generator = Generator::call(relay, load.calls.saturating_add(quiet), load)?;
        let mut forger = match forgery {
            Some(Forgery { per_second, .. }) => {
                Some(Forger::new(relay.near(), generator.ports_from(load.calls), per_second)?)
            }
            None => None,
        };
        let mut marks = Vec::new();
        let tally = generator.speak(load, forger.as_mut(), || {
            marks.push((Instant::now(), relay.usage()?));
            Ok(())
        })?;
        let &[(began, begin), (ended, end)] = marks.as_slice() else { return Err(LoadError::Unexpected) };
        let cpu = end.cpu.saturating_sub(begin.cpu);
        Ok(Trial { load: *load, tally, cpu, elapsed: ended - began, usage: [before, begin, end] })
    }

    /// Processor time of the relay in percent of one processor, for 1,000 streams: from what a packet took.
    pub fn cpu_per_1000_streams(&self) -> f64 {
        let packets = self.tally.sent.max(1) as f64;
        self.cpu.as_secs_f64() / packets * f64::from(STREAM_RATE) * 1_000.0 * 100.0
    }

    /// Processor time of the relay in percent of one processor.
    pub fn cpu_percent(&self) -> f64 {
        self.cpu.as_secs_f64() / self.elapsed.as_secs_f64() * 100.0
    }

    /// Bytes by which the relay's memory grew with each call.
    pub fn memory_per_call(&self) -> f64 {
        let [before, .., end] = self.usage;
        end.memory.saturating_sub(before.memory) as f64 / f64::from(self.load.calls.max(1))
    }

    /// Whether all was said when it was due, 99 of 100 packets were in time, one of 1,000 at most was lost, and none was wrong.
    pub fn is_carried(&self) -> bool {
        !self.is_generator_late()
            && self.tally.delays.permille(990) <= IN_TIME
            && self.tally.loss() <= MAX_LOSS
            && self.tally.wrong() == 0
    }

    /// Whether the generator was so late itself that the relay's limit is not what was seen.
    pub fn is_generator_late(&self) -> bool {
        self.tally.lateness.permille(990) > LATE
    }
}

/// What a relay may add to the delay of a packet: as long as the voice in one.
const IN_TIME: Duration = Duration::from_millis(20);
const MAX_LOSS: f64 = 0.001;
const LATE: Duration = Duration::from_millis(5);
