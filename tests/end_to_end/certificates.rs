//! Certificates that must not be shown and certificates that must not be believed, in both profiles.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_lab::LabPhone;
use cordon_sip::{HeaderName, Method, Response};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::handset;
use cordon_tests::kamailio::{ASKED, DOMAIN, Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, PBX, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::pki::{Authority, Flaw, Leaf};
use rcgen::CertificateParams;

#[test]
fn hipaa_refuses_our_own_private_expired_wildcard_misnamed_and_self_signed_certificates() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let public = Authority::new(folder, "public-ca")?;
        machine.replace_public_store(&public.anchor)?;
        let private = Authority::new(folder, "private-ca")?;
        let good = public.leaf("good", &[HOST])?;
        ensure!(complaint(folder, &public, &good)?.is_none(), "a good certificate passes");
        for (what, leaf, control) in [
            ("private CA", private.leaf("private", &[HOST])?, "ZC-34"),
            ("self-signed", private.flawed_leaf("self", &[HOST], Flaw::SelfSigned)?, "ZC-34"),
            ("expired", public.flawed_leaf("expired", &[HOST], Flaw::Expired)?, "ZC-13"),
            ("wildcard", public.leaf("wildcard", &["*.clinic.test"])?, "ZC-13"),
            ("misnamed", public.leaf("misnamed", &["other.clinic.test"])?, "ZC-13"),
        ] {
            let said =
                complaint(folder, &public, &leaf)?.with_context(|| format!("{what} must be refused"))?;
            ensure!(said.contains(&format!(", {control}]")), "{what} cites its control {control}: {said}");
            ensure!(said.contains("cordon.toml:"), "{what} names the line: {said}");
        }
        Ok(())
    });
}

#[test]
fn the_environment_cannot_replace_the_public_store() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let public = Authority::new(folder, "public-ca")?;
        machine.replace_public_store(&public.anchor)?;
        let private = Authority::new(folder, "private-ca")?;
        let leaf = private.leaf("private", &[HOST])?;
        let path = hipaa(&public, &leaf).write(folder)?;
        let output = std::process::Command::new(cordon_tests::cordon::binary()?)
            .args(["check", &path.display().to_string()])
            .env("SSL_CERT_FILE", &private.anchor)
            .output()?;
        ensure!(!output.status.success(), "SSL_CERT_FILE must be ignored");
        Ok(())
    });
}

#[test]
fn a_pbx_that_cannot_prove_its_name_gets_no_sip_and_phones_get_503() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let other = Authority::new(folder, "other-ca")?;
        let own = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        for (what, code, leaf) in [
            ("unknown CA", "CD-PBX-03", other.leaf("pbx-stranger", &[DOMAIN, PBX])?),
            ("expired", "CD-PBX-05", authority.flawed_leaf("pbx-late", &[DOMAIN, PBX], Flaw::Expired)?),
            ("wrong name", "CD-PBX-04", authority.leaf("pbx-elsewhere", &["elsewhere.clinic.test"])?),
            ("wildcard", "CD-PBX-04", authority.leaf("pbx-any", &["*.clinic.test"])?),
            (
                "self-signed",
                "CD-PBX-03",
                authority.flawed_leaf("pbx-alone", &[DOMAIN, PBX], Flaw::SelfSigned)?,
            ),
        ] {
            let pbx = Kamailio::start_with(folder, &authority, Transport::Tls, &leaf)?;
            let cordon = Cordon::start(folder, &Configuration::lab(&authority, &own, Transport::Tls))?;
            let line = cordon
                .program
                .await_line("the PBX is unreachable", Duration::from_secs(10))
                .with_context(|| format!("{what} must not connect"))?;
            ensure!(line.contains(code), "{what} has its code: {line}");
            handset::block_on(phones_get_503(&authority)).context(what)?;
            ensure!(!pbx.program.text().contains(ASKED), "{what}: no SIP reached it");
        }
        // The same PBX with its name says what it is asked.
        let pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        let _cordon = Cordon::start(folder, &Configuration::lab(&authority, &own, Transport::Tls))?;
        handset::block_on(async { register(&authority).await.map(drop) })?;
        pbx.program.await_line(ASKED, Duration::from_secs(10))?;
        Ok(())
    });
}

