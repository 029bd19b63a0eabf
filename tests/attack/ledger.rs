//! How one kind of request fared: how many were answered, how soon, and which were not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::sync::watch;
use tokio::time::timeout;

/// Filled by the task that asks, read by the oracle.
#[derive(Clone)]
pub(crate) struct Ledger {
    /// Whether any number may be put off: whoever is overloaded says so.
    is_overload: bool,
    entries: Arc<Mutex<Entries>>,
    asked: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    answered: Vec<Duration>,
    /// Answered 503: the machine was too busy to be on time, and this is what is put off first.
    shed: usize,
    failures: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(is_overload: bool) -> Self {
        Self { is_overload, entries: Arc::default(), asked: watch::Sender::new(0) }
    }

    pub(crate) fn answered(&self, after: Duration) {
        self.entries().answered.push(after);
        self.asked.send_modify(|count| *count += 1);
    }

    pub(crate) fn shed(&self) {
        self.entries().shed += 1;
        self.asked.send_modify(|count| *count += 1);
    }

    pub(crate) fn failed(&self, how: String) {
        self.entries().failures.push(how);
        self.asked.send_modify(|count| *count += 1);
    }

    /// Waits until one that began after this call has ended.
    pub(crate) async fn one_more(&self) -> Result<()> {
        let mut asked = self.asked.subscribe();
        // The one under way may have begun before.
        let due = *asked.borrow() + 2;
        ensure!(
            matches!(timeout(PATIENCE, asked.wait_for(|count| *count >= due)).await, Ok(Ok(_))),
            "the canary goes on asking"
        );
        Ok(())
    }

    /// `OPTIONS 212/212, p50 0.4 p99 1.9 max 2.4 ms`; an error when one failed, or more than a few were put off.
    pub(crate) fn judge(&self, what: &str) -> Result<String> {
        let entries = self.entries();
        let Entries { shed, failures, .. } = &*entries;
        let (answered, failed) = (entries.answered.len(), failures.len());
        let asked = answered + shed + failed;
        ensure!(failed == 0, "{failed} of {asked} {what} failed: {failures:?}");
        ensure!(
            self.is_overload || *shed <= MAX_SHED.max(asked / 100),
            "{shed} of {asked} {what} were put off"
        );
        ensure!(answered > 0, "no {what} was answered, {shed} were put off");
        let mut sorted = entries.answered.clone();
        sorted.sort();
        let at = |share: usize| {
            let rank = (sorted.len() * share).div_ceil(100);
            sorted.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        Ok(format!("{what} {answered}/{asked}, p50 {:.1} p99 {:.1} max {:.1} ms", at(50), at(99), at(100)))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a few questions; of many, one in a hundred. Cordon goes by the time a message waits, and a machine that runs other things
/// beside makes messages wait.
const MAX_SHED: usize = 3;
const PATIENCE: Duration = Duration::from_secs(20);
