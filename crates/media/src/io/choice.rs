//! Which way datagrams take: what was asked for, what it became, and why.

use std::fmt;
use std::io;

use cordon_steer::Obstacle;

use crate::config::MediaConfig;
use crate::io::steered::SteeredParts;
use crate::io::{MediaIo, PerPort, Steered};
use crate::rights::Rights;
use crate::socket::Purpose;
use crate::waker::Waker;

/// Which way of datagrams is asked for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum IoChoice {
    /// Steered where the process may, else per port.
    Auto,
    /// A socket per port: needs no rights, and keeps a flood on one port from the others.
    #[default]
    PerPort,
    /// One socket for all ports of a thread. Where the process may not, it is per port all the same, and said aloud.
    Steered,
}

/// Which way it is.
#[derive(Debug)]
pub enum ChosenIo {
    /// A socket per port, as asked for.
    PerPort,
    /// Steered.
    Steered,
    /// A socket per port, because of this obstacle.
    Instead(Obstacle),
}

impl IoChoice {
    /// What it becomes as far as can be told without trying: from the rights of this process.
    pub fn foreseen(self) -> ChosenIo {
        match self {
            IoChoice::PerPort => ChosenIo::PerPort,
            IoChoice::Auto | IoChoice::Steered => {
                Obstacle::foreseen().map_or(ChosenIo::Steered, ChosenIo::Instead)
            }
        }
    }
}

impl ChosenIo {
    /// What the configuration and the log call it.
    pub fn name(&self) -> &'static str {
        match self {
            ChosenIo::PerPort | ChosenIo::Instead(_) => "per-port",
            ChosenIo::Steered => "steered",
        }
    }
}

impl fmt::Display for ChosenIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChosenIo::PerPort => f.write_str("it was asked for"),
            ChosenIo::Steered => f.write_str("the process may steer"),
            ChosenIo::Instead(obstacle) => write!(f, "{obstacle}"),
        }
    }
}

/// Makes the I/O of one thread after the other.
pub(crate) struct IoMaker {
    chosen: ChosenIo,
    /// For the threads that have not begun; none when a socket per port it is.
    steered: std::vec::IntoIter<SteeredParts>,
    rights: Rights,
}

impl IoMaker {
    /// Chooses, tries, and says in one line of the log what came of it.
    pub(crate) fn choose(config: &MediaConfig) -> IoMaker {
        let (chosen, parts) = match config.io {
            IoChoice::PerPort => (ChosenIo::PerPort, Vec::new()),
            IoChoice::Auto | IoChoice::Steered => match SteeredParts::of_all_threads(config) {
                Ok(parts) => (ChosenIo::Steered, parts),
                Err(obstacle) => (ChosenIo::Instead(obstacle), Vec::new()),
            },
        };
        let io = chosen.name();
        match (config.io, &chosen) {
            (IoChoice::Steered, ChosenIo::Instead(obstacle)) => {
                tracing::warn!(io, "media is not steered, though it was asked for: {obstacle}");
            }
            (IoChoice::Auto | IoChoice::PerPort | IoChoice::Steered, _) => {
                tracing::info!(io, because = %chosen, "media ports are served");
            }
        }
        let rights = parts.first().map_or(Rights::None, SteeredParts::rights);
        IoMaker { chosen, steered: parts.into_iter(), rights }
    }

    /// The I/O of the next thread.
    pub(crate) fn next(&mut self, waker: &Waker, may_nap: bool) -> io::Result<Box<dyn MediaIo>> {
        Ok(match self.steered.next() {
            Some(parts) => Box::new(Steered::new(parts, waker, may_nap)?),
            None => Box::new(PerPort::new(waker, may_nap)?),
        })
    }

    /// What each thread must be allowed.
    pub(crate) fn rights(&self) -> Rights {
        self.rights
    }

    /// What the sockets of ports are for.
    pub(crate) fn purpose(&self) -> Purpose {
        match self.chosen {
            ChosenIo::PerPort | ChosenIo::Instead(_) => Purpose::Receive,
            ChosenIo::Steered => Purpose::Hold,
        }
    }

    /// What it came to.
    pub(crate) fn name(&self) -> &'static str {
        self.chosen.name()
    }
}
