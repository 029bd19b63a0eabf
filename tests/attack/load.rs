//! More calls than there is room for, and calls for a long time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_sip::HeaderName;
use cordon_tests::cordon::Configuration;
use cordon_tests::handset;
use cordon_tests::machine::one_of_crowd;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::agent::{Agent, Manner, is_shed};
use crate::attack::Attack;
use crate::site::Site;
use crate::spread::Spread;
use crate::storms::{RETRY_AFTER, keep_refreshing};
use crate::told::Told;
use crate::trend::Trend;
use crate::vitals::Vitals;

#[test]
fn g01_twice_and_five_times_too_many_calls_leave_the_others_their_calls() {
    Attack::new("G01", "calls at 2 and 5 times what was carried; meanwhile emergency calls and refreshes")
        .configured(many_ports)
        .logs_what_is_told()
        .overloads()
        .run(|site| handset::block_on(overload(site)));
}

#[test]
fn g07_calls_for_a_long_time_leave_nothing_behind() {
    Attack::new("G07", "calls at a rate, each held for 10 s (short: 2 s), phones that come, refresh and go")
        .configured(many_ports)
        .logs_nothing()
        .overloads_a_debug_build()
        .run(|site| handset::block_on(soak(site)));
}

async fn overload(site: &Site) -> Result<String> {
    // One connection has eight calls a second, for each is remembered for 32 s.
    let ward = Arc::new(Ward::open(site, site.length(20, 100)).await?);
    let (measure, each) = site.length((3, 3), (30, 300));
    let capacity = ward.as_many_as_possible(Duration::from_secs(measure)).await?;
    ensure!(capacity > 0.0, "some calls are carried");
    let tls = site.authority.client_config()?;
    let is_over = Arc::new(AtomicBool::new(false));
    let staying = tokio::spawn(Arc::clone(&ward).keep_registered(Arc::clone(&is_over)));
    let phone = Agent::register(&tls, "2065550291", one_of_crowd(81), Manner::Rings).await?;
    let refreshing = tokio::spawn(keep_refreshing(phone, Arc::clone(&is_over)));
    let in_need = Agent::register(&tls, "2065550292", one_of_crowd(82), Manner::Rings).await?;
    let calling = tokio::spawn(keep_calling_for_help(in_need, Arc::clone(&is_over)));
    let mut seen = Vec::new();
    for times in [2.0, 5.0] {
        let tally = ward.at_rate(capacity * times, Duration::from_secs(each), Duration::ZERO).await?;
        let goodput = tally.completed as f64 / tally.during.as_secs_f64();
        ensure!(tally.failed.is_empty(), "{times}×: {:?}", tally.failed);
        let retries = Spread::of(tally.retries.iter().copied());
        retries.is_even_over(RETRY_AFTER).context("Retry-After")?;
        if site.length(false, true) {
            ensure!(goodput >= 0.9 * capacity, "{times}×: {goodput:.1} of {capacity:.1} calls a second");
            ensure!(tally.percentile(99) <= Duration::from_millis(500), "p99 {:?}", tally.percentile(99));
        }
        seen.push(format!(
            "{times}×: {goodput:.1}/s ({:.0} %), set-up p50 {:.0} p99 {:.0} ms, {} shed, Retry-After {retries}",
            goodput / capacity * 100.0,
            tally.percentile(50).as_secs_f64() * 1000.0,
            tally.percentile(99).as_secs_f64() * 1000.0,
            tally.shed
        ));
    }
    is_over.store(true, Ordering::SeqCst);
    let ((refreshed, put_off), helped) = (refreshing.await??, calling.await??);
    // A refresh is put off last, and its phone has minutes to come back.
    ensure!(refreshed > 0, "no refresh was taken, {put_off} were put off");
    staying.await??;
    Ok(format!(
        "{capacity:.1} calls a second carried; {}; {refreshed} refreshes taken, {put_off} put off; {helped} emergency calls all \
         taken",
        seen.join("; ")
    ))
}

/// Calls to the emergency number, one after the other: each is answered and ended.
async fn keep_calling_for_help(phone: Agent, is_over: Arc<AtomicBool>) -> Result<usize> {
    let mut helped = 0;
    while !is_over.load(Ordering::SeqCst) {
        let placed = phone.call(EMERGENCY).await?;
        let placed = placed
            .map_err(|answer| anyhow::anyhow!("an emergency call is answered {}", answer.status.code()))?;
        let ended = phone.hang_up(&placed).await?;
        ensure!(ended.status.is_success(), "its BYE is answered {}", ended.status.code());
        helped += 1;
        sleep(Duration::from_millis(200)).await;
    }
    Ok(helped)
}

