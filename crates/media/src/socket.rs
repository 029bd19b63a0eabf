//! One UDP socket as media needs it.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use rustix::net::{RecvFlags, recvfrom};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// What a socket is bound for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// Media arrives at it.
    Receive,
    /// It keeps the port from everybody else; what arrives is steered past it, from soon after it is bound.
    Hold,
}

/// Binds a non-blocking socket on exactly this address, marked for expedited forwarding.
pub(crate) fn bind(address: SocketAddr, purpose: Purpose) -> io::Result<UdpSocket> {
    let socket = prepare(address, purpose)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Binds one more socket on the port of `first`, and connects it to `peer`. From then on the kernel gives it what comes
/// from there, and `first` the rest. Nobody else gets the port: sharing is allowed for these two, and only meanwhile.
pub(crate) fn bind_beside(first: &UdpSocket, peer: SocketAddr) -> io::Result<UdpSocket> {
    let address = first.local_addr()?;
    let beside = prepare(address, Purpose::Receive)?;
    let first = SockRef::from(first);
    first.set_reuse_address(true)?;
    let bound = beside.set_reuse_address(true).and_then(|()| beside.bind(&address.into()));
    first.set_reuse_address(false)?;
    bound?;
    beside.set_reuse_address(false)?;
    beside.connect(&peer.into())?;
    Ok(beside.into())
}

/// What came of asking a socket for a datagram.
pub(crate) enum Received {
    /// So many bytes from there.
    Whole(usize, SocketAddr),
    /// One that does not fit: its beginning would be taken for the whole.
    Truncated,
}

/// Receives a datagram, unless there is none.
pub(crate) fn receive(socket: &UdpSocket, into: &mut [u8]) -> io::Result<Received> {
    let room = into.len();
    let (_, len, from) = recvfrom(socket, into, RecvFlags::TRUNC)?;
    if len > room {
        return Ok(Received::Truncated);
    }
    let nowhere = || io::Error::from(io::ErrorKind::AddrNotAvailable);
    let from = from.and_then(|from| SocketAddr::try_from(from).ok()).ok_or_else(nowhere)?;
    Ok(Received::Whole(len, from))
}

fn prepare(address: SocketAddr, purpose: Purpose) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The kernel grants less where its limit is lower, and some sandboxes grant no mark: media flows without both.
    let _ = socket.set_recv_buffer_size(match purpose {
        Purpose::Receive => RECEIVE_BUFFER,
        Purpose::Hold => HOLD_BUFFER,
    });
    if address.is_ipv4() {
        let _ = socket.set_tos_v4(EXPEDITED);
    } else {
        socket.set_only_v6(true)?;
        let _ = socket.set_tclass_v6(EXPEDITED);
    }
    Ok(socket)
}

/// DSCP 46 (EF, RFC 3246), as the upper six bits of the traffic class.
const EXPEDITED: u32 = 46 << 2;
/// A second of one call's packets with the kernel's overhead, so that a busy thread loses none.
const RECEIVE_BUFFER: usize = 256 * 1024;
/// Some twenty packets: what a peer sends between the binding of a port and its steering, far more than there is as a rule.
const HOLD_BUFFER: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_bound_where_it_was_asked_for_and_nobody_else_gets_the_port() {
        for socket in both_versions() {
            let address = socket.local_addr().unwrap();
            assert!(address.ip().is_loopback());
            assert_eq!(bind(address, Purpose::Receive).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[test]
    fn what_leaves_is_marked_for_expedited_forwarding_in_both_ip_versions() {
        for socket in both_versions() {
            let mark = match socket.local_addr().unwrap() {
                SocketAddr::V4(_) => SockRef::from(&socket).tos_v4(),
                SocketAddr::V6(_) => SockRef::from(&socket).tclass_v6(),
            };
            assert_eq!(mark.unwrap() >> 2, 46);
        }
    }

    #[test]
    fn a_closed_port_is_answered_by_the_kernel() {
        for socket in both_versions() {
            let address = socket.local_addr().unwrap();
            let peer = UdpSocket::bind(SocketAddr::new(address.ip(), 0)).unwrap();
            peer.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
            peer.connect(address).unwrap();
            drop(socket);

            peer.send(&[0x80; 172]).unwrap();

            assert_eq!(peer.recv(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        }
    }

    /// A socket per IP version this host has.
    fn both_versions() -> Vec<UdpSocket> {
        let loopbacks =
            ["127.0.0.1:0", "[::1]:0"].map(|address| bind(address.parse().unwrap(), Purpose::Receive));
        assert!(loopbacks[0].is_ok(), "every host has an IPv4 loopback");
        loopbacks.into_iter().flatten().collect()
    }
}
