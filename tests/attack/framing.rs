//! Framing on the TLS stream: where one message ends is decided once, and doubt ends the connection.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_sip::{Host, Message, Method, Via};
use cordon_tests::handset;

use crate::attack::Attack;
use crate::requests::{INTRUDER, options, register, request};
use crate::site::Site;
use crate::vitals::Vitals;

#[test]
fn a01_requests_in_one_record_and_one_in_crumbs_are_answered_once_and_in_order() {
    Attack::new("A01", "2, 20 and 100 requests in one record; one request in 1-byte records")
        .logs_nothing()
        .run(|site| {
            let mut wire = site.wire()?;
            for count in [2, 20, 100] {
                let marks: Vec<String> = (0..count).map(|index| format!("r{count}x{index}")).collect();
                let bytes: String = marks.iter().map(|mark| terse_options(mark)).collect();
                ensure!(bytes.len() <= 1 << 14, "{} bytes are one record", bytes.len());
                wire.send(bytes.as_bytes())?;
                for mark in &marks {
                    let answer = wire.answer(LIMIT)?.map(|answer| (answer.status, answer.text));
                    let is_next = answer.as_ref().is_some_and(|(status, text)| {
                        *status == 200 && text.contains(&format!("branch=z9hG4bK{mark};"))
                    });
                    ensure!(is_next, "the answer to {mark} is next: {answer:?}");
                }
            }
            let crumbs = options("crumbs");
            wire.send_in_records(crumbs.as_bytes(), 1)?;
            ensure!(
                wire.answer(LIMIT)?.is_some_and(|answer| answer.status == 200),
                "the crumbs are a request"
            );
            ensure!(wire.answer(SILENCE).is_err(), "nothing is answered twice");
            Ok(format!(
                "122 answers to 122 requests, in order; {} records of 1 byte: one answer",
                crumbs.len()
            ))
        });
}

#[test]
fn a03_a_request_without_content_length_is_refused_and_the_flow_is_closed() {
    Attack::new("A03", "no Content-Length, then a second request").logs(&["CD-TRANSPORT-11"]).run(|site| {
        let statuses = refused_and_closed(site, "no length", &with_lengths(""))?;
        ensure!(statuses == [400], "{statuses:?}");
        Ok("400, closed, the second never executed".to_owned())
    });
}

#[test]
fn a04_two_content_lengths_are_refused_and_the_flow_is_closed() {
    Attack::new("A04", "two Content-Length: 0/300, 300/0, l: and long form, equal twice")
        .logs(&["CD-TRANSPORT-11"])
        .run(|site| {
            let pairs =
                [("Content-Length: 0", "Content-Length: 300"), ("Content-Length: 300", "Content-Length: 0")];
            let spellings = [("l: 300", "Content-Length: 0"), ("Content-Length: 0", "L : 300")];
            let equal = [("Content-Length: 0", "Content-Length: 0"), ("l: 0", "content-length: 0")];
            for (one, two) in pairs.into_iter().chain(spellings).chain(equal) {
                let statuses = refused_and_closed(site, two, &with_lengths(&format!("{one}\r\n{two}\r\n")))?;
                ensure!(statuses == [400], "{one}, {two}: {statuses:?}");
            }
            Ok("6 of 6: 400, closed, the second never executed".to_owned())
        });
}

#[test]
fn a05_lengths_beyond_every_bound_are_refused_and_the_flow_is_closed() {
    Attack::new("A05", "Content-Length 2^31, 2^32, 2^32+32, 2^63, 2^64-1, 2^64, 2^128")
        .logs(&["CD-TRANSPORT-11"])
        .run(|site| {
            let before = Vitals::of(&site.cordon)?;
            let lengths = [1 << 31, 1 << 32, (1 << 32) + 32, 1 << 63, (1 << 64) - 1, 1_u128 << 64, u128::MAX];
            for length in lengths {
                let message = with_lengths(&format!("Content-Length: {length}\r\n"));
                let statuses = refused_and_closed(site, &length.to_string(), &message)?;
                ensure!(matches!(statuses.as_slice(), [400 | 413 | 513]), "{length}: {statuses:?}");
            }
            let grown = Vitals::of(&site.cordon)?.memory.saturating_sub(before.memory);
            ensure!(grown < ROOM_FOR_SEVEN, "memory +{grown} kB for seven messages of 300 bytes");
            Ok(format!(
                "7 of 7 refused, closed, the second never executed; memory +{grown} kB over all of them"
            ))
        });
}

#[test]
fn a06_a_length_that_is_no_number_is_refused_and_a_folded_one_is_read() {
    Attack::new("A06", "Content-Length +5, 0x5, 5 5, 5,5, full-width 5, -1, empty, folded")
        .logs(&["CD-TRANSPORT-11"])
        .run(|site| {
            for length in ["+5", "0x5", "5 5", "5,5", "\u{ff15}", "-1", "", "5;x", "5\u{b}", "\"5\"", "5.0"] {
                let mut message = with_lengths(&format!("Content-Length: {length}\r\n"));
                message.extend_from_slice(b"hello");
                let statuses = refused_and_closed(site, length, &message)?;
                ensure!(statuses == [400], "{length:?}: {statuses:?}");
            }
            // RFC 3261 §7.3.1: a line may go on in the next one. Read as five, or refused: nothing else.
            let mut message = with_lengths("Content-Length:\r\n 5\r\nContent-Type: text/plain\r\n");
            message.extend_from_slice(b"hello");
            let mut wire = site.wire()?;
            wire.send(&[message.as_slice(), options("behind").as_bytes()].concat())?;
            let first = wire.answer(LIMIT)?.context("a folded length is answered")?;
            let reading = match first.status {
                400 => {
                    ensure!(wire.answers_until_closed(LIMIT)?.is_empty(), "refused, and then the end");
                    "refused"
                }
                _ => {
                    let second = wire.answer(LIMIT)?.context("the request behind it is answered")?;
                    ensure!(second.status == 200 && second.text.contains("z9hG4bKbehind"), "{second:?}");
                    "read as 5"
                }
            };
            Ok(format!("11 of 11: 400, closed, the second never executed; folded: {reading}"))
        });
}

