//! How one kind of request fared: how many were answered, how soon, and which were not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::sync::watch;
use tokio::time::timeout;

/// Filled by the task that asks, read by the oracle.
#[derive(Clone)]
pub(crate) struct Ledger {
    bounds: Bounds,
    entries: Arc<Mutex<Entries>>,
    asked: watch::Sender<u64>,
}

/// What must hold of them.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// How many may be put off; `None` for any number: whoever is overloaded says so.
    pub(crate) put_off: Option<PutOff>,
    /// The latest that 99 of 100 answers may be.
    pub(crate) p99: Option<Duration>,
}

/// How many may be put off: so many in any case, and of many this share.
#[derive(Clone, Copy)]
pub(crate) struct PutOff {
    pub(crate) least: usize,
    pub(crate) in_a_thousand: usize,
}

#[derive(Default)]
struct Entries {
    answered: Vec<Duration>,
    /// Answered 503: the machine was too busy to be on time, and this is what is put off first.
    shed: usize,
    failures: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: Arc::default(), asked: watch::Sender::new(0) }
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

    /// `OPTIONS 212/212, p50 0.4 p99 1.9 max 2.4 ms`.
    pub(crate) fn figure(&self, what: &str) -> String {
        let entries = self.entries();
        let answered = entries.answered.len();
        let [p50, p99, max] = [50, 99, 100].map(|share| entries.percentile(share).as_secs_f64() * 1000.0);
        format!("{what} {answered}/{}, p50 {p50:.1} p99 {p99:.1} max {max:.1} ms", entries.asked())
    }

    /// # Errors
    /// One failed, more were put off than may be, or they were answered too late.
    pub(crate) fn judge(&self, what: &str) -> Result<()> {
        let entries = self.entries();
        let Entries { shed, failures, .. } = &*entries;
        let (asked, failed) = (entries.asked(), failures.len());
        ensure!(failed == 0, "{failed} of {asked} {what} failed: {failures:?}");
        let most = self.bounds.put_off.map(|most| most.least.max(asked * most.in_a_thousand / 1_000));
        ensure!(most.is_none_or(|most| *shed <= most), "{shed} of {asked} {what} were put off");
        ensure!(!entries.answered.is_empty(), "no {what} was answered, {shed} were put off");
        let p99 = entries.percentile(99);
        ensure!(self.bounds.p99.is_none_or(|latest| p99 < latest), "the p99 of {what} is {p99:.1?}");
        Ok(())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn asked(&self) -> usize {
        self.answered.len() + self.shed + self.failures.len()
    }

    /// How long so many in a hundred answers took at most; of less than a hundred the 99th is the slowest.
    fn percentile(&self, share: usize) -> Duration {
        let mut sorted = self.answered.clone();
        sorted.sort();
        let rank = (sorted.len() * share).div_ceil(100);
        rank.checked_sub(1).and_then(|index| sorted.get(index)).copied().unwrap_or_default()
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
