//! Programs that die in the middle of a call: baresip phones and Kamailio, killed without a word.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::baresip::{Baresip, Setup};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::{Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, Machine, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::pki::Authority;

#[test]
fn a_call_outlives_the_pbx_and_phones_call_again_when_it_is_back() {
    on_a_machine(|machine| {
        let mut clinic = Clinic::open(machine)?;
        let (alice, bob) = (clinic.phone(0)?, clinic.phone(1)?);
        alice.call("1002")?;
        both_hear([(&alice, 0), (&bob, 1)], 1.0)?;

        clinic.pbx.program.kill_with_children()?;
        Metrics::await_until("Cordon sees the PBX go", LIMIT, |metrics| {
            metrics.sum("cordon_pbx_up", &[]) == 0.0
        })?;
        let before = bob.heard(TONES[0])?.seconds;
        both_hear([(&alice, 0), (&bob, 1)], before + 5.0)?;
        ensure!(Metrics::read()?.sum("cordon_calls_active", &[]) == 2.0, "nothing has ended the call");

        clinic.pbx = Kamailio::start(machine.folder(), &clinic.authority, Transport::Tls)?;
        Metrics::await_until("the PBX is back", LIMIT, |metrics| metrics.sum("cordon_pbx_up", &[]) == 1.0)?;
        alice.command("hangup", "")?;
        bob.program.await_line("session closed", LIMIT)?;

        // This PBX has forgotten the phones; each is back with its next refresh.
        let registrations = |metrics: &Metrics| metrics.sum("cordon_registrations_total", &[]);
        let known = registrations(&Metrics::read()?);
        Metrics::await_until("both phones refresh", RETURN, |metrics| registrations(metrics) >= known + 4.0)?;
        let heard = bob.heard(TONES[0])?.seconds;
        alice.call("1002")?;
        both_hear([(&alice, 0), (&bob, 1)], heard + 2.0)
    });
}

#[test]
fn a_phone_that_dies_is_cleaned_up_after_and_another_call_does_not_notice() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        let (alice, bob) = (clinic.phone(0)?, clinic.phone(1)?);
        let (carol, mut dave) = (clinic.phone(2)?, clinic.phone(3)?);
        alice.call("1002")?;
        both_hear([(&alice, 0), (&bob, 1)], 1.0)?;
        let (ports, memory) = (clinic.cordon.media_ports()?, clinic.cordon.memory()?);
        carol.call("1004")?;
        both_hear([(&carol, 2), (&dave, 3)], 1.0)?;
        ensure!(clinic.cordon.media_ports()? == 2 * ports, "each call has as many ports");

        dave.program.kill_with_children()?;
        let heard = bob.heard(TONES[0])?.seconds;

        carol.program.await_line("session closed", RETURN).context("the other side of the call is told")?;
        Metrics::await_until("its legs are gone", RETURN, |metrics| {
            metrics.sum("cordon_calls_active", &[]) == 2.0
        })?;
        ensure!(
            clinic.cordon.media_ports()? == ports,
            "its ports are back: {} of {ports}",
            clinic.cordon.media_ports()?
        );
        let now = clinic.cordon.memory()?;
        ensure!(now < memory + MEMORY, "its memory is back: {now} kB after {memory} kB");
        // Alice and Bob have talked all the while, and nobody else was heard.
        let until = Metrics::read()?;
        ensure!(until.sum("cordon_calls_ended_total", &["end=\"lost\""]) >= 1.0, "{}", until.text());
        both_hear([(&alice, 0), (&bob, 1)], heard + 25.0)
    });
}

#[test]
fn phones_whose_connections_break_talk_on_and_hang_up_over_their_next_ones() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        let (alice, bob) = (clinic.phone(0)?, clinic.phone(1)?);
        alice.call("1002")?;
        both_hear([(&alice, 0), (&bob, 1)], 1.0)?;

        let lines = clinic.cordon.program.lines_so_far();
        break_connection(&alice)?;
        break_connection(&bob)?;
        clinic.cordon.program.await_line_after(lines, "phone unregistered", LIMIT)?;
        // Four handshakes: each phone has opened its second connection.
        Metrics::await_until("both phones are back", RETURN, |metrics| {
            metrics.sum("cordon_tls_handshakes_total", &[]) == 4.0 && metrics.sum("cordon_flows", &[]) == 2.0
        })?;
        let heard = bob.heard(TONES[0])?.seconds;
        both_hear([(&alice, 0), (&bob, 1)], heard + 2.0)?;

        // The BYE comes over the one new connection and leaves over the other.
        bob.command("hangup", "")?;
        alice.program.await_line("session closed", LIMIT)?;
        let metrics = Metrics::await_until("both calls are over", LIMIT, |metrics| {
            metrics.sum("cordon_calls_active", &[]) == 0.0
        })?;
        ensure!(metrics.sum("cordon_calls_ended_total", &["end=\"lost\""]) == 0.0, "{}", metrics.text());
        Ok(())
    });
}

