//! What signalling holds of the media threads: ports, commands, events and figures.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cordon_relay::{Command, End, EndSetup, RelayEvent, StreamId, StreamStatistics};

use crate::config::MediaConfig;
use crate::error::{EngineError, NoPorts};
use crate::io::{BoundPort, IoFigures, IoMaker};
use crate::ledger::{Ledger, Placed};
use crate::port_pair::{PortPair, Reservation, all_ports};
use crate::socket::{self, Purpose};
use crate::thread::Thread;
use crate::worker::Job;

/// The media threads, and the ports they may use.
pub struct MediaEngine {
    interfaces: Vec<IpAddr>,
    io: &'static str,
    purpose: Purpose,
    threads: Vec<Thread>,
    ledger: Mutex<Ledger>,
    announce: SyncSender<RelayEvent>,
    events: Mutex<Option<Receiver<RelayEvent>>>,
}

impl MediaEngine {
    /// Starts the threads. No port is bound yet, but each interface is checked to be an address of this host.
    pub fn start(config: MediaConfig) -> io::Result<MediaEngine> {
        if config.interfaces.len() > usize::from(u8::MAX) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than 255 media interfaces"));
        }
        for interface in &config.interfaces {
            socket::bind(SocketAddr::new(*interface, 0), Purpose::Hold).map_err(|error| {
                io::Error::new(error.kind(), format!("{interface} cannot be bound: {error}"))
            })?;
        }
        let (announce, events) = sync_channel(EVENTS);
        let mut io = IoMaker::choose(&config);
        let start = |number| Thread::start(number, &config, &mut io, random()?, announce.clone());
        let threads = (0..config.threads.max(1)).map(start).collect::<io::Result<Vec<_>>>()?;
        Ok(MediaEngine {
            ledger: Mutex::new(Ledger::new(&config.interfaces, &config.ports, threads.len())),
            interfaces: config.interfaces,
            io: io.name(),
            purpose: io.purpose(),
            threads,
            announce,
            events: Mutex::new(Some(events)),
        })
    }

    /// Notes that peers see this interface under another address, so that a chain of our own streams is known as
    /// one by that address too.
    pub fn advertise(&self, interface: u8, address: IpAddr) {
        self.ledger().advertise(interface, address);
    }

    /// Reserves a port pair for each end, binds the four sockets and opens the stream.
    pub fn reserve(&self, a_interface: u8, b_interface: u8) -> Result<Reservation, NoPorts> {
        let now = Instant::now();
        let mut ledger = self.ledger();
        let is_alive = |thread| self.threads.get(thread).is_some_and(Thread::is_alive);
        let thread = ledger.least_loaded(is_alive).ok_or(NoPorts::Overloaded)?;
        let (a, [a_rtp, a_rtcp]) = self.bind_pair(&mut ledger, now, a_interface)?;
        let (b, [b_rtp, b_rtcp]) = match self.bind_pair(&mut ledger, now, b_interface) {
            Ok(bound) => bound,
            Err(problem) => {
                ledger.put_back(a);
                return Err(problem);
            }
        };
        let stream = ledger.next_stream();
        let placed = Placed { thread, a, b };
        let job = Job::Open { stream, a: a.local(), b: b.local(), ports: [a_rtp, a_rtcp, b_rtp, b_rtcp] };
        if self.thread(placed).and_then(|thread| thread.pass(job)).is_err() {
            ledger.put_back(a);
            ledger.put_back(b);
            return Err(NoPorts::Overloaded);
        }
        ledger.insert(stream, placed);
        Ok(Reservation { stream, a, b })
    }

    /// Passes a command to the thread that owns the stream.
    pub fn command(&self, command: Command) -> Result<(), EngineError> {
        match command {
            Command::Open { .. } => Err(EngineError::OpenedByReserve),
            Command::Set { stream, end, setup } => self.set(stream, end, setup),
            Command::Close { stream } => self.close(stream),
        }
    }

    /// Ends a stream: its sockets close, its ports rest, and [`RelayEvent::Closed`] brings its final figures.
    pub fn close(&self, stream: StreamId) -> Result<(), EngineError> {
        let removed = self.ledger().remove(Instant::now(), stream);
        let placed = removed.ok_or(EngineError::UnknownStream)?;
        // A close that is lost would keep four sockets for good.
        self.thread(placed)?.insist(Job::Close { stream, ports: all_ports(placed.a, placed.b) })
    }

    /// True when `address` is a port of a live stream of ours.
    pub fn is_ours(&self, address: SocketAddr) -> bool {
        self.ledger().chains.is_ours(address)
    }

    /// The figures of a stream, at most half a second old.
    pub fn statistics(&self, stream: StreamId) -> Option<StreamStatistics> {
        let placed = self.ledger().find(stream)?;
        self.thread(placed).ok()?.snapshot().find(stream)
    }

    /// The figures of every stream, at most half a second old.
    pub fn snapshot(&self) -> Vec<(StreamId, StreamStatistics)> {
        let mut all = Vec::new();
        for thread in &self.threads {
            all.extend_from_slice(&thread.snapshot().streams);
        }
        all
    }

    /// What all threads together received, sent and slept, at most half a second old.
    pub fn io_figures(&self) -> IoFigures {
        self.threads.iter().fold(IoFigures::default(), |sum, thread| sum.plus(thread.snapshot().io))
    }

    /// Datagrams on ports no stream has.
    pub fn strays(&self) -> u64 {
        self.threads.iter().map(|thread| thread.snapshot().strays).sum()
    }

    /// Which way datagrams take, as the configuration calls it.
    pub fn io(&self) -> &'static str {
        self.io
    }

    /// False when a media thread has ended: its calls hear nothing any more.
    pub fn is_alive(&self) -> bool {
        self.threads.iter().all(Thread::is_alive)
    }

    /// The events of all streams; there is one receiver, so only the first call has an answer. Keep receiving: a
    /// full channel delays events, but never media.
    pub fn events(&self) -> Option<Receiver<RelayEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the threads and closes every socket.
    pub fn shutdown(self) {
        drop(self);
    }

    fn set(&self, stream: StreamId, end: End, setup: EndSetup) -> Result<(), EngineError> {
        let mut ledger = self.ledger();
        let placed = ledger.find(stream).ok_or(EngineError::UnknownStream)?;
        let rtcp = if setup.mux { setup.remote_rtp } else { setup.remote_rtcp };
        if ledger.chains.set(stream, end, [setup.remote_rtp, rtcp]).is_err() {
            // The error says the same; the event is for whoever only listens.
            let _ = self.announce.try_send(RelayEvent::LoopRefused { stream, end });
            return Err(EngineError::LoopRefused);
        }
        // A setting that is lost would leave a call silent. Only a thread that has ended does not take it; then nothing is
        // sent to the addresses noted above either.
        self.thread(placed)?.insist(Job::Command(Command::Set { stream, end, setup }))
    }

    /// Binds the next pair of an interface; a pair that another program holds is put aside and the next one tried.
    fn bind_pair(
        &self,
        ledger: &mut Ledger,
        now: Instant,
        interface: u8,
    ) -> Result<(PortPair, [BoundPort; 2]), NoPorts> {
        let address = *self.interfaces.get(usize::from(interface)).ok_or(NoPorts::UnknownInterface)?;
        let pool = ledger.pool(interface).ok_or(NoPorts::UnknownInterface)?;
        for _ in 0..BIND_ATTEMPTS {
            let even = pool.take(now, drawn()?).ok_or(NoPorts::Exhausted)?;
            let pair = PortPair {
                interface,
                rtp: SocketAddr::new(address, even),
                rtcp: SocketAddr::new(address, even.saturating_add(1)),
            };
            match bind_both(pair, self.purpose) {
                Ok([rtp, rtcp]) => {
                    let local = pair.local();
                    let rtp = BoundPort { at: local.rtp, socket: rtp };
                    return Ok((pair, [rtp, BoundPort { at: local.rtcp, socket: rtcp }]));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    tracing::warn!(
                        port = even,
                        "another program holds a media port: it is tried again in a minute"
                    );
                    pool.give_back(now, even);
                }
                // Not this port's fault: no descriptor is left, or the address went away. The pool must not empty.
                Err(error) => {
                    tracing::error!(%error, %address, "no socket for media");
                    pool.put_back(even);
                    return Err(NoPorts::Overloaded);
                }
            }
        }
        Err(NoPorts::Exhausted)
    }

    fn thread(&self, placed: Placed) -> Result<&Thread, EngineError> {
        self.threads.get(placed.thread).ok_or(EngineError::Ended)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MediaEngine {
    fn drop(&mut self) {
        for thread in &self.threads {
            let _ = thread.insist(Job::Shutdown);
        }
        self.threads.iter().for_each(Thread::join);
    }
}

fn bind_both(pair: PortPair, purpose: Purpose) -> io::Result<[UdpSocket; 2]> {
    Ok([socket::bind(pair.rtp, purpose)?, socket::bind(pair.rtcp, purpose)?])
}

/// Which of the free pairs it will be.
fn drawn() -> Result<u64, NoPorts> {
    random().map(u64::from_ne_bytes).map_err(|error| {
        tracing::error!(%error, "no media port can be drawn");
        NoPorts::Overloaded
    })
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(bytes)
}

/// Events that may wait for signalling; when full, threads keep theirs and media goes on.
const EVENTS: usize = 4096;
/// Pairs tried when another program holds ports of the range.
const BIND_ATTEMPTS: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use cordon_relay::{Before, Protection};
    use cordon_rtp::{AudioCodecs, KeyMaterial, Suite};

    use super::*;
    use crate::io::IoChoice;
    use crate::thread::JOBS;

    #[test]
    fn a_setting_waits_for_a_thread_that_has_all_it_can_take() {
        let (thread, queue) = Thread::at_rest();
        let mut engine = engine(1, 25_000);
        engine.threads = vec![thread];
        let stream = StreamId(1);
        let placed = Placed { thread: 0, a: pair(25_000), b: pair(25_002) };
        engine.ledger().insert(stream, placed);
        for _ in 0..JOBS {
            engine.threads[0].pass(Job::Command(Command::Close { stream: StreamId(9) })).unwrap();
        }

        std::thread::scope(|scope| {
            let (begun, begins) = sync_channel(1);
            let engine = &engine;
            let set = scope.spawn(move || {
                begun.send(()).unwrap();
                engine.command(Command::Set { stream, end: End::A, setup: setup() })
            });
            begins.recv().unwrap();
            // It must wait, so nothing but the deadline ends this.
            let deadline = Instant::now() + Duration::from_millis(50);
            while !set.is_finished() && Instant::now() < deadline {
                std::thread::yield_now();
            }
            let jobs: Vec<Job> = (0..=JOBS).map_while(|_| queue.recv_timeout(PATIENCE).ok()).collect();

            assert!(matches!(jobs.last(), Some(Job::Command(Command::Set { .. }))));
            assert_eq!(set.join().unwrap(), Ok(()));
        });
        drop(queue);
    }

    #[test]
    fn a_thread_that_has_ended_gets_no_call() {
        let engine = engine(2, 25_100);
        end(&engine.threads[0]);

        let reservation = engine.reserve(0, 0).unwrap();

        assert_eq!(engine.ledger().find(reservation.stream).map(|placed| placed.thread), Some(1));
        end(&engine.threads[1]);
        assert_eq!(engine.reserve(0, 0), Err(NoPorts::Overloaded));
    }

    fn engine(threads: usize, first_port: u16) -> MediaEngine {
        MediaEngine::start(MediaConfig {
            interfaces: vec![Ipv4Addr::LOCALHOST.into()],
            ports: first_port..=first_port + 7,
            threads,
            pinned: false,
            nap: false,
            io: IoChoice::PerPort,
        })
        .unwrap()
    }

    fn end(thread: &Thread) {
        thread.insist(Job::Shutdown).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while thread.is_alive() {
            assert!(Instant::now() < deadline, "it goes on");
            std::thread::yield_now();
        }
    }

    fn pair(even: u16) -> PortPair {
        let [rtp, rtcp] = [even, even + 1].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        PortPair { interface: 0, rtp, rtcp }
    }

    fn setup() -> EndSetup {
        let key = KeyMaterial::generate(Suite::AesCm128HmacSha1_80, |bytes| bytes.fill(1));
        EndSetup {
            protection: Protection::secure(key.hand_to_relay(), key.hand_to_relay()),
            local_changed: false,
            remote_changed: None,
            renegotiated: false,
            remote_rtp: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
            remote_rtcp: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
            mux: true,
            before_proof: Before::SendToSdp,
            codecs: AudioCodecs::default(),
            receive: true,
            send: true,
        }
    }

    /// Far longer than a loaded machine needs; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(5);
}
