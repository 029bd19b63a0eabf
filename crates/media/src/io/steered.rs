//! One socket for all ports of a thread, which the kernel steers datagrams to; one per address to send from.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use cordon_relay::{LocalPort, Transmit};
use cordon_steer::{Family, Obstacle, ReceiveBatch, SteeredSocket, Steering};
use socket2::SockRef;

use crate::batch::Batch;
use crate::config::MediaConfig;
use crate::io::outlets::{self, Outlets};
use crate::io::{BoundPort, IoFigures, MediaIo, PORTS_PER_STREAM, StreamPorts, Waiting};
use crate::port_map::PortMap;
use crate::rights::Rights;
use crate::socket::{self, Received};
use crate::waker::Waker;

/// What one media thread receives and sends through, before the thread has begun.
pub(crate) struct SteeredParts {
    steering: Arc<Steering>,
    inlets: Vec<Inlet>,
    outlets: Outlets,
}

/// The steered I/O of one media thread.
pub(crate) struct Steered {
    waiting: Waiting,
    steering: Arc<Steering>,
    /// One for each IP version we have an interface of.
    inlets: Vec<Inlet>,
    outlets: Outlets,
    arrivals: ReceiveBatch,
    /// The sockets that keep our ports from everybody else. Nothing arrives at them but what a flood has too much.
    ports: PortMap<HeldPort>,
    /// Ports that were just opened: what arrived between binding and steering waits at their own sockets.
    opened: VecDeque<Opened>,
    /// The inlet that is asked first, so that neither IP version waits for the other.
    first: usize,
    /// Batches sent, so that each time another of their datagrams is looked at.
    turn: usize,
    figures: IoFigures,
}

/// A port of ours that is steered.
struct HeldPort {
    bound: BoundPort,
    /// What the table of open ports calls the inlet of its datagrams.
    inlet: u32,
    /// Where a packet that was looked at went last.
    target: Option<SocketAddr>,
    /// Who has a share of his own in a flood.
    peer: Option<SocketAddr>,
}

/// A port whose own socket may still have something to read.
struct Opened {
    place: LocalPort,
    /// Datagrams it may still bring in.
    left: usize,
}

/// Where the datagrams of one IP version come in.
struct Inlet {
    socket: SteeredSocket,
    /// What the table of open ports calls it.
    number: u32,
    /// It was reported, and not emptied since.
    is_ready: bool,
}

impl SteeredParts {
    /// Opens what each thread needs, and has the kernel steer to all of them.
    pub(crate) fn of_all_threads(config: &MediaConfig) -> Result<Vec<SteeredParts>, Obstacle> {
        if let Some(obstacle) = Obstacle::foreseen() {
            return Err(obstacle);
        }
        let address = |interface| SocketAddr::new(interface, 0);
        let mut families: Vec<Family> =
            config.interfaces.iter().map(|interface| Family::of(address(*interface))).collect();
        families.sort_unstable();
        families.dedup();
        let mut numbers = 0..;
        let mut open = || {
            let inlets =
                families.iter().zip(&mut numbers).map(|(family, number)| Inlet::open(*family, number));
            Ok((inlets.collect::<Result<Vec<_>, _>>()?, Outlets::open(&config.interfaces)?))
        };
        let threads: Vec<_> = (0..config.threads.max(1)).map(|_| open()).collect::<Result<_, Obstacle>>()?;
        let sockets: Vec<&SteeredSocket> =
            threads.iter().flat_map(|(inlets, _)| inlets).map(|inlet| &inlet.socket).collect();
        let most_ports = config.ports.len().saturating_mul(config.interfaces.len());
        let steering = Steering::attach(u32::try_from(most_ports).unwrap_or(u32::MAX), &sockets)?;
        let steering = Arc::new(steering);
        let parts = |(inlets, outlets)| SteeredParts { steering: Arc::clone(&steering), inlets, outlets };
        Ok(threads.into_iter().map(parts).collect())
    }

