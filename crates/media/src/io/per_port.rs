//! One socket per port, plain receive and send: needs no privilege and works everywhere.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use cordon_relay::{LocalPort, Transmit};

use crate::batch::Batch;
use crate::io::epoll::READY;
use crate::io::port::{Carries, Port, Sent, Which};
use crate::io::{BoundPort, IoFigures, MediaIo, PORTS_PER_STREAM, StreamPorts, Waiting};
use crate::port_map::PortMap;
use crate::waker::Waker;

/// The sockets of one media thread.
pub(crate) struct PerPort {
    waiting: Waiting,
    ports: PortMap<Port>,
    /// Tokens of sockets that were reported ready and had no turn yet; they have it before anybody is asked again.
    ready: VecDeque<u32>,
    /// Counts from 1; a port that was never served was served in turn 0.
    turn: u64,
    figures: IoFigures,
}

impl PerPort {
    pub(crate) fn new(waker: &Waker, may_nap: bool) -> io::Result<PerPort> {
        Ok(PerPort {
            waiting: Waiting::new(waker, may_nap)?,
            ports: PortMap::default(),
            ready: VecDeque::with_capacity(READY),
            turn: 1,
            figures: IoFigures::default(),
        })
    }

    fn open_port(&mut self, bound: BoundPort, carries: Carries) -> io::Result<()> {
        let at = bound.at;
        let (slot, port) = self.ports.insert(at, Port::new(bound, carries));
        let watched = self.waiting.watch(port.socket(), token(slot, Which::Everybody));
        if watched.is_err() {
            self.ports.remove(at);
        }
        watched
    }

    fn transmit(&mut self, Transmit { from, to }: Transmit, bytes: &[u8]) -> Sent {
        let Some((slot, port)) = self.ports.find_mut(from) else { return Sent::NotTaken };
        let sent = port.send(bytes, to);
        if sent == Sent::TakenAndStable {
            self.settle(slot);
        }
        sent
    }

    /// Gives the peer of a port a socket of its own. Without one, for want of descriptors say, it is served as before.
    fn settle(&mut self, slot: u32) {
        let Some(port) = self.ports.slot_mut(slot) else { return };
        let watched = match port.connect() {
            Ok(Some(socket)) => self.waiting.watch(socket, token(slot, Which::Peer)),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match watched {
            Ok(()) => self.figures.connected += 1,
            Err(_) => port.disconnect(),
        }
    }
}

impl MediaIo for PerPort {
    fn name(&self) -> &'static str {
        "per-port"
    }

    fn open(&mut self, ports: StreamPorts) -> io::Result<()> {
        let all = ports.each_ref().map(|port| port.at);
        for (port, carries) in ports.into_iter().zip(CARRIED) {
            if let Err(error) = self.open_port(port, carries) {
                self.close(all);
                return Err(error);
            }
        }
        Ok(())
    }

    fn close(&mut self, ports: [LocalPort; PORTS_PER_STREAM]) {
        for at in ports {
            // The socket closes here, and with it its place in the epoll set.
            drop(self.ports.remove(at));
        }
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        if !self.ready.is_empty() {
            return Ok(());
        }
        self.turn += 1;
        let ready = &mut self.ready;
        self.waiting.wait(until, &mut self.figures, |token| ready.push_back(token))
    }

    fn receive(&mut self, batch: &mut Batch) {
        let before = batch.datagrams().len();
        while !batch.is_full()
            && let Some(token) = self.ready.pop_front()
        {
            let (slot, which) = ear(token);
            // A port that was closed since, or another in its place: there is nothing to read, or what is there is its.
            if let Some(port) = self.ports.slot_mut(slot) {
                self.figures.truncated += port.receive(which, self.turn, batch);
            }
        }
        let received = batch.datagrams().len() - before;
        self.waiting.note_batch(received, batch.is_full(), &mut self.figures);
    }

    fn send(&mut self, batch: &Batch) {
        for datagram in batch.datagrams() {
            let Some(transmit) = datagram.transmit else { continue };
            match self.transmit(transmit, datagram.buf.as_slice()) {
                Sent::Taken | Sent::TakenAndStable => self.figures.sent += 1,
                Sent::NotTaken => self.figures.unsent += 1,
            }
        }
    }

    fn figures(&self) -> IoFigures {
        self.figures
    }
}

/// What the epoll set calls a socket: the place of its port, and which of the two it is.
fn token(slot: u32, which: Which) -> u32 {
    slot << 1 | u32::from(which == Which::Peer)
}

fn ear(token: u32) -> (u32, Which) {
    (token >> 1, if token & 1 == 0 { Which::Everybody } else { Which::Peer })
}

