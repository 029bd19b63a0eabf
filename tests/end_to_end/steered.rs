//! Steered media: the same calls, a kernel that steers only while Cordon lives, and what is said where it may not.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_steer::Steering;
use cordon_tests::cordon::{Configuration, Cordon, HOST, binary, media_addresses};
use cordon_tests::handset;
use cordon_tests::kamailio::{Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_LOCATION_V6, Machine, STRANGER, on_a_machine};
use cordon_tests::pki::Authority;
use cordon_tests::pki::Leaf;
use cordon_tests::program::Program;

#[test]
fn a_phone_on_ipv6_and_a_phone_on_ipv4_talk_and_other_services_go_on() {
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        let _pbx = Kamailio::start(machine.folder(), &site.authority, Transport::Tls)?;
        let cordon = Cordon::start(machine.folder(), &site.configuration("steered"))?;
        cordon.program.await_line("media ports are served io=\"steered\"", LIMIT)?;
        // A service of the host, on a port of the range and an address of its own.
        let service = UdpSocket::bind((STRANGER, 20_000))?;
        service.set_read_timeout(Some(LIMIT))?;
        site.during_a_call(|ports| {
            let media = ports.iter().filter(|port| **port != service.local_addr().expect("it is bound"));
            ensure!(media.count() == 8, "each of the two legs has four ports: {ports:?}");
            UdpSocket::bind("10.1.0.13:0")?.send_to(b"time?", service.local_addr()?)?;
            ensure!(service.recv(&mut [0; 16])? == 5);
            Ok(())
        })
    });
}

#[test]
fn a_cordon_that_serves_has_given_its_rights_up() {
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        let _pbx = Kamailio::start(machine.folder(), &site.authority, Transport::Tls)?;
        let cordon = Cordon::start(machine.folder(), &site.configuration("steered"))?;
        cordon.program.await_line("media ports are served io=\"steered\"", LIMIT)?;
        site.during_a_call(|_| {
            let threads = rights_of_threads(cordon.program.pid())?;
            ensure!(threads.len() > 4, "media, signalling, and those of the runtime: {threads:?}");
            for (name, rights) in threads {
                // Some kernels ask for the right to tables when a port is opened.
                let is_media = name.strip_prefix("media-").is_some_and(|number| number.parse::<u8>().is_ok());
                let needless = if is_media { NET_ADMIN | NET_RAW } else { NET_ADMIN | NET_RAW | BPF };
                ensure!(rights & needless == 0, "{name} may still {rights:#x}");
            }
            Ok(())
        })
    });
}

#[test]
fn a_killed_cordon_leaves_no_program_behind() {
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        let _pbx = Kamailio::start(machine.folder(), &site.authority, Transport::Tls)?;
        let mut cordon = Cordon::start(machine.folder(), &site.configuration("auto"))?;
        site.during_a_call(|ports| {
            ensure!(Steering::programs_here()? == 1);

            cordon.program.kill_with_children()?;

            let until = Instant::now() + LIMIT;
            while Steering::programs_here()? != 0 {
                ensure!(Instant::now() < until, "the program is still there");
                std::thread::yield_now();
            }
            for port in ports {
                ensure!(is_refused(*port)?, "{port} answers with ICMP");
            }
            Ok(())
        })
    });
}

#[test]
fn a_service_without_the_rights_says_which_and_serves_all_the_same() {
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        let file = site.configuration("steered").write(machine.folder())?;
        let without_bpf = |arguments: &[&str]| -> Result<Command> {
            let mut command = Command::new("setpriv");
            command.arg("--bounding-set=-bpf,-sys_admin").arg(binary()?).args(arguments).arg(&file);
            Ok(command)
        };
        let checked = without_bpf(&["check"])?.output().context("setpriv is part of util-linux")?;
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        ensure!(checked.status.success(), "{told}");
        ensure!(told.contains("media would be per-port: CAP_BPF is missing"), "{told}");

        let mut command = without_bpf(&["run", "--config"])?;
        command.env("CORDON_LOG", "info");
        let program = Program::start("cordon", command)?;
        let line = program.await_line("media is not steered, though it was asked for", LIMIT)?;
        ensure!(line.contains("CAP_BPF is missing: in the systemd unit, AmbientCapabilities="), "{line}");
        program.await_line("cordon is ready", LIMIT)?;
        ensure!(Steering::programs_here()? == 0);
        Ok(())
    });
}