    /// What a thread needs to open and close ports. Newer kernels let whoever has a table change it; those before 6.0 may ask
    /// for the right to make one, too. A thread without rights finds out.
    pub(crate) fn rights(&self) -> Rights {
        let close_without = || {
            Rights::None.keep()?;
            self.steering.close(NEVER_OPEN)
        };
        let closed = std::thread::scope(|scope| scope.spawn(close_without).join());
        match closed {
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Rights::None,
            _ => Rights::Tables,
        }
    }
}

impl Inlet {
    fn open(family: Family, number: u32) -> Result<Inlet, Obstacle> {
        let socket = SteeredSocket::open(family)
            .map_err(|error| Obstacle::Kernel { step: "open a socket to steer to", error })?;
        Ok(Inlet { socket, number, is_ready: false })
    }
}

impl Steered {
    pub(crate) fn new(parts: SteeredParts, waker: &Waker, may_nap: bool) -> io::Result<Steered> {
        let SteeredParts { steering, inlets, outlets } = parts;
        let waiting = Waiting::new(waker, may_nap)?;
        for (token, inlet) in (0..).zip(&inlets) {
            waiting.watch(&inlet.socket, token)?;
        }
        Ok(Steered {
            waiting,
            steering,
            inlets,
            outlets,
            arrivals: ReceiveBatch::new(),
            ports: PortMap::default(),
            opened: VecDeque::new(),
            first: 0,
            turn: 0,
            figures: IoFigures::default(),
        })
    }

    fn open_port(&mut self, bound: BoundPort) -> io::Result<()> {
        let unknown = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        let address = self.outlets.address(bound.at).ok_or_else(unknown)?;
        let place = self.outlets.port(address).ok_or_else(unknown)?;
        let family = Family::of(address);
        let inlet = self.inlets.iter().find(|inlet| inlet.socket.family() == family).ok_or_else(unknown)?;
        let inlet = inlet.number;
        self.steering.open(address, inlet)?;
        // What the program passes on to it in a flood takes no memory: room for a datagram or two is the least there is.
        let _ = SockRef::from(&bound.socket).set_recv_buffer_size(0);
        self.ports.insert(place, HeldPort { bound, inlet, target: None, peer: None });
        self.opened.push_back(Opened { place, left: EARLY });
        Ok(())
    }

    fn close_port(&mut self, at: LocalPort) {
        let Some(address) = self.outlets.address(at) else { return };
        let Some(place) = self.outlets.port(address) else { return };
        let Some(held) = self.ports.remove(place) else { return };
        self.opened.retain(|opened| opened.place != place);
        if let Err(error) = self.steering.close(address) {
            tracing::error!(%error, "the kernel goes on steering a media port that is closed");
        }
        // Only now: while it was steered nobody else could have the port.
        drop(held);
    }

    /// Receives what arrived at ports before datagrams were steered, as a rule nothing, and a share of the batch at most.
    fn receive_from_opened(&mut self, batch: &mut Batch) {
        for _ in 0..OPENED_SHARE {
            let Some(opened) = self.opened.front_mut() else { return };
            let Some(datagram) = batch.spare_mut().first_mut() else { return };
            opened.left = opened.left.saturating_sub(1);
            let port = self.ports.get(opened.place).filter(|_| opened.left > 0);
            let received = port.map(|HeldPort { bound, .. }| {
                (bound.at, socket::receive(&bound.socket, datagram.buf.spare_mut()))
            });
            match received {
                Some((at, Ok(Received::Whole(len, from)))) => {
                    datagram.buf.set_len(len);
                    (datagram.at, datagram.from, datagram.transmit) = (at, from, None);
                    batch.fill(1);
                }
                Some((_, Ok(Received::Truncated))) => self.figures.truncated += 1,
                Some((_, Err(_))) | None => drop(self.opened.pop_front()),
            }
        }
    }

