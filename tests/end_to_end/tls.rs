//! The TLS front, asked by openssl: six suites and nothing else, and an explanation for the installer.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_tests::caller::{connect, hear_out};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::Transport;
use cordon_tests::machine::{CORDON_LOCATION, Machine, on_a_machine};
use cordon_tests::pki::Authority;

#[test]
fn the_approved_suites_connect() {
    on_a_machine(|machine| {
        let _cordon = front(machine)?;
        for (version, suite) in APPROVED {
            let seen = hello(version, suite)?;
            ensure!(seen.contains(&format!("Cipher is {suite}")), "{version} {suite}: {seen}");
        }
        Ok(())
    });
}

#[test]
fn old_versions_and_other_suites_are_refused_and_explained() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        for (version, suite, code) in REFUSED {
            let (seen, line) = cordon.refuses(code, || hello(version, suite))?;
            ensure!(seen.contains("Cipher is (NONE)"), "{version} {suite} must not connect: {seen}");
            ensure!(line.contains("device=10.1.0."), "the device is named: {line}");
            ensure!(line.contains("highest version TLS 1."), "what it offers is named: {line}");
            ensure!(line.contains("remedy="), "the remedy is named: {line}");
        }
        Ok(())
    });
}

#[test]
fn foreign_groups_and_signatures_are_refused_and_explained() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        for (arguments, code) in [
            (["-tls1_3", "-groups", "P-521"], "CD-TLS-03"),
            // The certificate of the test is an elliptic one.
            (["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"], "CD-TLS-04"),
            (["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"], "CD-TLS-04"),
        ] {
            let (seen, line) = cordon.refuses(code, || openssl(&arguments))?;
            ensure!(seen.contains("no peer certificate available"), "{arguments:?} must not connect: {seen}");
            ensure!(line.contains("remedy="), "the remedy is named: {line}");
        }
        Ok(())
    });
}

#[test]
fn a_handshake_that_stops_is_closed_after_10_s_and_one_that_breaks_at_once() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        let door = format!("{CORDON_LOCATION}:5061").parse()?;
        let patience = Duration::from_secs(20);
        let (_, line) = cordon.refuses("CD-TLS-07", || {
            // A record of a handshake with something else in it.
            let mut stream = connect("10.1.0.11", door, patience)?;
            stream.write_all(b"\x16\x03\x01\x00\x04\x02\x00\x00\x00")?;
            hear_out(&mut stream)
        })?;
        ensure!(line.contains("device=10.1.0.11"), "the device is named: {line}");
        let (heard, line) = cordon.refuses("CD-TLS-05", || {
            let mut stream = connect("10.1.0.12", door, patience)?;
            stream.write_all(b"\x16\x03\x01\x02\x00")?;
            hear_out(&mut stream)
        })?;
        ensure!(heard.is_empty() && line.contains("device=10.1.0.12"), "{heard}{line}");
        Ok(())
    });
}

#[test]
fn an_rsa_certificate_connects_with_its_own_suites() {
    on_a_machine(|machine| {
        let authority = Authority::new(machine.folder(), "lab-ca")?;
        let leaf = authority.rsa_leaf("cordon", &[HOST, CORDON_LOCATION])?;
        let _cordon =
            Cordon::start(machine.folder(), &Configuration::lab(&authority, &leaf, Transport::Tls))?;
        for (version, suite) in
            APPROVED.iter().map(|(version, suite)| (version, suite.replace("ECDSA", "RSA")))
        {
            let seen = hello(version, &suite)?;
            ensure!(seen.contains(&format!("Cipher is {suite}")), "{version} {suite}: {seen}");
        }
        Ok(())
    });
}

#[test]
fn a_phone_that_does_not_trust_the_certificate_is_explained() {
    on_a_machine(|machine| {
        let cordon = front(machine)?;
        let other = Authority::new(machine.folder(), "other-ca")?.anchor.display().to_string();
        let distrusts = || openssl(&["-tls1_3", "-verify_return_error", "-CAfile", &other]);
        let (_, line) = cordon.refuses("CD-TLS-06", distrusts)?;
        ensure!(line.contains("remedy="), "the installer is told what to do: {line}");
        Ok(())
    });
}

#[test]
fn a_phone_without_sni_gets_the_certificate_and_one_outside_the_networks_gets_nothing() {
    on_a_machine(|machine| {
        let _cordon = front(machine)?;
        let seen = openssl(&["-noservername", "-tls1_3"])?;
        ensure!(seen.contains(&format!("CN = {HOST}")), "the default certificate is shown: {seen}");
        let seen = openssl(&["-bind", "10.9.0.66:0"])?;
        ensure!(
            seen.contains("Cipher is (NONE)") || seen.contains("errno"),
            "a stranger gets no handshake: {seen}"
        );
        ensure!(!seen.contains(&format!("CN = {HOST}")), "a stranger sees no certificate: {seen}");
        Ok(())
    });
}

fn front(machine: &Machine) -> Result<Cordon> {
    let authority = Authority::new(machine.folder(), "lab-ca")?;
    let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION])?;
    Cordon::start(machine.folder(), &Configuration::lab(&authority, &leaf, Transport::Tls))
}

fn hello(version: &str, suite: &str) -> Result<String> {
    match version {
        "-tls1_3" => openssl(&[version, "-ciphersuites", suite]),
        _ => openssl(&[version, "-cipher", &format!("{suite}:@SECLEVEL=0")]),
    }
}

fn openssl(arguments: &[&str]) -> Result<String> {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &format!("{CORDON_LOCATION}:5061")])
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()?;
    Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// SP 800-52r2 within RFC 9325, for the certificate of the test (ECDSA).
const APPROVED: [(&str, &str); 4] = [
    ("-tls1_3", "TLS_AES_256_GCM_SHA384"),
    ("-tls1_3", "TLS_AES_128_GCM_SHA256"),
    ("-tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("-tls1_2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
];

/// Version, suite, and the code of the refusal in the log.
const REFUSED: [(&str, &str, &str); 6] = [
    ("-tls1_3", "TLS_CHACHA20_POLY1305_SHA256", "CD-TLS-02"),
    ("-tls1_2", "ECDHE-ECDSA-CHACHA20-POLY1305", "CD-TLS-02"),
    ("-tls1_2", "ECDHE-ECDSA-AES128-SHA256", "CD-TLS-02"),
    ("-tls1_2", "AES128-GCM-SHA256", "CD-TLS-02"),
    ("-tls1_1", "ALL", "CD-TLS-01"),
    ("-tls1", "ALL", "CD-TLS-01"),
];
