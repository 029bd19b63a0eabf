//! Up to 64 datagrams with one system call.
// recvmmsg(2) with the address a datagram was sent to has no safe wrapper in the libraries we use.
#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};

use cordon_rtp::PacketBuf;

use crate::BATCH;
use crate::message::{EMPTY_LIST, EMPTY_SLICE};

/// Who sent a datagram, and to which port of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The peer.
    pub from: SocketAddr,
    /// The address and port it sent to.
    pub at: SocketAddr,
}

/// Room for what comes with a batch of datagrams, made once.
pub struct ReceiveBatch {
    names: Box<[Name; BATCH]>,
    controls: Box<[Control; BATCH]>,
    ways: Vec<Way>,
}

/// What was told of a datagram's way: more of one that came through a [`SteeredSocket`](crate::SteeredSocket).
#[derive(Clone, Copy)]
struct Way {
    from: Option<SocketAddr>,
    at: Option<SocketAddr>,
    /// It was longer than its buffer.
    is_truncated: bool,
}

impl ReceiveBatch {
    /// Room for [`BATCH`] datagrams.
    pub fn new() -> ReceiveBatch {
        ReceiveBatch {
            names: Box::new([Name([0; NAME]); BATCH]),
            controls: Box::new([Control([0; CONTROL]); BATCH]),
            ways: Vec::with_capacity(BATCH),
        }
    }

    /// Receives into these buffers as many datagrams as there are, at most [`BATCH`] and at most as many as buffers, and
    /// says how many. Fails with [`io::ErrorKind::WouldBlock`] when there is none.
    pub fn receive<'b>(
        &mut self,
        socket: impl AsFd,
        buffers: impl IntoIterator<Item = &'b mut PacketBuf>,
    ) -> io::Result<usize> {
        self.ways.clear();
        let mut taken = [const { None }; BATCH];
        let mut slices = [const { EMPTY_SLICE }; BATCH];
        let mut messages = EMPTY_LIST;
        let places = messages.iter_mut().zip(&mut slices).zip(self.names.iter_mut());
        let places = places.zip(self.controls.iter_mut()).zip(taken.iter_mut());
        let mut count = 0;
        for (((((message, slice), name), control), taken), buffer) in places.zip(buffers) {
            let into = taken.insert(buffer).spare_mut();
            *slice = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
            message.msg_hdr.msg_iov = slice;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_name = name.0.as_mut_ptr().cast();
            message.msg_hdr.msg_namelen = NAME as libc::socklen_t;
            message.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = CONTROL;
            count += 1;
        }
        // SAFETY: the first `count` messages each point to a slice of one buffer, a name and a control, all of the
        // length written beside the pointer, exclusively borrowed by this function and unmoved until it returns.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                messages.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        let places = messages.iter().zip(self.names.iter()).zip(self.controls.iter()).zip(taken);
        for (((message, name), control), buffer) in places.take(received) {
            if let Some(buffer) = buffer {
                buffer.set_len(message.msg_len as usize);
            }
            let control = control.0.get(..message.msg_hdr.msg_controllen).unwrap_or_default();
            self.ways.push(Way {
                from: address(&name.0),
                at: original_destination(control).and_then(address),
                is_truncated: message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            });
        }
        Ok(received)
    }

    /// Where the datagram in the buffer of this position came from and went to; `None` for one that tells too little, as
    /// each does that came through a socket which is not steered to, or that was not received.
    pub fn arrival(&self, buffer: usize) -> Option<Arrival> {
        let way = self.ways.get(buffer)?;
        Some(Arrival { from: way.from?, at: way.at? })
    }

    /// Where the datagram in the buffer of this position came from, through whichever socket.
    pub fn source(&self, buffer: usize) -> Option<SocketAddr> {
        self.ways.get(buffer)?.from
    }

    /// Whether what is in the buffer of this position is only the beginning of a datagram that did not fit.
    pub fn is_truncated(&self, buffer: usize) -> bool {
        self.ways.get(buffer).is_some_and(|way| way.is_truncated)
    }
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// The data of the one control message that is asked for. They lie behind each other, each a length that includes
/// these three fields, a level, a type, and its data.
fn original_destination(mut control: &[u8]) -> Option<&[u8]> {
    loop {
        let (len, rest) = control.split_first_chunk()?;
        let (level, rest) = rest.split_first_chunk()?;
        let (kind, _) = rest.split_first_chunk()?;
        let len = usize::from_ne_bytes(*len);
        let data = control.get(CONTROL_HEADER..len)?;
        match (i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind)) {
            (libc::SOL_IP, libc::IP_ORIGDSTADDR) | (libc::SOL_IPV6, libc::IPV6_ORIGDSTADDR) => {
                return Some(data);
            }
            _ => control = control.get(len.checked_next_multiple_of(size_of::<usize>())?..)?,
        }
    }
}

/// An address as the kernel writes it: family, port, address, for IPv6 with a flow label before it and a scope behind.
fn address(bytes: &[u8]) -> Option<SocketAddr> {
    let (family, rest) = bytes.split_first_chunk()?;
    let (port, rest) = rest.split_first_chunk()?;
    let port = u16::from_be_bytes(*port);
    match i32::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET => {
            let (ip, _) = rest.split_first_chunk::<4>()?;
            Some(SocketAddrV4::new(Ipv4Addr::from(*ip), port).into())
        }
        libc::AF_INET6 => {
            let (_, rest) = rest.split_first_chunk::<4>()?;
            let (ip, rest) = rest.split_first_chunk::<16>()?;
            let (scope, _) = rest.split_first_chunk()?;
            Some(SocketAddrV6::new(Ipv6Addr::from(*ip), port, 0, u32::from_ne_bytes(*scope)).into())
        }
        _ => None,
    }
}

/// Bytes of an IPv6 address with its port and scope; one of IPv4 is shorter.
const NAME: usize = size_of::<libc::sockaddr_in6>();
/// Before the data of a control message: its length, level and type.
const CONTROL_HEADER: usize = size_of::<libc::cmsghdr>();
/// Bytes of the one control message that is asked for.
const CONTROL: usize = (CONTROL_HEADER + NAME).next_multiple_of(size_of::<usize>());

#[derive(Clone, Copy)]
#[repr(align(8))]
struct Name([u8; NAME]);

#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL]);
