//! The machine of the bench: who is loaded, and on which processor.

use std::path::PathBuf;

use anyhow::{Context, Result};
use cordon_load::{CordonRelay, Forgery, Load, Neighbour, Processors, Settings, Trial, Way, stay_on};
use cordon_tests::cordon::release_binary;
use cordon_tests::rtpengine::Rtpengine;

use crate::bare::Bare;
use crate::engine::Which;

/// Who is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// Cordon with a socket for each port.
    PerPort { nap: bool },
    /// Cordon, steered.
    Steered { nap: bool },
    /// Debian's rtpengine in user space.
    Rtpengine,
}

/// Two processors: the relay's and the generator's, where this thread stays.
pub(crate) struct Stage {
    processors: Processors,
    cordon: PathBuf,
}

/// What the bare relay did under a load.
pub(crate) struct BareTrial {
    pub(crate) trial: Trial,
    pub(crate) allocations_per_packet: f64,
}

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PerPort { nap: true } => "per-port",
            Self::PerPort { nap: false } => "per-port, no nap",
            Self::Steered { nap: true } => "steered",
            Self::Steered { nap: false } => "steered, no nap",
            Self::Rtpengine => "rtpengine",
        }
    }
}

impl Stage {
    pub(crate) fn new() -> Result<Self> {
        let processors = Processors::apart()?.context("relay and generator need a processor each")?;
        stay_on(&[processors.generator])?;
        Ok(Self { processors, cordon: release_binary()? })
    }

    /// Loads a fresh one.
    pub(crate) fn trial(&self, who: Contender, load: &Load, forgery: Option<Forgery>) -> Result<Trial> {
        let trial = match who {
            Contender::PerPort { nap } => self.cordon(Settings { way: Way::PerPort, nap }, load, forgery),
            Contender::Steered { nap } => self.cordon(Settings { way: Way::Steered, nap }, load, forgery),
            Contender::Rtpengine => {
                let mut relay = Rtpengine::start(Some(self.processors.relay))?;
                Ok(Trial::run_under(&mut relay, load, forgery)?)
            }
        };
        trial.with_context(|| who.name())
    }

    fn cordon(&self, settings: Settings, load: &Load, forgery: Option<Forgery>) -> Result<Trial> {
        let process = Neighbour::start(&self.cordon, Some(self.processors.relay))?;
        let mut relay = CordonRelay::begin(process.address(), settings)?;
        if settings.way == Way::Steered {
            anyhow::ensure!(relay.way() == "steered", "this machine does not let Cordon steer");
        }
        Ok(Trial::run_under(&mut relay, load, forgery)?)
    }

    /// Loads the bare relay with this engine.
    pub(crate) fn bare(&self, engine: Which, load: &Load) -> Result<BareTrial> {
        let mut relay = Bare::new(engine, self.processors.relay);
        let trial = Trial::run(&mut relay, load)?;
        Ok(BareTrial { trial, allocations_per_packet: relay.allocations_per_packet() })
    }
}
