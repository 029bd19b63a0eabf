//! Up to 64 datagrams with one system call, each from a port of its own.
// sendmmsg(2) has no safe wrapper in the libraries we use.
#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::BATCH;
use crate::header::{Header, TRAFFIC_CLASS};
use crate::message::{EMPTY_LIST, EMPTY_SLICE};
use crate::socket::set_option;

/// A datagram that is to leave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Departure<'p> {
    /// What is behind the headers.
    pub payload: &'p [u8],
    /// The port of ours it must come from.
    pub from: SocketAddr,
    /// The peer.
    pub to: SocketAddr,
}

/// Sends datagrams from any port of one address of ours.
///
/// There is one for each address: the system then finds the way out by the address a datagram comes from, as it does
/// for any socket.
pub struct RawSender {
    socket: Socket,
    /// As many as the batch has, each with its headers; kept so that sending allocates nothing.
    headers: Vec<Header>,
    names: Vec<SockAddr>,
}

impl RawSender {
    /// Opens a sender for one of our addresses.
    pub fn open(address: IpAddr) -> io::Result<RawSender> {
        let address = SocketAddr::new(address, 0);
        // Of this protocol nothing is ever received, and the headers are the sender's (raw(7)).
        let protocol = Protocol::from(libc::IPPROTO_RAW);
        let socket = Socket::new(Domain::for_address(address), Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        // Beyond the header this gives the datagrams their priority in our own queues.
        let class = u32::from(TRAFFIC_CLASS);
        let _ = if address.is_ipv4() { socket.set_tos_v4(class) } else { socket.set_tclass_v6(class) };
        // Larger than the system would grant: it is the only way out for all calls of a thread.
        let _ = set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SEND_BUFFER);
        socket.bind(&address.into())?;
        Ok(RawSender { socket, headers: Vec::with_capacity(BATCH), names: Vec::with_capacity(BATCH) })
    }

    /// Sends the datagrams, as many as there are, and says how many the system took. A datagram must come from the
    /// address of this sender, and be no longer than [`MAX_RAW_PAYLOAD`].
    pub fn send<'p>(&mut self, departures: impl IntoIterator<Item = Departure<'p>>) -> usize {
        let mut departures = departures.into_iter().peekable();
        let mut sent = 0;
        while departures.peek().is_some() {
            sent += self.send_batch(departures.by_ref().take(BATCH));
        }
        sent
    }

    /// The same for no more than [`BATCH`].
    fn send_batch<'p>(&mut self, departures: impl Iterator<Item = Departure<'p>>) -> usize {
        self.headers.clear();
        self.names.clear();
        let mut payloads: [&[u8]; BATCH] = [&[]; BATCH];
        for Departure { payload, from, to } in departures {
            if let Some(header) = Header::new(from, to, payload)
                && let Some(place) = payloads.get_mut(self.headers.len())
            {
                *place = payload;
                self.headers.push(header);
                self.names.push(name(to));
            }
        }
        pass_all(self.headers.len(), |first| self.pass_on(first, payloads.get(first..).unwrap_or_default()))
    }

    /// Gives the system the prepared datagrams from the `first` on; says how many it took.
    fn pass_on(&self, first: usize, payloads: &[&[u8]]) -> io::Result<usize> {
        let mut slices = [const { [EMPTY_SLICE; 2] }; BATCH];
        let mut messages = EMPTY_LIST;
        let prepared = self.headers.iter().zip(&self.names).skip(first).zip(payloads);
        let mut count = 0;
        for ((((header, name), payload), slices), message) in prepared.zip(&mut slices).zip(&mut messages) {
            *slices = [slice(header.as_slice()), slice(payload)];
            message.msg_hdr.msg_iov = slices.as_mut_ptr();
            message.msg_hdr.msg_iovlen = slices.len();
            message.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = name.len();
            count += 1;
        }
        // SAFETY: the first `count` messages each point to two slices and a name, all of the length written beside the
        // pointer, borrowed by this function and unmoved until it returns; the kernel only reads them.
        let sent = unsafe {
            libc::sendmmsg(self.socket.as_raw_fd(), messages.as_mut_ptr(), count, libc::MSG_DONTWAIT)
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Passes on `count` datagrams by as many calls as it takes, and says how many were taken. `pass_on` takes those from a
/// first one on, as far as it can; its error is about that first one.
fn pass_all(count: usize, mut pass_on: impl FnMut(usize) -> io::Result<usize>) -> usize {
    let (mut next, mut sent) = (0, 0);
    while next < count {
        match pass_on(next) {
            Ok(taken) => {
                next += taken.max(1);
                sent += taken;
            }
            // The system has no room for more, whoever it is for: voice that waits is voice too late.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // The path to its peer is narrower, or there is none.
            Err(_) => next += 1,
        }
    }
    sent
}

/// Where the system sends it; a raw socket of IPv6 takes no port there.
fn name(to: SocketAddr) -> SockAddr {
    let mut to = to;
    to.set_port(0);
    to.into()
}

fn slice(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

/// Longer ones may need fragments, which a raw socket does not make: what every path of IPv6 takes whole (RFC 8200 §5),
/// less the headers. Voice needs a fifth of it.
pub const MAX_RAW_PAYLOAD: usize = 1280 - 48;
/// A thread sends at most a few batches before their datagrams are on their way.
const SEND_BUFFER: libc::c_int = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_at_fault_is_passed_over_and_a_full_queue_is_asked_once() {
        let mut asked = Vec::new();

        let sent = pass_all(BATCH, |first| {
            asked.push(first);
            match first {
                0 => Ok(10),
                10 => Err(io::ErrorKind::HostUnreachable.into()),
                11 => Ok(20),
                _ => Err(io::ErrorKind::WouldBlock.into()),
            }
        });

        assert_eq!((sent, asked), (30, vec![0, 10, 11, 31]));
    }
}
