//! Messages that look wrong and are right: RFC 4475 section 3.1.1.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::attack::Attack;
use crate::requests::options;
use crate::site::Site;
use crate::torture::*;

#[test]
fn a13_the_valid_torture_messages_are_read_and_the_flow_lives_on() {
    Attack::new("A13", "the 13 valid torture messages of RFC 4475, an OPTIONS behind each")
        // Read they all are; who sends them may not do what they ask for.
        .logs(&["CD-CALL-01", "CD-CALL-05", "CD-REG-01", "CD-REG-02", "CD-TRANSPORT-11"])
        .run(|site| {
            let mut seen = Vec::new();
            for (name, message) in MESSAGES {
                seen.push(format!("{name} {}", meet(site, name, message)?));
            }
            Ok(seen.join(", "))
        });
}

/// How a message is answered; the OPTIONS behind it is answered too.
fn meet(site: &Site, name: &str, message: &[u8]) -> Result<String> {
    let mut wire = site.wire()?;
    wire.send(&[message, options("behind").as_bytes()].concat())?;
    let mut statuses = Vec::new();
    loop {
        let answer =
            wire.answer(LIMIT)?.with_context(|| format!("{name}: the flow lives on; so far {statuses:?}"));
        // Its second message says 150 of 153 octets: on a stream the rest is no message, nobody knows where the next one
        // begins, and what was asked before is not waited for.
        if name == "dblreq" && answer.is_err() {
            return Ok("closed behind its second message".to_owned());
        }
        let answer = answer?;
        if answer.text.contains("z9hG4bKbehind") {
            break;
        }
        statuses.push(answer.status);
    }
    let is_response = message.starts_with(b"SIP/2.0");
    let finals = statuses.iter().filter(|status| **status >= 200).count();
    ensure!(is_response == (finals == 0), "{name}: requests are answered, responses are not: {statuses:?}");
    let first = statuses.iter().find(|status| **status >= 200);
    ensure!(!matches!(first, Some(400 | 500..)), "{name} is valid: {statuses:?}");
    Ok(first.map_or_else(|| "dropped".to_owned(), u16::to_string))
}

const MESSAGES: [(&str, &[u8]); 13] = [
    ("wsinv", WSINV),
    ("intmeth", INTMETH),
    ("esc01", ESC01),
    ("escnull", ESCNULL),
    ("esc02", ESC02),
    ("lwsdisp", LWSDISP),
    ("longreq", LONGREQ),
    ("dblreq", DBLREQ),
    ("semiuri", SEMIURI),
    ("transports", TRANSPORTS),
    ("mpart01", MPART01),
    ("unreason", UNREASON),
    ("noreason", NOREASON),
];

const LIMIT: Duration = Duration::from_secs(10);
