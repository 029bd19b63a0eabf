//! Everything but SIP over TLS: refused once, in few bytes, and not for ever.

use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::machine::CORDON_LOCATION;
use cordon_tests::wire::tcp;

use crate::attack::Attack;
use crate::requests::{options, register, request};
use crate::site::ATTACKER;

#[test]
fn b11_plain_sip_and_other_protocols_get_one_small_refusal() {
    Attack::new("B11", "sipsak, svmap, bare requests and a burst of 300 on 5060; HTTP, RDP, SIP, WebSocket, SSH, rubbish on 5061")
        .logs(&["CD-TRANSPORT-01", "CD-TRANSPORT-02", "CD-TRANSPORT-03", "CD-TRANSPORT-05"])
        .run(|site| {
            scanners()?;
            let closed = site.length(PATIENCE, CLOSED);
            let mut most = i64::MIN;
            for message in messages() {
                most = most.max(over_udp(&message)?).max(over_tcp(5060, &message, closed)?.growth);
            }
            let mut slowest = Duration::ZERO;
            for message in messages().into_iter().chain(strangers()) {
                let met = over_tcp(5061, &message, closed)?;
                most = most.max(met.growth);
                slowest = slowest.max(met.closed_after);
            }
            ensure!(most <= 256, "an answer is {most} bytes longer than its request");
            let (answers, during) = burst()?;
            let allowed = 10 * (during.as_secs() + 1);
            ensure!(answers as u64 <= allowed, "{answers} answers within {during:?}");
            Ok(format!(
                "at most {most:+} bytes more out than in; {answers} answers to a burst of 300; 5061 closes within {:.0} ms",
                slowest.as_secs_f64() * 1000.0
            ))
        });
}

/// Real tools see the refusal, and nobody finds a web server.
fn scanners() -> Result<()> {
    let sipsak =
        Command::new("sipsak").args(["-vv", "-s", &format!("sip:100@{CORDON_LOCATION}")]).output()?;
    let seen = String::from_utf8_lossy(&sipsak.stdout).into_owned();
    ensure!(seen.contains(" 480 "), "sipsak sees the refusal: {seen}");
    Command::new("svmap").args([CORDON_LOCATION]).output().context("svmap is installed")?;
    for (arguments, what) in [
        (["--max-time", "5", "http://10.1.0.5:5061/"], "HTTP on the TLS port"),
        (["--max-time", "5", "http://10.1.0.5:5060/"], "HTTP on the plain port"),
    ] {
        let curl = Command::new("curl").arg("-s").args(arguments).output().context("curl is installed")?;
        ensure!(!curl.status.success(), "{what} is no web server");
    }
    let curl = Command::new("curl").args(["-sk", "--max-time", "5", "https://10.1.0.5:5061/"]).output()?;
    ensure!(!curl.status.success(), "HTTPS on the TLS port is no web server");
    Ok(())
}

/// How many bytes more came back than were sent.
fn over_udp(message: &[u8]) -> Result<i64> {
    let socket = UdpSocket::bind((next_source().as_str(), 0))?;
    socket.set_read_timeout(Some(SILENCE))?;
    socket.send_to(message, (CORDON_LOCATION, 5060))?;
    let mut came = 0;
    while let Ok(count) = socket.recv(&mut [0; 65_535]) {
        came += count;
    }
    Ok(i64::try_from(came)? - i64::try_from(message.len())?)
}

struct Met {
    growth: i64,
    closed_after: Duration,
}

/// At most one refusal comes back, and the connection is closed before so much time has passed.
fn over_tcp(port: u16, message: &[u8], limit: Duration) -> Result<Met> {
    let mut stream = tcp(next_source().parse()?, port)?;
    let begun = Instant::now();
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(message)?;
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let shown = String::from_utf8_lossy(message.get(..40).unwrap_or(message)).into_owned();
        ensure!(error.kind() == ErrorKind::ConnectionReset, "port {port} closes after {shown:?}: {error}");
    }
    let closed_after = begun.elapsed();
    ensure!(closed_after < limit, "port {port} closes after {closed_after:?}");
    let refusals = String::from_utf8_lossy(&answer).matches("SIP/2.0 4").count();
    ensure!(answer.is_empty() || refusals == 1, "one refusal: {}", String::from_utf8_lossy(&answer));
    Ok(Met { growth: i64::try_from(answer.len())? - i64::try_from(message.len())?, closed_after })
}

/// How many of 300 requests sent at once are answered, and for how long answers came.
fn burst() -> Result<(usize, Duration)> {
    let socket = UdpSocket::bind((ATTACKER, 0))?;
    socket.set_read_timeout(Some(SILENCE))?;
    let message = options("burst").replace("SIP/2.0/TLS", "SIP/2.0/UDP");
    let begun = Instant::now();
    for _ in 0..300 {
        socket.send_to(message.as_bytes(), (CORDON_LOCATION, 5060))?;
    }
    let mut answers = 0;
    let mut last = begun.elapsed();
    while socket.recv(&mut [0; 4096]).is_ok() {
        answers += 1;
        last = begun.elapsed();
    }
    ensure!(answers > 0, "somebody who asks once is answered");
    Ok((answers, last))
}

/// SIP that is not over TLS, from a whole request down to the shortest one.
fn messages() -> Vec<Vec<u8>> {
    let long = request(
        "INVITE",
        "sip:1@mx.clinic.test",
        "plain",
        &format!("Subject: {}\r\nContent-Length: 0\r\n", "s".repeat(900)),
    );
    let short = "OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bKs\r\nf:<sip:a>;tag=1\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 OPTIONS\r\nl:0\r\n\r\n";
    let credentials = "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\"\r\nContent-Length: 0\r\n";
    [
        options("plain"),
        register("plain"),
        long,
        short.to_owned(),
        request("REGISTER", "sip:mx.clinic.test", "exposed", credentials),
        "OPTIONS sip:a SIP/2.0\r\n\r\n".to_owned(),
    ]
    .map(|message| message.replace("SIP/2.0/TLS", "SIP/2.0/UDP").into_bytes())
    .to_vec()
}

/// What else knocks at a port.
fn strangers() -> Vec<Vec<u8>> {
    let rdp = [
        b"\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00Cookie: mstshash=admin\r\n".as_slice(),
        b"\x01\x00\x08\x00\x03\x00\x00\x00",
    ]
    .concat();
    vec![
        b"GET / HTTP/1.1\r\nHost: 10.1.0.5\r\n\r\n".to_vec(),
        b"POST /x HTTP/1.1\r\nHost: 10.1.0.5\r\nContent-Length: 5\r\n\r\nhello".to_vec(),
        b"GET /ws HTTP/1.1\r\nHost: 10.1.0.5\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
            .to_vec(),
        rdp,
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10".to_vec(),
        vec![0; 512],
        vec![0xff; 512],
    ]
}

/// A source of its own for each message, so that none is silenced for the one before.
fn next_source() -> String {
    use std::sync::atomic::{AtomicU8, Ordering};
    static NEXT: AtomicU8 = AtomicU8::new(1);
    format!("10.1.132.{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

const SILENCE: Duration = Duration::from_millis(400);
/// What was promised, of a release build on a machine of its own.
const CLOSED: Duration = Duration::from_secs(1);
/// Not a promise of speed: who is not served has no reason to be kept.
const PATIENCE: Duration = Duration::from_secs(3);
