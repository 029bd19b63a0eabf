//! The smallest place in which phones can call: Cordon in front of Kamailio, with TLS on both sides.

use std::time::Duration;

use anyhow::Result;
use cordon_lab::PhoneConfig;

use crate::cordon::{Configuration, Cordon, HOST};
use crate::handset;
use crate::kamailio::{Kamailio, Transport};
use crate::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, Machine};
use crate::pki::Authority;

/// Kamailio, Cordon, and what a phone has to know of them.
pub struct Clinic {
    /// Who certified both.
    pub authority: Authority,
    /// Connected to the PBX.
    pub cordon: Cordon,
    _pbx: Kamailio,
}

impl Clinic {
    /// Starts both.
    pub fn open(machine: &Machine) -> Result<Self> {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        let cordon = Cordon::start(folder, &Configuration::lab(&authority, &leaf, Transport::Tls))?;
        cordon.program.await_line("connection to the PBX is up", LIMIT)?;
        Ok(Self { authority, cordon, _pbx: pbx })
    }

    /// A phone of the lab with this account and address.
    pub fn phone(&self, number: &str, ip: &str) -> Result<PhoneConfig> {
        handset::config(&self.authority, number, format!("{CORDON_LOCATION}:5061").parse()?, ip)
    }
}

const LIMIT: Duration = Duration::from_secs(10);
