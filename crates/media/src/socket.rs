//! One UDP socket as media needs it.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

/// Binds a non-blocking socket on exactly this address, marked for expedited forwarding.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The kernel grants less where its limit is lower, and some sandboxes grant no mark: media flows without both.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    if address.is_ipv4() {
        let _ = socket.set_tos_v4(EXPEDITED);
    } else {
        socket.set_only_v6(true)?;
        let _ = socket.set_tclass_v6(EXPEDITED);
    }
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// DSCP 46 (EF, RFC 3246), as the upper six bits of the traffic class.
const EXPEDITED: u32 = 46 << 2;
/// A second of one call's packets with the kernel's overhead, so that a busy thread loses none.
const RECEIVE_BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_bound_where_it_was_asked_for_and_nobody_else_gets_the_port() {
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = bind(loopback.parse().unwrap()) else {
                assert!(loopback.starts_with('['), "a host without IPv6 has no such loopback");
                continue;
            };
            let address = socket.local_addr().unwrap();
            assert_eq!(bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
    }
}
