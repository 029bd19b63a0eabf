//! What was on the wire: tshark on the loopback of a test's machine, through which all its local traffic runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::program::Program;

/// A running capture.
pub struct Capture {
    program: Program,
    file: PathBuf,
}

impl Capture {
    /// Starts capturing what matches a capture filter.
    pub fn start(folder: &Path, filter: &str) -> Result<Self> {
        let file = folder.join("wire.pcap");
        let mut command = Command::new("tshark");
        command.args(["-i", "lo", "-f", filter, "-w"]).arg(&file).args(["-F", "pcap", "-P", "-l"]);
        let program = Program::start("tshark", command)?;
        program.await_line("Capture started", Duration::from_secs(20))?;
        Ok(Self { program, file })
    }

    /// Ends the capture and returns one line per packet that matches a display filter, with the fields asked for.
    pub fn finish(mut self, display_filter: &str, options: &[&str], fields: &[&str]) -> Result<Vec<String>> {
        self.program.signal("INT")?;
        self.program.await_exit(Duration::from_secs(20))?;
        read(&self.file, display_filter, options, fields)
    }

    /// Ends the capture and returns the file.
    pub fn into_file(mut self) -> Result<PathBuf> {
        self.program.signal("INT")?;
        self.program.await_exit(Duration::from_secs(20))?;
        Ok(self.file.clone())
    }
}

/// One line per packet of a capture file that matches a display filter.
pub fn read(file: &Path, display_filter: &str, options: &[&str], fields: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-Y", display_filter]).args(options).args(["-T", "fields"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().context("tshark is installed (cargo xtask setup)")?;
    ensure!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}
