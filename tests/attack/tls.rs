//! TLS toward the phones: what scanners find, and what a client may do in the middle of things.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::{Configuration, HOST};
use cordon_tests::kamailio::Transport;
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, one_of_crowd};
use cordon_tests::wire::tcp;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::attack::Attack;
use crate::hog::Hog;
use crate::site::Site;
use crate::vitals::Vitals;

#[test]
fn b01_scanners_find_the_six_suites_and_nothing_else() {
    Attack::new("B01", "sslscan and testssl.sh, each suite of each version from SSLv2 on; ECDSA, then RSA")
        .logs(&["CD-TLS-01", "CD-TLS-02"])
        .run(|site| {
            // Both at once: they wait for answers most of the time.
            let (sslscan, testssl) = std::thread::scope(|scope| {
                let sslscan = scope.spawn(sslscan);
                let testssl = testssl(site, "ecdsa");
                (sslscan.join().expect("sslscan's thread does not panic"), testssl)
            });
            let ours: BTreeSet<String> = [OF_TLS_1_3, OF_ECDSA].concat().into_iter().map(str::to_owned).collect();
            ensure!(sslscan? == ours, "sslscan finds {ours:?}");
            ensure!(testssl? == ours, "testssl.sh finds {ours:?}");

            let rsa = site.authority.rsa_leaf("cordon-rsa", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
            site.reload(&Configuration::lab(&site.authority, &rsa, Transport::Tls))?;
            let ours: BTreeSet<String> = [OF_TLS_1_3, OF_RSA].concat().into_iter().map(str::to_owned).collect();
            ensure!(self::sslscan()? == ours, "sslscan finds {ours:?}");
            // It takes half a minute, and of the versions it has told before.
            if site.length(false, true) {
                ensure!(self::testssl(site, "rsa")? == ours, "testssl.sh finds {ours:?}");
            }
            Ok("both lists equal ours: TLS 1.2 and 1.3, 2 suites of TLS 1.3 and 2 of TLS 1.2 for each key; P-256, P-384, \
                X25519; no renegotiation, no Heartbleed".to_owned())
        });
}

#[test]
fn b02_a_renegotiation_is_refused_and_a_close_notify_in_a_handshake_ends_it() {
    Attack::new("B02", "client renegotiation; close_notify before, within and behind the ClientHello")
        .logs(&["CD-TLS-07", "CD-TRANSPORT-05", "CD-TRANSPORT-09"])
        .run(|site| {
            let calm = busy_share(site)?;
            let renegotiations = site.length(AT_ONCE, 1_000);
            for _ in 0..renegotiations / AT_ONCE {
                // The refusal waits for the next byte that Cordon has to say: here, its goodbye to who stays silent.
                let started = (0..AT_ONCE).map(|_| renegotiate()).collect::<Result<Vec<_>>>()?;
                for openssl in started {
                    let output = openssl.wait_with_output()?;
                    let said = String::from_utf8_lossy(&output.stderr);
                    ensure!(said.contains("RENEGOTIATING"), "it was tried: {said}");
                    ensure!(said.contains(":no renegotiation:"), "and refused: {said}");
                }
            }
            let hello = client_hello(site)?;
            let half = half_of(&hello)?;
            let closings = site.length(600, 10_000);
            let mut longest = Duration::ZERO;
            for round in 0..closings {
                let bytes = match round % 3 {
                    0 => [&hello, CLOSE_NOTIFY].concat(),
                    1 => [&half, CLOSE_NOTIFY].concat(),
                    _ => [CLOSE_NOTIFY, &hello].concat(),
                };
                longest = longest.max(until_closed(one_of_crowd(round % 40), &bytes)?);
            }
            let idle = if site.length(false, true) {
                idle_after_a_second(site, calm)?
            } else {
                await_idle(site)?;
                "the processor is idle again".to_owned()
            };
            Ok(format!(
                "{renegotiations} of {renegotiations} refused; {closings} of {closings} connections closed, the slowest after \
                 {:.0} ms; {idle}",
                longest.as_secs_f64() * 1000.0
            ))
        });
}

/// `version suite` of every suite that sslscan finds; everything else it looks at must be as it should.
fn sslscan() -> Result<BTreeSet<String>> {
    let door = format!("{CORDON_LOCATION}:5061");
    let output = Command::new("sslscan").args(["--no-colour", "--xml=-", &door]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let values = |element: &str, attribute: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.trim_start().starts_with(&format!("<{element} ")));
        let value = |line: &str| {
            let (_, rest) = line.split_once(&format!(" {attribute}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        lines.filter_map(value).collect()
    };
    // SSL 2, SSL 3, TLS 1.0 to 1.3, in this order.
    ensure!(values("protocol", "enabled") == ["0", "0", "0", "0", "1", "1"], "{text}");
    ensure!(values("renegotiation", "supported") == ["0"], "{text}");
    ensure!(values("heartbleed", "vulnerable").iter().all(|vulnerable| vulnerable == "0"), "{text}");
    ensure!(values("group", "id") == ["0x0017", "0x0018", "0x001d"], "{text}");
    let versions = values("cipher", "sslversion");
    Ok(versions
        .iter()
        .zip(values("cipher", "cipher"))
        .map(|(version, suite)| format!("{version} {suite}"))
        .collect())
}

/// The same, by testssl.sh, which sends hellos of its own making where OpenSSL cannot.
fn testssl(site: &Site, key: &str) -> Result<BTreeSet<String>> {
    let file = site.folder.join(format!("testssl-{key}.csv"));
    let output = Command::new("testssl")
        .args(["--quiet", "--color", "0", "--warnings", "off", "-n", "none", "-p", "-E", "--csvfile"])
        .arg(&file)
        .arg(format!("{CORDON_LOCATION}:5061"))
        .stdin(Stdio::null())
        .output()?;
    let text = std::fs::read_to_string(&file)
        .with_context(|| String::from_utf8_lossy(&output.stdout).into_owned())?;
    for (version, finding) in [
        ("SSLv2", "not offered"),
        ("SSLv3", "not offered"),
        ("TLS1", "not offered"),
        ("TLS1_1", "not offered"),
    ] {
        let is_found =
            text.lines().any(|line| line.starts_with(&format!("\"{version}\",")) && line.contains(finding));
        ensure!(is_found, "{version} is {finding}: {text}");
    }
    // "cipher-tls1_2_xc02c",..,"TLS 1.2   xc02c   ECDHE-ECDSA-AES256-GCM-SHA384     ECDH 253 ..
    let suite = |line: &str| {
        let mut words = line.strip_prefix("\"cipher-")?.split('"').nth(8)?.split_whitespace();
        let version = format!("{}v{}", words.next()?, words.next()?);
        Some(format!("{version} {}", words.nth(1)?))
    };
    Ok(text.lines().filter_map(suite).collect())
}

/// OpenSSL asks for a new handshake as soon as it has the first (TLS 1.2; 1.3 has none).
fn renegotiate() -> Result<Child> {
    let mut openssl = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-connect", &format!("{CORDON_LOCATION}:5061"), "-servername", HOST])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // It ends at the refusal, or else at the end of its input.
    openssl.stdin.take().context("stdin is piped")?.write_all(b"R\n")?;
    Ok(openssl)
}

fn client_hello(site: &Site) -> Result<Vec<u8>> {
    let mut client = ClientConnection::new(site.authority.client_config()?, ServerName::try_from(HOST)?)?;
    let mut hello = Vec::new();
    client.write_tls(&mut hello)?;
    Ok(hello)
}

/// A record of its own with the first half of the hello in it: the message goes on in the next.
fn half_of(hello: &[u8]) -> Result<Vec<u8>> {
    let (head, message) = hello.split_at_checked(RECORD_HEAD).context("a hello is a record")?;
    let half = message.get(..message.len() / 2).unwrap_or_default();
    let length = u16::try_from(half.len())?.to_be_bytes();
    Ok([head.get(..3).unwrap_or_default(), &length, half].concat())
}

/// Says this, and waits until the other side has closed the connection.
fn until_closed(from: IpAddr, bytes: &[u8]) -> Result<Duration> {
    let begun = Instant::now();
    let mut stream = tcp(from, 5061)?;
    stream.set_read_timeout(Some(CLOSED))?;
    // Who has been closed already cannot be told any more.
    let _ = stream.write_all(bytes);
    let mut answer = [0; 4096];
    loop {
        match stream.read(&mut answer) {
            Ok(0) => return Ok(begun.elapsed()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(begun.elapsed()),
            Err(error) => return Err(error).context("the connection is closed"),
        }
    }
}

/// Lets a second pass, and sees that in the next one no more of a processor is used than before the attack, when nothing but
/// the canary was there.
fn idle_after_a_second(site: &Site, calm: f64) -> Result<String> {
    // That it rests is seen by waiting.
    std::thread::sleep(Duration::from_secs(1));
    let busy = busy_share(site)?;
    ensure!(busy <= calm + NOISE, "{:.0} % of a processor, {:.0} % before", busy * 100.0, calm * 100.0);
    Ok(format!("a second later {:.0} % of a processor are used, {:.0} % before", busy * 100.0, calm * 100.0))
}

/// The share of a processor that the process uses in a second.
fn busy_share(site: &Site) -> Result<f64> {
    let (begun, before) = (Instant::now(), Vitals::processor_time(&site.cordon)?);
    std::thread::sleep(Duration::from_secs(1));
    let used = Vitals::processor_time(&site.cordon)?.saturating_sub(before);
    Ok(used.as_secs_f64() / begun.elapsed().as_secs_f64())
}

/// Waits until the process uses less than half of what a spinning one gets beside it: one that turns in circles gets as
/// much, for ever.
fn await_idle(site: &Site) -> Result<()> {
    let hog = Hog::start()?;
    let until = Instant::now() + CLOSED;
    loop {
        let before = (Vitals::processor_time(&site.cordon)?, hog.processor_time()?);
        std::thread::park_timeout(Duration::from_secs(1));
        let used = Vitals::processor_time(&site.cordon)?.saturating_sub(before.0);
        let spun = hog.processor_time()?.saturating_sub(before.1);
        if used < spun / 2 {
            return Ok(());
        }
        ensure!(
            Instant::now() < until,
            "{used:?} of processor time where a spinning process has {spun:?}, and nobody asks for anything"
        );
    }
}

const AT_ONCE: usize = 50;
const OF_TLS_1_3: &[&str] = &["TLSv1.3 TLS_AES_256_GCM_SHA384", "TLSv1.3 TLS_AES_128_GCM_SHA256"];
const OF_ECDSA: &[&str] = &["TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256"];
const OF_RSA: &[&str] = &["TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256"];

/// Type, version and length (RFC 8446 §5.1).
const RECORD_HEAD: usize = 5;
/// A warning alert in a record of TLS 1.2, in clear.
const CLOSE_NOTIFY: &[u8] = &[0x15, 3, 3, 0, 2, 1, 0];
/// Of a processor, in a second: three readings of the clock that Linux counts with, and a visit of the canary more.
const NOISE: f64 = 0.05;
/// Not a promise of speed: a handshake that is over has no other end.
const CLOSED: Duration = Duration::from_secs(10);
