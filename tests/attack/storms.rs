//! Registrations in numbers: of strangers without end, and of a whole fleet at one moment.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_sip::{HeaderName, NameAddr, Response};
use cordon_tests::cordon::Configuration;
use cordon_tests::handset;
use cordon_tests::machine::one_of_crowd;
use cordon_tests::metrics::Metrics;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::agent::{Agent, Manner, is_shed};
use crate::attack::Attack;
use crate::site::Site;
use crate::spread::Spread;
use crate::told::Told;
use crate::vitals::Vitals;

#[test]
fn c09_a_flood_of_registrations_keeps_no_phone_from_refreshing() {
    Attack::new("C09", "REGISTER of ever new accounts without a proof, from 20 sources, at a rate")
        .logs_what_is_told()
        .overloads()
        .run(|site| handset::block_on(flood(site)));
}

#[test]
fn c10_a_whole_fleet_that_comes_back_at_once_is_registered() {
    Attack::new("C10", "a whole fleet loses its connections and comes back at one moment")
        .configured(few_ports)
        .logs_what_is_told()
        .overloads()
        .leaves_proofs(30_000)
        .run(|site| handset::block_on(avalanche(site)));
}

async fn flood(site: &Site) -> Result<String> {
    let (rate, seconds) = site.length((300, 3), (1_000, 600));
    let tls = site.authority.client_config()?;
    let phone = Agent::register(&tls, "2065550251", one_of_crowd(31), Manner::Rings).await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let refreshing = tokio::spawn(keep_refreshing(phone, Arc::clone(&is_over)));
    let (before, used) = (Vitals::of(&site.cordon)?, Vitals::processor_time(&site.cordon)?);
    let statuses = Arc::new(Mutex::new(BTreeMap::<u16, usize>::new()));
    let begun = Instant::now();
    let mut sources = JoinSet::new();
    for source in 0..SOURCES {
        let agent = Agent::connect(&tls, "2065550000", one_of_crowd(40 + source), Manner::Rings).await?;
        let (statuses, told) = (Arc::clone(&statuses), site.told.clone());
        sources.spawn(pour(agent, source, rate / SOURCES, seconds, statuses, told));
    }
    let mut most = before.memory;
    while let Some(poured) = sources.join_next().await {
        poured??;
        most = most.max(Vitals::of(&site.cordon)?.memory);
    }
    let during = begun.elapsed();
    let used = (Vitals::processor_time(&site.cordon)? - used).as_secs_f64() / during.as_secs_f64();
    is_over.store(true, Ordering::SeqCst);
    let (refreshed, put_off) = refreshing.await??;
    ensure!(put_off == 0, "{put_off} refreshes of a phone were put off");
    let statuses = statuses.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let asked: usize = statuses.values().sum();
    ensure!(statuses.keys().all(|status| matches!(status, 401 | 500 | 503)), "{statuses:?}");
    ensure!(asked == rate * seconds, "every request is answered: {asked}");
    // Said of a release build.
    ensure!(site.length(true, used <= HALF), "{:.0} % of a processor", used * 100.0);
    Ok(format!(
        "{asked} at {:.0}/s answered {statuses:?}; {refreshed} of {refreshed} refreshes of a phone meanwhile; {:.0} % of a \
         processor; memory at most {:+} kB",
        asked as f64 / during.as_secs_f64(),
        used * 100.0,
        i128::from(most) - i128::from(before.memory)
    ))
}

/// Asks at a rate whether or not what was asked before has been answered.
async fn pour(
    agent: Agent,
    source: usize,
    rate: usize,
    seconds: usize,
    statuses: Arc<Mutex<BTreeMap<u16, usize>>>,
    told: Told,
) -> Result<()> {
    let agent = Arc::new(agent);
    let mut tick = interval(Duration::from_secs(1) / u32::try_from(rate)?);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asking = JoinSet::new();
    for index in 0..rate * seconds {
        tick.tick().await;
        let (agent, statuses, told) = (Arc::clone(&agent), Arc::clone(&statuses), told.clone());
        asking.spawn(async move {
            let request = agent.registration_of(&format!("9{source:02}{index:07}"))?;
            let answer = agent.ask(&request).await?;
            told.note(&answer);
            let status = answer.status.code();
            *statuses.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
            anyhow::Ok(())
        });
        while let Some(asked) = asking.try_join_next() {
            asked??;
        }
    }
    while let Some(asked) = asking.join_next().await {
        asked??;
    }
    Ok(())
}

