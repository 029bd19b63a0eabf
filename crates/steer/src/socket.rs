//! Where the datagrams of many ports arrive.
// Two options of the socket that the libraries we use do not know.
#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use libc::c_int;
use socket2::{Domain, Protocol, Socket, Type};

/// A UDP socket that datagrams of any port can be steered to. It tells for each which port that was.
///
/// It is bound to a port of the loopback that the system chose, because the kernel steers to bound sockets only. What
/// a process of this host sends to that port is told from steered datagrams by its address.
pub struct SteeredSocket {
    socket: Socket,
    family: Family,
}

/// Which datagrams a socket can be given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Family {
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: SocketAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

impl SteeredSocket {
    /// Opens a socket that does not block.
    pub fn open(family: Family) -> io::Result<SteeredSocket> {
        let (domain, loopback, level, option) = match family {
            Family::V4 => (Domain::IPV4, Ipv4Addr::LOCALHOST.into(), libc::SOL_IP, libc::IP_RECVORIGDSTADDR),
            Family::V6 => {
                (Domain::IPV6, Ipv6Addr::LOCALHOST.into(), libc::SOL_IPV6, libc::IPV6_RECVORIGDSTADDR)
            }
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if family == Family::V6 {
            socket.set_only_v6(true)?;
        }
        set_option(socket.as_fd(), level, option, 1)?;
        // One queue for all calls of a thread, so it is larger than the system would grant.
        let _ = set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER);
        socket.bind(&SocketAddr::new(loopback, 0).into())?;
        Ok(SteeredSocket { socket, family })
    }

    /// Which datagrams it can be given.
    pub fn family(&self) -> Family {
        self.family
    }
}

impl AsFd for SteeredSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for SteeredSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    value: c_int,
) -> io::Result<()> {
    let size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads `size` bytes of a local that outlives the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, std::ptr::from_ref(&value).cast(), size)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// About 30 ms of the most packets a thread can relay: what arrives while it is kept from its processor.
const RECEIVE_BUFFER: c_int = 8 << 20;
