//! Profile hipaa, whole: public certificates on both sides, phones that register and talk, and every weakening refused.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::baresip::{Baresip, Setup};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::{ASKED, DOMAIN, Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, Machine, PBX, on_a_machine};
use cordon_tests::metrics::{Metrics, get};
use cordon_tests::pki::Authority;

#[test]
fn phones_register_and_talk_where_every_certificate_is_public() {
    on_a_machine(|machine| {
        let (public, configuration) = clinic(machine)?;
        let folder = machine.folder();
        let _pbx = Kamailio::start(folder, &public, Transport::Tls)?;
        let cordon = Cordon::start(folder, &configuration)?;
        let proxy = format!("{CORDON_LOCATION}:5061");
        let phone = |number, interface, address, tone| {
            let setup = Setup {
                number,
                interface,
                address,
                tone,
                encryption: "srtp-mand",
                proxy: &proxy,
                anchor: &public.anchor,
            };
            Baresip::register(folder, &setup)
        };
        let alice = phone("1001", "phone1", "10.1.0.11", 440.0)?;
        let bob = phone("1002", "phone2", "10.1.0.12", 660.0)?;
        alice.call("1002")?;
        bob.await_heard(440.0, 1.0, LIMIT)?;
        alice.await_heard(660.0, 1.0, LIMIT)?;
        alice.command("hangup", "")?;
        bob.program.await_line("session closed", LIMIT)?;
        let said = cordon.program.text();
        ensure!(!said.contains("profile lab"), "nothing of lab is said: {said}");
        ensure!(Metrics::read()?.sum("cordon_enforcement_weakened", &[]) == 0.0, "nothing is weakened");
        Ok(())
    });
}

#[test]
fn a_pbx_with_a_private_chain_gets_no_sip() {
    on_a_machine(|machine| {
        let (_, configuration) = clinic(machine)?;
        let folder = machine.folder();
        let private = Authority::new(folder, "private-ca")?;
        let pbx = Kamailio::start(folder, &private, Transport::Tls)?;
        let cordon = Cordon::start(folder, &configuration)?;
        cordon.program.await_line("CD-PBX-03", LIMIT)?;
        ensure!(get("/readyz")?.0 == 503, "not ready");
        ensure!(!pbx.program.text().contains(ASKED), "no SIP reached it");
        Ok(())
    });
}

#[test]
fn every_weakening_is_refused_by_check_and_by_run() {
    on_a_machine(|machine| {
        let (_, good) = clinic(machine)?;
        let folder = machine.folder();
        let private = Authority::new(folder, "private-ca")?;
        for (what, control, weaken) in weakenings(&private) {
            let mut configuration = good.clone();
            weaken(&mut configuration);
            ensure!(
                configuration_text(&configuration) != configuration_text(&good),
                "{what} changes the file"
            );
            refused(folder, &configuration, control).with_context(|| what)?;
        }
        Ok(())
    });
}

#[test]
fn a_waiver_is_the_only_way_and_is_loud() {
    on_a_machine(|machine| {
        let (_, mut configuration) = clinic(machine)?;
        let folder = machine.folder();
        let private = Authority::new(folder, "private-ca")?;
        let anchors = format!("trust_anchors = \"{}\"", private.anchor.display());
        configuration.site = configuration.site.replace("trust_anchors = \"system\"", &anchors);
        refused(folder, &configuration, "ZC-34")?;

        let waiver = |expires: &str| {
            format!(
                "[[waiver]]\ncontrol = \"ZC-34\"\nreason = \"private CA of the PBX until its name is delegated\"\n\
                 owner = \"clinic IT lead\"\nexpires = {expires}\n"
            )
        };
        let rules = configuration.rules.clone();
        configuration.rules = format!("{rules}{}", waiver("2020-01-31"));
        refused(folder, &configuration, "ZC-34").context("a waiver past its date weakens nothing")?;

        configuration.rules = format!("{rules}{}", waiver("9999-12-31"));
        let _pbx = Kamailio::start(folder, &private, Transport::Tls)?;
        let cordon = Cordon::start(folder, &configuration)?;
        let line = cordon.program.await_line("a control is waived", LIMIT)?;
        ensure!(line.contains("ZC-34") && line.contains("clinic IT lead"), "{line}");
        cordon.program.await_line("connection to the PBX is up", LIMIT)?;
        ensure!(Metrics::read()?.sum("cordon_enforcement_weakened", &[]) == 1.0, "weakened, and says so");
        Ok(())
    });
}

