//! What the machine runs out of: patience of a reader, descriptors, processor time.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::caller::{TlsCaller, connect_tls};
use cordon_tests::handset;
use cordon_tests::machine::{CORDON_LOCATION, one_of_crowd};
use cordon_tests::metrics::Metrics;
use cordon_tests::wire::{Wire, tcp};

use crate::agent::{Agent, Manner};
use crate::attack::Attack;
use crate::hog::Hog;
use crate::requests::options;
use crate::site::Site;
use crate::vitals::Vitals;

#[test]
fn g03_connections_that_never_read_are_closed_at_their_bound() {
    Attack::new("G03", "connections that ask and never read an answer")
        .logs(&["CD-TRANSPORT-10"])
        .overloads()
        .run(|site| {
            let flows: usize = site.length(24, 500);
            let before = Vitals::of(&site.cordon)?;
            let closed = Metrics::read()?.sum("cordon_refusals_total", &["code=\"CD-TRANSPORT-10\""]);
            // An answer repeats the Via: a few hundred fill what may wait.
            let request = options("deaf").replacen(";rport", &format!(";rport;x={}", "x".repeat(2_000)), 1);
            let deaf = open_all(site, flows)?;
            let asking: Vec<_> = deaf
                .into_iter()
                .map(|stream| {
                    let request = request.clone();
                    std::thread::spawn(move || ask_until_closed(stream, &request))
                })
                .collect();
            let mut most = before.memory;
            while asking.iter().any(|one| !one.is_finished()) {
                most = most.max(Vitals::of(&site.cordon)?.memory);
                // What a process holds can only be asked for.
                std::thread::park_timeout(Duration::from_millis(50));
            }
            let asked = asking.into_iter().map(|one| one.join().expect("no thread panics"));
            let sent = asked.sum::<Result<usize>>().context("a connection that does not read")?;
            let now = Metrics::await_until("each of them is closed by the rule", LIMIT, |metrics| {
                metrics.sum("cordon_refusals_total", &["code=\"CD-TRANSPORT-10\""]) >= closed + flows as f64
            })?;
            let counted = now.sum("cordon_refusals_total", &["code=\"CD-TRANSPORT-10\""]) - closed;
            let grown = most.saturating_sub(before.memory);
            ensure!(grown <= u64::try_from(flows)? * PER_FLOW + 4 * 1024, "{grown} kB for {flows} at once");
            Ok(format!("{counted} of {flows} at once closed by CD-TRANSPORT-10, {sent} requests; memory at most +{grown} kB"))
        });
}

#[test]
fn g05_with_five_hundred_descriptors_calls_live_and_accepting_rests() {
    Attack::new("G05", "ulimit -n 512 and 600 TLS connections; then no descriptor left at all")
        .with_descriptors(512)
        .logs(&["CD-TRANSPORT-20", "CD-TRANSPORT-21"])
        .run(|site| {
            let mut held = Vec::new();
            let count = site.length(600, 3_000);
            for index in 0..count {
                // One that was closed to make room for another is no failure.
                held.extend(Wire::open_at(
                    site.authority.client_config()?,
                    SocketAddr::new(CORDON_LOCATION.parse()?, 5061),
                    one_of_crowd(index),
                ));
            }
            let most = Vitals::of(&site.cordon)?.descriptors;
            ensure!(most <= 512, "{most} descriptors");
            let before = site.cordon.program.lines_so_far();
            let whole = limit_descriptors(site, lowest_free(site)?)?;
            let knocks: Vec<_> = (0..50).map(|index| tcp(one_of_crowd(index), 5061)).collect::<Result<_>>()?;
            site.cordon.program.await_line_after(before, "no file descriptor is free", LIMIT)?;
            // That it rests is seen by waiting, beside a process that does not.
            let (hog, used) = (Hog::start()?, Vitals::processor_time(&site.cordon)?);
            std::thread::sleep(Duration::from_secs(2));
            let used = Vitals::processor_time(&site.cordon)? - used;
            let share = used.as_secs_f64() / hog.processor_time()?.as_secs_f64();
            drop(hog);
            limit_descriptors(site, whole)?;
            ensure!(share < 0.75, "accepting rests: {:.0} % of what a spinning process takes", share * 100.0);
            let told = site.cordon.program.lines_after(before);
            let told = told.iter().filter(|line| line.contains("no file descriptor is free")).count();
            drop(knocks);
            let opened = held.len();
            drop(held);
            let phone = crate::puppet::Puppet::register(site, "2065550271", "10.1.131.71");
            phone.context("a phone registers afterwards")?;
            Ok(format!(
                "{opened} of {count} handshakes done, at most {most} descriptors; without any: {:.0} % of what a spinning process \
                 takes, {told} lines; a phone registers afterwards",
                share * 100.0
            ))
        });
}

