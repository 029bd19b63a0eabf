//! What the process holds: memory and descriptors.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::Cordon;

/// One reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    /// Resident memory, in kB.
    pub(crate) memory: u64,
    /// Open files and sockets.
    pub(crate) descriptors: usize,
}

impl Vitals {
    pub(crate) fn of(cordon: &Cordon) -> Result<Self> {
        let folder = format!("/proc/{}/fd", cordon.program.pid());
        let descriptors = std::fs::read_dir(folder).context("the process lives")?.count();
        Ok(Self { memory: cordon.memory()?, descriptors })
    }

    /// Waits until the process is back where it was: no descriptor more, and no more memory than a twentieth and
    /// [`ALLOWANCE`].
    pub(crate) fn await_return(self, cordon: &Cordon) -> Result<Self> {
        let until = Instant::now() + RETURN;
        loop {
            let now = Self::of(cordon)?;
            let bound = self.memory + self.memory / 20 + ALLOWANCE;
            if now.descriptors <= self.descriptors && now.memory <= bound {
                return Ok(now);
            }
            ensure!(Instant::now() < until, "{now:?} is not back at {self:?} within {RETURN:?}");
            // Nothing announces that the kernel has closed a socket.
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// Processor time the process has used so far.
    pub(crate) fn processor_time(cordon: &Cordon) -> Result<Duration> {
        Self::processor_time_of(cordon.program.pid())
    }

    /// The same of any process.
    pub(crate) fn processor_time_of(pid: u32) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, fields) = stat.rsplit_once(')').context("the name stands in brackets")?;
        let ticks = |place: usize| fields.split_whitespace().nth(place)?.parse::<u64>().ok();
        let used = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
        Ok(Duration::from_millis(used.context("Linux tells both times")? * 1000 / TICKS_PER_SECOND))
    }
}

const RETURN: Duration = Duration::from_secs(60);
/// In kB, and small beside what an attack could leave: pages of code, and of the allocator's arena of each thread, that
/// are touched for the first time when a rare path is taken.
const ALLOWANCE: u64 = 8 * 1024;
const TICKS_PER_SECOND: u64 = 100; // USER_HZ, the same on every Linux
