//! The canary flows: an old connection that keeps asking, and a phone that comes anew every second.

use std::time::Instant;

use cordon_lab::{LabError, LabPhone, PhoneConfig};
use cordon_tests::cordon::HOST;
use tokio::time::{Duration, MissedTickBehavior, interval, sleep, timeout};

use crate::ledger::Ledger;

/// OPTIONS on one connection, ten a second, until aborted.
pub(crate) async fn keep_asking(phone: LabPhone, ledger: Ledger) {
    let mut tick = every(Duration::from_millis(100));
    let target = format!("sip:{HOST}");
    loop {
        tick.tick().await;
        let begun = Instant::now();
        match timeout(SOON, phone.options(&target)).await {
            Ok(Ok(200)) => ledger.answered(begun.elapsed()),
            Ok(Ok(503)) => ledger.shed(),
            Ok(Ok(status)) => ledger.failed(format!("answered {status}")),
            Ok(Err(error)) => ledger.failed(error.to_string()),
            Err(_) => ledger.failed(format!("no answer within {SOON:?}")),
        }
    }
}

/// A fresh TLS connection and a registration with its challenge each second, until aborted. The phone unregisters before
/// it goes, so that nothing is left of it.
pub(crate) async fn keep_registering(config: PhoneConfig, ledger: Ledger) {
    let mut tick = every(Duration::from_secs(1));
    loop {
        tick.tick().await;
        let begun = Instant::now();
        let visit = async {
            let phone = LabPhone::connect(config.clone()).await?;
            phone.register(120).await?;
            let taken = begun.elapsed();
            leave(&phone).await?;
            Ok::<_, LabError>(taken)
        };
        match timeout(VISIT, visit).await {
            Ok(Ok(taken)) => ledger.answered(taken),
            Ok(Err(error)) if error.status() == Some(503) => ledger.shed(),
            Ok(Err(error)) => ledger.failed(error.to_string()),
            Err(_) => ledger.failed(format!("not registered within {VISIT:?}")),
        }
    }
}

/// Unregisters; put off, it tries again, for a second or two.
async fn leave(phone: &LabPhone) -> Result<(), LabError> {
    for _ in 0..TRIES {
        match phone.register(0).await {
            Err(error) if error.status() == Some(503) => sleep(AGAIN).await,
            other => return other.map(drop),
        }
    }
    phone.register(0).await.map(drop)
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut tick = interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// The numbers of the canary's phones: no digits that a port, a time or a count could show by chance.
pub(crate) const ALICE: &str = "2065550171";
pub(crate) const BOB: &str = "2065550172";
pub(crate) const REGULAR: &str = "2065550173";
pub(crate) const NEWCOMER: &str = "2065550174";

/// Not a promise of speed (the latencies are in the report): what a busy machine takes, and no phone gives up before.
const SOON: Duration = Duration::from_secs(4);
const VISIT: Duration = Duration::from_secs(8);
/// Sooner than it was told: the next visit is due in a second.
const AGAIN: Duration = Duration::from_millis(200);
const TRIES: usize = 8;
