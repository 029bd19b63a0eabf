//! What a process has used.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::LoadError;

/// What a process with all its threads has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time, in the program and in the kernel for it, to 10 ms.
    pub cpu: Duration,
    /// Bytes in memory. What the kernel keeps for its sockets is not among them.
    pub memory: u64,
}

impl Usage {
    /// Of this process.
    pub fn own() -> Result<Usage, LoadError> {
        Usage::read(Path::new("/proc/self"))
    }

    /// Of the process of this number.
    pub fn of(process: u32) -> Result<Usage, LoadError> {
        Usage::read(&Path::new("/proc").join(process.to_string()))
    }

    /// Processor time of a thread of this process; memory is all threads'.
    pub fn of_thread(thread: u32) -> Result<Usage, LoadError> {
        Usage::read(&Path::new("/proc/self/task").join(thread.to_string()))
    }

    fn read(folder: &Path) -> Result<Usage, LoadError> {
        let read = |file| {
            fs::read_to_string(folder.join(file)).map_err(LoadError::at("read what a process has used"))
        };
        let (stat, status) = (read("stat")?, read("status")?);
        let cpu = cpu(&stat).ok_or(LoadError::Unexpected)?;
        let memory = memory(&status).ok_or(LoadError::Unexpected)?;
        Ok(Usage { cpu, memory })
    }
}

/// `utime` and `stime` of proc_pid_stat(5), which count all threads.
fn cpu(stat: &str) -> Option<Duration> {
    // The name stands in parentheses and may hold anything: what follows the last one is counted from the state.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()?.checked_add(fields.next()?.parse().ok()?)?;
    Some(Duration::from_millis(ticks.saturating_mul(TICK_MILLIS)))
}

fn memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Linux tells time in hundredths of a second to all programs, whatever it counts in itself.
const TICK_MILLIS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_program_and_kernel_is_added_whatever_the_name_holds() {
        let stat = "42 (a) R 1 (b) S 1 42 42 0 -1 4194304 5 0 0 0 700 55 3 4 20 0 3 0 123 4096 9";
        assert_eq!(cpu(stat), Some(Duration::from_millis(7_550)));
        assert_eq!(cpu("42 (a) S 1"), None);
    }

    #[test]
    fn memory_is_what_is_resident() {
        assert_eq!(memory("VmSize:\t 9000 kB\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert!(Usage::own().unwrap().memory > 100_000);
    }
}
