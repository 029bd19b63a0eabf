//! What the one on call does to a Cordon with calls on it: reload, reload something wrong, restart.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::baresip::{Baresip, Setup};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::{Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, Machine, PBX, on_a_machine};
use cordon_tests::metrics::{Metrics, get};
use cordon_tests::pki::Authority;

#[test]
fn sighup_takes_a_new_certificate_and_the_call_goes_on() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        let (alice, bob) = clinic.talking()?;
        let old = clinic.certificate()?;

        // The same files, written anew, as a renewal does.
        clinic.authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        clinic.cordon.program.signal("HUP")?;
        clinic.cordon.program.await_line("configuration and certificates reloaded", LIMIT)?;

        ensure!(clinic.certificate()? != old, "phones that connect now see the new certificate");
        clinic.goes_on(&alice, &bob)?;
        ensure!(reloads("taken")? == 1.0 && reloads("refused")? == 0.0);
        Ok(())
    });
}

#[test]
fn sighup_with_something_wrong_is_refused_by_name_and_everything_stays() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        let (alice, bob) = clinic.talking()?;
        let old = clinic.certificate()?;
        let Configuration { location, media, site, .. } = &clinic.configuration;

        let wrong = [
            (
                Configuration {
                    media: "[media]\nport = \"20000-29999\"\n".to_owned(),
                    ..clinic.configuration.clone()
                },
                "port",
            ),
            (
                Configuration {
                    site: site.replace("cordon.pem", "gone.pem"),
                    ..clinic.configuration.clone()
                },
                "gone.pem",
            ),
            (
                Configuration {
                    location: location.replace(":5061", ":5064"),
                    ..clinic.configuration.clone()
                },
                "location.north.listen",
            ),
            (
                Configuration {
                    location: location
                        .replace("media_address = \"10.1.0.5\"", "media_address = \"10.1.0.6\""),
                    ..clinic.configuration.clone()
                },
                "location.north.media_address",
            ),
            (
                Configuration { media: media.replace("29999", "28999"), ..clinic.configuration.clone() },
                "media.ports",
            ),
        ];
        for (index, (configuration, name)) in wrong.iter().enumerate() {
            configuration.write(machine.folder())?;
            let before = clinic.cordon.program.lines_so_far();
            clinic.cordon.program.signal("HUP")?;
            let line = clinic.cordon.program.await_line_after(
                before,
                "reload refused, everything stays as it was",
                LIMIT,
            )?;
            ensure!(line.contains(name), "{name} is named: {line}");
            ensure!(reloads("refused")? == (index + 1) as f64, "the metric counts it");
        }

        ensure!(clinic.certificate()? == old, "the old certificate is shown where it was");
        ensure!(clinic.cordon.program.text().matches("configuration and certificates reloaded").count() == 0);
        clinic.goes_on(&alice, &bob)
    });
}

#[test]
fn sigterm_lets_calls_end_takes_nothing_new_and_then_exits() {
    on_a_machine(|machine| {
        let mut clinic = Clinic::open(machine)?;
        let (alice, bob) = clinic.talking()?;
        let carol = clinic.phone("1003", "phone3", "10.1.0.13", 550.0)?;

        clinic.cordon.program.signal("TERM")?;
        clinic.cordon.program.await_line("draining", LIMIT)?;
        // Whoever balances load is told as soon as nothing new is taken.
        await_page("/readyz", 503)?;

        let before = clinic.cordon.program.lines_so_far();
        let refused = carol.call_that_fails("1002")?;
        ensure!(refused.contains("503"), "a new call is refused: {refused}");
        clinic.cordon.program.await_line_after(before, "refusal=\"CD-OVERLOAD-01\"", LIMIT)?;
        clinic.goes_on(&alice, &bob)?;
        ensure!(clinic.cordon.program.is_running(), "it waits for the call");

        alice.command("hangup", "")?;
        bob.program.await_line("session closed", LIMIT)?;
        let code = clinic.cordon.program.await_exit(LIMIT)?;
        ensure!(code == 0, "it ended well: {code}");
        Ok(())
    });
}

