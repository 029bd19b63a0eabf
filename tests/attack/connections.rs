//! Connections in numbers: held without a word, or opened and closed without end.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::HOST;
use cordon_tests::machine::{CORDON_LOCATION, one_of_crowd};
use cordon_tests::program::Program;
use cordon_tests::wire::tcp;

use crate::attack::Attack;
use crate::site::Site;
use crate::vitals::Vitals;

#[test]
fn b04_thousands_of_silent_connections_from_one_address_shut_nobody_out() {
    Attack::new("B04", "2,100 silent and 2,100 eight-byte TCP connections from one address, held")
        .logs(&["CD-TRANSPORT-20"])
        .run(|site| {
            let standing = besiege(site, |_| one_of_crowd(0), EACH, PLACES_OF_ADDRESS)?;
            Ok(format!("{} opened, {standing} of them stand, the others made room", 2 * EACH))
        });
}

#[test]
fn b04_thousands_of_silent_connections_from_everywhere_shut_nobody_out() {
    Attack::new("B04", "the same from 200 addresses, more than there are places in total, in waves")
        .logs(&["CD-TRANSPORT-20"])
        .run(|site| {
            let waves = site.length(1, 4);
            let mut standing = 0;
            for _ in 0..waves {
                standing = besiege(site, |index| one_of_crowd(index % 200), EACH + 400, PLACES)?;
            }
            Ok(format!(
                "{waves} × {} opened, {standing} of the last stand, the others made room",
                2 * (EACH + 400)
            ))
        });
}

#[test]
fn b06_five_hundred_tls_connections_a_second_all_succeed() {
    Attack::new("B06", "500 TLS connections a second, each a handshake, an OPTIONS and a close")
        .logs_nothing()
        .run(|site| {
            let seconds = site.length(5, 600);
            let mut command = Command::new(env!("CARGO_BIN_EXE_cordon-crowd"));
            command.arg(&site.authority.anchor).args([CORDON_LOCATION, HOST]);
            command.args([500, seconds].map(|number| number.to_string()));
            allow_descriptors()?;
            let mut crowd = Program::start("crowd", command)?;
            let mut most = 0;
            // Its last line is the result.
            let patience = Duration::from_secs(60 + 2 * seconds);
            let until = Instant::now() + patience;
            while crowd.is_running() {
                most = most.max(Vitals::of(&site.cordon)?.memory);
                ensure!(Instant::now() < until, "the crowd goes home within {patience:?}");
                std::thread::park_timeout(Duration::from_millis(200));
            }
            let result = crowd
                .await_line("visits ", Duration::from_secs(1))
                .context("the crowd tells how it fared")?;
            ensure!(result.contains(" 0 failed"), "{}", crowd.text());
            Ok(format!("{result}; memory at most {most} kB"))
        });
}

/// Opens `each` connections that say nothing and as many that say eight bytes, sees all but `most` of them closed and holds
/// the others while the canary goes on; how many stood.
fn besiege(site: &Site, from: impl Fn(usize) -> IpAddr, each: usize, most: usize) -> Result<usize> {
    allow_descriptors()?;
    let mut held = Vec::new();
    for index in 0..2 * each {
        let mut stream = tcp(from(index), 5061).with_context(|| format!("connection {index}"))?;
        if index % 2 == 1 {
            // Who has been closed already cannot be told any more.
            let _ = stream.write_all(BEGUN);
        }
        stream.set_nonblocking(true)?;
        held.push(stream);
    }
    let until = Instant::now() + CLOSED;
    while held.len() > most {
        ensure!(Instant::now() < until, "{} stand where {most} have a place", held.len());
        // Each end is an event of a socket of its own, and there are thousands of them.
        std::thread::park_timeout(Duration::from_millis(50));
        held.retain_mut(is_open);
    }
    let standing = held.len();
    // The attack is to wait: the canary has to live beside it.
    std::thread::sleep(site.length(Duration::from_secs(4), Duration::from_secs(30)));
    Ok(standing)
}

fn is_open(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 16]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Lets this process, and what it starts, have as many sockets as it may.
fn allow_descriptors() -> Result<()> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("Linux tells")?;
    let most: usize = line.split_whitespace().nth(4).context("the hard limit is the second")?.parse()?;
    ensure!(most >= NEEDED, "an attack takes {NEEDED} open files, and {most} are allowed (ulimit -Hn)");
    let pid = std::process::id().to_string();
    let status =
        Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={most}:{most}")]).status()?;
    ensure!(status.success(), "a process may raise its own limit");
    Ok(())
}

/// Not a promise of speed: longer than it takes to accept what waits in the kernel.
const CLOSED: Duration = Duration::from_secs(20);
const EACH: usize = 2_100;
const NEEDED: usize = 6_000;
/// Connections of one address that Cordon keeps before their first byte of SIP.
const PLACES_OF_ADDRESS: usize = 64;
/// The same of all addresses.
const PLACES: usize = 4_096;
/// The first bytes of a ClientHello, and no more.
const BEGUN: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1];
