//! A PBX that is gone or says nothing: every phone hears so within four seconds, and when to come back.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::Configuration;
use cordon_tests::machine::{Machine, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::pki::Authority;
use cordon_tests::program::Program;
use cordon_tests::sipp::Sipp;

use super::{ACK, KEY, LIMIT, Refused, Site, TARGET, answer, description, request};

#[test]
fn a_registration_without_a_pbx_is_answered_503_with_retry_after() {
    on_a_machine(|machine| registers(Site::with(machine, |_| {}, None)?, &GONE));
}

#[test]
fn a_registration_without_a_pbx_over_udp_is_answered_503_with_retry_after() {
    on_a_machine(|machine| {
        // Nothing listens there; over UDP that looks like a PBX that says nothing.
        let udp = |configuration: &mut Configuration| {
            let pbx = &configuration.pbx;
            configuration.pbx =
                pbx.replace("5061;transport=tls", "5060;transport=udp").replace("srtp", "rtp");
        };
        registers(Site::with(machine, udp, None)?, &SILENT)
    });
}

#[test]
fn a_call_to_a_pbx_that_is_down_is_answered_503_within_four_seconds() {
    on_a_machine(|machine| calls_after("KILL", machine, &GONE));
}

#[test]
fn a_call_to_a_pbx_that_says_nothing_is_answered_503_within_four_seconds() {
    on_a_machine(|machine| calls_after("STOP", machine, &SILENT));
}

#[test]
fn a_pbx_with_a_weak_key_gets_no_sip() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let (key, certificate) = (folder.join("weak.key"), folder.join("weak.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "30", "-subj", "/CN=pbx"])
            .args(["-addext", "subjectAltName=DNS:mx.clinic.test", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let weak = ["-cipher", "DEFAULT:@SECLEVEL=0"];
        is_unreachable(machine, "CD-PBX-06", &weak, (&certificate, &key))
    });
}

#[test]
fn a_pbx_that_speaks_tls_1_1_at_most_gets_no_sip() {
    on_a_machine(|machine| {
        let authority = Authority::new(machine.folder(), "pbx-ca")?;
        let leaf = authority.leaf("old", &["mx.clinic.test"])?;
        let old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];
        is_unreachable(machine, "CD-PBX-07", &old, (&leaf.certificate, &leaf.key))
    });
}

/// openssl stands where the PBX should: log and metrics say why it is not spoken to, and phones hear 503.
fn is_unreachable(machine: &Machine, code: &str, arguments: &[&str], identity: (&Path, &Path)) -> Result<()> {
    let mut server = Command::new("openssl");
    // Without -www it ends with its input, which has none.
    server.args(["s_server", "-www", "-accept", "10.0.0.2:5061"]).args(arguments);
    server.arg("-cert").arg(identity.0).arg("-key").arg(identity.1);
    let server = Program::start("openssl", server)?;
    server.await_line("ACCEPT", LIMIT)?;
    let site = Site::with(machine, |_| {}, None)?;
    let line = site.cordon.program.await_line("the PBX is unreachable", LIMIT)?;
    ensure!(line.contains(&format!("refusal=\"{code}\"")), "{line}");
    let label = format!("code=\"{code}\"");
    let metrics = Metrics::read()?;
    ensure!(metrics.sum("cordon_refusals_total", &[&label]) >= 1.0, "{}", metrics.text());
    registers(site, &GONE)?;
    ensure!(!server.text().contains("REGISTER"), "no SIP reached it:\n{}", server.text());
    Ok(())
}

/// A phone that registers is told within four seconds.
fn registers(site: Site, refused: &Refused) -> Result<()> {
    let before = Metrics::read()?;
    let call = [request("REGISTER", "sip:mx.clinic.test", "", ""), within_four_seconds(refused)].concat();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"registers\">\n{call}</scenario>\n"
    );
    let path = site.folder.join("registers.xml");
    std::fs::write(&path, text.replace("2000@", "[field0]@"))?;
    Sipp::phones(&site.folder, &site.authority, &path, "10.1.0.11", &[4000])?.play(LIMIT)?;
    let label = format!("code=\"{}\"", refused.code);
    let count = |metrics: &Metrics| metrics.sum("cordon_refusals_total", &[&label]);
    let after = Metrics::read()?;
    ensure!(count(&after) > count(&before), "{}", after.text());
    Ok(())
}

/// A phone registers, the PBX gets a signal, the phone calls.
fn calls_after(signal: &str, machine: &Machine, refused: &Refused) -> Result<()> {
    let mut site = Site::open(machine)?;
    let media = format!("m=audio 30000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
    let call = [
        "<pause milliseconds=\"1500\"/>\n",
        &request("INVITE", TARGET, "", &description(&media)),
        "<recv response=\"100\" optional=\"true\"/>\n",
        &within_four_seconds(refused),
        ACK,
    ]
    .concat();
    let mut phone = site.phone("phone", &call)?.start()?;
    site.cordon.program.await_line("phone registered", LIMIT)?;
    let lines = site.cordon.program.lines_so_far();
    site.pbx.as_ref().context("the site has a PBX")?.program.signal(signal)?;
    let code = phone.program.await_exit(LIMIT)?;
    ensure!(code == 0, "SIPp ended with {code}:\n{}", phone.errors());
    let code = format!("refusal=\"{}\"", refused.code);
    site.cordon.program.await_line_after(lines, &code, LIMIT)?;
    let label = format!("code=\"{}\"", refused.code);
    let metrics = Metrics::read()?;
    ensure!(metrics.sum("cordon_refusals_total", &[&label]) >= 1.0, "{}", metrics.text());
    // The phone's ACK may be on its way still.
    Metrics::await_until("the call is over", LIMIT, |metrics| {
        metrics.sum("cordon_calls_active", &[]) == 0.0
    })?;
    Ok(())
}

/// SIPp fails the call when the answer comes later; the half second is for a busy machine.
fn within_four_seconds(refused: &Refused) -> String {
    let late = Duration::from_millis(4500).as_millis();
    answer(refused, "Retry-After: [1-9]").replacen(
        "<recv response=",
        &format!("<recv timeout=\"{late}\" response="),
        1,
    )
}

const GONE: Refused =
    Refused { status: 503, code: "CD-PBX-02", standard: None, text: "no verified connection to the PBX" };
const SILENT: Refused =
    Refused { status: 503, code: "CD-PBX-01", standard: None, text: "the PBX does not answer" };
