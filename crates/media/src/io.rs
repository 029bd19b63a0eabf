//! How a media thread receives and sends: the one seam between relaying and the kernel.
//!
//! A thread owns one [`MediaIo`] and works in turns: wait, receive a [`Batch`], relay it in place, send it. What is
//! behind the seam decides how many system calls a batch costs; the relay sees only datagrams.

mod choice;
mod epoll;
#[cfg(test)]
mod every_way;
mod nap;
mod outlets;
mod per_port;
mod port;
mod steered;
mod waiting;

use std::io;
use std::net::UdpSocket;
use std::time::Instant;

use cordon_relay::LocalPort;

use crate::batch::Batch;

pub(crate) use choice::IoMaker;
pub use choice::{ChosenIo, IoChoice};
pub(crate) use nap::Nap;
pub(crate) use per_port::PerPort;
pub(crate) use steered::Steered;
pub(crate) use waiting::Waiting;

/// The ways of datagrams in and out of one media thread.
pub(crate) trait MediaIo: Send {
    /// What the configuration and the log call it.
    fn name(&self) -> &'static str;

    /// Begins to receive on the ports of a stream. On an error none of them is kept.
    fn open(&mut self, ports: StreamPorts) -> io::Result<()>;

    /// Closes the ports of a stream: from now on the kernel answers what arrives there with ICMP. Ports that are not
    /// open are passed over.
    fn close(&mut self, ports: [LocalPort; PORTS_PER_STREAM]);

    /// Sleeps until there is something to receive, the thread's waker was called, or `until` has come.
    fn wait(&mut self, until: Instant) -> io::Result<()>;

    /// Puts what has arrived into the free places of the batch, and of no port so much that others starve.
    fn receive(&mut self, batch: &mut Batch);

    /// Sends every datagram of the batch that has a [`Transmit`](cordon_relay::Transmit).
    fn send(&mut self, batch: &Batch);

    /// What it did since its thread began.
    fn figures(&self) -> IoFigures;
}

/// The four ports of a stream, bound: RTP and RTCP of end `A`, then of end `B`.
pub(crate) type StreamPorts = [BoundPort; PORTS_PER_STREAM];

/// A port of ours, and the socket that keeps it from everybody else on this machine.
pub(crate) struct BoundPort {
    pub(crate) at: LocalPort,
    pub(crate) socket: UdpSocket,
}

/// What the I/O of a media thread did since the thread began.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct IoFigures {
    /// Times the thread was woken from waiting.
    pub wakeups: u64,
    /// Times it slept on for a moment, so that one waking serves more datagrams.
    pub naps: u64,
    /// Times it took in what had arrived, a batch each.
    pub batches: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams dropped because they were longer than [`MAX_PACKET`](cordon_rtp::MAX_PACKET).
    pub truncated: u64,
    /// Datagrams beyond what one port may bring in, when ports are steered.
    pub shunted: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams the kernel did not take.
    pub unsent: u64,
    /// Times a peer that stayed at its address was given a connected socket.
    pub connected: u64,
}

impl IoFigures {
    /// The figures of two threads together.
    pub(crate) fn plus(self, other: IoFigures) -> IoFigures {
        let IoFigures { wakeups, naps, batches, received, truncated, shunted, sent, unsent, connected } =
            other;
        IoFigures {
            wakeups: self.wakeups + wakeups,
            naps: self.naps + naps,
            batches: self.batches + batches,
            received: self.received + received,
            truncated: self.truncated + truncated,
            shunted: self.shunted + shunted,
            sent: self.sent + sent,
            unsent: self.unsent + unsent,
            connected: self.connected + connected,
        }
    }
}

/// RTP and RTCP, each at both ends.
pub(crate) const PORTS_PER_STREAM: usize = 4;