#[test]
fn a_phone_that_vanishes_without_a_word_is_noticed_within_forty_seconds() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        let mut alice = clinic.phone(0)?;
        let lines = clinic.cordon.program.lines_so_far();

        unplug(&alice)?;
        alice.program.kill_with_children()?;

        let gone = Instant::now();
        clinic.cordon.program.await_line_after(lines, "connection closed", RETURN)?;
        ensure!(gone.elapsed() < Duration::from_secs(42), "it took {:?}", gone.elapsed());
        clinic.cordon.program.await_line_after(lines, "phone unregistered", LIMIT)?;
        ensure!(Metrics::read()?.sum("cordon_flows", &[]) == 0.0, "no connection is left");
        Ok(())
    });
}

#[test]
fn phones_come_back_to_a_cordon_that_was_killed() {
    on_a_machine(|machine| {
        let mut clinic = Clinic::open(machine)?;
        let (alice, bob) = (clinic.phone(0)?, clinic.phone(1)?);

        clinic.cordon.program.kill_with_children()?;
        clinic.cordon = Cordon::start(machine.folder(), &clinic.configuration)?;

        Metrics::await_until("both phones are back", RETURN, |metrics| {
            metrics.sum("cordon_registrations_total", &[]) >= 2.0
        })?;
        alice.call("1002")?;
        both_hear([(&alice, 0), (&bob, 1)], 2.0)
    });
}

/// Four phones' worth of a clinic: phone `n` has the number 1001 + n and speaks `TONES[n]`.
struct Clinic {
    authority: Authority,
    folder: std::path::PathBuf,
    configuration: Configuration,
    pbx: Kamailio,
    cordon: Cordon,
}

impl Clinic {
    fn open(machine: &Machine) -> Result<Self> {
        let folder = machine.folder().to_owned();
        let authority = Authority::new(&folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let pbx = Kamailio::start(&folder, &authority, Transport::Tls)?;
        let configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        let cordon = Cordon::start(&folder, &configuration)?;
        Ok(Self { authority, folder, configuration, pbx, cordon })
    }

    fn phone(&self, index: usize) -> Result<Baresip> {
        let setup = Setup {
            number: NUMBERS[index],
            interface: &format!("phone{}", index + 1),
            address: &format!("10.1.0.1{}", index + 1),
            tone: TONES[index],
            encryption: "srtp-mand",
            proxy: &format!("{CORDON_LOCATION}:5061"),
            anchor: &self.authority.anchor,
        };
        Baresip::register(&self.folder, &setup)
    }
}

/// Breaks the TLS connection of a phone, as a router does that forgets it.
fn break_connection(phone: &Baresip) -> Result<()> {
    let port = port_of(phone)?;
    let broken = Command::new("ss").args(["-HKtn", "sport", "=", &format!(":{port}")]).output()?;
    ensure!(String::from_utf8_lossy(&broken.stdout).contains(&port), "the kernel breaks the connection");
    Ok(())
}

/// Takes the cable out of a phone: from now on nothing of its TLS connection arrives, on either side.
fn unplug(phone: &Baresip) -> Result<()> {
    let port = port_of(phone)?;
    let ip = |arguments: &[&str]| -> Result<()> {
        ensure!(Command::new("ip").arg("rule").args(arguments).status()?.success(), "ip rule {arguments:?}");
        Ok(())
    };
    // Addresses of this machine are looked up first of all, unless that is made second.
    ip(&["add", "pref", "100", "lookup", "local"])?;
    ip(&["del", "pref", "0"])?;
    ip(&["add", "pref", "10", "ipproto", "tcp", "dport", &port, "blackhole"])?;
    ip(&["add", "pref", "11", "ipproto", "tcp", "sport", &port, "blackhole"])
}

/// The local port of a phone's TLS connection.
fn port_of(phone: &Baresip) -> Result<String> {
    let table = Command::new("ss").args(["-Htnp", "dport", "=", ":5061"]).output()?;
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let owner = format!("pid={},", phone.program.pid());
    let line = table.lines().find(|line| line.contains(&owner)).context("the phone is connected")?;
    let local = line.split_whitespace().nth(3).and_then(|local| local.rsplit(':').next());
    Ok(local.context("it has a port")?.to_owned())
}

/// Waits until each phone has heard the other's tone for so long in all, and nothing else.
fn both_hear(call: [(&Baresip, usize); 2], seconds: f64) -> Result<()> {
    let [(one, first), (other, second)] = call;
    for (phone, tone) in [(one, second), (other, first)] {
        let heard = phone.await_heard(TONES[tone], seconds, LIMIT)?;
        ensure!(heard.loud - heard.seconds <= 0.3, "something other than the tone was heard: {heard:?}");
    }
    Ok(())
}

const NUMBERS: [&str; 4] = ["1001", "1002", "1003", "1004"];
const TONES: [f64; 4] = [440.0, 660.0, 550.0, 880.0];
const LIMIT: Duration = Duration::from_secs(15);
/// What a crash leaves behind is gone by then.
const RETURN: Duration = Duration::from_secs(64);
/// Two legs' worth and the noise of an allocator, in kB.
const MEMORY: u64 = 4_096;
