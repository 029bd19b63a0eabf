//! A station in a process beside this one.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::error::LoadError;
use crate::processor::on_processors;
use crate::station::Station;

/// A station in a process beside this one. It ends with this value, and with the process that started it.
pub struct Neighbour {
    process: Child,
    address: SocketAddr,
}

impl Neighbour {
    /// Runs `cordon bench media --listen` of this program, on this processor alone if one is named.
    pub fn start(program: &Path, processor: Option<usize>) -> Result<Neighbour, LoadError> {
        let mut command = Command::new(program);
        command.args(["bench", "media", "--listen", "127.0.0.1:0", "--until-input-ends"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = match processor {
            Some(processor) => on_processors(&[processor], || command.spawn()),
            None => command.spawn(),
        };
        let mut process = started.map_err(LoadError::at("start the relay"))?;
        let line = first_line(&mut process);
        let address = line.and_then(|line| line.trim().strip_prefix(LISTENING)?.parse().ok());
        Ok(Neighbour { process, address: address.ok_or(LoadError::Unexpected)? })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a station prints first when it is run so.
    pub fn announcement(station: &Station) -> Result<String, LoadError> {
        Ok(format!("{LISTENING}{}", station.address()?))
    }

    /// Ends this process when its standard input does, as it does when whoever started it has gone.
    pub fn end_with_input() {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // It has nothing to save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn first_line(process: &mut Child) -> Option<String> {
    let mut line = String::new();
    BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
    Some(line)
}

const LISTENING: &str = "the relay listens for a generator at ";
