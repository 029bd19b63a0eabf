//! A real program under test: started, its output awaited, stopped when it goes out of scope.

use std::io::{BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A running program and everything it has printed so far.
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Output>,
}

impl Program {
    /// Starts `command` and collects what it prints on both streams.
    pub fn start(name: &str, mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Some programs are several processes: they end together.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} is installed (cargo xtask setup)"))?;
        let output = Arc::new(Output::default());
        collect(child.stdout.take().context("stdout is piped")?, &output);
        collect(child.stderr.take().context("stderr is piped")?, &output);
        STARTED.lock().expect("no holder panics").push((name.to_owned(), Arc::clone(&output)));
        Ok(Self { name: name.to_owned(), child, output })
    }

    /// Waits until a line that contains `text` has been printed since `from` lines ago, and returns it.
    pub fn await_line(&self, text: &str, limit: Duration) -> Result<String> {
        self.await_line_after(0, text, limit)
    }

    /// As [`Program::await_line`], but ignores the first `skip` lines (see [`Program::lines_so_far`]).
    pub fn await_line_after(&self, skip: usize, text: &str, limit: Duration) -> Result<String> {
        let until = Instant::now() + limit;
        let mut lines = self.output.lines.lock().expect("no holder panics");
        loop {
            if let Some(found) = lines.iter().skip(skip).find(|line| line.contains(text)) {
                return Ok(found.clone());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let tail: Vec<_> = lines.iter().rev().take(60).rev().cloned().collect();
                drop(lines);
                bail!(
                    "{} did not print {text:?} within {limit:?}; its last lines:\n{}",
                    self.name,
                    tail.join("\n")
                );
            }
            lines = self.output.grown.wait_timeout(lines, left).expect("no holder panics").0;
        }
    }

    /// How many lines have been printed so far.
    pub fn lines_so_far(&self) -> usize {
        self.output.lines.lock().expect("no holder panics").len()
    }

    /// What was printed after the first `skip` lines.
    pub fn lines_after(&self, skip: usize) -> Vec<String> {
        self.output.lines.lock().expect("no holder panics").iter().skip(skip).cloned().collect()
    }

    /// Everything printed so far.
    pub fn text(&self) -> String {
        self.output.lines.lock().expect("no holder panics").join("\n")
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time that it and the processes it started have used so far, to 10 ms.
    pub fn cpu_time(&self) -> Result<Duration> {
        let group = self.pid().to_string();
        let mut ticks = 0;
        for entry in std::fs::read_dir("/proc")? {
            // A process may end while the list is read; what it used is then in its parent's `cutime`.
            let Ok(line) = std::fs::read_to_string(entry?.path().join("stat")) else { continue };
            // The name stands in parentheses and may hold anything: what follows the last one is counted from state.
            let Some((_, rest)) = line.rsplit_once(')') else { continue };
            let fields: Vec<&str> = rest.split_whitespace().collect();
            if fields.get(2) == Some(&group.as_str()) {
                let used = fields.iter().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok());
                ticks += used.sum::<u64>();
            }
        }
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Sends a signal by name, for example `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status()?;
        Ok(())
    }

    /// Kills the process and every process it has started, all at once and without warning.
    pub fn kill_with_children(&mut self) -> Result<()> {
        let mut family = vec![self.pid()];
        // Children of children too: the list grows while it is walked.
        for index in 0.. {
            let Some(parent) = family.get(index) else { break };
            let children = Command::new("pgrep").args(["-P", &parent.to_string()]).output()?;
            family.extend(
                String::from_utf8_lossy(&children.stdout).lines().filter_map(|id| id.parse::<u32>().ok()),
            );
        }
        let status = Command::new("kill").arg("-KILL").args(family.iter().map(u32::to_string)).status()?;
        anyhow::ensure!(status.success(), "{} can be killed", self.name);
        self.child.wait()?;
        Ok(())
    }

    /// True while the process lives.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the program to end by itself and returns its exit code.
    pub fn await_exit(&mut self, limit: Duration) -> Result<i32> {
        // The reader threads end with the process's streams: wait on that event, then reap.
        let until = Instant::now() + limit;
        let mut lines = self.output.lines.lock().expect("no holder panics");
        while *self.output.closed.lock().expect("no holder panics") < 2 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let tail: Vec<_> = lines.iter().rev().take(60).rev().cloned().collect();
                bail!("{} is still running after {limit:?}; its last lines:\n{}", self.name, tail.join("\n"));
            }
            lines = self.output.grown.wait_timeout(lines, left).expect("no holder panics").0;
        }
        drop(lines);
        Ok(self.child.wait()?.code().unwrap_or(-1))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let group = format!("-{}", self.pid());
        // One that has ended by itself is nothing to complain about.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// The last lines of every program that this process has started, for the report of a test that failed.
pub fn last_words() -> String {
    let mut words = String::new();
    for (name, output) in STARTED.lock().expect("no holder panics").iter() {
        let lines = output.lines.lock().expect("no holder panics");
        let tail: Vec<_> = lines.iter().rev().take(60).rev().cloned().collect();
        words.push_str(&format!("\n--- {name}:\n{}\n", tail.join("\n")));
    }
    words
}

static STARTED: Mutex<Vec<(String, Arc<Output>)>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    closed: Mutex<u8>,
    grown: Condvar,
}

fn collect(stream: impl Read + Send + 'static, output: &Arc<Output>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        let mut line = Vec::new();
        for byte in BufReader::new(stream).bytes().map_while(Result::ok) {
            // A status that is printed over itself ends with a carriage return.
            if !matches!(byte, b'\n' | b'\r') {
                line.push(byte);
            } else if !line.is_empty() {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                output.lines.lock().expect("no holder panics").push(text);
                output.grown.notify_all();
            }
        }
        *output.closed.lock().expect("no holder panics") += 1;
        // Taken once so that a waiter between its check and its wait cannot miss the last event.
        drop(output.lines.lock());
        output.grown.notify_all();
    });
}
