//! The system in the middle: Cordon, or Kamailio with rtpengine.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cordon_tests::cordon::{Configuration, Cordon, HOST, release_binary};
use cordon_tests::kamailio::{self, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE};
use cordon_tests::pki::Authority;
use cordon_tests::program::Program;

/// Who stands in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Cordon in its release build, as it is configured by default.
    Cordon,
    /// Debian's Kamailio; for calls Debian's rtpengine beside it.
    Kamailio,
}

/// The processes of a running system.
pub(crate) struct System {
    programs: Vec<Program>,
}

impl Which {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cordon => "Cordon",
            Self::Kamailio => "Kamailio",
        }
    }
}

impl System {
    /// Starts it between the phones and the PBX of the machine.
    pub(crate) fn start(which: Which, folder: &Path, authority: &Authority, has_media: bool) -> Result<Self> {
        let leaf = authority.leaf("middle", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let programs = match which {
            Which::Cordon => {
                let configuration = Configuration::lab(authority, &leaf, Transport::Tls);
                vec![Cordon::start_built(&release_binary()?, folder, &configuration, "info")?.program]
            }
            Which::Kamailio => {
                let mut programs = Vec::new();
                if has_media {
                    programs.push(rtpengine()?);
                }
                let tls = folder.join("tls.cfg");
                let text = kamailio::tls_settings(&leaf, authority);
                std::fs::write(&tls, text)?;
                let script = folder.join("middle.cfg");
                let text = KAMAILIO
                    .replace("@MODULES@", &kamailio::modules()?)
                    .replace("@TLS@", &tls.display().to_string());
                std::fs::write(&script, text)?;
                let mut command = Command::new("kamailio");
                command.arg("-f").arg(&script).arg("-w").arg(folder).arg("-Y").arg(folder);
                // With less than a gigabyte it runs out of memory for finished transactions at the rate these phones ask.
                command.args(["-DD", "-E", "-m", "2048", "-M", "64"]);
                let program = Program::start("kamailio in the middle", command)?;
                program.await_line("the peer is ready", Duration::from_secs(20))?;
                programs.push(program);
                programs
            }
        };
        Ok(Self { programs })
    }

    /// CPU time of all its processes so far.
    pub(crate) fn cpu(&mut self) -> Result<Duration> {
        self.programs.iter().map(Program::cpu_time).sum()
    }
}

fn rtpengine() -> Result<Program> {
    let mut command = Command::new("rtpengine");
    command.args(["--config-file=none", "--foreground", "--log-stderr", "--log-level=4", "--table=-1"]);
    command.args(["--interface=phones/10.1.0.5", "--interface=pbx/10.0.0.5"]);
    command.args(["--listen-ng=127.0.0.1:2223", "--port-min=20000", "--port-max=29999"]);
    let program = Program::start("rtpengine", command)?;
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        // It says that it is ready at a level that would have it speak of every call too.
        let table = Command::new("ss").args(["-Hlun", "sport", "=", ":2223"]).output()?;
        if !table.stdout.is_empty() {
            return Ok(program);
        }
        ensure!(Instant::now() < until, "rtpengine listens: {}", program.text());
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

const KAMAILIO: &str = include_str!("kamailio.cfg");
