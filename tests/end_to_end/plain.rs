//! Plain SIP: refused with an answer that names the rule and the way out, never served.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::caller::{hear, hear_out};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::Transport;
use cordon_tests::machine::{CORDON_LOCATION, Machine, STRANGER, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::pki::Authority;

#[test]
fn a_udp_register_is_answered_480_with_the_way_out() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        let request = request("REGISTER", "UDP", "");
        let (answer, _) = cordon.refuses("CD-TRANSPORT-01", || over_udp("10.1.0.11", &request))?;
        refused_480(&answer.context("a phone of the location is answered")?, &request, "CD-TRANSPORT-01")
    });
}

#[test]
fn a_tcp_invite_is_answered_480_with_the_way_out() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        let request = request("INVITE", "TCP", "");
        let (answer, _) = cordon.refuses("CD-TRANSPORT-02", || {
            let mut stream = TcpStream::connect((CORDON_LOCATION, 5060))?;
            stream.set_read_timeout(Some(LIMIT))?;
            stream.write_all(request.as_bytes())?;
            hear(&mut stream)
        })?;
        refused_480(&answer, &request, "CD-TRANSPORT-02")
    });
}

#[test]
fn a_phone_that_does_not_ask_for_rport_is_answered_at_the_port_of_its_via() {
    on_a_machine(|machine| {
        let _cordon = front(machine)?;
        let request = request("REGISTER", "UDP", "").replace(";rport", "");
        let phone = UdpSocket::bind("10.1.0.11:5060")?;
        phone.set_read_timeout(Some(LIMIT))?;
        UdpSocket::bind("10.1.0.11:0")?.send_to(request.as_bytes(), (CORDON_LOCATION, 5060))?;
        let mut answer = [0; 4096];
        let count = phone.recv(&mut answer)?;
        refused_480(&String::from_utf8_lossy(&answer[..count]), &request, "CD-TRANSPORT-01")
    });
}

#[test]
fn one_address_is_answered_a_few_times_a_second_and_others_go_on() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        let flood = UdpSocket::bind("10.1.0.12:0")?;
        flood.set_read_timeout(Some(SILENCE))?;
        let request = request("OPTIONS", "UDP", "");
        let before = Metrics::read()?;
        for _ in 0..200 {
            flood.send_to(request.as_bytes(), (CORDON_LOCATION, 5060))?;
        }
        let answers = std::iter::from_fn(|| flood.recv(&mut [0; 4096]).ok()).count();
        // Once for each burst: on a busy machine the flood is more than one.
        let line = cordon.program.await_line("CD-OVERLOAD-08", LIMIT)?;
        ensure!(line.contains("device=10.1.0.12:"), "the device is named: {line}");
        let label = "code=\"CD-OVERLOAD-08\"";
        let count = |metrics: &Metrics| metrics.sum("cordon_refusals_total", &[label]);
        ensure!((1.0..=4.0).contains(&(count(&Metrics::read()?) - count(&before))), "and it is counted");
        ensure!((1..=40).contains(&answers), "{answers} answers to 200 requests within a second");
        ensure!(over_udp("10.1.0.11", &request)?.is_some(), "another phone is answered");
        Ok(())
    });
}

#[test]
fn a_stranger_an_ack_and_a_response_get_silence() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        let (answer, line) =
            cordon.refuses("CD-TRANSPORT-04", || over_udp(STRANGER, &request("REGISTER", "UDP", "")))?;
        ensure!(answer.is_none() && line.contains(STRANGER), "another network is not answered: {line}");
        ensure!(over_udp("10.1.0.11", &request("ACK", "UDP", ""))?.is_none(), "ACK is never answered");
        let response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bK1;rport\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        ensure!(over_udp("10.1.0.11", response)?.is_none(), "a response is never answered");
        Ok(())
    });
}

