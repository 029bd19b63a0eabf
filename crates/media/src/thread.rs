//! One media thread as signalling sees it: a queue of jobs, a waker, and the figures it published.

use std::io;
use std::num::NonZeroU64;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use cordon_relay::RelayEvent;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack};

use crate::config::MediaConfig;
use crate::error::EngineError;
use crate::io::IoMaker;
use crate::snapshot::Snapshot;
use crate::waker::Waker;
use crate::worker::{Job, Worker};

/// One media thread.
pub(crate) struct Thread {
    jobs: SyncSender<Job>,
    waker: Waker,
    snapshot: Arc<Mutex<Snapshot>>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Thread {
    pub(crate) fn start(
        number: usize,
        config: &MediaConfig,
        io: &mut IoMaker,
        seed: [u8; 32],
        announce: SyncSender<RelayEvent>,
    ) -> io::Result<Thread> {
        let waker = Waker::new()?;
        let rights = io.rights();
        let io = io.next(&waker, config.nap)?;
        let (jobs, queue) = sync_channel(JOBS);
        let snapshot = Arc::new(Mutex::new(Snapshot::default()));
        let worker = Worker::new(io, queue, announce, Arc::clone(&snapshot), seed);
        let is_pinned = config.pinned;
        let run = move || {
            if let Err(error) = rights.keep() {
                tracing::warn!(thread = number, %error, "a media thread keeps rights it does not need");
            }
            sleep_exactly();
            if is_pinned {
                pin(number);
            }
            worker.run();
        };
        let handle = std::thread::Builder::new().name(format!("media-{number}")).spawn(run)?;
        Ok(Thread { jobs, waker, snapshot, handle: Mutex::new(Some(handle)) })
    }

    /// Hands over a job, unless the thread has more than it can take.
    pub(crate) fn pass(&self, job: Job) -> Result<(), EngineError> {
        match self.jobs.try_send(job) {
            Ok(()) => self.wake(),
            Err(TrySendError::Full(_)) => Err(EngineError::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(EngineError::Ended),
        }
    }

    /// Hands over a job that must not be lost, and waits where the queue is full.
    pub(crate) fn insist(&self, job: Job) -> Result<(), EngineError> {
        self.jobs.send(job).map_err(|_| EngineError::Ended)?;
        self.wake()
    }

    /// What the thread last published.
    pub(crate) fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_alive(&self) -> bool {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        handle.as_ref().is_some_and(|handle| !handle.is_finished())
    }

    /// Waits until the thread has ended, once it was told to.
    pub(crate) fn join(&self) {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            let _ = handle.join();
        }
    }

    /// An eventfd that is open takes every write: a job in the queue is a job that is done.
    fn wake(&self) -> Result<(), EngineError> {
        self.waker.wake().map_err(|_| EngineError::Ended)
    }
}

/// Lets the calling thread's naps end when they are due: by default the kernel may add 50 us to each, so as to wake for
/// several things at once.
fn sleep_exactly() {
    // Where it may not be said, naps are a tenth longer.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
}

/// Keeps the calling thread on the processor of its number, of those the process may use.
fn pin(number: usize) {
    let pinned = sched_getaffinity(None).and_then(|allowed| {
        let mine = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).nth(number);
        let Some(cpu) = mine else { return Ok(None) };
        let mut only = CpuSet::new();
        only.set(cpu);
        sched_setaffinity(None, &only).map(|()| Some(cpu))
    });
    match pinned {
        Ok(Some(cpu)) => tracing::info!(thread = number, cpu, "media thread pinned"),
        Ok(None) => tracing::warn!(thread = number, "more media threads than processors: not pinned"),
        Err(error) => tracing::warn!(thread = number, %error, "media thread not pinned"),
    }
}

#[cfg(test)]
impl Thread {
    /// One that nobody runs: what it is asked for stays in the queue.
    pub(crate) fn at_rest() -> (Thread, std::sync::mpsc::Receiver<Job>) {
        let (jobs, queue) = sync_channel(JOBS);
        let (waker, snapshot) = (Waker::new().unwrap(), Arc::default());
        (Thread { jobs, waker, snapshot, handle: Mutex::default() }, queue)
    }
}

/// Jobs a thread may have waiting: more than a call set-up storm sends within one turn of its loop.
pub(crate) const JOBS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_stays_on_one_processor() {
        let allowed = sched_getaffinity(None).unwrap();

        let pinned = std::thread::spawn(|| {
            pin(0);
            sched_getaffinity(None).unwrap()
        });

        let only = pinned.join().unwrap();
        assert_eq!(only.count(), 1);
        assert!((0..CpuSet::MAX_CPU).all(|cpu| !only.is_set(cpu) || allowed.is_set(cpu)));
    }

    #[test]
    fn a_number_beyond_the_processors_stays_where_it_may_go() {
        let allowed = sched_getaffinity(None).unwrap();

        let free = std::thread::spawn(|| {
            pin(CpuSet::MAX_CPU);
            sched_getaffinity(None).unwrap()
        });

        assert_eq!(free.join().unwrap(), allowed);
    }

    #[test]
    fn a_nap_may_be_exact() {
        let slack = std::thread::spawn(|| {
            sleep_exactly();
            rustix::thread::current_timer_slack().unwrap()
        });

        assert_eq!(slack.join().unwrap(), 1);
    }
}
