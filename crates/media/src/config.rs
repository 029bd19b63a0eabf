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
