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

    /// Processor time of the relay in percent of one processor, for 1,000 streams: from what a packet took that arrived.
    pub fn cpu_per_1000_streams(&self) -> f64 {
        let packets = self.tally.right.max(1) as f64;
        self.cpu.as_secs_f64() / packets * f64::from(STREAM_RATE) * 1_000.0 * 100.0
    }

    /// Microseconds the generator was in the system to send one packet: what the relay's way of receiving costs the sender
    /// on the loopback is in it.
    pub fn sending_micros(&self) -> f64 {
        self.tally.sending.as_secs_f64() * 1e6 / self.tally.sent.max(1) as f64
    }

    /// Forged packets a second that the system took.
    pub fn forged_per_second(&self) -> f64 {
        self.tally.forged as f64 / self.elapsed.as_secs_f64()
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
            && !self.is_lossy()
            && self.tally.wrong() == 0
    }

    /// Whether more than one packet of 1,000 was lost.
    pub fn is_lossy(&self) -> bool {
        self.tally.loss() > MAX_LOSS
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_that_loses_half_of_the_packets_is_not_half_as_dear() {
        let all = trial(500_000);
        let half = Trial { cpu: all.cpu / 2, ..trial(250_000) };

        assert_eq!(all.cpu_per_1000_streams(), 40.0);
        assert_eq!(half.cpu_per_1000_streams(), 40.0);
        assert!(half.is_lossy() && !all.is_lossy());
    }

    #[test]
    fn forged_packets_are_counted_by_the_time_they_really_took() {
        let mut trial = trial(500_000);
        trial.tally.forged = 300_000;
        trial.elapsed = Duration::from_secs(15);

        assert_eq!(trial.forged_per_second(), 20_000.0);
    }

    /// Ten seconds of 1,000 streams, of whose packets so many arrived.
    fn trial(right: u64) -> Trial {
        let tally = Tally { sent: 500_000, right, ..Tally::default() };
        let [cpu, elapsed] = [4, 10].map(Duration::from_secs);
        Trial { load: Load::of_calls(500), tally, cpu, elapsed, usage: [Usage::default(); 3] }
    }
}
