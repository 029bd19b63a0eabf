//! One socket per port, plain receive and send: needs no privilege and works everywhere.

use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;
use std::time::Instant;

use cordon_relay::LocalPort;

use crate::batch::{Batch, Datagram};
use crate::io::epoll::Epoll;
use crate::io::{BoundPort, IoFigures, MediaIo, Nap, PORTS_PER_STREAM, StreamPorts};
use crate::port_map::PortMap;
use crate::waker::Waker;

/// The sockets of one media thread.
pub(crate) struct PerPort {
    epoll: Epoll,
    nap: Nap,
    ports: PortMap<Port>,
    /// Ports that were reported ready and had no turn yet; they have it before anybody is asked again.
    ready: VecDeque<u32>,
    /// Counts from 1; a port that was never served was served in turn 0.
    turn: u64,
    was_full: bool,
    taken: usize,
    figures: IoFigures,
}

/// One port, as its thread serves it.
struct Port {
    at: LocalPort,
    socket: UdpSocket,
    /// The turn it was last served in.
    served: u64,
    /// Datagrams it may have relayed in one turn.
    share: usize,
}

impl PerPort {
    pub(crate) fn new(waker: &Waker, may_nap: bool) -> io::Result<PerPort> {
        Ok(PerPort {
            epoll: Epoll::new(waker)?,
            nap: Nap::new(Instant::now(), may_nap),
            ports: PortMap::default(),
            ready: VecDeque::new(),
            turn: 1,
            was_full: false,
            taken: 0,
            figures: IoFigures::default(),
        })
    }

    fn open_port(&mut self, bound: BoundPort) -> io::Result<()> {
        let BoundPort { at, socket } = bound;
        let (slot, port) = self.ports.insert(at, Port { at, socket, served: 0, share: 1 });
        let watched = self.epoll.watch(&port.socket, slot);
        if watched.is_err() {
            self.ports.remove(at);
        }
        watched
    }

    fn send_one(&self, datagram: &Datagram) -> Option<bool> {
        let transmit = datagram.transmit?;
        let port = self.ports.get(transmit.from);
        Some(port.is_some_and(|port| port.socket.send_to(datagram.buf.as_slice(), transmit.to).is_ok()))
    }
}

impl MediaIo for PerPort {
    fn name(&self) -> &'static str {
        "per-port"
    }

    fn open(&mut self, ports: StreamPorts) -> io::Result<()> {
        let all = ports.each_ref().map(|port| port.at);
        for port in ports {
            if let Err(error) = self.open_port(port) {
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
        self.nap.note(Instant::now(), std::mem::take(&mut self.taken));
        if let Some(nap) = self.nap.due(self.was_full) {
            std::thread::sleep(nap);
            self.figures.naps += 1;
        }
        self.figures.wakeups += 1;
        self.turn += 1;
        let ready = &mut self.ready;
        self.epoll.wait(until, |slot| ready.push_back(slot))
    }

    fn receive(&mut self, batch: &mut Batch) {
        let before = batch.datagrams().len();
        while !batch.is_full()
            && let Some(slot) = self.ready.pop_front()
        {
            // A port that was closed since, or another in its place: there is nothing to read, or what is there is its.
            if let Some(port) = self.ports.slot_mut(slot) {
                port.receive(self.turn, batch);
            }
        }
        self.was_full = batch.is_full();
        self.taken += batch.datagrams().len() - before;
        self.figures.received += (batch.datagrams().len() - before) as u64;
    }

    fn send(&mut self, batch: &Batch) {
        for datagram in batch.datagrams() {
            match self.send_one(datagram) {
                Some(true) => self.figures.sent += 1,
                Some(false) => self.figures.unsent += 1,
                None => {}
            }
        }
    }

    fn figures(&self) -> IoFigures {
        self.figures
    }
}

impl Port {
    /// Takes what has arrived, but no more than its share.
    ///
    /// A voice packet arrives alone, and asking for a second one costs as much as half a packet. So a port may take one
    /// datagram, and twice as many each time it is reported in two turns running.
    fn receive(&mut self, turn: u64, batch: &mut Batch) {
        self.share = if self.served + 1 == turn { (self.share * 2).min(SHARE) } else { 1 };
        self.served = turn;
        for _ in 0..self.share {
            let Some(place) = batch.spare_mut().first_mut() else { return };
            match self.socket.recv_from(place.buf.spare_mut()) {
                Ok((len, from)) => {
                    place.buf.set_len(len);
                    (place.at, place.from, place.transmit) = (self.at, from, None);
                    batch.fill(1);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.share = 1;
                    return;
                }
                // An answer of the network to something sent earlier, or a signal: the next datagram may be fine.
                Err(_) => {}
            }
        }
    }
}

/// Datagrams of one port relayed in one turn, so that a flooded port cannot starve the others.
const SHARE: usize = 32;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;
    use crate::socket;

    #[test]
    fn a_flooded_port_leaves_room_for_the_others_in_every_turn() {
        let mut rig = Rig::new();
        for _ in 0..8 * SHARE {
            rig.stranger.send_to(&[0x80; 172], rig.addresses[0]).unwrap();
        }
        for turn in 0..8 {
            rig.stranger.send_to(b"quiet", rig.addresses[2]).unwrap();

            let batch = rig.turn();

            let of = |at| batch.datagrams().iter().filter(|datagram| datagram.at == at).count();
            assert_eq!(of(rig.ports[2]), 1, "turn {turn}");
            assert!(of(rig.ports[0]) <= SHARE, "turn {turn}");
        }
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
        let sockets = [(); PORTS_PER_STREAM].map(|()| socket::bind("127.0.0.1:0".parse().unwrap()).unwrap());
        let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
        let at = addresses.map(|address| LocalPort { interface: 0, port: address.port() });
        let mut names = at.into_iter();
        let ports = sockets.map(|socket| BoundPort { at: names.next().expect("as many"), socket });
        (at, ports, addresses)
    }

    /// Far longer than loopback and a loaded machine need; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(5);
}