/// Refreshes five times a second: how many succeeded, and how many were told to come back; nothing else may be answered.
pub(crate) async fn keep_refreshing(phone: Agent, is_over: Arc<AtomicBool>) -> Result<(usize, usize)> {
    let mut tick = interval(Duration::from_millis(200));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut refreshed, mut put_off) = (0, 0);
    while !is_over.load(Ordering::SeqCst) {
        tick.tick().await;
        let answer = phone.refresh().await.context("a refresh")?;
        if is_shed(&answer) {
            put_off += 1;
            continue;
        }
        let status = answer.status;
        ensure!(status.is_success(), "a refresh is answered {} after {refreshed}", status.code());
        refreshed += 1;
    }
    Ok((refreshed, put_off))
}

async fn avalanche(site: &Site) -> Result<String> {
    let (phones, outage) = site.length((150, Duration::ZERO), (10_000, Duration::from_secs(60)));
    let sent_back = Arc::new(SentBack::default());
    // What one fleet costs is known before: memory that was used once is used again.
    let first = come(site, phones, &sent_back).await.context("the fleet comes for the first time")?;
    all_are_bound(phones)?;
    drop(first);
    Metrics::await_until("every connection is gone", LIMIT, |metrics| {
        metrics.sum("cordon_flows", &[]) < 20.0
    })?;
    tokio::time::sleep(outage).await;
    let sent_back = Arc::new(SentBack::default());
    let begun = Instant::now();
    let fleet = come(site, phones, &sent_back).await.context("the fleet comes back")?;
    let during = begun.elapsed();
    ensure!(during <= Duration::from_secs(60), "all are back after {during:?}");
    let again = all_are_bound(phones)?;
    let most = (phones + STAYING + 1) as f64;
    ensure!(again <= most, "each phone has one binding: {again} of {phones} phones and the canary's");
    let granted = Spread::of(fleet.iter().map(|(_, expires)| *expires));
    granted.is_even_over(ASKED * 4 / 5..=ASKED).context("lifetimes")?;
    let shed = sent_back.shed();
    shed.is_even_over(RETRY_AFTER).context("Retry-After")?;
    // What a registration holds is no growth; what is left when they have gone would be.
    go(fleet).await.context("the fleet leaves")?;
    Metrics::await_until("nothing of the fleet is bound", LIMIT, |metrics| {
        metrics.sum("cordon_bindings", &[]) <= (STAYING + 1) as f64
    })?;
    Ok(format!(
        "{phones} of {phones} registered {:.1} s after they began, {} shed (Retry-After {shed}), {} told to come back for \
         another reason, {} without a connection; granted {granted}",
        during.as_secs_f64(),
        shed.count(),
        sent_back.others.load(Ordering::SeqCst),
        sent_back.closed.load(Ordering::SeqCst)
    ))
}

/// Waits until the fleet is counted, which is done once a second; how many there are, with those of the canary that have not
/// run out meanwhile.
fn all_are_bound(phones: usize) -> Result<f64> {
    let count = |metrics: &Metrics| metrics.sum("cordon_bindings", &[]);
    let counted =
        Metrics::await_until("the fleet is counted", LIMIT, |metrics| count(metrics) >= phones as f64);
    counted.map(|metrics| count(&metrics))
}