    /// Receives from an inlet that was reported; it stays ready when there may be more than the batch had room for.
    fn receive_from(&mut self, inlet: usize, batch: &mut Batch) {
        let Some(inlet) = self.inlets.get_mut(inlet).filter(|inlet| inlet.is_ready) else { return };
        let places = batch.spare_mut();
        let room = places.len();
        // An error is that nothing is there, or a signal: what is there is reported again.
        let buffers = places.iter_mut().map(|place| &mut place.buf);
        let received = self.arrivals.receive(&inlet.socket, buffers).unwrap_or(0);
        inlet.is_ready = received == room;
        let places = batch.spare_mut();
        let mut whole = 0;
        for number in 0..received {
            if self.arrivals.is_truncated(number) {
                self.figures.truncated += 1;
                continue;
            }
            if whole < number {
                places.swap(whole, number);
            }
            let Some(datagram) = places.get_mut(whole) else { break };
            whole += 1;
            (datagram.at, datagram.transmit) = (NOWHERE, None);
            let Some(arrival) = self.arrivals.arrival(number) else { continue };
            datagram.from = arrival.from;
            let port = self.outlets.port(arrival.at).and_then(|place| self.ports.get(place));
            datagram.at = port.map_or(NOWHERE, |port| port.bound.at);
        }
        batch.fill(whole);
    }

    /// Sends what a raw socket cannot through the sockets of the ports; says how many the system took.
    fn send_long(&self, batch: &Batch) -> usize {
        let long = batch.datagrams().iter().filter(|datagram| !outlets::fits(datagram.buf.as_slice()));
        let sent = long.filter(|datagram| {
            let transmit = datagram.transmit;
            let socket = transmit.and_then(|transmit| {
                let place = self.outlets.port(self.outlets.address(transmit.from)?)?;
                Some((&self.ports.get(place)?.bound.socket, transmit.to))
            });
            socket.is_some_and(|(socket, to)| socket.send_to(datagram.buf.as_slice(), to).is_ok())
        });
        sent.count()
    }

    /// Notes where one datagram of a batch goes, if anywhere. Twice the same in a row, and who is there has a share of his own
    /// from now on. One of a batch is enough: a port has fifty datagrams a second.
    fn look_at_one(&mut self, batch: &Batch) {
        let datagrams = batch.datagrams();
        let looked_at = self.turn.checked_rem(datagrams.len()).and_then(|place| datagrams.get(place));
        self.turn = self.turn.wrapping_add(1);
        let Some(Transmit { from, to }) = looked_at.and_then(|datagram| datagram.transmit) else { return };
        let Some(address) = self.outlets.address(from) else { return };
        let held = self.outlets.port(address).and_then(|place| self.ports.find_mut(place));
        let Some((_, held)) = held.filter(|(_, held)| held.peer != Some(to)) else { return };
        if held.target.replace(to) == Some(to) && self.steering.prefer(address, held.inlet, to).is_ok() {
            held.peer = Some(to);
        }
    }
}

impl MediaIo for Steered {
    fn name(&self) -> &'static str {
        "steered"
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
            self.close_port(at);
        }
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        let ready = self.inlets.iter().filter(|inlet| inlet.is_ready).count();
        if ready > 0 && ready == self.inlets.len() {
            return Ok(());
        }
        let has_more = ready > 0 || !self.opened.is_empty();
        let inlets = &mut self.inlets;
        let is_ready = |token| {
            if let Some(inlet) = inlets.get_mut(token as usize) {
                inlet.is_ready = true;
            }
        };
        match has_more {
            // One that is never empty does not keep the other from being heard.
            true => self.waiting.look(is_ready),
            false => self.waiting.wait(until, &mut self.figures, is_ready),
        }
    }

    fn receive(&mut self, batch: &mut Batch) {
        let before = batch.datagrams().len();
        self.receive_from_opened(batch);
        let inlets = self.inlets.len().max(1);
        self.first = (self.first + 1) % inlets;
        for number in 0..inlets {
            self.receive_from((self.first + number) % inlets, batch);
        }
        let received = batch.datagrams().len() - before;
        self.waiting.note_batch(received, batch.is_full(), &mut self.figures);
    }

    fn send(&mut self, batch: &Batch) {
        let wanted = batch.datagrams().iter().filter(|datagram| datagram.transmit.is_some()).count();
        self.look_at_one(batch);
        let sent = self.outlets.send(batch) + self.send_long(batch);
        self.figures.sent += sent as u64;
        self.figures.unsent += wanted.saturating_sub(sent) as u64;
    }

    fn figures(&self) -> IoFigures {
        let shunted = self.inlets.iter().map(|inlet| self.steering.shunted(inlet.number).unwrap_or(0)).sum();
        IoFigures { shunted, ..self.figures }
    }
}