#[test]
fn sigterm_waits_for_no_name_server() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let silent = UdpSocket::bind("127.0.0.77:53")?;
        silent.set_read_timeout(Some(LIMIT))?;
        machine.replace_name_server(silent.local_addr()?.ip())?;
        let mut configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        configuration.pbx = configuration.pbx.replace(&format!("sip:{PBX}:"), "sip:mx.clinic.test:");
        let mut cordon = Cordon::start(folder, &configuration)?;
        silent.recv(&mut [0; 512]).context("the PBX's name is asked for")?;

        cordon.program.signal("TERM")?;
        cordon.program.await_line("cordon has ended", LIMIT)?;

        // The resolver itself asks twice and gives in after ten seconds.
        ensure!(cordon.program.await_exit(Duration::from_secs(3))? == 0, "it ended well");
        Ok(())
    });
}

/// Two phones that talk through Cordon and Kamailio.
struct Clinic {
    folder: PathBuf,
    authority: Authority,
    configuration: Configuration,
    cordon: Cordon,
    _pbx: Kamailio,
}

impl Clinic {
    fn open(machine: &Machine) -> Result<Self> {
        let folder = machine.folder().to_owned();
        let authority = Authority::new(&folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let pbx = Kamailio::start(&folder, &authority, Transport::Tls)?;
        let configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        let cordon = Cordon::start(&folder, &configuration)?;
        Ok(Self { folder, authority, configuration, cordon, _pbx: pbx })
    }

    fn phone(&self, number: &str, interface: &str, address: &str, tone: f64) -> Result<Baresip> {
        let proxy = format!("{CORDON_LOCATION}:5061");
        let anchor = &self.authority.anchor;
        Baresip::register(
            &self.folder,
            &Setup { number, interface, address, tone, encryption: "srtp-mand", proxy: &proxy, anchor },
        )
    }

    fn talking(&self) -> Result<(Baresip, Baresip)> {
        let alice = self.phone("1001", "phone1", "10.1.0.11", ALICE_TONE)?;
        let bob = self.phone("1002", "phone2", "10.1.0.12", BOB_TONE)?;
        alice.call("1002")?;
        bob.await_heard(ALICE_TONE, 1.0, LIMIT)?;
        alice.await_heard(BOB_TONE, 1.0, LIMIT)?;
        Ok((alice, bob))
    }

    /// Both phones hear each other for two seconds more.
    fn goes_on(&self, alice: &Baresip, bob: &Baresip) -> Result<()> {
        let (at_bob, at_alice) = (bob.heard(ALICE_TONE)?.seconds, alice.heard(BOB_TONE)?.seconds);
        bob.await_heard(ALICE_TONE, at_bob + 2.0, LIMIT)?;
        alice.await_heard(BOB_TONE, at_alice + 2.0, LIMIT)?;
        Ok(())
    }

    /// The certificate that a phone which connects now is shown, PEM.
    fn certificate(&self) -> Result<String> {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &format!("{CORDON_LOCATION}:5061"), "-servername", HOST])
            .stdin(Stdio::null())
            .output()?;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, certificate) =
            shown.split_once("-----BEGIN CERTIFICATE-----").context("a certificate is shown")?;
        let (certificate, _) = certificate.split_once("-----END").context("it has an end")?;
        Ok(certificate.to_owned())
    }
}

fn await_page(path: &str, status: u16) -> Result<()> {
    let until = Instant::now() + LIMIT;
    while get(path)?.0 != status {
        ensure!(Instant::now() < until, "{path} answers {status}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Ok(())
}

fn reloads(outcome: &str) -> Result<f64> {
    Ok(Metrics::read()?.sum("cordon_reloads_total", &[&format!("outcome=\"{outcome}\"")]))
}

const ALICE_TONE: f64 = 440.0;
const BOB_TONE: f64 = 660.0;
const LIMIT: Duration = Duration::from_secs(15);
