//! What is attacked: Cordon in front of Kamailio, on a machine of its own.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use cordon_lab::PhoneConfig;
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::handset;
use cordon_tests::kamailio::{ASKED, DOMAIN, Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, Machine, PBX};
use cordon_tests::pki::Authority;
use cordon_tests::wire::Wire;

use crate::report;
use crate::told::Told;

/// Everything an attack can reach, and what it needs to get there.
pub(crate) struct Site {
    /// Scratch of this test.
    pub(crate) folder: PathBuf,
    /// Who certified both ends.
    pub(crate) authority: Authority,
    /// What Cordon was started with.
    pub(crate) configuration: Configuration,
    /// Cordon, one process.
    pub(crate) cordon: Cordon,
    /// The PBX; a test may take it away.
    pub(crate) pbx: Option<Kamailio>,
    /// What phones of the attack were told of refusals.
    pub(crate) told: Told,
}

impl Site {
    pub(crate) fn open(
        machine: &Machine,
        descriptors: Option<usize>,
        change: impl Fn(&mut Configuration),
    ) -> Result<Self> {
        let folder = machine.folder().to_owned();
        machine.invite_crowd()?;
        // Two names for one address: only the first is in the PBX's certificate.
        machine.name_hosts(&[(DOMAIN, PBX), ("second.clinic.test", PBX)])?;
        let authority = Authority::new(&folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let pbx = Kamailio::start(&folder, &authority, Transport::Tls)?;
        let mut configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        change(&mut configuration);
        let cordon = match descriptors {
            None => Cordon::start(&folder, &configuration)?,
            Some(most) => Cordon::start_built(&limited(&folder, most)?, &folder, &configuration, "info")?,
        };
        Ok(Self { folder, authority, configuration, cordon, pbx: Some(pbx), told: Told::default() })
    }

    /// The stated length in the full form, the short one in CI.
    pub(crate) fn length<T>(&self, short: T, full: T) -> T {
        if report::is_full() { full } else { short }
    }

    /// Makes Cordon take another configuration.
    pub(crate) fn reload(&self, configuration: &Configuration) -> Result<()> {
        configuration.write(&self.folder)?;
        let before = self.cordon.program.lines_so_far();
        self.cordon.program.signal("HUP")?;
        self.cordon.program.await_line_after(before, "configuration and certificates reloaded", RELOAD)?;
        Ok(())
    }

    /// A TLS connection of the attacker's, on which no phone has registered.
    pub(crate) fn wire(&self) -> Result<Wire> {
        Wire::open(&self.authority, ATTACKER)
    }

    /// A lab phone at an address of the location.
    pub(crate) fn phone(&self, number: &str, address: &str) -> Result<PhoneConfig> {
        let door: SocketAddr = format!("{CORDON_LOCATION}:5061").parse()?;
        handset::config(&self.authority, number, door, address)
    }

    /// How many requests of this number the PBX has met, once what it prints has been read.
    pub(crate) fn pbx_met(&self, number: &str) -> usize {
        let who = format!(" by {number}");
        let met = |pbx: &Kamailio| {
            let text = pbx.program.text();
            text.lines().filter(|line| line.contains(ASKED) && line.ends_with(&who)).count()
        };
        let mut before = None;
        loop {
            let now = self.pbx.as_ref().map_or(0, met);
            if before == Some(now) {
                return now;
            }
            before = Some(now);
            // It prints before it answers; a pipe and a thread lie between that and here.
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// A program that becomes Cordon once it has lowered its limit of open files.
fn limited(folder: &Path, descriptors: usize) -> Result<PathBuf> {
    let path = folder.join("cordon-limited");
    let binary = cordon_tests::cordon::binary()?;
    let script = format!("#!/bin/sh\nulimit -n {descriptors}\nexec {} \"$@\"\n", binary.display());
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// Where most attackers sit: inside the location, at an address no phone of the canary has.
pub(crate) const ATTACKER: &str = "10.1.130.1";
const RELOAD: Duration = Duration::from_secs(15);
