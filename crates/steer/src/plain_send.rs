//! Up to 64 datagrams with one system call, all from the port of one socket.
// sendmmsg(2) has no safe wrapper in the libraries we use.
#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use socket2::SockAddr;

use crate::BATCH;
use crate::message::{EMPTY_LIST, EMPTY_SLICE};

/// Room for the addresses of a batch, made once.
#[derive(Default)]
pub struct SendBatch {
    names: Vec<SockAddr>,
}

impl SendBatch {
    /// Sends these payloads through a UDP socket, at most [`BATCH`] of them, and says how many the system took: the
    /// first ones. Fails when it took none.
    pub fn send<'p>(
        &mut self,
        socket: impl AsFd,
        datagrams: impl IntoIterator<Item = (&'p [u8], SocketAddr)>,
    ) -> io::Result<usize> {
        self.names.clear();
        let mut payloads: [&[u8]; BATCH] = [&[]; BATCH];
        for ((payload, to), place) in datagrams.into_iter().zip(&mut payloads) {
            *place = payload;
            self.names.push(to.into());
        }
        if self.names.is_empty() {
            return Ok(0);
        }
        let mut slices = [const { EMPTY_SLICE }; BATCH];
        let mut messages = EMPTY_LIST;
        let prepared = self.names.iter().zip(payloads);
        let mut count = 0;
        for (((name, payload), slice), message) in prepared.zip(&mut slices).zip(&mut messages) {
            *slice = libc::iovec { iov_base: payload.as_ptr().cast_mut().cast(), iov_len: payload.len() };
            message.msg_hdr.msg_iov = slice;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = name.len();
            count += 1;
        }
        // SAFETY: the first `count` messages each point to a slice of one payload and a name, both of the length written
        // beside the pointer, borrowed by this function and unmoved until it returns; the kernel only reads them.
        let sent = unsafe {
            libc::sendmmsg(socket.as_fd().as_raw_fd(), messages.as_mut_ptr(), count, libc::MSG_DONTWAIT)
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use cordon_rtp::PacketBuf;

    use super::*;
    use crate::ReceiveBatch;

    #[test]
    fn a_batch_reaches_each_address_and_tells_where_it_came_from() {
        let [sender, one, other] = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let to = [&one, &other].map(|socket| socket.local_addr().unwrap());
        let payloads: Vec<Vec<u8>> = (0..10).map(|number| vec![number; 40]).collect();
        let datagrams = payloads.iter().zip(to.iter().cycle()).map(|(payload, to)| (&payload[..], *to));

        assert_eq!(SendBatch::default().send(&sender, datagrams).unwrap(), payloads.len());

        for (parity, socket) in [&one, &other].into_iter().enumerate() {
            let mut buffers: Vec<PacketBuf> = (0..BATCH).map(|_| PacketBuf::new()).collect();
            let mut batch = ReceiveBatch::new();
            // What was sent over the loopback is there when sending has returned.
            assert_eq!(batch.receive(socket, &mut buffers).unwrap(), payloads.len() / 2);
            for (number, buffer) in buffers.iter().take(payloads.len() / 2).enumerate() {
                assert_eq!(batch.source(number), Some(sender.local_addr().unwrap()));
                assert!(batch.arrival(number).is_none(), "only a steered socket tells the port");
                assert_eq!(buffer.as_slice(), payloads[2 * number + parity]);
            }
        }
    }

    #[test]
    fn no_more_than_a_batch_is_sent_and_nothing_is_no_error() {
        let [sender, receiver] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let to = receiver.local_addr().unwrap();
        let mut batch = SendBatch::default();

        assert_eq!(batch.send(&sender, std::iter::repeat_n((&b"word"[..], to), 100)).unwrap(), BATCH);
        assert_eq!(batch.send(&sender, []).unwrap(), 0);
    }

    #[test]
    fn a_batch_that_cannot_leave_at_all_is_an_error() {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = "[::1]:9".parse().unwrap();

        assert!(SendBatch::default().send(&sender, [(&b"word"[..], to)]).is_err());
    }
}
