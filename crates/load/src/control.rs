//! What a generator and a station say to each other: one JSON object on each line, question and answer in turn.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use cordon_media::IoChoice;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::LoadError;
use crate::usage::Usage;

/// How a station is to relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Which way datagrams take.
    pub way: Way,
    /// Whether a thread that is woken thousands of times a second may sleep half a millisecond longer.
    pub nap: bool,
}

/// The values of `media.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Steered where the process may, else per port.
    Auto,
    /// A socket per port.
    PerPort,
    /// One socket for all ports of a thread.
    Steered,
}

/// What a generator says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Start the relay. Keys are drawn from the seed by both.
    Begin { settings: Settings, seed: u64 },
    /// Set up the calls of these numbers between these two sockets of the generator.
    Open { first: u32, calls: u32, suites: [String; 2], phones: [SocketAddr; 2] },
    /// Tell what the process has used.
    Usage,
}

/// What a station answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// It relays, this way.
    Begun {
        way: String,
    },
    /// The ports of the calls, side A and side B.
    Opened(Vec<[SocketAddr; 2]>),
    Used(Usage),
    /// It does not, because of this.
    Refused(String),
}

/// One end of their connection.
pub(crate) struct Wire {
    reader: BufReader<TcpStream>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Result<Wire, LoadError> {
        // Questions and answers are short and wait for each other.
        stream.set_nodelay(true).map_err(LoadError::at("prepare the control connection"))?;
        Ok(Wire { reader: BufReader::new(stream) })
    }

    pub(crate) fn say(&mut self, what: &impl Serialize) -> Result<(), LoadError> {
        let mut line = serde_json::to_vec(what).map_err(|_| LoadError::Unexpected)?;
        line.push(b'\n');
        self.reader.get_mut().write_all(&line).map_err(LoadError::at("write to the control connection"))
    }

    /// What the other says next; `None` when it has gone.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LoadError> {
        let mut line = Vec::new();
        let mut bounded = self.reader.by_ref().take(MAX_LINE);
        let read = bounded.read_until(b'\n', &mut line);
        if read.map_err(LoadError::at("read from the control connection"))? == 0 {
            return Ok(None);
        }
        serde_json::from_slice(&line).map(Some).map_err(|_| LoadError::Unexpected)
    }
}

impl From<Way> for IoChoice {
    fn from(way: Way) -> IoChoice {
        match way {
            Way::Auto => IoChoice::Auto,
            Way::PerPort => IoChoice::PerPort,
            Way::Steered => IoChoice::Steered,
        }
    }
}

/// The longest answer is the ports of [`CALLS_AT_ONCE`] calls.
const MAX_LINE: u64 = 64 * 1024;
/// Calls that are set up by one question.
pub(crate) const CALLS_AT_ONCE: u32 = 256;
