//! The log: nobody writes into it what he wants, and nobody fills it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::metrics::Metrics;
use cordon_tests::wire::Wire;

use crate::attack::Attack;
use crate::puppet::Puppet;
use crate::requests::{options, request};
use crate::site::{ATTACKER, Site};

#[test]
fn h06_nobody_forges_a_line_of_the_log_or_fills_it() {
    Attack::new("H06", "CR, LF, ESC, NUL, U+2028, U+202E in every field; then malformed messages as fast as they are taken")
        .logs(&["CD-TRANSPORT-07", "CD-TRANSPORT-11", "CD-TRANSPORT-12"])
        .overloads()
        .run(|site| {
            let before = site.cordon.program.lines_so_far();
            let forged = forge(site)?;
            let begun = Instant::now();
            let (sent, taken) = flood(site)?;
            let rate = taken as f64 / begun.elapsed().as_secs_f64();
            // Whoever was left out is counted and told of.
            Metrics::await_until("lines were left out", LIMIT, |metrics| {
                metrics.sum("cordon_log_lines_suppressed_total", &[]) > 0.0
            })?;
            site.cordon.program.await_line_after(before, "events suppressed", LIMIT)?;
            let lines = site.cordon.program.lines_after(before);
            let mut seconds = BTreeMap::<&str, usize>::new();
            for line in &lines {
                ensure!(line.starts_with("20") && line.get(10..11) == Some("T"), "every line is Cordon's own: {line:?}");
                let is_clean = |letter: char| !letter.is_control() && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
                ensure!(line.chars().all(is_clean), "nothing in it moves a cursor: {line:?}");
                ensure!(!line.contains("FORGED"), "nothing in it is the attacker's: {line}");
                // What the PBX has granted no stranger can cause.
                if !line.contains(": phone registered ") && !line.contains(": phone unregistered ") {
                    *seconds.entry(line.get(..19).unwrap_or_default()).or_default() += 1;
                }
            }
            let most = seconds.values().max().copied().unwrap_or_default();
            ensure!(most <= 100, "{most} lines in one second");
            Ok(format!(
                "{forged} forgeries: no line of their own; {sent} malformed messages, {taken} answered, at {rate:.0}/s: at most {most} \
                 lines a second and \"events suppressed\""
            ))
        });
}

/// Puts what a terminal, a pager or a log reader would obey into each field of a message, on connections of strangers and of
/// a registered phone.
fn forge(site: &Site) -> Result<usize> {
    let mut forged = 0;
    let base = request(
        "OPTIONS",
        "sip:sip.clinic.test",
        "forged",
        "User-Agent: a\r\nX-Header: a\r\nContent-Length: 0\r\n",
    );
    for evil in EVIL {
        for (at, with) in [
            ("OPTIONS ", format!("OPT{evil}IONS ")),
            ("sip:sip.clinic.test", format!("sip:{evil}@sip.clinic.test")),
            ("SIP/2.0\r\n", format!("SIP/2.0{evil}\r\n")),
            ("z9hG4bKforged", format!("z9hG4bK{evil}")),
            ("10.1.130.1:5061", format!("host{evil}:5061")),
            ("From: <", format!("From: \"{evil}\" <")),
            (";tag=a", format!(";tag=a{evil}")),
            ("To: <sip:", format!("To: <sip:{evil}")),
            ("Call-ID: forged", format!("Call-ID: {evil}")),
            ("CSeq: 1 OPTIONS", format!("CSeq: 1 OPT{evil}IONS")),
            ("Max-Forwards: 70", format!("Max-Forwards: 7{evil}0")),
            ("User-Agent: a", format!("User-Agent: {evil}")),
            ("X-Header: a", format!("X-He{evil}ader: a")),
            ("Content-Length: 0", format!("Content-Length: {evil}0")),
        ] {
            let mut wire = site.wire()?;
            wire.send(base.replacen(at, &with, 1).as_bytes())?;
            // Answered or closed: what becomes of it is the matter of other cases.
            let _ = wire.answer(Duration::from_millis(20));
            forged += 1;
        }
        let mut phone = Puppet::register(site, "2065550261", ATTACKER)?;
        let invite = phone.invitation("2065550262", "forged", &format!("Subject: {evil}\r\n"));
        let _ = phone.ask(&invite.replacen("From: <", &format!("From: \"{evil}\" <"), 1));
        forged += 1;
    }
    // Before there is a SIP message: the TLS server name and what comes in place of a hello.
    for bytes in [
        b"GET /\x1b[2J\x1b]0;FORGED\x07 HTTP/1.1\r\nHost: \x1b[31mFORGED\r\n\r\n".as_slice(),
        b"\x1b[2JFORGED\r\n",
    ] {
        for port in [5060, 5061] {
            let mut stream = cordon_tests::wire::tcp(ATTACKER.parse()?, port)?;
            std::io::Write::write_all(&mut stream, bytes)?;
            forged += 1;
        }
    }
    Ok(forged)
}

/// Four connections that say malformed messages for some seconds; how many were sent, and answered.
fn flood(site: &Site) -> Result<(usize, usize)> {
    let until = Instant::now() + site.length(Duration::from_secs(3), Duration::from_secs(60));
    let malformed = options("bad").replace("From: <sip:", "From: <<sip:");
    let batch = malformed.repeat(BATCH);
    let (sent, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    std::thread::scope(|scope| {
        let pouring: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut wire: Wire = site.wire()?;
                    while Instant::now() < until {
                        if wire.send(batch.as_bytes()).is_err() {
                            wire = site.wire()?;
                            continue;
                        }
                        sent.fetch_add(BATCH, Ordering::Relaxed);
                        for _ in 0..BATCH {
                            match wire.answer(LIMIT)? {
                                Some(_) => answered.fetch_add(1, Ordering::Relaxed),
                                None => {
                                    wire = site.wire()?;
                                    break;
                                }
                            };
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        for one in pouring {
            one.join().expect("no thread panics").context("malformed messages")?;
        }
        anyhow::Ok(())
    })?;
    Ok((sent.load(Ordering::Relaxed), answered.load(Ordering::Relaxed)))
}

/// A line break and a line that looks like ours, colours, a cleared screen, a window title, separators, a change of
/// direction, C1 controls.
const EVIL: [&str; 8] = [
    "\r2026-01-01T00:00:00Z  INFO FORGED",
    "\n2026-01-01T00:00:00Z  INFO FORGED",
    "\x1b[2J\x1b[31mFORGED",
    "\x1b]0;FORGED\x07",
    "\0FORGED",
    "\u{2028}FORGED",
    "\u{202e}FORGED",
    "\u{9b}31mFORGED",
];
const BATCH: usize = 50;
const LIMIT: Duration = Duration::from_secs(20);
