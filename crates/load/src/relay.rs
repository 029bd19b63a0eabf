//! Whom the generator loads.

use std::net::{IpAddr, SocketAddr};

use cordon_rtp::{KeyMaterial, Suite};

use crate::error::LoadError;
use crate::usage::Usage;

/// A media relay that a generator can load: Cordon's, or another.
pub trait Relay {
    /// The address of the generator's host from which the relay is reached.
    fn near(&self) -> IpAddr;

    /// Sets up so many calls, between the socket of all phones of side A and that of side B. Once. A relay that sets up fewer
    /// has these speak for all.
    fn open(
        &mut self,
        calls: u32,
        suites: [Suite; 2],
        phones: [SocketAddr; 2],
    ) -> Result<Vec<OpenCall>, LoadError>;

    /// What its process has used so far.
    fn usage(&mut self) -> Result<Usage, LoadError>;
}

/// A call that is set up: its two legs.
pub type OpenCall = [OpenLeg; 2];

/// One leg of a call that is set up.
pub struct OpenLeg {
    /// The relay's port for it.
    pub relay: SocketAddr,
    /// What the phone seals with.
    pub sends: KeyMaterial,
    /// What the relay seals with toward the phone.
    pub hears: KeyMaterial,
}
