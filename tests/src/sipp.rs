//! SIPp 3.8 with TLS and SRTP (see `tests/tools/install-sipp`): phones in the location, or the PBX.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::machine::{CORDON_LOCATION, PBX};
use crate::pki::{Authority, Leaf};
use crate::program::Program;

/// One run of SIPp, prepared.
pub struct Sipp {
    command: Command,
    name: String,
    folder: PathBuf,
}

/// A running SIPp.
pub struct Running {
    /// The process.
    pub program: Program,
    folder: PathBuf,
}

impl Sipp {
    /// Phones at `address` that play a scenario of `tests/scenarios/` against Cordon, each call on a TLS connection
    /// of its own. `numbers` are the accounts, one call after the other.
    pub fn phones(
        folder: &Path,
        authority: &Authority,
        scenario: &Path,
        address: &str,
        numbers: &[u32],
    ) -> Result<Self> {
        let leaf = authority.leaf(&format!("phone-{address}"), &[address])?;
        let mut sipp = Self::new(folder, &leaf, scenario, address)?;
        let lines: String = numbers.iter().map(|number| format!("{number}\n")).collect();
        std::fs::write(sipp.folder.join("numbers.csv"), format!("SEQUENTIAL\n{lines}"))?;
        sipp.command
            .args(["-inf", "numbers.csv", "-m", &numbers.len().to_string(), "-tls_ca"])
            .arg(&authority.anchor);
        sipp.command.args(["-min_rtp_port", "30000", "-max_rtp_port", "39998"]);
        Ok(sipp.with([&format!("{CORDON_LOCATION}:5061")]))
    }

    /// The PBX, which plays a scenario of `tests/scenarios/` with whoever connects.
    pub fn pbx(folder: &Path, authority: &Authority, scenario: &Path) -> Result<Running> {
        let leaf = authority.leaf("pbx", &[crate::kamailio::DOMAIN, PBX])?;
        let sipp = Self::new(folder, &leaf, scenario, PBX)?;
        let sipp = sipp.with(["-p", "5061", "-min_rtp_port", "40000", "-max_rtp_port", "49998"]).start()?;
        sipp.await_listening()?;
        Ok(sipp)
    }

    fn new(folder: &Path, leaf: &Leaf, scenario: &Path, address: &str) -> Result<Self> {
        let name = scenario.file_stem().context("a scenario has a name")?.to_string_lossy().into_owned();
        let folder = folder.join(format!("sipp-{name}-{address}"));
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new(binary()?);
        command.arg("-sf").arg(scenario).current_dir(&folder);
        command.args(["-i", address, "-mi", address, "-t", "ln", "-max_socket", "4000"]);
        // Its errors are looked at: that this machine is busy is none.
        command.args(["-watchdog_interval", "0"]);
        command.arg("-tls_cert").arg(&leaf.certificate).arg("-tls_key").arg(&leaf.key);
        command.args([
            "-nostdin",
            "-trace_err",
            "-trace_screen",
            "-trace_stat",
            "-stf",
            "statistics.csv",
            "-fd",
            "1",
        ]);
        if std::env::var_os("CORDON_KEEP").is_some() {
            command.arg("-trace_msg");
        }
        Ok(Self { command, name: format!("sipp {name}"), folder })
    }

    /// Writes down every comparison of voice that came back with voice that was sent, for [`Running::heard`].
    pub fn comparing_voice(self) -> Self {
        self.with(["-rtpcheck_debug", "-audiotolerance", "1.0"])
    }

    /// Adds arguments.
    pub fn with<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(mut self, arguments: I) -> Self {
        self.command.args(arguments);
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<Running> {
        Ok(Running { program: Program::start(&self.name, self.command)?, folder: self.folder })
    }

    /// Plays it to its end, which must be the end the scenario has written down.
    pub fn play(self, limit: Duration) -> Result<Running> {
        let mut running = self.start()?;
        let code = running.program.await_exit(limit)?;
        ensure!(code == 0, "SIPp ended with {code}:\n{}", running.errors());
        Ok(running)
    }
}

impl Running {
    /// A column of the last line of its statistics, for example `SuccessfulCall(C)`.
    pub fn statistic(&self, column: &str) -> Result<f64> {
        let text = std::fs::read_to_string(self.folder.join("statistics.csv"))?;
        let (head, last) = (text.lines().next(), text.lines().last());
        let at = head
            .and_then(|head| head.split(';').position(|name| name == column))
            .context("no such column")?;
        let value = last.and_then(|last| last.split(';').nth(at)).context("no such value")?;
        Ok(value.trim().parse()?)
    }

    /// Waits until a column of its statistics has reached a value. They are written once a second.
    pub fn await_statistic(&self, column: &str, value: f64, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        loop {
            let now = self.statistic(column);
            if now.as_ref().is_ok_and(|now| *now >= value) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "{column} is {now:?}, not {value}: {}", self.errors());
            // SIPp appends to a file: there is no event but its growth.
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// What SIPp's own check of the voice says: packets that came back as they were sent, and packets that came back
    /// as something else. One that was still on its way when the next was due counts as neither.
    pub fn heard(&self) -> Result<(usize, usize)> {
        let file =
            BufReader::new(File::open(self.folder.join("debugafile")).context("SIPp played something")?);
        let (mut same, mut different) = (0, 0);
        for line in file.split(b'\n') {
            let line = line?;
            same += usize::from(contains(&line, b"COMPARISON OK"));
            different += usize::from(contains(&line, b"COMPARISON FAILED"));
        }
        Ok((same, different))
    }

    /// What it did not expect.
    pub fn errors(&self) -> String {
        let mut errors = String::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().ends_with("_errors.log") {
                errors.push_str(&std::fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
        errors
    }

    /// SIPp says nothing when it listens: the system's table of sockets does.
    fn await_listening(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let table = Command::new("ss").args(["-Hltn", "sport", "=", ":5061"]).output()?;
            if String::from_utf8_lossy(&table.stdout).contains(PBX) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "SIPp listens: {}", self.errors());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    // The word stands before the packet's bytes in the line.
    line.get(..64).unwrap_or(line).windows(word.len()).any(|part| part == word)
}

/// A scenario of this repository.
pub fn scenario(name: &str) -> PathBuf {
    root().join("tests/scenarios").join(format!("{name}.xml"))
}

/// A scenario of this repository whose call is another one: registration stays, what stands between the marks
/// `call` and `end of call` is `call`.
pub fn variant(folder: &Path, base: &str, name: &str, call: &str) -> Result<PathBuf> {
    let text = std::fs::read_to_string(scenario(base))?;
    let (before, rest) = text.split_once("<!-- call:").context("the scenario marks its call")?;
    let (_, after) = rest.split_once("<!-- end of call -->").context("the scenario marks its call's end")?;
    let path = folder.join(format!("{name}.xml"));
    std::fs::write(&path, [before, call, after].concat())?;
    Ok(path)
}

fn binary() -> Result<PathBuf> {
    let path = root().join(".tools/sipp/sipp");
    ensure!(path.exists(), "SIPp is not there: cargo xtask setup");
    Ok(path)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("tests/ is in the workspace")
        .expect("it has a parent")
        .to_owned()
}