/// What the ports of a stream are for, in their order.
const CARRIED: [Carries; PORTS_PER_STREAM] = [Carries::Rtp, Carries::Rtcp, Carries::Rtp, Carries::Rtcp];

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};
    use std::time::Duration;

    use super::*;
    use crate::io::port::SHARE;
    use crate::socket::{self, Purpose};

    #[test]
    fn a_flooded_port_leaves_room_for_the_others_in_every_turn() {
        let mut rig = Rig::new();
        for _ in 0..8 * SHARE {
            rig.stranger.send_to(&[0x80; 172], rig.addresses[0]).unwrap();
        }
        let mut flood_taken = 0;
        for _ in 0..4 {
            rig.stranger.send_to(b"quiet", rig.addresses[2]).unwrap();
            loop {
                let batch = rig.turn();
                let of = |at| batch.datagrams().iter().filter(|datagram| datagram.at == at).count();
                assert!(of(rig.ports[0]) <= SHARE);
                flood_taken += of(rig.ports[0]);
                if of(rig.ports[2]) == 1 {
                    break;
                }
            }
        }
        assert!(flood_taken < 8 * SHARE, "the quiet port had its turns between those of the flooded one");
    }

    #[test]
    fn a_flood_is_taken_in_growing_shares_and_a_lone_packet_costs_one_receive() {
        let mut rig = Rig::new();
        for _ in 0..2 * SHARE {
            rig.stranger.send_to(&[0x80; 172], rig.addresses[0]).unwrap();
        }

        let shares: Vec<usize> = (0..6).map(|_| rig.turn().datagrams().len()).collect();

        assert_eq!(shares, [1, 2, 4, 8, 16, 32]);
    }

    #[test]
    fn ports_that_found_no_room_in_a_batch_come_first_in_the_next() {
        let mut rig = Rig::new();
        for address in rig.addresses {
            rig.stranger.send_to(b"one each", address).unwrap();
        }
        rig.io.wait(Instant::now() + PATIENCE).unwrap();
        let mut batch = Batch::new();
        batch.fill(Batch::PLACES - 1);
        rig.io.receive(&mut batch);
        assert!(batch.is_full());

        let mut seen = vec![batch.datagrams()[Batch::PLACES - 1].at];
        let later = rig.turn();
        seen.extend(later.datagrams().iter().map(|datagram| datagram.at));

        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn a_peer_that_stays_is_heard_by_both_sockets_of_its_port_and_both_are_closed() {
        let mut rig = Rig::new();
        let to = rig.stranger.local_addr().unwrap();
        let mut batch = Batch::new();
        batch.fill(1);
        batch.datagrams_mut()[0].transmit = Some(Transmit { from: rig.ports[0], to });
        while rig.io.figures().connected == 0 {
            rig.io.send(&batch);
        }

        for word in [b"one", b"two"] {
            rig.stranger.send_to(word, rig.addresses[0]).unwrap();
            let heard = rig.turn();
            assert_eq!(heard.datagrams()[0].buf.as_slice(), word);
            assert_eq!(heard.datagrams()[0].at, rig.ports[0]);
        }

        rig.io.close(rig.ports);
        assert!(UdpSocket::bind(rig.addresses[0]).is_ok());
    }

    /// A thread's sockets with one stream open, and somebody who sends to it.
    struct Rig {
        io: PerPort,
        ports: [LocalPort; PORTS_PER_STREAM],
        addresses: [SocketAddr; PORTS_PER_STREAM],
        stranger: UdpSocket,
    }

    impl Rig {
        fn new() -> Rig {
            let mut io = PerPort::new(&Waker::new().unwrap(), false).unwrap();
            let (at, ports, addresses) = bind_stream();
            io.open(ports).unwrap();
            let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
            stranger.set_read_timeout(Some(PATIENCE)).unwrap();
            Rig { io, ports: at, addresses, stranger }
        }

        fn turn(&mut self) -> Batch {
            self.io.wait(Instant::now() + PATIENCE).unwrap();
            let mut batch = Batch::new();
            self.io.receive(&mut batch);
            batch
        }
    }

    fn bind_stream() -> ([LocalPort; PORTS_PER_STREAM], StreamPorts, [SocketAddr; PORTS_PER_STREAM]) {
        let sockets = [(); PORTS_PER_STREAM]
            .map(|()| socket::bind("127.0.0.1:0".parse().unwrap(), Purpose::Receive).unwrap());
        let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
        let at = addresses.map(|address| LocalPort { interface: 0, port: address.port() });
        let mut names = at.into_iter();
        let ports = sockets.map(|socket| BoundPort { at: names.next().expect("as many"), socket });
        (at, ports, addresses)
    }

    /// Far longer than loopback and a loaded machine need; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(5);
}