async fn soak(site: &Site) -> Result<String> {
    let ward = Arc::new(Ward::open(site, 50).await?);
    let (rate, hold, seconds) = site.length((5.0, 2, 6), (50.0, 10, 1_800));
    let tls = site.authority.client_config()?;
    let is_over = Arc::new(AtomicBool::new(false));
    let staying = tokio::spawn(Arc::clone(&ward).keep_registered(Arc::clone(&is_over)));
    let churning = tokio::spawn(keep_coming_and_going(Arc::clone(&tls), Arc::clone(&is_over)));
    let phone = Agent::register(&tls, "2065550293", one_of_crowd(83), Manner::Rings).await?;
    let refreshing = tokio::spawn(keep_refreshing(phone, Arc::clone(&is_over)));
    let calling = tokio::spawn({
        let ward = Arc::clone(&ward);
        async move { ward.at_rate(rate, Duration::from_secs(seconds), Duration::from_secs(hold)).await }
    });
    let mut memory = Vec::new();
    let begun = Instant::now();
    let mut tick = interval(Duration::from_secs(1));
    while !calling.is_finished() {
        tick.tick().await;
        memory
            .push((begun.elapsed().as_secs_f64() / 3600.0, Vitals::of(&site.cordon)?.memory as f64 / 1024.0));
    }
    let tally = calling.await??;
    is_over.store(true, Ordering::SeqCst);
    let (came, (refreshed, put_off)) = (churning.await??, refreshing.await??);
    // A debug build beside another machine's test may be late by the 50 ms after which it sheds.
    ensure!(site.length(true, put_off == 0), "{put_off} refreshes of a phone were put off");
    staying.await??;
    ensure!(
        tally.failed.is_empty() && site.length(true, tally.shed == 0),
        "{} shed, failed: {:?}",
        tally.shed,
        tally.failed
    );
    let mut grown = String::new();
    if site.length(false, true) {
        // Arenas, tables and pages of the allocator are what they stay at after a third of it.
        let trend = Trend::of(memory.get(memory.len() / 3..).unwrap_or_default())?;
        ensure!(trend.slope <= ONE_PIECE_A_CALL, "memory grows by {trend}");
        ensure!(trend.slope - 2.0 * trend.error <= SLOPE, "memory grows by {trend}, more than {SLOPE} MB/h");
        grown = format!("; memory slope over the last two thirds {trend}");
    }
    Ok(format!(
        "{} calls at {rate}/s, at most {} at once, 0 failed, set-up p99 {:.0} ms; {came} phones came and went, {refreshed} refreshes{grown}",
        tally.completed,
        tally.most,
        tally.percentile(99).as_secs_f64() * 1000.0
    ))
}

/// A phone that connects, registers and goes, each second.
async fn keep_coming_and_going(tls: Arc<rustls::ClientConfig>, is_over: Arc<AtomicBool>) -> Result<usize> {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut came = 0;
    while !is_over.load(Ordering::SeqCst) {
        tick.tick().await;
        let number = format!("20655504{:02}", came % 100);
        Agent::register(&tls, &number, one_of_crowd(200 + came % 100), Manner::Rings).await?;
        came += 1;
    }
    Ok(came)
}

/// Phones that call, and phones that answer.
struct Ward {
    callers: Vec<Agent>,
    callees: Vec<Agent>,
    help: Agent,
    /// What its phones were told of refusals.
    told: Told,
}

/// How calls fared.
#[derive(Default)]
struct Tally {
    completed: usize,
    shed: usize,
    most: usize,
    /// After which seconds who was shed may come back.
    retries: Vec<u32>,
    /// How the first of them failed.
    failed: Vec<String>,
    set_up: Vec<Duration>,
    during: Duration,
}

impl Ward {
    async fn open(site: &Site, phones: usize) -> Result<Self> {
        let tls = site.authority.client_config()?;
        let (mut callers, mut callees) = (Vec::new(), Vec::new());
        for index in 0..phones {
            let (caller, callee) = (format!("20655505{index:02}"), format!("20655506{index:02}"));
            callers.push(Agent::register(&tls, &caller, one_of_crowd(300 + index), Manner::Rings).await?);
            callees.push(Agent::register(&tls, &callee, one_of_crowd(400 + index), Manner::Answers).await?);
        }
        let help = Agent::register(&tls, EMERGENCY, one_of_crowd(299), Manner::Answers).await?;
        Ok(Self { callers, callees, help, told: site.told.clone() })
    }

    /// Refreshes one phone after the other, each several times in its lifetime; put off, it is its turn again a round later.
    async fn keep_registered(self: Arc<Self>, is_over: Arc<AtomicBool>) -> Result<()> {
        let mut tick = interval(REFRESH);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let phones = self.callers.iter().chain(&self.callees).chain([&self.help]).cycle();
        for phone in phones {
            tick.tick().await;
            if is_over.load(Ordering::SeqCst) {
                break;
            }
            let answer = phone.refresh().await.context("a phone of the ward refreshes")?;
            ensure!(
                answer.status.is_success() || is_shed(&answer),
                "a refresh in the ward is answered {}",
                answer.status.code()
            );
        }
        Ok(())
    }

