//! One port of ours as its thread serves it: the socket everybody reaches, and one beside it for the peer that stays.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use cordon_relay::LocalPort;

use crate::batch::Batch;
use crate::io::BoundPort;
use crate::socket::{self, Received};

/// One port, and who is served on it.
///
/// The kernel finds the way of a connected socket's packets once and not for each. But a socket that is connected hears
/// nobody else, and a peer that moves must be heard. So the socket of the port stays as it is, and one more on the same
/// port is connected to where packets go. The kernel gives it what comes from there, and the other one the rest: nothing
/// is decided by which of the two a packet came in by, and whoever floods the port from elsewhere fills a queue of his own.
pub(crate) struct Port {
    at: LocalPort,
    everybody: Ear,
    peer: Option<Connected>,
    /// Datagrams that may wait at `everybody` since before `peer` was connected: they were sent first, and are heard first.
    waiting: u32,
    carries: Carries,
    /// Where packets went lately, and how many of them one after the other.
    target: Option<SocketAddr>,
    streak: u32,
}

/// What a port is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carries {
    /// Voice, and RTCP too where that was agreed.
    Rtp,
    /// Some packets a minute: not worth a second socket.
    Rtcp,
}

/// Which socket of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    Everybody,
    Peer,
}

/// What a send came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    /// The kernel took it.
    Taken,
    /// It did, and so many have gone there now that a connected socket would pay.
    TakenAndStable,
    /// It did not.
    NotTaken,
}

/// A socket, and how much of it one turn takes.
struct Ear {
    socket: UdpSocket,
    /// The turn it was last served in.
    served: u64,
    /// Datagrams it may have relayed in one turn.
    share: usize,
    /// What this turn has left of them: the turn may ask twice.
    left: usize,
}

/// What one turn took from a socket.
#[derive(Clone, Copy, Default)]
struct Taken {
    datagrams: u32,
    /// Those of them that did not fit, and are dropped.
    truncated: u64,
    /// Nothing was left.
    is_all: bool,
}

/// The socket beside it.
struct Connected {
    ear: Ear,
    to: SocketAddr,
}

impl Port {
    pub(crate) fn new(bound: BoundPort, carries: Carries) -> Port {
        let BoundPort { at, socket } = bound;
        Port { at, everybody: Ear::new(socket), peer: None, waiting: 0, carries, target: None, streak: 0 }
    }

    /// Takes what has arrived at one of its sockets, but no more than a share. Says how many did not fit, and are dropped.
    pub(crate) fn receive(&mut self, which: Which, turn: u64, batch: &mut Batch) -> u64 {
        let mut truncated = 0;
        if which == Which::Everybody || self.waiting > 0 {
            truncated += self.receive_from_everybody(turn, batch);
        }
        if which == Which::Peer
            && self.waiting == 0
            && let Some(peer) = &mut self.peer
        {
            truncated += peer.ear.receive(self.at, turn, batch).truncated;
        }
        truncated
    }

    fn receive_from_everybody(&mut self, turn: u64, batch: &mut Batch) -> u64 {
        let taken = self.everybody.receive(self.at, turn, batch);
        self.waiting = if taken.is_all { 0 } else { self.waiting.saturating_sub(taken.datagrams) };
        taken.truncated
    }

    pub(crate) fn send(&mut self, bytes: &[u8], to: SocketAddr) -> Sent {
        if let Some(peer) = &self.peer
            && peer.to == to
        {
            self.streak = 0;
            return match peer.send(bytes) {
                Ok(_) => Sent::Taken,
                Err(_) => Sent::NotTaken,
            };
        }
        if self.target != Some(to) {
            (self.target, self.streak) = (Some(to), 0);
        }
        self.streak = self.streak.saturating_add(1);
        match self.everybody.socket.send_to(bytes, to) {
            Ok(_) if self.streak >= STABLE && self.carries == Carries::Rtp => Sent::TakenAndStable,
            Ok(_) => Sent::Taken,
            Err(_) => Sent::NotTaken,
        }
    }

    /// Connects the socket beside to where packets go now. A socket that is new and must be watched comes back.
    pub(crate) fn connect(&mut self) -> io::Result<Option<&UdpSocket>> {
        // Whatever comes of it, it is tried again after so many packets at the earliest.
        self.streak = 0;
        let Some(to) = self.target else { return Ok(None) };
        match &mut self.peer {
            Some(peer) => {
                peer.ear.socket.connect(to)?;
                peer.to = to;
                self.waiting = QUEUE;
                Ok(None)
            }
            None => {
                let socket = socket::bind_beside(&self.everybody.socket, to)?;
                self.waiting = QUEUE;
                let peer = self.peer.insert(Connected { ear: Ear::new(socket), to });
                Ok(Some(&peer.ear.socket))
            }
        }
    }

    /// Does without the socket beside.
    pub(crate) fn disconnect(&mut self) {
        self.peer = None;
        self.waiting = 0;
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.everybody.socket
    }
}