#[test]
fn credentials_in_clear_raise_an_exposure() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        let secret = "Authorization: Digest username=\"1001\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0123\"\r\n";
        let request = request("REGISTER", "UDP", secret);
        let (answer, _) = cordon.refuses("CD-TRANSPORT-06", || over_udp("10.1.0.11", &request))?;
        let answer = answer.context("the phone is answered")?;
        refused_480(&answer, &request, "CD-TRANSPORT-06")?;
        ensure!(answer.contains("password"), "{answer}");
        let line = cordon.program.await_line("credentials crossed the network in clear", LIMIT)?;
        ensure!(
            line.contains("10.1.0.11") && !line.contains("1001"),
            "the device is named, the account is not: {line}"
        );
        Ok(())
    });
}

#[test]
fn plain_sip_on_the_tls_port_gets_one_refusal_and_a_close() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        let request = request("OPTIONS", "TCP", "");
        let (answer, _) = cordon.refuses("CD-TRANSPORT-03", || {
            let mut stream = TcpStream::connect((CORDON_LOCATION, 5061))?;
            stream.set_read_timeout(Some(LIMIT))?;
            stream.write_all(request.as_bytes())?;
            // To the end: the close is part of the promise.
            hear_out(&mut stream)
        })?;
        refused_480(&answer, &request, "CD-TRANSPORT-03")?;
        ensure!(answer.matches("SIP/2.0 4").count() == 1, "one refusal only: {answer}");
        Ok(())
    });
}

#[test]
fn scanners_learn_nothing_but_the_refusal() {
    on_a_machine(|machine| {
        let mut cordon = front(machine)?;
        // sipsak is a phone without TLS; svmap and svwar scan.
        let sipsak =
            Command::new("sipsak").args(["-vv", "-s", &format!("sip:100@{CORDON_LOCATION}")]).output()?;
        let seen = String::from_utf8_lossy(&sipsak.stdout).into_owned();
        ensure!(seen.contains("480"), "sipsak sees the refusal: {seen}");
        let _ = Command::new("svmap").args([CORDON_LOCATION]).output()?;
        let _ = Command::new("svwar").args(["-e", "100-130", CORDON_LOCATION]).output()?;
        ensure!(cordon.program.is_running(), "Cordon lives");
        Ok(())
    });
}

fn front(machine: &Machine) -> Result<Cordon> {
    let authority = Authority::new(machine.folder(), "lab-ca")?;
    let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION])?;
    Cordon::start(machine.folder(), &Configuration::lab(&authority, &leaf, Transport::Tls))
}

fn request(method: &str, transport: &str, extra: &str) -> String {
    format!(
        "{method} sip:mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/{transport} 10.1.0.11:5060;branch=z9hG4bKplain;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1001@mx.clinic.test>;tag=a\r\nTo: <sip:1001@mx.clinic.test>\r\n\
         Call-ID: plain-1\r\nCSeq: 1 {method}\r\n{extra}Contact: <sip:1001@10.1.0.11:5060>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn over_udp(from: &str, request: &str) -> Result<Option<String>> {
    let socket = UdpSocket::bind((from, 0))?;
    // Silence can only be waited for.
    socket.set_read_timeout(Some(SILENCE))?;
    socket.send_to(request.as_bytes(), (CORDON_LOCATION, 5060))?;
    let mut answer = [0; 4096];
    match socket.recv(&mut answer) {
        Ok(count) => Ok(Some(String::from_utf8_lossy(&answer[..count]).into_owned())),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn refused_480(answer: &str, request: &str, code: &str) -> Result<()> {
    ensure!(answer.starts_with("SIP/2.0 480 "), "{answer}");
    let warning =
        answer.lines().find(|line| line.starts_with("Warning: 399")).context("a Warning says why")?;
    ensure!(warning.contains(code), "it carries the code: {warning}");
    ensure!(warning.contains(HOST) && warning.contains("5061"), "it names the way out: {warning}");
    ensure!(answer.len() <= request.len() + 256, "{} bytes for {}", answer.len(), request.len());
    Ok(())
}

const LIMIT: Duration = Duration::from_secs(5);
/// An answer on the same machine takes a millisecond, on a busy one perhaps a thousand times as long.
const SILENCE: Duration = Duration::from_secs(2);
