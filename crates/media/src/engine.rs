//! What signalling holds of the media threads: ports, commands, events and figures.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use cordon_relay::{
    Chains, Command, End, EndSetup, Local, LocalPort, RelayEvent, StreamId, StreamStatistics,
};
use mio::net::UdpSocket;
use mio::{Poll, Waker};

use crate::port_pool::PortPool;
use crate::socket;
use crate::worker::{Job, Snapshot, WAKE, Worker};

/// What the engine is started with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The addresses media is received on; a [`PortPair`] names one by its position.
    pub interfaces: Vec<IpAddr>,
    /// The ports used on each of them.
    pub ports: RangeInclusive<u16>,
    /// Media threads; at least one is started.
    pub threads: usize,
}

/// Two neighbouring ports of ours, bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortPair {
    /// Position of the interface in [`MediaConfig::interfaces`].
    pub interface: u8,
    /// The even port.
    pub rtp: SocketAddr,
    /// The odd port above it.
    pub rtcp: SocketAddr,
}

/// A stream that is open, but forwards nothing until both its ends are set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reservation {
    /// What commands call it.
    pub stream: StreamId,
    /// Ports toward the leg that made the call.
    pub a: PortPair,
    /// Ports toward the leg that was called.
    pub b: PortPair,
}

/// Why no ports were reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoPorts {
    /// Every pair is in use or rests.
    #[error("all media ports of the interface are in use")]
    Exhausted,
    /// There is no such interface.
    #[error("no such media interface")]
    UnknownInterface,
    /// The media thread has more to do than it can take, or the system has no socket left.
    #[error("no media thread or no socket is free")]
    Overloaded,
}

/// Why a command was not passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EngineError {
    /// The media thread has more to do than it can take, or has ended.
    #[error("the media thread is overloaded")]
    Overloaded,
    /// The stream is not open.
    #[error("the stream is not open")]
    UnknownStream,
    /// The address would send the stream's media back into the stream; [`RelayEvent::LoopRefused`] follows.
    #[error("the media would come back to the stream it left")]
    LoopRefused,
    /// Streams are opened by [`MediaEngine::reserve`], which has the sockets.
    #[error("a stream is opened by reserving its ports")]
    OpenedByReserve,
}

/// The media threads, and the ports they may use.
pub struct MediaEngine {
    interfaces: Vec<IpAddr>,
    threads: Vec<Thread>,
    state: Mutex<State>,
    announce: SyncSender<RelayEvent>,
    events: Mutex<Option<Receiver<RelayEvent>>>,
}

/// One media thread as signalling sees it.
struct Thread {
    jobs: SyncSender<Job>,
    waker: Waker,
    snapshot: Arc<Mutex<Snapshot>>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

/// What is only touched when a call begins, changes or ends.
struct State {
    /// One pool per interface, in their order.
    pools: Vec<PortPool>,
    /// How peers see an interface that stands behind NAT.
    advertised: Vec<Option<IpAddr>>,
    chains: Chains,
    streams: BTreeMap<StreamId, Placed>,
    next_stream: u64,
}

/// Where a stream lives.
struct Placed {
    thread: usize,
    a: PortPair,
    b: PortPair,
}

impl MediaEngine {
    /// Starts the threads. No port is bound yet, but each interface is checked to be an address of this host.
    pub fn start(config: MediaConfig) -> io::Result<MediaEngine> {
        let MediaConfig { interfaces, ports, threads } = config;
        if interfaces.len() > usize::from(u8::MAX) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than 255 media interfaces"));
        }
        for interface in &interfaces {
            socket::bind(SocketAddr::new(*interface, 0)).map_err(|error| {
                io::Error::new(error.kind(), format!("{interface} cannot be bound: {error}"))
            })?;
        }
        let (announce, events) = sync_channel(EVENTS);
        let threads = (0..threads.max(1)).map(|number| Thread::start(number, announce.clone()));
        let threads = threads.collect::<io::Result<Vec<_>>>()?;
        let pools =
            interfaces.iter().map(|_| Ok(PortPool::new(ports.clone(), u64::from_ne_bytes(random()?))));
        let state = State {
            pools: pools.collect::<io::Result<_>>()?,
            advertised: vec![None; interfaces.len()],
            chains: Chains::default(),
            streams: BTreeMap::new(),
            next_stream: 1,
        };
        Ok(MediaEngine {
            interfaces,
            threads,
            state: Mutex::new(state),
            announce,
            events: Mutex::new(Some(events)),
        })
    }

