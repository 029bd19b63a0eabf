//! One media thread: poll, receive, relay, send. It owns its streams, their sockets and one buffer.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cordon_relay::{Command, Local, LocalPort, Relay, RelayEvent, StreamId, StreamStatistics, Transmit};
use cordon_rtp::PacketBuf;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

/// What the engine asks of a thread.
pub(crate) enum Job {
    /// A stream and its sockets, in the order of [`Sockets`].
    Open { stream: StreamId, a: Local, b: Local, sockets: [UdpSocket; 4] },
    /// Anything else about a stream.
    Command(Command),
    /// End the thread.
    Shutdown,
}

/// The figures of a thread's streams, as of its last interval.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) streams: Vec<(StreamId, StreamStatistics)>,
    /// Datagrams the kernel did not take.
    pub(crate) unsent: u64,
    /// Datagrams on ports no stream has.
    pub(crate) strays: u64,
}

/// One media thread.
pub(crate) struct Worker {
    poll: Poll,
    jobs: Receiver<Job>,
    events: SyncSender<RelayEvent>,
    /// An event nobody had room for yet; no further one is taken from the relay until it is delivered.
    undelivered: Option<RelayEvent>,
    snapshot: Arc<Mutex<Snapshot>>,
    relay: Relay,
    streams: Vec<Option<Sockets>>,
    free: Vec<usize>,
    /// Sockets that had more to read when their turn was over, each once.
    backlog: VecDeque<Token>,
    buf: Box<PacketBuf>,
    unsent: u64,
}

/// The four sockets of a stream: RTP and RTCP of end `A`, then of end `B`.
struct Sockets {
    stream: StreamId,
    ports: [(LocalPort, UdpSocket); 4],
}

impl Worker {
    pub(crate) fn new(
        poll: Poll,
        jobs: Receiver<Job>,
        events: SyncSender<RelayEvent>,
        snapshot: Arc<Mutex<Snapshot>>,
        seed: [u8; 32],
    ) -> Worker {
        Worker {
            poll,
            jobs,
            events,
            undelivered: None,
            snapshot,
            relay: Relay::new(seed),
            streams: Vec::new(),
            free: Vec::new(),
            backlog: VecDeque::new(),
            buf: Box::new(PacketBuf::new()),
            unsent: 0,
        }
    }

    /// Runs until it is told to shut down, or nobody is left to tell it.
    pub(crate) fn run(mut self) {
        let mut ready = Events::with_capacity(READY);
        let mut next_snapshot = Instant::now() + SNAPSHOT_INTERVAL;
        loop {
            let wait = if self.backlog.is_empty() {
                next_snapshot.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            if let Err(error) = self.poll.poll(&mut ready, Some(wait))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "media thread cannot poll");
                return;
            }
            if self.take_jobs(Instant::now()) == Turn::Stop {
                return;
            }
            for _ in 0..self.backlog.len() {
                if let Some(token) = self.backlog.pop_front() {
                    self.serve(token);
                }
            }
            for event in ready.iter().filter(|event| event.token() != WAKE) {
                self.serve_ready(event.token());
            }
            self.deliver_events();
            if Instant::now() >= next_snapshot {
                self.publish();
                next_snapshot = Instant::now() + SNAPSHOT_INTERVAL;
            }
        }
    }

    fn take_jobs(&mut self, now: Instant) -> Turn {
        loop {
            match self.jobs.try_recv() {
                Ok(Job::Open { stream, a, b, sockets }) => self.open(now, stream, a, b, sockets),
                Ok(Job::Command(command)) => {
                    if let Command::Close { stream } = command {
                        self.close_sockets(stream);
                    }
                    self.relay.handle_command(now, command);
                }
                Ok(Job::Shutdown) | Err(TryRecvError::Disconnected) => return Turn::Stop,
                Err(TryRecvError::Empty) => return Turn::GoOn,
            }
        }
    }

    fn open(&mut self, now: Instant, stream: StreamId, a: Local, b: Local, sockets: [UdpSocket; 4]) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.streams.len() - 1
        });
        let [a_rtp, a_rtcp, b_rtp, b_rtcp] = sockets;
        let mut ports = [(a.rtp, a_rtp), (a.rtcp, a_rtcp), (b.rtp, b_rtp), (b.rtcp, b_rtcp)];
        for (place, (_, socket)) in ports.iter_mut().enumerate() {
            let token = Token(slot * PER_STREAM + place);
            if let Err(error) = self.poll.registry().register(socket, token, Interest::READABLE) {
                tracing::error!(%error, "media socket cannot be watched");
            }
        }
        if let Some(place) = self.streams.get_mut(slot) {
            *place = Some(Sockets { stream, ports });
        }
        self.relay.handle_command(now, Command::Open { stream, a, b });
    }

    /// Closes the sockets of a stream; closing takes them out of the poll.
    fn close_sockets(&mut self, stream: StreamId) {
        let held = |sockets: &Option<Sockets>| sockets.as_ref().is_some_and(|held| held.stream == stream);
        if let Some(slot) = self.streams.iter().position(held)
            && let Some(place) = self.streams.get_mut(slot)
        {
            *place = None;
            self.free.push(slot);
        }
    }

    /// Serves a socket that has something new, unless it waits for its turn already: a flooded port would have one
    /// more turn with every poll, and in the end all of them.
    fn serve_ready(&mut self, token: Token) {
        if !self.backlog.contains(&token) {
            self.serve(token);
        }
    }

    /// Relays what a socket has, but no more than its share of a turn.
    fn serve(&mut self, token: Token) {
        let Some(Some(sockets)) = self.streams.get(token.0 / PER_STREAM) else { return };
        let Some((at, socket)) = sockets.ports.get(token.0 % PER_STREAM) else { return };
        let now = Instant::now();
        for _ in 0..SHARE {
            let from = match receive(socket, &mut self.buf) {
                Ok(from) => from,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An answer of the network to something sent earlier, or a signal: the next datagram may be fine.
                Err(_) => continue,
            };
            if let Some(transmit) = self.relay.handle_datagram(now, *at, from, &mut self.buf)
                && !sockets.send(transmit, &self.buf)
            {
                self.unsent += 1;
            }
        }
        self.backlog.push_back(token);
    }

    fn deliver_events(&mut self) {
        while let Some(event) = self.undelivered.take().or_else(|| self.relay.poll_event()) {
            if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
                self.undelivered = Some(event);
                return;
            }
        }
    }

    fn publish(&mut self) {
        let mut snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.streams.clear();
        snapshot.streams.extend(self.relay.all_statistics());
        snapshot.unsent = self.unsent;
        snapshot.strays = self.relay.strays();
    }
}

