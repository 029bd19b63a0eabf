//! The sockets of all phones.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use cordon_rtp::PacketBuf;
use cordon_steer::{BATCH, ReceiveBatch, SendBatch};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::SockRef;

use crate::error::LoadError;

/// The sockets of all phones, one for each side of the calls, and the packets on their way through them. Which call a
/// packet belongs to is told by the relay's port.
pub(crate) struct Lines {
    sides: [Side; 2],
    incoming: Vec<PacketBuf>,
    arrivals: ReceiveBatch,
    sender: SendBatch,
}

struct Side {
    socket: UdpSocket,
    outgoing: Vec<(SocketAddr, PacketBuf)>,
    /// Of these so many wait to be sent.
    waiting: usize,
}

/// What the system took of a batch, and what it did not.
#[derive(Clone, Copy, Default)]
pub(crate) struct Departed {
    pub(crate) sent: u64,
    pub(crate) unsent: u64,
}

impl Lines {
    /// Opens both sockets at an address of this host.
    pub(crate) fn open(address: IpAddr) -> Result<Lines, LoadError> {
        let side = || Side::open(address).map_err(LoadError::at("open a socket for the phones"));
        Ok(Lines {
            sides: [side()?, side()?],
            incoming: std::iter::repeat_with(PacketBuf::new).take(BATCH).collect(),
            arrivals: ReceiveBatch::new(),
            sender: SendBatch::default(),
        })
    }

    /// Where the phones of each side are.
    pub(crate) fn phones(&self) -> Result<[SocketAddr; 2], LoadError> {
        let address = |side: &Side| side.socket.local_addr().map_err(LoadError::at("ask a socket's address"));
        let [a, b] = &self.sides;
        Ok([address(a)?, address(b)?])
    }

    /// The buffer of the next packet from this side, to be filled; `None` when as many wait as leave at once.
    pub(crate) fn next(&mut self, side: usize, to: SocketAddr) -> Option<&mut PacketBuf> {
        let side = self.sides.get_mut(side)?;
        let (place, buf) = side.outgoing.get_mut(side.waiting)?;
        *place = to;
        side.waiting += 1;
        Some(buf)
    }

    /// Sends what waits on both sides.
    pub(crate) fn send(&mut self) -> Departed {
        let mut departed = Departed::default();
        for Side { socket, outgoing, waiting } in &mut self.sides {
            let datagrams = outgoing.iter().take(*waiting).map(|(to, buf)| (buf.as_slice(), *to));
            // What is not taken now is not sent at all: a phone does not repeat itself either.
            let sent = self.sender.send(&*socket, datagrams).unwrap_or(0);
            departed.sent += sent as u64;
            departed.unsent += waiting.saturating_sub(sent) as u64;
            *waiting = 0;
        }
        departed
    }

    /// Gives what has arrived, at most a batch for each side, with when the system gave it and where it came from.
    pub(crate) fn receive(&mut self, mut each: impl FnMut(Instant, SocketAddr, &mut PacketBuf)) {
        for Side { socket, .. } in &self.sides {
            // An error is that nothing is there.
            let received = self.arrivals.receive(socket, &mut self.incoming).unwrap_or(0);
            // Each side has a time of its own: what the other's batch takes to open is none of the relay's.
            let arrived = Instant::now();
            for (number, buf) in self.incoming.iter_mut().enumerate().take(received) {
                if let Some(from) = self.arrivals.source(number) {
                    each(arrived, from, buf);
                }
            }
        }
    }
}

impl Side {
    fn open(address: IpAddr) -> io::Result<Side> {
        let nowhere = SocketAddr::new(address, 0);
        let socket = UdpSocket::bind(nowhere)?;
        socket.set_nonblocking(true)?;
        // All calls share it. Where the system grants less, a pause of the generator costs packets.
        if set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        }
        let outgoing = std::iter::repeat_with(|| (nowhere, PacketBuf::new())).take(BATCH).collect();
        Ok(Side { socket, outgoing, waiting: 0 })
    }
}

/// A tenth of a second of the most packets that one processor can relay.
const RECEIVE_BUFFER: usize = 16 << 20;