    /// Notes that peers see this interface under another address, so that a chain of our own streams is known as
    /// one by that address too.
    pub fn advertise(&self, interface: u8, address: IpAddr) {
        if let Some(advertised) = self.state().advertised.get_mut(usize::from(interface)) {
            *advertised = Some(address);
        }
    }

    /// Reserves a port pair for each end, binds the four sockets and opens the stream.
    pub fn reserve(&self, a_interface: u8, b_interface: u8) -> Result<Reservation, NoPorts> {
        let now = Instant::now();
        let mut state = self.state();
        let (a, a_sockets) = self.bind_pair(&mut state, now, a_interface)?;
        let (b, b_sockets) = match self.bind_pair(&mut state, now, b_interface) {
            Ok(bound) => bound,
            Err(problem) => {
                state.give_back(now, a);
                return Err(problem);
            }
        };
        let ([a_rtp, a_rtcp], [b_rtp, b_rtcp]) = (a_sockets, b_sockets);
        let stream = StreamId(state.next_stream);
        let thread = state.least_loaded(self.threads.len());
        let sockets = [a_rtp, a_rtcp, b_rtp, b_rtcp];
        let job = Job::Open { stream, a: a.local(), b: b.local(), sockets };
        if self.pass(thread, job).is_err() {
            state.give_back(now, a);
            state.give_back(now, b);
            return Err(NoPorts::Overloaded);
        }
        state.next_stream += 1;
        let (a_addresses, b_addresses) = (state.addresses(a), state.addresses(b));
        state.chains.open(stream, &a_addresses, &b_addresses);
        state.streams.insert(stream, Placed { thread, a, b });
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
        let now = Instant::now();
        let mut state = self.state();
        let placed = state.streams.remove(&stream).ok_or(EngineError::UnknownStream)?;
        state.chains.close(stream);
        state.give_back(now, placed.a);
        state.give_back(now, placed.b);
        drop(state);
        // Waits where the queue is full: a close that is lost would keep four sockets for good.
        let thread = self.threads.get(placed.thread).ok_or(EngineError::Overloaded)?;
        thread.jobs.send(Job::Command(Command::Close { stream })).map_err(|_| EngineError::Overloaded)?;
        thread.waker.wake().map_err(|_| EngineError::Overloaded)
    }

    /// True when `address` is a port of a live stream of ours.
    pub fn is_ours(&self, address: SocketAddr) -> bool {
        self.state().chains.is_ours(address)
    }

    /// The figures of a stream, at most a tenth of a second old.
    pub fn statistics(&self, stream: StreamId) -> Option<StreamStatistics> {
        let thread = self.threads.get(self.state().streams.get(&stream)?.thread)?;
        let snapshot = thread.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.streams.iter().find(|(id, _)| *id == stream).map(|(_, statistics)| *statistics)
    }

    /// The figures of every stream, at most a tenth of a second old.
    pub fn snapshot(&self) -> Vec<(StreamId, StreamStatistics)> {
        let mut all = Vec::new();
        for thread in &self.threads {
            all.extend_from_slice(&thread.snapshot.lock().unwrap_or_else(PoisonError::into_inner).streams);
        }
        all
    }

    /// Datagrams the kernel did not take, and datagrams on ports no stream has.
    pub fn lost(&self) -> (u64, u64) {
        self.threads.iter().fold((0, 0), |(unsent, strays), thread| {
            let snapshot = thread.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
            (unsent + snapshot.unsent, strays + snapshot.strays)
        })
    }

    /// False when a media thread has ended: its calls hear nothing any more.
    pub fn is_alive(&self) -> bool {
        self.threads.iter().all(|thread| {
            let handle = thread.handle.lock().unwrap_or_else(PoisonError::into_inner);
            handle.as_ref().is_some_and(|handle| !handle.is_finished())
        })
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
        let mut state = self.state();
        let thread = state.streams.get(&stream).ok_or(EngineError::UnknownStream)?.thread;
        let rtcp = if setup.mux { setup.remote_rtp } else { setup.remote_rtcp };
        if state.chains.set(stream, end, [setup.remote_rtp, rtcp]).is_err() {
            // The error says the same; the event is for whoever only listens.
            let _ = self.announce.try_send(RelayEvent::LoopRefused { stream, end });
            return Err(EngineError::LoopRefused);
        }
        self.pass(thread, Job::Command(Command::Set { stream, end, setup }))
    }

