//! What the process holds: memory and descriptors.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::Cordon;

/// One reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    /// Resident memory that is its own, in kB.
    pub(crate) memory: u64,
    /// All that is resident, in kB.
    pub(crate) resident: u64,
    /// Open files and sockets.
    pub(crate) descriptors: usize,
}

impl Vitals {
    pub(crate) fn of(cordon: &Cordon) -> Result<Self> {
        let folder = format!("/proc/{}/fd", cordon.program.pid());
        let descriptors = std::fs::read_dir(folder).context("the process lives")?.count();
        Ok(Self { memory: cordon.own_memory()?, resident: cordon.memory()?, descriptors })
    }

    /// The same with so many proofs more to remember.
    pub(crate) fn with_proofs(self, proofs: u64) -> Self {
        Self { memory: self.memory + proofs * PROOF / 1024, ..self }
    }

    /// Waits until the process is back where it was; the last reading, whether it is or not.
    pub(crate) fn await_return(self, cordon: &Cordon) -> Result<Self> {
        let until = Instant::now() + RETURN;
        loop {
            let now = Self::of(cordon)?;
            if now.is_back_at(self).is_ok() || Instant::now() >= until {
                return Ok(now);
            }
            // Nothing announces that the kernel has closed a socket.
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// # Errors
    /// It holds a descriptor more, or more memory than a twentieth and [`ALLOWANCE`].
    pub(crate) fn is_back_at(self, before: Self) -> Result<()> {
        let bound = before.memory + before.memory / 20 + ALLOWANCE;
        let is_back = self.descriptors <= before.descriptors && self.memory <= bound;
        ensure!(is_back, "{self:?} is not back at {before:?} within {RETURN:?}");
        Ok(())
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
/// In kB, and small beside what an attack could leave: pages of the allocator's arenas, one for each thread, that something
/// small keeps from going back.
const ALLOWANCE: u64 = 8 * 1024;
/// What one proof takes, in bytes: 41 in a table of which at least 7 of 16 places are used.
const PROOF: u64 = 94;
const TICKS_PER_SECOND: u64 = 100; // USER_HZ, the same on every Linux
