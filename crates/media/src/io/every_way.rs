//! What holds whichever way datagrams take. Where the process may not steer, only a socket per port is tested.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use cordon_relay::{LocalPort, Transmit};
use cordon_rtp::MAX_PACKET;
use cordon_steer::Obstacle;

use crate::batch::{Batch, Datagram};
use crate::config::MediaConfig;
use crate::io::{BoundPort, IoChoice, IoMaker, MediaIo, PORTS_PER_STREAM, StreamPorts};
use crate::socket::{self, Purpose};
use crate::waker::Waker;

#[test]
fn what_arrives_tells_its_port_and_its_source() {
    for mut rig in Rig::of_every_way() {
        for (number, address) in rig.addresses.into_iter().enumerate() {
            rig.stranger(number).send_to(&[number as u8; 9], address).unwrap();

            let batch = rig.turn();

            assert_eq!(batch.datagrams().len(), 1, "{}", rig.io.name());
            let datagram = &batch.datagrams()[0];
            assert_eq!((datagram.at, datagram.buf.as_slice()), (rig.ports[number], &[number as u8; 9][..]));
            assert_eq!(datagram.from, rig.stranger(number).local_addr().unwrap());
        }
    }
}

#[test]
fn what_arrives_before_the_thread_has_opened_the_port_is_not_lost() {
    for mut rig in Rig::of_every_way() {
        let (ports, addresses) = bind_stream();
        let at = ports.each_ref().map(|port| port.at);
        for (number, address) in addresses.into_iter().enumerate() {
            rig.stranger(number).send_to(b"early", address).unwrap();
        }

        rig.io.open(ports).unwrap();

        let mut seen: Vec<LocalPort> = Vec::new();
        while seen.len() < PORTS_PER_STREAM {
            seen.extend(rig.turn().datagrams().iter().map(|datagram| datagram.at));
        }
        seen.sort_unstable();
        assert!(at.iter().all(|port| seen.binary_search(port).is_ok()), "{}", rig.io.name());
    }
}

#[test]
fn a_port_that_closes_as_soon_as_it_is_open_keeps_nobody_awake() {
    for mut rig in Rig::of_every_way() {
        let (_, at) = rig.open_another();
        rig.io.close(at);
        rig.turn_until(Instant::now());

        let until = Instant::now() + Duration::from_millis(20);
        assert!(rig.turn_until(until).datagrams().is_empty());
        assert!(Instant::now() >= until, "{}", rig.io.name());
    }
}

#[test]
fn a_flood_on_one_ip_version_does_not_hold_the_other_up() {
    for mut rig in Rig::of_every_way() {
        for _ in 0..4 * Batch::PLACES {
            rig.stranger(0).send_to(b"flood", rig.addresses[0]).unwrap();
        }
        let mut flood_taken = rig.turn().datagrams().len();
        rig.stranger(2).send_to(b"quiet", rig.addresses[2]).unwrap();

        loop {
            let batch = rig.turn();
            flood_taken += batch.datagrams().iter().filter(|datagram| datagram.at == rig.ports[0]).count();
            if batch.datagrams().iter().any(|datagram| datagram.at == rig.ports[2]) {
                break;
            }
        }

        assert!(flood_taken < 4 * Batch::PLACES, "{}", rig.io.name());
    }
}

#[test]
fn a_port_that_opens_under_a_flood_leaves_room_for_the_others() {
    for mut rig in Rig::of_every_way() {
        let (ports, addresses) = bind_stream();
        for _ in 0..2 * Batch::PLACES {
            rig.stranger(0).send_to(b"flood", addresses[0]).unwrap();
        }
        rig.io.open(ports).unwrap();
        rig.stranger(0).send_to(b"quiet", rig.addresses[0]).unwrap();

        let batch = rig.turn();

        let is_quiet = |datagram: &Datagram| datagram.at == rig.ports[0];
        assert!(batch.datagrams().iter().any(is_quiet), "{}", rig.io.name());
    }
}

#[test]
fn a_datagram_that_does_not_fit_its_buffer_is_dropped_and_counted() {
    for mut rig in Rig::of_every_way() {
        for number in [0, 2] {
            for len in [MAX_PACKET + 1, MAX_PACKET, 20_000, 3] {
                rig.stranger(number).send_to(&vec![number as u8; len], rig.addresses[number]).unwrap();
            }
            let mut heard = Vec::new();
            while heard.len() < 2 {
                heard.extend(rig.turn().datagrams().iter().map(|datagram| (datagram.at, datagram.buf.len())));
            }

            assert_eq!(heard, [(rig.ports[number], MAX_PACKET), (rig.ports[number], 3)], "{}", rig.io.name());
        }
        assert_eq!((rig.io.figures().received, rig.io.figures().truncated), (4, 4));
    }
}