#[test]
fn a07_a_bye_in_a_body_stays_a_body() {
    Attack::new("A07", "Content-Length with a space before the colon, and the call's own BYE in the body")
        .logs_nothing()
        .run(|site| {
            handset::block_on(async {
                let caller = handset::register(site.phone("2065550181", "10.1.131.1")?).await?;
                let callee = handset::register(site.phone("2065550182", "10.1.131.2")?).await?;
                let (call, peer) = tokio::try_join!(caller.call("2065550182"), async {
                    callee.incoming(LIMIT).await?.answer().await
                })?;
                for (round, name) in
                    ["Content-Length :", "Content-Length\t:", "l :", "CONTENT-LENGTH  :"].iter().enumerate()
                {
                    let mut bye = call.draft(Method::Bye).await?;
                    bye.via =
                        vec![Via::new("TLS", Host::V4([10, 1, 131, 1].into()), Some(5061), "z9hG4bKhidden")];
                    let body = Message::from(bye).write();
                    let head = format!("{name} {}\r\nContent-Type: message/sip\r\n", body.len());
                    let carrier =
                        request("OPTIONS", "sip:sip.clinic.test", &format!("carrier{round}"), &head);
                    let mut wire = site.wire()?;
                    wire.send(&[carrier.as_bytes(), &body].concat())?;
                    let answer = wire.answer(LIMIT)?.context("the request is answered")?;
                    ensure!(answer.status == 200, "{name} {answer:?}");
                    ensure!(wire.answer(SILENCE).is_err(), "{name} one answer and no second");
                    // The same on the caller's own connection, where the BYE would be believed.
                    caller.send_raw(&[carrier.as_bytes(), &body].concat())?;
                    ensure!(caller.options("sip:sip.clinic.test").await? == 200, "the connection lives on");
                }
                peer.receive(peer.media().received + 25, LIMIT).await?;
                call.receive(call.media().received + 25, LIMIT).await?;
                ensure!(call.is_up() && peer.is_up(), "the call lives");
                call.hang_up().await?;
                peer.ended(LIMIT).await?;
                Ok("8 of 8: one 200, the call with that BYE in it lives".to_owned())
            })
        });
}

#[test]
fn a09_lines_that_do_not_end_in_crlf_are_refused_and_the_flow_is_closed() {
    Attack::new("A09", "bare LF, bare CR, CRLF mixed with either").logs(&["CD-TRANSPORT-12"]).run(|site| {
        let whole = options("ends");
        let messages = [
            ("all LF", whole.replace("\r\n", "\n")),
            ("all CR", whole.replace("\r\n", "\r")),
            ("one LF", whole.replacen("To: ", "X: y\nTo: ", 1)),
            ("one CR", whole.replacen("To: ", "X: y\rTo: ", 1)),
            ("LF before the empty line", whole.replace("\r\n\r\n", "\n\r\n")),
            ("an empty line of LF", whole.replace("\r\n\r\n", "\r\n\n")),
            ("CR CR LF", whole.replacen("\r\nTo: ", "\r\r\nTo: ", 1)),
        ];
        for (what, message) in &messages {
            let statuses = refused_and_closed(site, what, message.as_bytes())?;
            ensure!(matches!(statuses.as_slice(), [400] | []), "{what}: {statuses:?}");
        }
        Ok(format!("{0} of {0}: refused, closed, the second never executed", messages.len()))
    });
}

/// Sends the doubtful request with a whole one behind it, and sees that it is answered at most once, that the connection
/// ends and that nobody acts on the second.
fn refused_and_closed(site: &Site, what: &str, doubtful: &[u8]) -> Result<Vec<u16>> {
    let before = site.pbx_met(INTRUDER);
    let mut wire = site.wire()?;
    wire.send(&[doubtful, register("smuggled").as_bytes()].concat())?;
    let answers = wire.answers_until_closed(LIMIT).with_context(|| what.to_owned())?;
    let is_refusal = answers.iter().all(|answer| matches!(answer.status, 400 | 413 | 513));
    ensure!(answers.len() <= 1 && is_refusal, "{what}: one refusal at most: {answers:?}");
    ensure!(site.pbx_met(INTRUDER) == before, "{what}: the second request reached the PBX");
    Ok(answers.iter().map(|answer| answer.status).collect())
}

/// An OPTIONS with these lines in place of its Content-Length.
fn with_lengths(lines: &str) -> Vec<u8> {
    request("OPTIONS", "sip:sip.clinic.test", "doubtful", lines).into_bytes()
}

/// As short as a request can be, so that a hundred fit into one record.
fn terse_options(mark: &str) -> String {
    format!(
        "OPTIONS sip:sip.clinic.test SIP/2.0\r\nv:SIP/2.0/TLS a;branch=z9hG4bK{mark};rport\r\nf:<sip:a@b>;tag=1\r\nt:<sip:a@b>\r\n\
         i:{mark}\r\nCSeq:1 OPTIONS\r\nMax-Forwards:9\r\nl:0\r\n\r\n"
    )
}

/// In kB, for seven connections with their handshakes: nothing of what is claimed, of which the least is 2^31 bytes.
const ROOM_FOR_SEVEN: u64 = 1_024;
const LIMIT: Duration = Duration::from_secs(10);
/// How long nothing must come: an answer takes a hundredth of it.
const SILENCE: Duration = Duration::from_millis(300);
