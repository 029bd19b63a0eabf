//! A station as the generator sees it.

use std::net::{IpAddr, SocketAddr, TcpStream};

use cordon_rtp::Suite;

use crate::control::{CALLS_AT_ONCE, Reply, Request, Settings, Wire};
use crate::error::LoadError;
use crate::keys::call_keys;
use crate::relay::{OpenCall, OpenLeg, Relay};
use crate::usage::Usage;

/// Cordon's media relay in a process of its own, on this host or another.
pub struct CordonRelay {
    wire: Wire,
    near: IpAddr,
    seed: u64,
    way: String,
}

impl CordonRelay {
    /// Has the station at this address start a relay; it ends when this value is dropped.
    pub fn begin(station: SocketAddr, settings: Settings) -> Result<CordonRelay, LoadError> {
        let stream = TcpStream::connect(station).map_err(LoadError::at("reach the station"))?;
        let near = stream.local_addr().map_err(LoadError::at("ask a socket's address"))?.ip();
        let wire = Wire::new(stream)?;
        // Every relay has sockets of its own and ends before the next begins: the same keys meet no packet twice.
        let mut relay = CordonRelay { wire, near, seed: SEED, way: String::new() };
        match relay.ask(&Request::Begin { settings, seed: SEED })? {
            Reply::Begun { way } => relay.way = way,
            other => return Err(refusal(other)),
        }
        Ok(relay)
    }

    /// Which way its datagrams take, as the configuration calls it.
    pub fn way(&self) -> &str {
        &self.way
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, LoadError> {
        self.wire.say(request)?;
        self.wire.hear()?.ok_or(LoadError::Unexpected)
    }

    fn open_some(
        &mut self,
        first: u32,
        calls: u32,
        suites: [Suite; 2],
        phones: [SocketAddr; 2],
    ) -> Result<Vec<OpenCall>, LoadError> {
        let names = suites.map(|suite| suite.name().to_owned());
        let ports = match self.ask(&Request::Open { first, calls, suites: names, phones })? {
            Reply::Opened(ports) => ports,
            other => return Err(refusal(other)),
        };
        let call = |(number, ports): (u32, [SocketAddr; 2])| {
            let [a, b] = call_keys(self.seed, number, suites);
            let [at_a, at_b] = ports;
            [(a, at_a), (b, at_b)].map(|(keys, relay)| OpenLeg {
                relay,
                sends: keys.phone,
                hears: keys.relay,
            })
        };
        Ok((first..).zip(ports).map(call).collect())
    }
}

impl Relay for CordonRelay {
    fn near(&self) -> IpAddr {
        self.near
    }

    fn open(
        &mut self,
        calls: u32,
        suites: [Suite; 2],
        phones: [SocketAddr; 2],
    ) -> Result<Vec<OpenCall>, LoadError> {
        let mut open: Vec<OpenCall> = Vec::new();
        while let Some(left) = calls.checked_sub(open.len() as u32).filter(|left| *left > 0) {
            let some = self.open_some(open.len() as u32, left.min(CALLS_AT_ONCE), suites, phones)?;
            if some.is_empty() {
                return Err(LoadError::Unexpected);
            }
            open.extend(some);
        }
        Ok(open)
    }

    fn usage(&mut self) -> Result<Usage, LoadError> {
        match self.ask(&Request::Usage)? {
            Reply::Used(usage) => Ok(usage),
            other => Err(refusal(other)),
        }
    }
}

fn refusal(reply: Reply) -> LoadError {
    match reply {
        Reply::Refused(why) => LoadError::Refused(why),
        Reply::Begun { .. } | Reply::Opened(_) | Reply::Used(_) => LoadError::Unexpected,
    }
}

const SEED: u64 = 0x0c04_d0c0;
