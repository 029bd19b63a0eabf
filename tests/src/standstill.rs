//! One thread of a program that does not come to run, as on a machine whose processors are somebody else's.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::program::Program;

/// As long as this lives the thread stands still; the others of its process run.
pub struct Standstill {
    thread: String,
    hog: Child,
}

impl Standstill {
    /// Stops the thread of this name. It is given to one processor, where it may run only when nobody else wants to, and
    /// somebody always does.
    pub fn of(program: &Program, thread: &str) -> Result<Self> {
        let thread = number_of(program, thread)?;
        run("taskset", &["-p", "-c", PROCESSOR, &thread])?;
        run("chrt", &["--idle", "-p", "0", &thread])?;
        let hog = Command::new("taskset")
            .args(["-c", PROCESSOR, "nice", "-n", "-20", "sh", "-c", "while :; do :; done"])
            .stdin(Stdio::null())
            .spawn()
            .context("taskset is part of util-linux, nice of coreutils")?;
        Ok(Self { thread, hog })
    }

    /// Lets it run again, as before but for its processor.
    pub fn end(mut self) -> Result<()> {
        self.hog.kill()?;
        self.hog.wait()?;
        run("chrt", &["--other", "-p", "0", &self.thread])
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        // After `end` there is nothing to kill; else the machine goes with the test.
        let _ = self.hog.kill();
        let _ = self.hog.wait();
    }
}

/// The thread's number, once it has its name: it takes it when it first runs.
fn number_of(program: &Program, name: &str) -> Result<String> {
    let until = Instant::now() + NAMED;
    loop {
        for entry in std::fs::read_dir(format!("/proc/{}/task", program.pid()))? {
            let entry = entry?;
            if std::fs::read_to_string(entry.path().join("comm"))?.trim() == name {
                return Ok(entry.file_name().to_string_lossy().into_owned());
            }
        }
        ensure!(Instant::now() < until, "no thread is called {name}");
        // Nothing announces it.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn run(tool: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(tool).args(arguments).output().with_context(|| tool.to_owned())?;
    ensure!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

const PROCESSOR: &str = "0";
const NAMED: Duration = Duration::from_secs(10);