#[test]
fn the_peer_of_a_flooded_port_is_heard() {
    for mut rig in Rig::of_every_way() {
        let (peer, to) = (rig.stranger(0).try_clone().unwrap(), rig.stranger(0).local_addr().unwrap());
        let flooder = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).unwrap();
        let mut batch = Batch::new();
        batch.fill(1);
        batch.datagrams_mut()[0].transmit = Some(Transmit { from: rig.ports[0], to });
        // A second of voice: whoever is at home at an address is known by then.
        for _ in 0..50 {
            rig.io.send(&batch);
        }
        let (mut said, mut heard) = (0, 0);
        while said < 20 {
            for _ in 0..500 {
                flooder.send_to(b"flood", rig.addresses[0]).unwrap();
            }
            peer.send_to(b"voice", rig.addresses[0]).unwrap();
            said += 1;
            let sent = said * 501;
            while rig.io.figures().received < sent {
                let batch = rig.turn_until(Instant::now());
                if batch.datagrams().is_empty() {
                    break;
                }
                heard += batch.datagrams().iter().filter(|datagram| datagram.from == to).count() as u64;
            }
        }

        assert_eq!(heard, said, "{}", rig.io.name());
    }
}

#[test]
fn what_leaves_comes_from_the_port_it_was_given_whatever_its_length() {
    for mut rig in Rig::of_every_way() {
        for (number, len) in [(0, 1), (1, 172), (2, 173), (3, 1232), (0, 1233), (3, 1499)] {
            let peer = rig.stranger(number).try_clone().unwrap();
            peer.send_to(&vec![number as u8; len], rig.addresses[number]).unwrap();
            let mut batch = rig.turn();
            let to = peer.local_addr().unwrap();
            batch.datagrams_mut()[0].transmit = Some(Transmit { from: rig.ports[number], to });

            rig.io.send(&batch);

            let mut bytes = [0; 2048];
            let (received, from) = peer.recv_from(&mut bytes).unwrap();
            assert_eq!((received, from), (len, rig.addresses[number]), "{}", rig.io.name());
            assert_eq!(bytes[..len], vec![number as u8; len]);
        }
        assert_eq!((rig.io.figures().sent, rig.io.figures().unsent), (6, 0));
    }
}

#[test]
fn a_full_batch_to_two_peers_leaves_whole_and_in_order() {
    for mut rig in Rig::of_every_way() {
        for number in 0..Batch::PLACES {
            rig.stranger(0).send_to(&[number as u8; 3], rig.addresses[number % 2]).unwrap();
        }
        let peers = [rig.stranger(0), rig.stranger(2)].map(|peer| peer.try_clone().unwrap());
        let mut left = Batch::PLACES;
        while left > 0 {
            let mut batch = rig.turn();
            for datagram in batch.datagrams_mut() {
                let peer = usize::from(datagram.buf.as_slice()[0]) % 2;
                let to = peers[peer].local_addr().unwrap();
                datagram.transmit = Some(Transmit { from: rig.ports[2 * peer], to });
            }
            left -= batch.datagrams().len();
            rig.io.send(&batch);
        }

        for (number, peer) in peers.iter().enumerate() {
            let heard = (0..Batch::PLACES / 2).map(|_| {
                let mut bytes = [0; 8];
                let (_, from) = peer.recv_from(&mut bytes).unwrap();
                assert_eq!(from, rig.addresses[2 * number]);
                usize::from(bytes[0])
            });
            assert!(heard.eq((number..Batch::PLACES).step_by(2)), "{}", rig.io.name());
        }
        assert_eq!(rig.io.figures().received, Batch::PLACES as u64);
    }
}

#[test]
fn a_closed_port_is_answered_by_the_kernel_and_others_are_not() {
    for mut rig in Rig::of_every_way() {
        let (second, _) = rig.open_another();
        rig.io.close(rig.ports);
        rig.io.close(rig.ports);

        for (number, address) in rig.addresses.into_iter().enumerate() {
            let peer = UdpSocket::bind(SocketAddr::new(address.ip(), 0)).unwrap();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            peer.connect(address).unwrap();
            peer.send(b"too late").unwrap();
            let answer = peer.recv(&mut [0; 8]).unwrap_err();
            assert_eq!(answer.kind(), io::ErrorKind::ConnectionRefused, "{number}, {}", rig.io.name());
        }
        rig.stranger(0).send_to(b"hello", second).unwrap();
        assert_eq!(rig.turn().datagrams()[0].buf.as_slice(), b"hello");
    }
}