impl Connected {
    /// An ICMP message about an earlier packet is told in place of sending the next: asked again, the kernel sends.
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.ear.socket.send(bytes) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.ear.socket.send(bytes),
            sent => sent,
        }
    }
}

impl Ear {
    fn new(socket: UdpSocket) -> Ear {
        Ear { socket, served: 0, share: 1, left: 1 }
    }

    /// Takes what has arrived, but no more than the turn has left of its share.
    fn receive(&mut self, at: LocalPort, turn: u64, batch: &mut Batch) -> Taken {
        self.begin(turn);
        let mut taken = Taken::default();
        while self.left > 0 {
            let Some(place) = batch.spare_mut().first_mut() else { break };
            self.left -= 1;
            match socket::receive(&self.socket, place.buf.spare_mut()) {
                Ok(Received::Whole(len, from)) => {
                    place.buf.set_len(len);
                    (place.at, place.from, place.transmit) = (at, from, None);
                    batch.fill(1);
                    taken.datagrams += 1;
                }
                Ok(Received::Truncated) => {
                    taken.datagrams += 1;
                    taken.truncated += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    (self.share, self.left) = (1, 0);
                    return Taken { is_all: true, ..taken };
                }
                // An answer of the network to something sent earlier, or a signal: the next datagram may be fine.
                Err(_) => {}
            }
        }
        taken
    }

    /// A voice packet arrives alone, and asking for a second one costs as much as half a packet. So a socket may bring
    /// one datagram, and twice as many each time it is reported in two turns running.
    fn begin(&mut self, turn: u64) {
        self.share = match turn.saturating_sub(self.served) {
            0 => return,
            1 => (self.share * 2).min(SHARE),
            _ => 1,
        };
        (self.served, self.left) = (turn, self.share);
    }
}

