//! Cordon itself: the built binary with a configuration of the test's making.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::kamailio::{DOMAIN, Transport};
use crate::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, PBX};
use crate::metrics::Metrics;
use crate::pki::{Authority, Leaf};
use crate::program::Program;

/// The name that phones connect to.
pub const HOST: &str = "sip.clinic.test";

/// A configuration: the sections as text, each replaceable.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// `[site]` and `[tls]`.
    pub site: String,
    /// `[emergency]`, `[registration]`, waivers and whatever else a test adds.
    pub rules: String,
    /// `[[location]]`.
    pub location: String,
    /// `[pbx]`.
    pub pbx: String,
    /// `[media]`.
    pub media: String,
}

impl Configuration {
    /// Profile `lab`, one location, the PBX over the given transport; the PBX leg's media is `srtp` over TLS,
    /// else `rtp`.
    pub fn lab(authority: &Authority, leaf: &Leaf, transport: Transport) -> Self {
        let (uri, media) = match transport {
            Transport::Tls => (format!("sip:{PBX}:5061;transport=tls"), "srtp"),
            Transport::Udp => (format!("sip:{PBX}:5060;transport=udp"), "rtp"),
            Transport::Tcp => (format!("sip:{PBX}:5060;transport=tcp"), "rtp"),
        };
        Self {
            site: format!(
                "[site]\nname = \"test\"\nprofile = \"lab\"\ndomain = \"{DOMAIN}\"\nhost = \"{HOST}\"\n\
                 [tls]\ncertificate = \"{}\"\nprivate_key = \"{}\"\ntrust_anchors = \"{}\"\n",
                leaf.certificate.display(),
                leaf.key.display(),
                authority.anchor.display()
            ),
            rules: "[emergency]\nnumbers = [\"911\", \"933\"]\n[registration]\nmaximum = \"600s\"\n"
                .to_owned(),
            location: format!(
                "[[location]]\nname = \"north\"\nlisten = [\"{CORDON_LOCATION}:5061\"]\nrefuse = [\"{CORDON_LOCATION}:5060\"]\n\
                 networks = [\"10.1.0.0/16\"]\nmedia_address = \"{CORDON_LOCATION}\"\n"
            ),
            pbx: format!(
                "[pbx]\nuri = \"{uri}\"\nname = \"{DOMAIN}\"\nlisten = \"{CORDON_PBX_SIDE}:5071\"\nnetworks = [\"{PBX}/32\"]\n\
                 media_address = \"{CORDON_PBX_SIDE}\"\nmedia = \"{media}\"\n"
            ),
            media: format!("[media]\nports = \"20000-29999\"\nio = \"{}\"\n", media_io()),
        }
    }

    /// Writes the file.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join("cordon.toml");
        let Self { site, rules, location, pbx, media } = self;
        std::fs::write(&path, [site.as_str(), rules, location, pbx, media].concat())?;
        Ok(path)
    }
}

/// A running Cordon.
pub struct Cordon {
    /// The process.
    pub program: Program,
}

impl Cordon {
    /// Runs `cordon run --config` and waits until it serves.
    pub fn start(folder: &Path, configuration: &Configuration) -> Result<Self> {
        Self::start_logging(folder, configuration, "info")
    }

    /// As [`Cordon::start`], with everything up to `level` logged.
    pub fn start_logging(folder: &Path, configuration: &Configuration, level: &str) -> Result<Self> {
        Self::start_built(&binary()?, folder, configuration, level)
    }

    /// As [`Cordon::start_logging`], with another build of Cordon.
    pub fn start_built(
        binary: &Path,
        folder: &Path,
        configuration: &Configuration,
        level: &str,
    ) -> Result<Self> {
        let path = configuration.write(folder)?;
        let mut command = Command::new(binary);
        command.env("CORDON_LOG", level);
        command.args(["run", "--config"]).arg(path);
        let program = Program::start("cordon", command)?;
        program.await_line("cordon is ready", Duration::from_secs(15))?;
        Ok(Self { program })
    }

