//! Messages that cannot be taken as SIP: each is answered with the rule it broke.

use std::io::Write;

use anyhow::{Result, ensure};
use cordon_tests::caller::{connect_tls, hear, hear_out};
use cordon_tests::machine::on_a_machine;

use super::Site;
use super::connections::{LIMIT, OPTIONS, door};

#[test]
fn a_message_beyond_a_bound_of_its_headers_is_answered_and_the_connection_goes_on() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        let mut phone = connect_tls(&site.authority, "10.1.0.11", door()?, LIMIT)?;
        let contact = "Contact: <sip:4000@10.1.0.11>\r\n";
        let via = "Via: SIP/2.0/TLS 10.1.0.12;branch=z9hG4bKother\r\n";
        for (message, code, status) in [
            (OPTIONS.replace("Max-Forwards: 70", "Max-Forwards: many"), "CD-TRANSPORT-07", 400),
            (with(&format!("Subject: {}\r\n", "a".repeat(9_000))), "CD-TRANSPORT-14", 513),
            (with(&"X: 1\r\n".repeat(130)), "CD-TRANSPORT-15", 513),
            (with(&via.repeat(41)), "CD-TRANSPORT-16", 513),
            (with(&contact.repeat(17)), "CD-TRANSPORT-17", 513),
            (with(&"Route: <sip:10.1.0.12;lr>\r\n".repeat(33)), "CD-TRANSPORT-18", 513),
            (OPTIONS.replace("test SIP/2.0", "test SIP/3.0"), "CD-TRANSPORT-19", 505),
            (
                with(&format!("Contact: <sip:4000@10.1.0.11>{}\r\n", many_parameters())),
                "CD-TRANSPORT-22",
                513,
            ),
        ] {
            let (answer, _) = site.cordon.refuses(code, || {
                phone.write_all(message.as_bytes())?;
                hear(&mut phone)
            })?;
            is_told(&answer, code, status)?;
        }
        phone.write_all(OPTIONS.as_bytes())?;
        let answer = hear(&mut phone)?;
        ensure!(answer.starts_with("SIP/2.0 200 "), "the connection goes on: {answer}");
        Ok(())
    });
}

#[test]
fn a_message_whose_end_nobody_knows_is_answered_and_the_connection_ends() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        for (message, code, status) in [
            (OPTIONS.replace("Length: 0", "Length: 70000"), "CD-TRANSPORT-08", 513),
            (OPTIONS.replace("Length: 0", "Length: none"), "CD-TRANSPORT-11", 400),
            (OPTIONS.replace("Forwards: 70\r\n", "Forwards: 70\n"), "CD-TRANSPORT-12", 400),
            (with(&format!("Subject: {}\r\n", "a".repeat(900)).repeat(20)), "CD-TRANSPORT-13", 513),
        ] {
            let (answer, _) = site.cordon.refuses(code, || {
                let mut phone = connect_tls(&site.authority, "10.1.0.11", door()?, LIMIT)?;
                phone.write_all(message.as_bytes())?;
                hear_out(&mut phone)
            })?;
            is_told(&answer, code, status)?;
        }
        Ok(())
    });
}

/// Status and Warning say what was refused.
fn is_told(answer: &str, code: &str, status: u16) -> Result<()> {
    ensure!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{code}: {answer}");
    ensure!(answer.contains(&format!("\r\nWarning: 399 sip.clinic.test \"{code} ")), "{code}: {answer}");
    Ok(())
}

/// One more than are read of a list.
fn many_parameters() -> String {
    (0..33).map(|number| format!(";p{number}")).collect()
}

/// A request with more headers.
fn with(more: &str) -> String {
    OPTIONS.replace("Content-Length", &format!("{more}Content-Length"))
}