/// Datagrams of one socket relayed in one turn, so that a flooded port cannot starve the others.
pub(crate) const SHARE: usize = 32;
/// Packets to one address in a row, a second of voice, before a socket is connected to it.
const STABLE: u32 = 50;
/// More datagrams than wait at a socket: the kernel counts 768 bytes at least for each, and grants 512 KiB. A flood that goes
/// on holds the peer up for so many and no longer.
const QUEUE: u32 = 1024;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::socket::Purpose;

    #[test]
    fn a_peer_that_stays_gets_a_socket_of_its_own_and_strangers_are_still_heard() {
        let (mut port, address) = port();
        let (peer, stranger) = (phone(), phone());
        settle(&mut port, &peer);

        peer.send_to(b"peer", address).unwrap();
        stranger.send_to(b"stranger", address).unwrap();

        assert_eq!(hear(&mut port, Which::Peer), (b"peer".to_vec(), peer.local_addr().unwrap()));
        assert_eq!(hear(&mut port, Which::Everybody), (b"stranger".to_vec(), stranger.local_addr().unwrap()));
    }

    #[test]
    fn a_peer_that_moved_is_heard_where_it_is_and_gets_its_socket_there() {
        let (mut port, address) = port();
        let (before, after) = (phone(), phone());
        settle(&mut port, &before);

        after.send_to(b"moved", address).unwrap();
        assert_eq!(hear(&mut port, Which::Everybody).0, b"moved");
        settle(&mut port, &after);

        after.send_to(b"settled", address).unwrap();
        before.send_to(b"back again", address).unwrap();
        assert_eq!(hear(&mut port, Which::Peer).0, b"settled");
        assert_eq!(hear(&mut port, Which::Everybody), (b"back again".to_vec(), before.local_addr().unwrap()));
    }

    #[test]
    fn what_waited_when_the_peer_got_its_socket_is_heard_before_what_came_after() {
        let (mut port, address) = port();
        let peer = phone();
        for word in [b"1", b"2", b"3"] {
            peer.send_to(word, address).unwrap();
        }
        connect(&mut port, &peer);
        for word in [b"4", b"5"] {
            peer.send_to(word, address).unwrap();
        }

        let (mut batch, deadline) = (Batch::new(), Instant::now() + PATIENCE);
        for turn in 1.. {
            port.receive(Which::Peer, turn, &mut batch);
            if batch.datagrams().len() >= 5 || Instant::now() > deadline {
                break;
            }
        }

        let heard: Vec<_> = batch.datagrams().iter().map(|datagram| datagram.buf.as_slice()).collect();
        assert_eq!(heard.concat(), b"12345");
    }

    #[test]
    fn a_flood_holds_the_peer_up_for_no_more_than_a_queue() {
        let (mut port, address) = port();
        let (peer, stranger) = (phone(), phone());
        connect(&mut port, &peer);
        peer.send_to(b"peer", address).unwrap();

        let (mut before, mut turn) = (0, 0);
        let mut batch = Batch::new();
        while !batch.datagrams().iter().any(|datagram| datagram.buf.as_slice() == b"peer") {
            before += batch.datagrams().len();
            assert!(before <= QUEUE as usize, "{before} came first");
            for _ in 0..2 {
                stranger.send_to(b"flood", address).unwrap();
            }
            batch.clear();
            turn += 2;
            port.receive(Which::Peer, turn, &mut batch);
        }
    }

    #[test]
    fn a_turn_that_reports_both_sockets_takes_one_share_of_what_waited() {
        let (mut port, address) = port();
        let (peer, stranger) = (phone(), phone());
        connect(&mut port, &peer);
        for _ in 0..8 {
            stranger.send_to(b"flood", address).unwrap();
        }

        let shares = (5..8).map(|turn| {
            let mut batch = Batch::new();
            port.receive(Which::Everybody, turn, &mut batch);
            port.receive(Which::Peer, turn, &mut batch);
            batch.datagrams().len()
        });

        assert_eq!(shares.collect::<Vec<_>>(), [1, 2, 4]);
    }

    #[test]
    fn a_send_that_fails_when_the_peer_was_to_get_its_socket_puts_it_off_by_one() {
        let (mut port, _) = port();
        let to = phone().local_addr().unwrap();
        for _ in 1..STABLE {
            assert_eq!(port.send(b"voice", to), Sent::Taken);
        }

        assert_eq!(port.send(&[0; 1 << 16], to), Sent::NotTaken, "longer than a datagram");
        assert_eq!(port.send(b"voice", to), Sent::TakenAndStable);

        port.connect().unwrap();
        port.disconnect();
        assert_eq!(port.send(b"voice", to), Sent::Taken, "it was tried, and is not for each packet again");
    }

    #[test]
    fn an_address_that_is_used_now_and_then_gets_no_socket() {
        let (mut port, _) = port();
        let (one, other) = (phone().local_addr().unwrap(), phone().local_addr().unwrap());
        for _ in 0..2 * STABLE {
            assert_eq!([port.send(b"a", one), port.send(b"b", other)], [Sent::Taken; 2]);
        }
    }

    #[test]
    fn rtcp_gets_no_socket_however_long_the_call_is() {
        let (mut port, _) = port();
        port.carries = Carries::Rtcp;
        let peer = phone().local_addr().unwrap();
        for _ in 0..2 * STABLE {
            assert_eq!(port.send(b"report", peer), Sent::Taken);
        }
    }

    #[test]
    fn a_peer_whose_port_was_closed_for_a_moment_misses_nothing_after() {
        let (mut port, _) = port();
        let peer = phone();
        let at = peer.local_addr().unwrap();
        settle(&mut port, &peer);
        drop(peer);
        assert_eq!(port.send(b"nobody there", at), Sent::Taken);
        let peer = UdpSocket::bind(at).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();

        assert_eq!(port.send(b"first", at), Sent::Taken);

        let mut bytes = [0; 16];
        let len = peer.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..len], b"first");
    }

    #[test]
    fn nobody_else_gets_the_port_while_two_sockets_share_it() {
        let (mut port, address) = port();
        settle(&mut port, &phone());

        let thief = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        thief.set_reuse_address(true).unwrap();

        assert_eq!(thief.bind(&address.into()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn the_second_socket_is_marked_as_the_first() {
        let (mut port, _) = port();
        settle(&mut port, &phone());

        let marks = [&port.everybody, &port.peer.as_ref().unwrap().ear]
            .map(|ear| socket2::SockRef::from(&ear.socket).tos_v4().unwrap());

        assert_eq!(marks[0], marks[1]);
    }

    fn port() -> (Port, SocketAddr) {
        let socket = socket::bind("127.0.0.1:0".parse().unwrap(), Purpose::Receive).unwrap();
        let address = socket.local_addr().unwrap();
        let bound = BoundPort { at: LocalPort { interface: 0, port: address.port() }, socket };
        (Port::new(bound, Carries::Rtp), address)
    }

    fn phone() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Gives the peer its socket, and finds that nothing waits at the other.
    fn settle(port: &mut Port, peer: &UdpSocket) {
        connect(port, peer);
        let mut batch = Batch::new();
        port.receive(Which::Everybody, port.everybody.served + 1, &mut batch);
        assert!(batch.datagrams().is_empty());
    }

    /// Sends until a socket of its own pays for this peer, and connects it.
    fn connect(port: &mut Port, peer: &UdpSocket) {
        let to = peer.local_addr().unwrap();
        while port.send(b"voice", to) != Sent::TakenAndStable {}
        port.connect().unwrap();
    }

    /// What is heard next at this socket of the port, and from where.
    fn hear(port: &mut Port, which: Which) -> (Vec<u8>, SocketAddr) {
        let (mut batch, deadline) = (Batch::new(), Instant::now() + PATIENCE);
        let mut turns = port.everybody.served + 1..;
        while batch.datagrams().is_empty() {
            assert!(Instant::now() < deadline, "nothing heard");
            port.receive(which, turns.next().unwrap(), &mut batch);
        }
        let datagram = &batch.datagrams()[0];
        (datagram.buf.as_slice().to_vec(), datagram.from)
    }

    /// Far longer than loopback and a loaded machine need; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(5);
}
