//! Our addresses, and the raw socket behind each.

use std::net::{IpAddr, SocketAddr};

use cordon_relay::LocalPort;
use cordon_steer::{Departure, MAX_RAW_PAYLOAD, Obstacle, RawSender};

use crate::batch::Batch;

/// Sends what leaves from any port of our interfaces, and knows ports by their address.
pub(crate) struct Outlets {
    /// One for each interface, in their order.
    all: Vec<Outlet>,
}

struct Outlet {
    address: IpAddr,
    sender: RawSender,
}

impl Outlets {
    /// Opens a raw socket for each interface.
    pub(crate) fn open(interfaces: &[IpAddr]) -> Result<Outlets, Obstacle> {
        let open = |address: &IpAddr| {
            let sender = RawSender::open(*address)
                .map_err(|error| Obstacle::Kernel { step: "open a raw socket", error })?;
            Ok(Outlet { address: *address, sender })
        };
        Ok(Outlets { all: interfaces.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// The address of a port of ours.
    pub(crate) fn address(&self, at: LocalPort) -> Option<SocketAddr> {
        let outlet = self.all.get(usize::from(at.interface))?;
        Some(SocketAddr::new(outlet.address, at.port))
    }

    /// The port at an address: of the first interface that has it, since two may share one.
    pub(crate) fn port(&self, address: SocketAddr) -> Option<LocalPort> {
        let interface = self.all.iter().position(|outlet| outlet.address == address.ip())?;
        Some(LocalPort { interface: u8::try_from(interface).ok()?, port: address.port() })
    }

    /// Sends every datagram of the batch that is to leave and fits; says how many the system took.
    pub(crate) fn send(&mut self, batch: &Batch) -> usize {
        let mut sent = 0;
        for (interface, Outlet { address, sender }) in self.all.iter_mut().enumerate() {
            let departures = batch.datagrams().iter().filter_map(|datagram| {
                let transmit = datagram.transmit?;
                let payload = datagram.buf.as_slice();
                let is_ours = usize::from(transmit.from.interface) == interface && fits(payload);
                let from = SocketAddr::new(*address, transmit.from.port);
                is_ours.then_some(Departure { payload, from, to: transmit.to })
            });
            sent += sender.send(departures);
        }
        sent
    }
}

/// Whether a payload can leave through a raw socket, which makes no fragments.
pub(crate) fn fits(payload: &[u8]) -> bool {
    payload.len() <= MAX_RAW_PAYLOAD
}
