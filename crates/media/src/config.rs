//! What the media engine is started with.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::io::IoChoice;

/// What the engine is started with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The addresses media is received on; a [`PortPair`](crate::PortPair) names one by its position. Two may be the same,
    /// and share its ports.
    pub interfaces: Vec<IpAddr>,
    /// The ports used on each of them.
    pub ports: RangeInclusive<u16>,
    /// Media threads; at least one is started.
    pub threads: usize,
    /// Each thread stays on one processor of its own, as long as there are as many.
    pub pinned: bool,
    /// A thread that is woken thousands of times a second sleeps half a millisecond longer each time, and serves more
    /// datagrams at once.
    pub nap: bool,
    /// Which way datagrams take.
    pub io: IoChoice,
}

impl MediaConfig {
    /// Descriptors that are open when every media port is in use: a socket each, one more beside each port of RTP, and what
    /// the threads have for themselves.
    pub fn descriptors(&self) -> usize {
        let mut addresses = self.interfaces.clone();
        addresses.sort_unstable();
        addresses.dedup();
        let ports = self.ports.len();
        let sockets = (ports + ports / 2).saturating_mul(addresses.len());
        let of_thread = WAITING + INLETS + self.interfaces.len();
        sockets + of_thread.saturating_mul(self.threads.max(1)) + STEERING
    }
}

/// What a thread waits with: an epoll instance and an eventfd.
const WAITING: usize = 2;
/// Sockets that ports are steered to: one per IP version. What leaves, leaves by one per interface.
const INLETS: usize = 2;
/// Three tables, and the program in its place.
const STEERING: usize = 4;
