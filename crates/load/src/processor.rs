//! Which processor a thread stays on.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors of relay and generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processors {
    /// Where the relay runs, alone.
    pub relay: usize,
    /// Where the generator runs.
    pub generator: usize,
}

impl Processors {
    /// The last processor this process may use for the relay, the first for the generator, since that is where most
    /// systems handle their interrupts; `None` where there is only one.
    pub fn apart() -> io::Result<Option<Processors>> {
        let allowed = sched_getaffinity(None)?;
        let mut all = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor));
        let first = all.next();
        Ok(first.zip(all.next_back()).map(|(generator, relay)| Processors { relay, generator }))
    }
}

/// Keeps the calling thread, and those it starts from now on, on these processors.
pub fn stay_on(processors: &[usize]) -> io::Result<()> {
    let mut only = CpuSet::new();
    for processor in processors.iter().filter(|processor| **processor < CpuSet::MAX_CPU) {
        only.set(*processor);
    }
    Ok(sched_setaffinity(None, &only)?)
}

/// Does something, such as to start a program, in a thread that stays on these processors: what it starts stays there too.
pub fn on_processors<T: Send>(
    processors: &[usize],
    act: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let apart = || {
        stay_on(processors)?;
        act()
    };
    std::thread::scope(|scope| {
        scope.spawn(apart).join().unwrap_or_else(|_| Err(io::Error::other("the thread has ended")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_on_a_processor_stays_there_and_the_caller_does_not() {
        let before = sched_getaffinity(None).unwrap();
        let processor = (0..CpuSet::MAX_CPU).find(|processor| before.is_set(*processor)).unwrap();

        let inside = on_processors(&[processor], || Ok(sched_getaffinity(None)?)).unwrap();

        assert_eq!((inside.count(), inside.is_set(processor)), (1, true));
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }

    #[test]
    fn relay_and_generator_are_apart_where_there_are_two_processors() {
        let allowed = sched_getaffinity(None).unwrap();
        match Processors::apart().unwrap() {
            Some(Processors { relay, generator }) => {
                assert!(relay != generator && allowed.is_set(relay) && allowed.is_set(generator));
            }
            None => assert_eq!(allowed.count(), 1),
        }
    }
}