/// A lab whose phones speak either version of IP.
struct Site {
    authority: Authority,
    leaf: Leaf,
}

impl Site {
    fn new(machine: &Machine) -> Result<Self> {
        let authority = Authority::new(machine.folder(), "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_LOCATION_V6])?;
        Ok(Self { authority, leaf })
    }

    fn configuration(&self, io: &str) -> Configuration {
        let mut configuration = Configuration::lab(&self.authority, &self.leaf, Transport::Tls);
        configuration.media = format!("[media]\nports = \"20000-29999\"\nio = \"{io}\"\n");
        configuration.location = format!(
            "[[location]]\nname = \"north\"\nlisten = [\"{CORDON_LOCATION}:5061\", \"[{CORDON_LOCATION_V6}]:5061\"]\n\
             networks = [\"10.1.0.0/16\", \"fd00:10:1::/64\"]\n\
             media_address = [\"{CORDON_LOCATION}\", \"{CORDON_LOCATION_V6}\"]\n"
        );
        configuration
    }

    /// Two phones hear each other; then `act` happens, with the ports that Cordon holds for the call.
    fn during_a_call(&self, act: impl FnOnce(&[SocketAddr]) -> Result<()>) -> Result<()> {
        let config = |number, server: String, ip| {
            handset::config(&self.authority, number, server.parse().context("an address")?, ip)
        };
        handset::block_on(async {
            let mut bob = config("1002", format!("[{CORDON_LOCATION_V6}]:5061"), "fd00:10:1::12")?;
            bob.tone = BOB_TONE;
            let alice = config("1001", format!("{CORDON_LOCATION}:5061"), "10.1.0.11")?;
            let (alice, bob) = (handset::register(alice).await?, handset::register(bob).await?);
            let (at_alice, at_bob) =
                tokio::try_join!(alice.call("1002"), async { bob.incoming(LIMIT).await?.answer().await })?;
            at_bob.hear(ALICE_TONE, LIMIT).await?;
            at_alice.hear(BOB_TONE, LIMIT).await?;
            ensure!(at_alice.media().refused == 0, "{:?}", at_alice.media());
            act(&media_addresses()?)
        })
    }
}

/// The name of each thread of a process, and what it could do if it wanted to (capabilities(7)).
fn rights_of_threads(pid: u32) -> Result<Vec<(String, u64)>> {
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        line.map(str::to_owned).with_context(|| format!("{name} is part of a status"))
    };
    let mut threads = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = std::fs::read_to_string(thread?.path().join("status"))?;
        threads.push((field(&status, "Name")?, u64::from_str_radix(&field(&status, "CapPrm")?, 16)?));
    }
    Ok(threads)
}

/// Whether the kernel answers that nobody is there.
fn is_refused(port: SocketAddr) -> Result<bool> {
    let ip = if port.is_ipv4() { "10.1.0.13" } else { "fd00:10:1::11" };
    let peer = UdpSocket::bind((ip, 0))?;
    peer.connect(port)?;
    peer.set_read_timeout(Some(LIMIT))?;
    peer.send(b"?")?;
    Ok(peer.recv(&mut [0; 8]).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused))
}

const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
const BPF: u64 = 1 << 39;
const ALICE_TONE: f64 = 440.0;
const BOB_TONE: f64 = 660.0;
const LIMIT: Duration = Duration::from_secs(10);
