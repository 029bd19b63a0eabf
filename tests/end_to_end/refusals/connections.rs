//! Connections that end by a rule: what is no SIP, who never speaks, who never reads, who is a stranger.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_tests::caller::{connect, connect_tls, hear, hear_out, is_closed_upon};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, STRANGER, on_a_machine};
use cordon_tests::metrics::Metrics;

use super::{Refused, Site, answer, request, requests};

#[test]
fn bytes_that_are_neither_tls_nor_sip_are_met_with_a_close() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        for bytes in [&b"\x80\x2e\x01\x03\x01"[..], b"\0\0\0\0", b"\xff\xfeSIP"] {
            site.cordon.refuses("CD-TRANSPORT-05", || {
                is_closed_upon(&mut connect("10.1.0.11", door()?, LIMIT)?, bytes)
            })?;
        }
        Ok(())
    });
}

#[test]
fn tls_on_the_port_for_plain_sip_is_met_with_a_close_and_the_log_names_the_right_port() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        let (_, line) = site.cordon.refuses("CD-TRANSPORT-23", || {
            let plain = SocketAddr::new(door()?.ip(), 5060);
            ensure!(
                connect_tls(&site.authority, "10.1.0.11", plain, LIMIT).is_err(),
                "no TLS is spoken there"
            );
            Ok(())
        })?;
        ensure!(line.contains("TLS is spoken at ") && line.contains(":5061"), "{line}");
        Ok(())
    });
}

#[test]
fn a_message_that_breaks_the_grammar_is_answered_400_and_the_connection_goes_on() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 400,
            code: "CD-TRANSPORT-07",
            standard: None,
            text: "message breaks the grammar of SIP",
        };
        let call = [
            &request("OPTIONS", "sip:mx.clinic.test", "", "")
                .replace("Max-Forwards: 70", "Max-Forwards: many"),
            &answer(&refused, ""),
            &request("OPTIONS", "sip:mx.clinic.test", "", "").replace("CSeq: 1", "CSeq: 2"),
            "<recv response=\"200\"/>\n",
        ]
        .concat();
        requests::unregistered(&mut site, "grammar", &call, &refused)
    });
}

#[test]
fn a_connection_that_says_nothing_for_15_s_or_half_a_message_for_30_s_is_closed() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        let patience = Duration::from_secs(25);
        let mut silent = connect_tls(&site.authority, "10.1.0.11", door()?, patience)?;
        let mut halting = connect_tls(&site.authority, "10.1.0.12", door()?, patience)?;
        let half = OPTIONS.get(..OPTIONS.len() / 2).unwrap_or_default();
        halting.write_all(half.as_bytes())?;
        for phone in [&mut silent, &mut halting] {
            let (heard, line) = site.cordon.refuses("CD-TRANSPORT-09", || hear_out(phone))?;
            ensure!(heard.is_empty() && line.contains("TooSlow"), "{heard}{line}");
        }
        Ok(())
    });
}

#[test]
fn a_phone_that_asks_and_never_reads_is_closed() {
    on_a_machine(|machine| {
        // The kernel's own buffers would take millions of answers first.
        for buffers in ["tcp_wmem", "tcp_rmem"] {
            std::fs::write(format!("/proc/sys/net/ipv4/{buffers}"), "4096 16384 65536")?;
        }
        let site = Site::with(machine, |_| {}, None)?;
        let (_, line) = site.cordon.refuses("CD-TRANSPORT-10", || {
            let mut phone = connect_tls(&site.authority, "10.1.0.11", door()?, LIMIT)?;
            let pings = "\r\n\r\n".repeat(1_000);
            let is_closed = (0..2_000).any(|_| phone.write_all(pings.as_bytes()).is_err());
            ensure!(is_closed, "two million pings without a look at the answers");
            Ok(())
        })?;
        ensure!(line.contains("NotRead"), "{line}");
        Ok(())
    });
}

#[test]
fn a_stranger_at_the_door_of_the_phones_or_of_the_pbx_hears_nothing() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        let heard_by = |from: &str, to: SocketAddr| {
            let mut stranger: TcpStream = connect(from, to, LIMIT)?;
            hear(&mut stranger)
        };
        let (heard, line) = site.cordon.refuses("CD-TRANSPORT-04", || heard_by(STRANGER, door()?))?;
        ensure!(heard.is_empty() && line.contains(STRANGER), "{heard}{line}");
        // A phone is a stranger there.
        for from in [STRANGER, "10.1.0.11"] {
            let pbx_door = format!("{CORDON_PBX_SIDE}:5071").parse()?;
            let (heard, line) = site.cordon.refuses("CD-PBX-08", || heard_by(from, pbx_door))?;
            ensure!(heard.is_empty() && line.contains(from), "{heard}{line}");
        }
        Ok(())
    });
}

#[test]
fn without_a_free_descriptor_the_next_connection_waits_until_there_is_one() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        let before = site.cordon.descriptor_limit()?;
        site.cordon.limit_descriptors(3)?;
        let mut waited = connect("10.1.0.11", door()?, LIMIT)?;
        site.cordon.program.await_line("refusal=\"CD-TRANSPORT-21\"", LIMIT)?;

        site.cordon.limit_descriptors(before)?;

        // Metrics are served again too, and the connection that waited is taken: its refusal is the proof.
        Metrics::await_until("the wait is counted", LIMIT, |metrics| {
            metrics.sum("cordon_refusals_total", &["code=\"CD-TRANSPORT-21\""]) >= 1.0
        })?;
        let (heard, _) = site.cordon.refuses("CD-TRANSPORT-05", || {
            waited.write_all(b"\0\0\0\0")?;
            hear_out(&mut waited)
        })?;
        ensure!(heard.is_empty(), "{heard}");
        Ok(())
    });
}

/// Where phones knock.
pub(super) fn door() -> Result<SocketAddr> {
    Ok(format!("{CORDON_LOCATION}:5061").parse()?)
}

/// An answer on the same machine takes a millisecond, on a busy one perhaps some thousand times as long.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

pub(super) const OPTIONS: &str = "OPTIONS sip:mx.clinic.test SIP/2.0\r\n\
    Via: SIP/2.0/TLS 10.1.0.11:5061;branch=z9hG4bKbare\r\nMax-Forwards: 70\r\nFrom: <sip:4000@mx.clinic.test>;tag=a\r\n\
    To: <sip:mx.clinic.test>\r\nCall-ID: bare\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