#[test]
fn a_port_is_nobody_elses_while_it_is_open() {
    for rig in Rig::of_every_way() {
        for address in rig.addresses {
            assert_eq!(UdpSocket::bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
    }
}

#[test]
fn what_the_kernel_does_not_take_is_counted() {
    for mut rig in Rig::of_every_way() {
        rig.stranger(0).send_to(b"hello", rig.addresses[0]).unwrap();
        let mut batch = rig.turn();
        let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
        batch.datagrams_mut()[0].transmit = Some(Transmit { from: rig.ports[0], to: nowhere });

        rig.io.send(&batch);

        assert_eq!((rig.io.figures().sent, rig.io.figures().unsent), (0, 1), "{}", rig.io.name());
    }
}

#[test]
fn the_waker_ends_the_waiting() {
    for mut rig in Rig::of_every_way() {
        rig.waker.wake().unwrap();

        assert!(rig.turn().datagrams().is_empty(), "{}", rig.io.name());
    }
}

/// A thread's I/O with one stream open, its end `A` on IPv4 and its end `B` on IPv6, and a stranger for each.
struct Rig {
    io: Box<dyn MediaIo>,
    waker: Waker,
    ports: [LocalPort; PORTS_PER_STREAM],
    addresses: [SocketAddr; PORTS_PER_STREAM],
    strangers: [UdpSocket; 2],
}

impl Rig {
    fn of_every_way() -> impl Iterator<Item = Rig> {
        let is_allowed = Obstacle::foreseen().is_none();
        let ways = [IoChoice::PerPort, IoChoice::Steered].into_iter().take(1 + usize::from(is_allowed));
        ways.map(|way| {
            let config = MediaConfig {
                interfaces: INTERFACES.to_vec(),
                ports: 20_000..=20_099,
                threads: 1,
                pinned: false,
                nap: false,
                io: way,
            };
            let mut maker = IoMaker::choose(&config);
            let waker = Waker::new().unwrap();
            let mut io = maker.next(&waker, false).unwrap();
            assert_eq!(io.name() == "steered", way == IoChoice::Steered);
            let (ports, addresses) = bind_stream();
            let at = ports.each_ref().map(|port| port.at);
            io.open(ports).unwrap();
            let strangers = INTERFACES.map(|address| UdpSocket::bind(SocketAddr::new(address, 0)).unwrap());
            for stranger in &strangers {
                stranger.set_read_timeout(Some(PATIENCE)).unwrap();
            }
            Rig { io, waker, ports: at, addresses, strangers }
        })
    }

    /// Who speaks the IP version of the port with this number.
    fn stranger(&self, port: usize) -> &UdpSocket {
        &self.strangers[port / 2]
    }

    /// Opens a second stream; its first port and all of them come back.
    fn open_another(&mut self) -> (SocketAddr, [LocalPort; PORTS_PER_STREAM]) {
        let (ports, addresses) = bind_stream();
        let at = ports.each_ref().map(|port| port.at);
        self.io.open(ports).unwrap();
        (addresses[0], at)
    }

    /// Waits for what there is, and receives it.
    fn turn(&mut self) -> Batch {
        self.turn_until(Instant::now() + PATIENCE)
    }

    fn turn_until(&mut self, until: Instant) -> Batch {
        self.io.wait(until).unwrap();
        let mut batch = Batch::new();
        self.io.receive(&mut batch);
        batch
    }
}

fn bind_stream() -> (StreamPorts, [SocketAddr; PORTS_PER_STREAM]) {
    let interfaces: [u8; PORTS_PER_STREAM] = [0, 0, 1, 1];
    let ports = interfaces.map(|interface| {
        let socket =
            socket::bind(SocketAddr::new(INTERFACES[usize::from(interface)], 0), Purpose::Receive).unwrap();
        let port = socket.local_addr().unwrap().port();
        BoundPort { at: LocalPort { interface, port }, socket }
    });
    let addresses = ports.each_ref().map(|port| port.socket.local_addr().unwrap());
    (ports, addresses)
}

const INTERFACES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
/// Far longer than loopback and a loaded machine need; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(5);