    fn pass(&self, thread: usize, job: Job) -> Result<(), EngineError> {
        let thread = self.threads.get(thread).ok_or(EngineError::Overloaded)?;
        match thread.jobs.try_send(job) {
            Ok(()) => thread.waker.wake().map_err(|_| EngineError::Overloaded),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(EngineError::Overloaded),
        }
    }

    /// Binds the next pair of an interface; a pair that another program holds is put aside and the next one tried.
    fn bind_pair(
        &self,
        state: &mut State,
        now: Instant,
        interface: u8,
    ) -> Result<(PortPair, [UdpSocket; 2]), NoPorts> {
        let address = *self.interfaces.get(usize::from(interface)).ok_or(NoPorts::UnknownInterface)?;
        let pool = state.pools.get_mut(usize::from(interface)).ok_or(NoPorts::UnknownInterface)?;
        for _ in 0..BIND_ATTEMPTS {
            let even = pool.take(now).ok_or(NoPorts::Exhausted)?;
            let pair = PortPair {
                interface,
                rtp: SocketAddr::new(address, even),
                rtcp: SocketAddr::new(address, even.saturating_add(1)),
            };
            match socket::bind(pair.rtp).and_then(|rtp| Ok([rtp, socket::bind(pair.rtcp)?])) {
                Ok(sockets) => return Ok((pair, sockets)),
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MediaEngine {
    fn drop(&mut self) {
        for thread in &self.threads {
            let _ = thread.jobs.send(Job::Shutdown);
            let _ = thread.waker.wake();
        }
        for thread in &self.threads {
            let handle = thread.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(handle) = handle {
                let _ = handle.join();
            }
        }
    }
}

impl Thread {
    fn start(number: usize, announce: SyncSender<RelayEvent>) -> io::Result<Thread> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (jobs, queue) = sync_channel(JOBS);
        let snapshot = Arc::new(Mutex::new(Snapshot::default()));
        let worker = Worker::new(poll, queue, announce, Arc::clone(&snapshot), random()?);
        let handle =
            std::thread::Builder::new().name(format!("media-{number}")).spawn(move || worker.run())?;
        Ok(Thread { jobs, waker, snapshot, handle: Mutex::new(Some(handle)) })
    }
}

impl State {
    fn give_back(&mut self, now: Instant, pair: PortPair) {
        if let Some(pool) = self.pools.get_mut(usize::from(pair.interface)) {
            pool.give_back(now, pair.rtp.port());
        }
    }

    fn least_loaded(&self, threads: usize) -> usize {
        let load = |thread| self.streams.values().filter(|placed| placed.thread == thread).count();
        (0..threads).min_by_key(|thread| load(*thread)).unwrap_or(0)
    }

    /// The addresses of a pair: as bound, and as peers see it.
    fn addresses(&self, pair: PortPair) -> Vec<SocketAddr> {
        let mut addresses = vec![pair.rtp, pair.rtcp];
        if let Some(Some(advertised)) = self.advertised.get(usize::from(pair.interface)) {
            addresses.push(SocketAddr::new(*advertised, pair.rtp.port()));
            addresses.push(SocketAddr::new(*advertised, pair.rtcp.port()));
        }
        addresses
    }
}

impl PortPair {
    fn local(self) -> Local {
        let port = |address: SocketAddr| LocalPort { interface: self.interface, port: address.port() };
        Local { rtp: port(self.rtp), rtcp: port(self.rtcp) }
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(bytes)
}

/// Jobs a thread may have waiting: more than a call set-up storm sends within one turn of its loop.
const JOBS: usize = 4096;
/// Events that may wait for signalling; when full, threads keep theirs and media goes on.
const EVENTS: usize = 4096;
/// Pairs tried when another program holds ports of the range.
const BIND_ATTEMPTS: usize = 16;
