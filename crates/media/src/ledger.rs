//! Which stream lives on which thread and ports: what is only touched when a call begins, changes or ends.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Instant;

use cordon_relay::{Chains, StreamId};

use crate::port_pair::PortPair;
use crate::port_pool::PortPool;

/// The streams that are open, and the ports that are free.
pub(crate) struct Ledger {
    /// One per address: two interfaces may share one, behind different NAT.
    pools: BTreeMap<IpAddr, PortPool>,
    interfaces: Vec<IpAddr>,
    /// How peers see an interface that stands behind NAT.
    advertised: Vec<Option<IpAddr>>,
    pub(crate) chains: Chains,
    streams: BTreeMap<StreamId, Placed>,
    next_stream: u64,
    /// Streams of each thread.
    loads: Vec<usize>,
}

/// Where a stream lives.
#[derive(Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) thread: usize,
    pub(crate) a: PortPair,
    pub(crate) b: PortPair,
}

impl Ledger {
    pub(crate) fn new(interfaces: &[IpAddr], ports: &RangeInclusive<u16>, threads: usize) -> Ledger {
        Ledger {
            advertised: vec![None; interfaces.len()],
            pools: interfaces.iter().map(|address| (*address, PortPool::new(ports.clone()))).collect(),
            interfaces: interfaces.to_vec(),
            chains: Chains::default(),
            streams: BTreeMap::new(),
            next_stream: 1,
            loads: vec![0; threads],
        }
    }

    /// Notes under which address peers see an interface.
    pub(crate) fn advertise(&mut self, interface: u8, address: IpAddr) {
        if let Some(advertised) = self.advertised.get_mut(usize::from(interface)) {
            *advertised = Some(address);
        }
    }

    pub(crate) fn pool(&mut self, interface: u8) -> Option<&mut PortPool> {
        self.pools.get_mut(self.interfaces.get(usize::from(interface))?)
    }

    /// Takes back a pair nobody was told of: it needs no rest.
    pub(crate) fn put_back(&mut self, pair: PortPair) {
        if let Some(pool) = self.pool(pair.interface) {
            pool.put_back(pair.rtp.port());
        }
    }

    /// Takes back a pair whose stream ended.
    fn give_back(&mut self, now: Instant, pair: PortPair) {
        if let Some(pool) = self.pool(pair.interface) {
            pool.give_back(now, pair.rtp.port());
        }
    }

    /// What the next stream is called.
    pub(crate) fn next_stream(&self) -> StreamId {
        StreamId(self.next_stream)
    }

    /// The thread with the fewest streams, of those that are alive: both legs of a call are one stream, so they never meet
    /// on two threads.
    pub(crate) fn least_loaded(&self, is_alive: impl Fn(usize) -> bool) -> Option<usize> {
        let alive = self.loads.iter().enumerate().filter(|(thread, _)| is_alive(*thread));
        alive.min_by_key(|(_, load)| **load).map(|(thread, _)| thread)
    }

    /// Notes a stream its thread has taken.
    pub(crate) fn insert(&mut self, stream: StreamId, placed: Placed) {
        let (a, b) = (self.addresses(placed.a), self.addresses(placed.b));
        self.chains.open(stream, &a, &b);
        if let Some(load) = self.loads.get_mut(placed.thread) {
            *load += 1;
        }
        self.streams.insert(stream, placed);
        self.next_stream = self.next_stream.max(stream.0.saturating_add(1));
    }

    pub(crate) fn find(&self, stream: StreamId) -> Option<Placed> {
        self.streams.get(&stream).copied()
    }

    /// Forgets a stream; its ports rest from now on.
    pub(crate) fn remove(&mut self, now: Instant, stream: StreamId) -> Option<Placed> {
        let placed = self.streams.remove(&stream)?;
        if let Some(load) = self.loads.get_mut(placed.thread) {
            *load = load.saturating_sub(1);
        }
        self.chains.close(stream);
        self.give_back(now, placed.a);
        self.give_back(now, placed.b);
        Some(placed)
    }

    /// The addresses of a pair: as bound, and as peers see it.
    fn addresses(&self, pair: PortPair) -> Vec<SocketAddr> {
        let mut addresses = vec![pair.rtp, pair.rtcp];
        if let Some(Some(advertised)) = self.advertised.get(usize::from(pair.interface)) {
            addresses.push(SocketAddr::new(*advertised, pair.rtp.port()));
            addresses.push(SocketAddr::new(*advertised, pair.rtcp.port()));
        }
        addresses
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn streams_go_to_the_thread_that_has_the_fewest() {
        let now = Instant::now();
        let mut ledger = Ledger::new(&[Ipv4Addr::LOCALHOST.into()], &(20_000..=20_099), 3);
        let mut threads = Vec::new();
        for _ in 0..6 {
            let placed = place(&mut ledger, now);
            threads.push(placed.thread);
        }
        assert_eq!(threads, [0, 1, 2, 0, 1, 2]);

        assert_eq!(ledger.remove(now, StreamId(2)).map(|placed| placed.thread), Some(1));
        assert_eq!(place(&mut ledger, now).thread, 1);
        assert!(ledger.remove(now, StreamId(2)).is_none());
    }

    fn place(ledger: &mut Ledger, now: Instant) -> Placed {
        let mut pair = || {
            let even = ledger.pool(0).unwrap().take(now, 5).unwrap();
            let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
            PortPair { interface: 0, rtp: address(even), rtcp: address(even + 1) }
        };
        let (a, b) = (pair(), pair());
        let placed = Placed { thread: ledger.least_loaded(|_| true).unwrap(), a, b };
        ledger.insert(ledger.next_stream(), placed);
        placed
    }
}