/// The public store of this machine, and a clinic that lives by it.
fn clinic(machine: &Machine) -> Result<(Authority, Configuration)> {
    let folder = machine.folder();
    let public = Authority::new(folder, "public-ca")?;
    machine.replace_public_store(&public.anchor)?;
    let leaf = public.leaf("cordon", &[HOST, DOMAIN])?;
    let mut configuration = Configuration::lab(&public, &leaf, Transport::Tls);
    configuration.site = configuration
        .site
        .replace("profile = \"lab\"", "profile = \"hipaa\"")
        .replace(&format!("trust_anchors = \"{}\"", public.anchor.display()), "trust_anchors = \"system\"");
    Ok((public, configuration))
}

type Weakening = (&'static str, &'static str, Box<dyn Fn(&mut Configuration)>);

/// What it is, the control it breaks, and how.
fn weakenings(private: &Authority) -> Vec<Weakening> {
    let anchor = private.anchor.display().to_string();
    vec![
        (
            "private roots toward the PBX",
            "ZC-34",
            Box::new(move |file| {
                file.site = file.site.replace("\"system\"", &format!("\"{anchor}\""));
            }),
        ),
        (
            "SIP toward the PBX over UDP",
            "ZC-45",
            Box::new(|file| {
                file.pbx = file.pbx.replace("5061;transport=tls", "5060;transport=udp");
            }),
        ),
        (
            "SIP toward the PBX over TCP",
            "ZC-45",
            Box::new(|file| {
                file.pbx = file.pbx.replace("5061;transport=tls", "5060;transport=tcp");
            }),
        ),
        (
            "RTP toward the PBX",
            "ZC-16",
            Box::new(|file| {
                file.pbx = file.pbx.replace("media = \"srtp\"", "media = \"rtp\"");
            }),
        ),
        (
            "a weak suite toward phones",
            "ZC-47",
            Box::new(|file| {
                file.location.push_str("srtp_suites = [\"AES_CM_128_HMAC_SHA1_32\"]\n");
            }),
        ),
        (
            "a weak suite toward the PBX",
            "ZC-47",
            Box::new(|file| {
                file.pbx.push_str("srtp_suites = [\"AES_CM_128_HMAC_SHA1_32\"]\n");
            }),
        ),
        (
            "optional SRTP",
            "ZC-44",
            Box::new(|file| {
                file.location.push_str("opportunistic_srtp = \"upgrade\"\n");
            }),
        ),
        (
            "phones from everywhere",
            "ZC-77",
            Box::new(|file| {
                file.location = file.location.replace("[\"10.1.0.0/16\"]", "[\"0.0.0.0/0\"]");
            }),
        ),
        (
            "no networks",
            "ZC-77",
            Box::new(|file| {
                file.location = file.location.replace("[\"10.1.0.0/16\"]", "[]");
            }),
        ),
        (
            "a PBX from everywhere",
            "ZC-77",
            Box::new(|file| {
                file.pbx = file.pbx.replace(&format!("[\"{PBX}/32\"]"), "[]");
            }),
        ),
        (
            "no emergency numbers",
            "HV-21",
            Box::new(|file| {
                file.rules = file.rules.replace("[\"911\", \"933\"]", "[]");
            }),
        ),
    ]
}

/// Both verbs refuse it, name the control and the line, and nothing is bound.
fn refused(folder: &Path, configuration: &Configuration, control: &str) -> Result<()> {
    let path = configuration.write(folder)?.display().to_string();
    for (verb, code) in [(vec!["check", path.as_str()], 1), (vec!["run", "--config", path.as_str()], 78)] {
        let output = Cordon::verb(&verb)?;
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.code() == Some(code), "{verb:?} ends with {code}: {:?}\n{said}", output.status);
        ensure!(said.contains(control), "{control} is cited:\n{said}");
        ensure!(said.contains("cordon.toml:"), "the line is named:\n{said}");
        ensure!(!said.contains("cordon is ready"), "nothing is served:\n{said}");
    }
    Ok(())
}

fn configuration_text(configuration: &Configuration) -> String {
    let Configuration { site, rules, location, pbx, media } = configuration;
    [site.as_str(), rules, location, pbx, media].concat()
}

const LIMIT: Duration = Duration::from_secs(15);