#[test]
fn g06_a_process_that_stands_still_or_has_no_processor_drops_no_call() {
    Attack::new("G06", "SIGSTOP for 3 s; every thread on one core; two hogs beside it").logs_nothing().stands_still().overloads().run(|site| {
        let used = Metrics::read()?;
        let ended = |metrics: &Metrics| metrics.sum("cordon_calls_ended_total", &[]);
        let rounds = site.length(1, 10);
        for _ in 0..rounds {
            site.cordon.program.signal("STOP")?;
            // The attack is to let time pass.
            std::thread::sleep(Duration::from_secs(3));
            let before = site.cordon.program.lines_so_far();
            site.cordon.program.signal("CONT")?;
            visit(site)?;
            let lines = site.cordon.program.lines_after(before);
            ensure!(lines.len() < 60, "timers do not fire in a storm: {} lines", lines.len());
        }
        let pid = site.cordon.program.pid().to_string();
        let pinned = Command::new("taskset").args(["-a", "-p", "-c", "0", &pid]).output()?;
        ensure!(pinned.status.success(), "taskset is part of util-linux");
        let hogs = [Hog::start()?, Hog::start()?];
        let until = Instant::now() + site.length(Duration::from_secs(3), Duration::from_secs(60));
        let mut registered = 0;
        while Instant::now() < until {
            visit(site)?;
            registered += 1;
        }
        drop(hogs);
        let now = Metrics::read()?;
        ensure!(ended(&now) == ended(&used), "no call was dropped");
        Ok(format!("{rounds} × 3 s stopped; one core with two hogs: {registered} phones came and registered; no call ended"))
    });
}

/// A phone comes, registers, and goes.
fn visit(site: &Site) -> Result<()> {
    let tls = site.authority.client_config()?;
    handset::block_on(async {
        Agent::register(&tls, "2065550272", one_of_crowd(72), Manner::Rings).await.map(drop)
    })
}

/// So many connections, all of which stand before the first of them asks.
fn open_all(site: &Site, count: usize) -> Result<Vec<TlsCaller>> {
    let door = SocketAddr::new(CORDON_LOCATION.parse::<IpAddr>()?, 5061);
    std::thread::scope(|scope| {
        let open =
            |index| move || connect_tls(&site.authority, &one_of_crowd(index).to_string(), door, LIMIT);
        let opening: Vec<_> = (0..count).map(|index| scope.spawn(open(index))).collect();
        opening.into_iter().map(|one| one.join().expect("no thread panics")).collect()
    })
}

/// Asks until the connection is closed, and reads nothing; how often it asked.
fn ask_until_closed(mut stream: TlsCaller, request: &str) -> Result<usize> {
    for asked in 0..MOST {
        if let Err(error) = stream.write_all(request.as_bytes()) {
            ensure!(error.kind() != std::io::ErrorKind::WouldBlock, "nobody reads, and nobody closes");
            return Ok(asked);
        }
    }
    anyhow::bail!("{MOST} requests and still open")
}

/// The first number that a new descriptor would get.
fn lowest_free(site: &Site) -> Result<usize> {
    let folder = format!("/proc/{}/fd", site.cordon.program.pid());
    let taken = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().parse::<usize>()?))
        .collect::<Result<std::collections::BTreeSet<_>>>()?;
    (0..).find(|number| !taken.contains(number)).context("there are more numbers than descriptors")
}

/// Sets the soft limit of the running process, and tells what it was.
fn limit_descriptors(site: &Site, limit: usize) -> Result<usize> {
    let pid = site.cordon.program.pid().to_string();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("Linux tells")?;
    let before = line.split_whitespace().nth(3).context("the soft limit is the first")?.parse()?;
    let status = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={limit}:")]).status()?;
    ensure!(status.success(), "prlimit is part of util-linux");
    Ok(before)
}

/// In kB: the write queue, what TLS has in hand, and the parts that were read and not answered yet.
const PER_FLOW: u64 = 512;
/// More requests than any queue holds answers.
const MOST: usize = 20_000;
const LIMIT: Duration = Duration::from_secs(30);
