//! A machine of its own for each test: network and mount namespaces with the addresses of a small clinic.
//!
//! ```text
//!   phones (location north)              Cordon                     PBX
//!   10.1.0.11 .. 10.1.0.15   --->   10.1.0.5 | 10.0.0.5   --->   10.0.0.2
//! ```

use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};

/// Where Cordon listens for phones.
pub const CORDON_LOCATION: &str = "10.1.0.5";
/// Where Cordon listens for the PBX.
pub const CORDON_PBX_SIDE: &str = "10.0.0.5";
/// The PBX.
pub const PBX: &str = "10.0.0.2";
/// Where Cordon listens for phones that speak IPv6: `::11` and `::12` are theirs.
pub const CORDON_LOCATION_V6: &str = "fd00:10:1::5";
/// Where Cordon listens for a PBX that speaks IPv6.
pub const CORDON_PBX_SIDE_V6: &str = "fd00:10::5";
/// The PBX, when it speaks IPv6.
pub const PBX_V6: &str = "fd00:10::2";
/// Addresses of the location that belong to nobody: [`Machine::invite_crowd`] makes every one of them speak.
pub const CROWD: &str = "10.1.128.0/17";
/// An address inside no configured network.
pub const STRANGER: &str = "10.9.0.66";

/// One test's machine: a scratch folder that goes when the test ends.
pub struct Machine {
    folder: PathBuf,
}

/// Runs `body` in namespaces of its own; call it as the only statement of a `#[test]`.
///
/// The test binary starts itself again under `unshare`, filtered to the calling test, and the inner run carries
/// the mark in its environment. Needs root, as the peers do.
pub fn on_a_machine(body: impl FnOnce(&Machine) -> Result<()>) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    if std::env::var_os(MARK).is_none() {
        let status = again([name.as_str(), "--exact", "--nocapture", "--include-ignored"])
            .expect("setpriv and unshare are part of util-linux");
        assert!(status.success(), "{name} failed on its own machine");
        return;
    }
    let machine = Machine::set_up(&name).expect("the test's network can be made");
    if let Err(error) = body(&machine) {
        panic!("{error:?}\n{}", crate::program::last_words());
    }
}

/// As [`on_a_machine`] for a program: call it as the only statement of `main`.
///
/// # Errors
/// What `body` says, on the machine; outside of it that it failed there.
pub fn main_on_a_machine(body: impl FnOnce(&Machine) -> Result<()>) -> Result<()> {
    if std::env::var_os(MARK).is_none() {
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        let status = again(arguments)?;
        ensure!(status.success(), "failed on its own machine");
        return Ok(());
    }
    let machine = Machine::set_up("main")?;
    body(&machine).map_err(|error| error.context(crate::program::last_words()))
}

/// Starts this program again in namespaces of its own. A runner that kills it for its time must not leave the machine
/// behind: unshare hears no TERM.
fn again<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Result<ExitStatus> {
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe()?)
        .args(arguments)
        .env(MARK, "1")
        .status()?;
    Ok(status)
}

impl Machine {
    fn set_up(test: &str) -> Result<Self> {
        for line in NETWORK.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let status =
                Command::new("ip").args(line.split_whitespace()).status().context("iproute2 is there")?;
            ensure!(status.success(), "ip {line}");
        }
        // Short: baresip cuts the names of its recordings when the path is long.
        let folder = std::env::temp_dir().join(format!("cordon-{:x}", now()));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("test"), test)?;
        Ok(Self { folder })
    }

    /// The scratch folder of this test.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// From now on a socket may be bound to any address of [`CROWD`].
    pub fn invite_crowd(&self) -> Result<()> {
        let status = Command::new("ip").args(["route", "add", "local", CROWD, "dev", "lo"]).status()?;
        ensure!(status.success(), "the addresses of the crowd can be made local");
        Ok(())
    }

    /// Makes these names known on this machine only, beside what its hosts file says.
    pub fn name_hosts(&self, hosts: &[(&str, &str)]) -> Result<()> {
        let mut text = std::fs::read_to_string(HOSTS).unwrap_or_default();
        for (name, address) in hosts {
            text.push_str(&format!("{address} {name}\n"));
        }
        let file = self.folder.join("hosts");
        std::fs::write(&file, text)?;
        replace(Path::new(HOSTS), &file)
    }

    /// Makes `bundle` the distribution's public trust store on this machine only.
    pub fn replace_public_store(&self, bundle: &Path) -> Result<()> {
        replace(Path::new("/etc/ssl/certs/ca-certificates.crt"), bundle)
    }

    /// Makes `server` the only one that names are asked of on this machine.
    pub fn replace_name_server(&self, server: IpAddr) -> Result<()> {
        let settings = self.folder.join("resolv.conf");
        std::fs::write(&settings, format!("nameserver {server}\n"))?;
        replace(Path::new("/etc/resolv.conf"), &settings)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !std::thread::panicking() && std::env::var_os("CORDON_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Inside the mount namespace of this machine only.
fn replace(file: &Path, by: &Path) -> Result<()> {
    let status = Command::new("mount").arg("--bind").args([by, file]).status()?;
    ensure!(status.success(), "{} can be replaced inside the mount namespace", file.display());
    Ok(())
}

/// Inside a PID namespace every test is process 1 or 2: the time of its start tells them apart.
fn now() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

/// The `index`-th address of the crowd; they repeat after some thirty thousand.
pub fn one_of_crowd(index: usize) -> IpAddr {
    let index = index % (128 * 254);
    let (third, fourth) = (128 + index / 254, 1 + index % 254);
    IpAddr::from([10, 1, u8::try_from(third).unwrap_or(u8::MAX), u8::try_from(fourth).unwrap_or(1)])
}

const HOSTS: &str = "/etc/hosts";
const MARK: &str = "CORDON_TEST_MACHINE";

/// One veth pair per party, so that a phone which looks for "its" interface finds one.
const NETWORK: &str = "
    link set lo up
    link add cordon0 type veth peer name cordon1
    addr add 10.1.0.5/16 dev cordon0
    addr add 10.0.0.5/24 dev cordon1
    link set cordon0 up
    link set cordon1 up
    link add pbx0 type veth peer name phone1
    addr add 10.0.0.2/32 dev pbx0
    addr add 10.1.0.11/32 dev phone1
    link set pbx0 up
    link set phone1 up
    link add phone2 type veth peer name phone3
    addr add 10.1.0.12/32 dev phone2
    addr add 10.1.0.13/32 dev phone3
    link set phone2 up
    link set phone3 up
    link add phone4 type veth peer name stranger0
    addr add 10.1.0.14/32 dev phone4
    addr add 10.9.0.66/32 dev stranger0
    link set phone4 up
    link set stranger0 up
    -6 addr add fd00:10:1::5/64 dev cordon0 nodad
    -6 addr add fd00:10::5/64 dev cordon1 nodad
    -6 addr add fd00:10::2/128 dev pbx0 nodad
    -6 addr add fd00:10:1::11/128 dev phone1 nodad
    -6 addr add fd00:10:1::12/128 dev phone2 nodad
";