#[test]
fn a_list_that_takes_the_certificate_of_the_pbx_back_ends_the_connection_that_stands_and_every_later_one() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let own = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let numbered = |params: &mut CertificateParams| params.serial_number = Some(SERIAL.into());
        let leaf = authority.leaf_with("pbx", &[DOMAIN, PBX], numbered)?;
        let pbx = Kamailio::start_with(folder, &authority, Transport::Tls, &leaf)?;
        let lists = authority.revoke("lists", &[SERIAL + 1])?;
        let mut configuration = Configuration::lab(&authority, &own, Transport::Tls);
        configuration.site.push_str(&format!("revocation_lists = \"{}\"\n", lists.display()));
        let cordon = Cordon::start(folder, &configuration)?;
        cordon.program.await_line("connection to the PBX is up", LIMIT)?;
        handset::block_on(async { register(&authority).await.map(drop) })?;
        pbx.program.await_line(ASKED, LIMIT)?;
        let days = Metrics::read()?.sum("cordon_certificate_days_left", &["of=\"revocation_lists\""]);
        ensure!(days > 30_000.0, "the end of the list is watched: {days}");

        // A file that is no list changes nothing.
        let list = std::fs::read(&lists)?;
        std::fs::write(&lists, "hello")?;
        cordon.program.signal("HUP")?;
        cordon.program.await_line("no certificate revocation list is in it", LIMIT)?;
        std::fs::write(&lists, list)?;
        let before = cordon.program.lines_so_far();
        cordon.program.signal("HUP")?;
        cordon.program.await_line_after(before, "configuration and certificates reloaded", LIMIT)?;
        ensure!(!cordon.program.text().contains("connection to the PBX is lost"), "it names somebody else");

        authority.revoke("lists", &[SERIAL])?;
        let asked = pbx.program.text().matches(ASKED).count();
        let before = cordon.program.lines_so_far();
        cordon.program.signal("HUP")?;
        cordon.program.await_line_after(before, "its connection is closed", LIMIT)?;
        let line = cordon.program.await_line_after(before, "the PBX is unreachable", LIMIT)?;
        ensure!(line.contains("refusal=\"CD-PBX-09\"") && line.contains("revoked by its issuer"), "{line}");
        handset::block_on(phones_get_503(&authority))?;
        ensure!(pbx.program.text().matches(ASKED).count() == asked, "no SIP reaches it any more");
        let counted = Metrics::read()?.sum("cordon_refusals_total", &["code=\"CD-PBX-09\""]);
        ensure!(counted >= 1.0, "{counted}");
        Ok(())
    });
}

/// A phone that registers is told to come back, and within 4 s.
async fn phones_get_503(authority: &Authority) -> Result<()> {
    let asked = Instant::now();
    let answer = register(authority).await?;
    ensure!(answer.status.code() == 503, "{}", answer.status.code());
    ensure!(answer.header(&HeaderName::RETRY_AFTER).is_some(), "it says when to come back");
    ensure!(asked.elapsed() < Duration::from_secs(4), "after {:?}", asked.elapsed());
    Ok(())
}

/// The answer to a REGISTER.
async fn register(authority: &Authority) -> Result<Response> {
    let server = format!("{CORDON_LOCATION}:5061").parse()?;
    let phone = LabPhone::connect(handset::config(authority, "1001", server, "10.1.0.11")?).await?;
    let mut register = phone.request(Method::Register, &format!("sip:{DOMAIN}"))?;
    register.to = register.from.clone().without_tag();
    Ok(phone.ask(register).await?)
}

/// What `cordon check` says against a certificate, or nothing when it passes.
fn complaint(folder: &std::path::Path, public: &Authority, leaf: &Leaf) -> Result<Option<String>> {
    let path = hipaa(public, leaf).write(folder)?;
    let output = Cordon::verb(&["check", &path.display().to_string()])?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((!output.status.success()).then_some(said))
}

fn hipaa(authority: &Authority, leaf: &Leaf) -> Configuration {
    let mut configuration = Configuration::lab(authority, leaf, Transport::Tls);
    configuration.site = configuration.site.replace("profile = \"lab\"", "profile = \"hipaa\"").replace(
        &format!("trust_anchors = \"{}\"", authority.anchor.display()),
        "trust_anchors = \"system\"",
    );
    configuration
}

/// A busy machine takes its time.
const LIMIT: Duration = Duration::from_secs(15);

/// The number of a certificate that is taken back.
const SERIAL: u64 = 4_711;