/// Every phone from an address of its own, all at once; each tries until it is registered, as phones do.
async fn come(site: &Site, phones: usize, sent_back: &Arc<SentBack>) -> Result<Vec<(Agent, u32)>> {
    let tls = site.authority.client_config()?;
    let mut coming = JoinSet::new();
    for phone in 0..phones {
        let (tls, sent_back, told) = (Arc::clone(&tls), Arc::clone(sent_back), site.told.clone());
        coming.spawn(async move {
            let (number, from) = (format!("30{phone:06}"), one_of_crowd(100 + phone));
            loop {
                // A connection that is not taken is tried again a little later.
                let Ok(agent) = Agent::connect(&tls, &number, from, Manner::Rings).await else {
                    sent_back.closed.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(SOON).await;
                    continue;
                };
                let answer = agent.refresh().await;
                match answer {
                    Ok(answer) if answer.status.is_success() => {
                        let granted = answer.contacts.first().and_then(NameAddr::expires);
                        return anyhow::Ok((agent, granted.context("a lifetime is granted")?));
                    }
                    Ok(answer) => {
                        let why =
                            answer.headers.get(&HeaderName::WARNING).map_or("", |warning| warning.as_str());
                        // Shed, or the PBX has left it without a word.
                        ensure!(
                            answer.status.code() == 503,
                            "phone {phone} is answered {} {why}",
                            answer.status.code()
                        );
                        told.note(&answer);
                        let wait = sent_back.note(&answer)?;
                        tokio::time::sleep(Duration::from_secs(wait.into())).await;
                    }
                    Err(_) => {
                        sent_back.closed.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(SOON).await;
                    }
                }
            }
        });
    }
    let mut fleet = Vec::with_capacity(phones);
    while let Some(come) = coming.join_next().await {
        fleet.push(come??);
    }
    Ok(fleet)
}

/// Phones that were not registered at once.
#[derive(Default)]
struct SentBack {
    /// Lost their connection, or got none.
    closed: AtomicUsize,
    /// Told to come back for another reason than an overload.
    others: AtomicUsize,
    /// The seconds that each who was shed was told to wait.
    shed: Mutex<Vec<u32>>,
}

impl SentBack {
    /// After which seconds the phone may come back.
    fn note(&self, answer: &Response) -> Result<u32> {
        let wait = answer.headers.retry_after().context("it says when")?;
        ensure!(RETRY_AFTER.contains(&wait), "Retry-After {wait}");
        if is_shed(answer) {
            self.shed.lock().unwrap_or_else(PoisonError::into_inner).push(wait);
        } else {
            self.others.fetch_add(1, Ordering::SeqCst);
        }
        Ok(wait)
    }

    fn shed(&self) -> Spread {
        Spread::of(self.shed.lock().unwrap_or_else(PoisonError::into_inner).iter().copied())
    }
}

/// Each phone unregisters, a few at a time; told to come back, it does.
async fn go(fleet: Vec<(Agent, u32)>) -> Result<()> {
    let doors = Arc::new(Semaphore::new(LEAVING));
    let mut going = JoinSet::new();
    for (agent, _) in fleet {
        let doors = Arc::clone(&doors);
        going.spawn(async move {
            let _door = doors.acquire_owned().await?;
            loop {
                let answer = agent.unregister().await?;
                if answer.status.is_success() {
                    return Ok(());
                }
                ensure!(answer.status.code() == 503, "{} on its way out", answer.status.code());
                tokio::time::sleep(SOON).await;
            }
        });
    }
    while let Some(gone) = going.join_next().await {
        gone??;
    }
    Ok(())
}

/// Ten thousand phones need their descriptors for connections, and nobody calls but the canary.
fn few_ports(configuration: &mut Configuration) {
    configuration.media = "[media]\nports = \"20000-20999\"\n".to_owned();
}

/// Seconds after which who was shed may come back.
pub(crate) const RETRY_AFTER: RangeInclusive<u32> = 5..=30;
/// Of one processor.
const HALF: f64 = 0.5;
const SOURCES: usize = 20;
/// What an agent asks for, in seconds.
const ASKED: u32 = 300;
/// Phones of the canary that are registered at first; one more comes and goes.
const STAYING: usize = 3;
/// Phones that leave at once.
const LEAVING: usize = 50;
const SOON: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(30);