    /// Eight times one call after the other, each from the next phone: what is carried in a second.
    async fn as_many_as_possible(self: &Arc<Self>, during: Duration) -> Result<f64> {
        let begun = Instant::now();
        let mut lines = JoinSet::new();
        for line in 0..LINES {
            let ward = Arc::clone(self);
            lines.spawn(async move {
                let mut completed = 0;
                for index in (line..).step_by(LINES) {
                    if begun.elapsed() >= during {
                        break;
                    }
                    let mut tally = Tally::default();
                    ward.call(index, Duration::ZERO, &Mutex::new(&mut tally)).await;
                    completed += tally.completed;
                    ensure!(tally.failed.is_empty(), "{:?}", tally.failed);
                }
                anyhow::Ok(completed)
            });
        }
        let mut completed = 0;
        while let Some(line) = lines.join_next().await {
            completed += line??;
        }
        Ok(completed as f64 / begun.elapsed().as_secs_f64())
    }

    /// Calls that begin when they are due, whether or not those before have ended.
    async fn at_rate(self: &Arc<Self>, rate: f64, during: Duration, hold: Duration) -> Result<Tally> {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut tick = interval(Duration::from_secs_f64(1.0 / rate));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let turns = Arc::new(Semaphore::new(MOST_AT_ONCE));
        let begun = Instant::now();
        let mut calling = JoinSet::new();
        let mut most = 0;
        for index in 0.. {
            tick.tick().await;
            if begun.elapsed() >= during {
                break;
            }
            let turn = Arc::clone(&turns).acquire_owned().await?;
            let (ward, tally) = (Arc::clone(self), Arc::clone(&tally));
            calling.spawn(async move {
                let _turn = turn;
                let mut own = Tally::default();
                ward.call(index, hold, &Mutex::new(&mut own)).await;
                tally.lock().unwrap_or_else(PoisonError::into_inner).add(own);
            });
            while calling.try_join_next().is_some() {}
            most = most.max(calling.len());
        }
        while let Some(call) = calling.join_next().await {
            call.context("a call's task")?;
        }
        let mut tally = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
        (tally.during, tally.most) = (begun.elapsed(), most);
        tally.set_up.sort();
        Ok(tally)
    }

    /// One whole call.
    async fn call(&self, index: usize, hold: Duration, tally: &Mutex<&mut Tally>) {
        let (caller, callee) =
            (&self.callers[index % self.callers.len()], &self.callees[index % self.callees.len()]);
        let begun = Instant::now();
        let outcome = match caller.call(&callee.number).await {
            Ok(Ok(placed)) => {
                let taken = begun.elapsed();
                sleep(hold).await;
                match caller.hang_up(&placed).await {
                    Ok(answer) if answer.status.is_success() => Ok(taken),
                    Ok(answer) => Err((None, format!("its BYE is answered {}", answer.status.code()))),
                    Err(error) => Err((None, format!("its BYE: {error:#}"))),
                }
            }
            // Shed, or at a bound of calls that it fills because they end late.
            Ok(Err(answer)) if answer.status.code() == 503 => {
                self.told.note(&answer);
                let wait = answer.headers.retry_after();
                let wait = wait.filter(|wait| RETRY_AFTER.contains(wait));
                Err((wait.map(|wait| (wait, is_shed(&answer))), "503 without a time to come back".to_owned()))
            }
            Ok(Err(answer)) => {
                let warning = answer.headers.get(&HeaderName::WARNING).map_or("", |warning| warning.as_str());
                Err((None, format!("answered {} {warning}", answer.status.code())))
            }
            Err(error) => Err((None, format!("{error:#}"))),
        };
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(taken) => {
                tally.completed += 1;
                tally.set_up.push(taken);
            }
            Err((Some((wait, is_shed)), _)) => {
                tally.shed += 1;
                tally.retries.extend(is_shed.then_some(wait));
            }
            Err((_, how)) => tally.failed.push(how),
        }
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.completed += other.completed;
        self.shed += other.shed;
        self.retries.extend(other.retries);
        let room = TOLD.saturating_sub(self.failed.len());
        self.failed.extend(other.failed.into_iter().take(room));
        self.set_up.extend(other.set_up);
    }

    fn percentile(&self, share: usize) -> Duration {
        let rank = (self.set_up.len() * share).div_ceil(100).max(1);
        self.set_up.get(rank - 1).copied().unwrap_or_default()
    }
}

/// A call rests its four ports for a minute: 50 calls a second take 12,000 of them, and more at five times as many.
fn many_ports(configuration: &mut Configuration) {
    configuration.media = "[media]\nports = \"10000-59999\"\n".to_owned();
}

/// Calls under way at once while it is measured how many are carried.
const LINES: usize = 8;
/// In MB an hour, at 50 calls a second: 12 bytes a call. The smallest piece of memory that can be forgotten takes 32, so that
/// calls of which each second one leaves one behind grow by more.
const ONE_PIECE_A_CALL: f64 = 2.0;
/// What was promised, in MB an hour: less than a run of half an hour can tell from none, so it must not be told from it.
const SLOPE: f64 = 0.1;
/// Between two refreshes of the ward: a hundred phones are refreshed within a minute, registrations last four at least.
const REFRESH: Duration = Duration::from_millis(500);
/// Failures that are told.
const TOLD: usize = 10;
const EMERGENCY: &str = "911";
/// More than are open at once on a machine that keeps up.
const MOST_AT_ONCE: usize = 1_200;