/// Places of a batch that ports which were just opened may fill: a port that is flooded while it opens leaves the rest.
const OPENED_SHARE: usize = Batch::PLACES / 4;
/// Datagrams read at the socket of a port that was just opened: more than it has room for when it is bound. In a flood it
/// is never empty.
const EARLY: usize = 64;
/// No port of ours.
const NEVER_OPEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// The port of what arrived at no open one; there are at most 255 interfaces, so none has this number.
const NOWHERE: LocalPort = LocalPort { interface: u8::MAX, port: 0 };

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;
    use crate::io::IoChoice;
    use crate::socket::Purpose;

    #[test]
    fn a_port_keeps_next_to_nothing_of_a_flood_that_passes_its_socket() {
        let Some(mut io) = steered() else { return };
        let (at, ports) = bind_stream();
        io.open(ports).unwrap();

        let held = io.ports.get(at[0]).unwrap().bound.socket.try_clone().unwrap();

        assert!(SockRef::from(&held).recv_buffer_size().unwrap() <= 4096);
    }

    #[test]
    fn what_is_sent_to_the_socket_itself_belongs_to_no_port() {
        let Some(mut io) = steered() else { return };
        let inlet = SockRef::from(&io.inlets[0].socket).local_addr().unwrap().as_socket().unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(b"hello", inlet).unwrap();

        io.wait(Instant::now() + Duration::from_secs(5)).unwrap();
        let mut batch = Batch::new();
        io.receive(&mut batch);

        assert_eq!(batch.datagrams()[0].at, NOWHERE);
    }

    #[test]
    fn a_thread_that_has_given_its_rights_up_still_opens_and_closes_ports() {
        let Some(parts) = parts(&[LOCALHOST]) else { return };
        let rights = parts.rights();
        std::thread::spawn(move || {
            let mut io = Steered::new(parts, &Waker::new().unwrap(), false).unwrap();
            rights.keep().unwrap();
            let (at, ports) = bind_stream();

            io.open(ports).unwrap();
            io.close(at);

            assert_eq!(
                io.steering.close(io.outlets.address(at[0]).unwrap()).unwrap_err().kind(),
                io::ErrorKind::NotFound
            );
            assert!(Obstacle::foreseen().is_some());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_without_an_address_to_serve_sleeps() {
        let Some(parts) = parts(&[]) else { return };
        let mut io = Steered::new(parts, &Waker::new().unwrap(), false).unwrap();
        let until = Instant::now() + Duration::from_millis(20);

        io.wait(until).unwrap();

        assert!(Instant::now() >= until);
    }

    /// The I/O of a thread; none where the process may not steer.
    fn steered() -> Option<Steered> {
        Some(Steered::new(parts(&[LOCALHOST])?, &Waker::new().unwrap(), false).unwrap())
    }

    /// What the second of two threads is made of.
    fn parts(interfaces: &[IpAddr]) -> Option<SteeredParts> {
        if Obstacle::foreseen().is_some() {
            return None;
        }
        let config = MediaConfig {
            interfaces: interfaces.to_vec(),
            ports: 20_000..=20_003,
            threads: 2,
            pinned: false,
            nap: false,
            io: IoChoice::Steered,
        };
        let mut parts = SteeredParts::of_all_threads(&config).unwrap();
        assert_eq!(parts.len(), 2);
        Some(parts.remove(1))
    }

    fn bind_stream() -> ([LocalPort; PORTS_PER_STREAM], StreamPorts) {
        let ports = [(); PORTS_PER_STREAM].map(|()| {
            let socket = socket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Purpose::Receive).unwrap();
            let at = LocalPort { interface: 0, port: socket.local_addr().unwrap().port() };
            BoundPort { at, socket }
        });
        (ports.each_ref().map(|port| port.at), ports)
    }

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
}