    /// Does what is refused by the rule of this code; the code then stands once in the metrics and in a line of the
    /// log, which is returned beside what the peer saw.
    pub fn refuses<T>(&self, code: &str, act: impl FnOnce() -> Result<T>) -> Result<(T, String)> {
        let label = format!("code=\"{code}\"");
        let count = |metrics: &Metrics| metrics.sum("cordon_refusals_total", &[&label]);
        let (lines, before) = (self.program.lines_so_far(), Metrics::read()?);
        let seen = act().with_context(|| code.to_owned())?;
        let line = self.program.await_line_after(lines, &format!("refusal=\"{code}\""), TOLD)?;
        let after = Metrics::read()?;
        ensure!(count(&after) == count(&before) + 1.0, "{label} is counted once:\n{}", after.text());
        Ok((seen, line))
    }

    /// How many UDP ports it holds for media.
    pub fn media_ports(&self) -> Result<usize> {
        Ok(media_addresses()?.len())
    }

    /// Waits until so many media sockets are open.
    pub fn await_media_ports(&self, wanted: usize, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        loop {
            let open = self.media_ports()?;
            if open == wanted {
                return Ok(());
            }
            ensure!(Instant::now() < until, "{wanted} media sockets within {limit:?}, not {open}");
            // The kernel can only be asked; it announces no closed socket.
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// How many files it may have open at once.
    pub fn descriptor_limit(&self) -> Result<u64> {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.program.pid()))?;
        let line = limits.lines().find(|line| line.starts_with("Max open files")).context("Linux tells")?;
        Ok(line.split_whitespace().nth(3).context("the soft limit")?.parse()?)
    }

    /// Lets it open files only up to this number from now on; those that are open stay.
    pub fn limit_descriptors(&self, most: u64) -> Result<()> {
        let pid = self.program.pid().to_string();
        let status = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={most}:")]).status()?;
        ensure!(status.success(), "prlimit is part of util-linux");
        Ok(())
    }

    /// What it has in memory, in kB.
    pub fn memory(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// What of it is its own, in kB: without the pages of the program, which the system drops and reads again as it likes.
    pub fn own_memory(&self) -> Result<u64> {
        self.status("RssAnon:")
    }

    fn status(&self, key: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.program.pid()))?;
        let line = status.lines().find(|line| line.starts_with(key)).context("Linux tells")?;
        Ok(line.split_whitespace().nth(1).context("it is a number")?.parse()?)
    }

    /// Runs another verb to its end.
    pub fn verb(arguments: &[&str]) -> Result<Output> {
        Ok(Command::new(binary()?).args(arguments).output()?)
    }
}

/// Every UDP port that is held for media on this machine, with its address.
pub fn media_addresses() -> Result<Vec<SocketAddr>> {
    let filter = ["sport", ">=", ":20000", "and", "sport", "<=", ":29999"];
    let table = Command::new("ss").arg("-Hlun").args(filter).output()?;
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let column = table.lines().filter_map(|line| line.split_whitespace().nth(3));
    column.map(|address| address.parse().with_context(|| address.to_owned())).collect()
}

/// The release build of this checkout.
pub fn release_binary() -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/cordon");
    ensure!(path.exists(), "build it first: cargo build --release -p cordon");
    Ok(path)
}

/// Which way media takes in all tests that do not choose: `CORDON_MEDIA_IO=steered` runs them all steered.
fn media_io() -> String {
    std::env::var("CORDON_MEDIA_IO").unwrap_or_else(|_| "per-port".to_owned())
}

/// The binary beside this test binary: `cargo xtask check` builds it first.
pub fn binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let path = test.ancestors().nth(2).context("test binaries live in target/PROFILE/deps")?.join("cordon");
    ensure!(path.exists(), "build it first: cargo build -p cordon");
    Ok(path)
}

/// What was refused stands in the log at once; on a busy machine a little later.
const TOLD: Duration = Duration::from_secs(10);