impl Sockets {
    fn send(&self, transmit: Transmit, buf: &PacketBuf) -> bool {
        let socket = self.ports.iter().find(|(at, _)| *at == transmit.from).map(|(_, socket)| socket);
        socket.is_some_and(|socket| socket.send_to(buf.as_slice(), transmit.to).is_ok())
    }
}

fn receive(socket: &UdpSocket, buf: &mut PacketBuf) -> io::Result<SocketAddr> {
    let (len, from) = socket.recv_from(buf.spare_mut())?;
    buf.set_len(len);
    Ok(from)
}

#[derive(PartialEq, Eq)]
enum Turn {
    GoOn,
    Stop,
}

/// The token of the waker; no stream reaches it.
pub(crate) const WAKE: Token = Token(usize::MAX);
/// Sockets of one stream.
const PER_STREAM: usize = 4;
/// Sockets one poll reports at most; the rest is reported by the next.
const READY: usize = 1024;
/// Datagrams of one socket relayed in one turn, so that a flooded port cannot starve the others.
const SHARE: usize = 32;
/// How old published figures may be.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use cordon_relay::{Local, LocalPort};

    use super::*;
    use crate::socket;

    #[test]
    fn a_flooded_port_waits_for_one_turn_however_often_it_is_reported() {
        let (mut worker, flooded) = worker_with_a_stream();
        let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..4 * SHARE {
            stranger.send_to(&[0x80; 172], flooded).unwrap();
        }

        for _ in 0..3 {
            worker.serve_ready(Token(0));
        }

        assert_eq!(worker.backlog, [Token(0)]);
    }

    /// The stream's first socket has the token 0 and the address that comes back.
    fn worker_with_a_stream() -> (Worker, SocketAddr) {
        let (_, jobs) = sync_channel(1);
        let (events, _) = sync_channel(1);
        let mut worker = Worker::new(Poll::new().unwrap(), jobs, events, Arc::default(), [7; 32]);
        let sockets = [(); 4].map(|()| socket::bind("127.0.0.1:0".parse().unwrap()).unwrap());
        let ports = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
        let [a_rtp, a_rtcp, b_rtp, b_rtcp] = ports.map(|at| LocalPort { interface: 0, port: at.port() });
        let (a, b) = (Local { rtp: a_rtp, rtcp: a_rtcp }, Local { rtp: b_rtp, rtcp: b_rtcp });
        worker.open(Instant::now(), StreamId(1), a, b, sockets);
        (worker, ports[0])
    }
}
