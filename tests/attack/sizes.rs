//! Messages that are too much of something: each is answered or ends its connection, and none is lost in silence.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::attack::Attack;
use crate::requests::{INTRUDER, options, request};
use crate::site::Site;
use crate::vitals::Vitals;

#[test]
fn a10_messages_that_are_too_much_are_answered_or_end_the_flow() {
    Attack::new(
        "A10",
        "300 Via, 1,000 headers, 500 Contacts, a line of 64 kB, a body of 128 kB, 1 MB without CRLF",
    )
    .logs(&["CD-TRANSPORT-08", "CD-TRANSPORT-13", "CD-TRANSPORT-15"])
    .run(|site| {
        let rounds = site.length(10, 300);
        let mut seen = Vec::new();
        for (what, message) in too_much() {
            let used = Vitals::processor_time(&site.cordon)?;
            let mut fates = BTreeMap::<String, u32>::new();
            for _ in 0..rounds {
                *fates.entry(meet(site, what, &message)?).or_default() += 1;
            }
            let used = Vitals::processor_time(&site.cordon)? - used;
            let each = used.as_secs_f64() * 1000.0 / f64::from(rounds);
            // Said of a release build; ten rounds are within the clock's tick.
            ensure!(site.length(true, each <= 1.0), "{what} takes {each:.1} ms of a processor");
            let fates: Vec<String> = fates.iter().map(|(fate, count)| format!("{fate} ×{count}")).collect();
            seen.push(format!("{what}: {} ({each:.1} ms CPU with its handshake)", fates.join(", ")));
        }
        Ok(seen.join(", "))
    });
}

/// What becomes of one message with an OPTIONS behind it.
fn meet(site: &Site, what: &str, message: &str) -> Result<String> {
    let mut wire = site.wire()?;
    // A connection that is closed meanwhile takes no more: that is one of the two ends.
    let is_taken =
        wire.send(message.as_bytes()).and_then(|()| wire.send(options("behind").as_bytes())).is_ok();
    let mut statuses = Vec::new();
    let mut is_followed = false;
    while !is_followed {
        let Some(answer) = wire.answer(LIMIT)? else { break };
        is_followed = answer.text.contains("z9hG4bKbehind");
        statuses.push(answer.status);
    }
    let refused = statuses.first().is_some_and(|status| matches!(status, 400 | 413 | 513));
    if is_followed {
        ensure!(statuses.len() == 2 && refused, "{what}: answered, and the one behind it: {statuses:?}");
        return Ok(format!("{} and the next answered", statuses[0]));
    }
    ensure!(
        statuses.len() <= 1 && (refused || statuses.is_empty()),
        "{what}: {statuses:?}, taken: {is_taken}"
    );
    Ok(statuses.first().map_or_else(|| "closed".to_owned(), |status| format!("{status} and closed")))
}

fn too_much() -> [(&'static str, String); 6] {
    let end = "Content-Length: 0\r\n";
    let via: String =
        (0..300).map(|hop| format!("Via: SIP/2.0/TLS 10.1.130.1;branch=z9hG4bKvia{hop}\r\n")).collect();
    let headers: String = (0..1_000).map(|index| format!("X-Header-{index}: {index}\r\n")).collect();
    let contacts: String =
        (0..500).map(|port| format!("Contact: <sip:{INTRUDER}@10.1.130.1:{port}>\r\n")).collect();
    let line = format!("Subject: {}\r\n", "x".repeat(64 * 1024));
    let body = "b".repeat(128 * 1024);
    let of = |method, rest: String| request(method, "sip:sip.clinic.test", "toomuch", &rest);
    [
        ("300 Via", of("OPTIONS", format!("{via}{end}"))),
        ("1,000 headers", of("OPTIONS", format!("{headers}{end}"))),
        ("500 Contacts", of("REGISTER", format!("{contacts}{end}"))),
        ("64 kB line", of("OPTIONS", format!("{line}{end}"))),
        ("128 kB body", format!("{}{body}", of("OPTIONS", format!("Content-Length: {}\r\n", body.len())))),
        ("1 MB without CRLF", "x".repeat(1 << 20)),
    ]
}

const LIMIT: Duration = Duration::from_secs(10);
