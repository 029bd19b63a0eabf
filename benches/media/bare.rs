//! What this machine gives: 64 datagrams with each system call, opened and sealed in place, and nothing else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use cordon_load::{LoadError, OpenCall, OpenLeg, Relay, Usage, call_keys, stay_on};
use cordon_rtp::{PacketBuf, Suite};
use cordon_steer::{BATCH, ReceiveBatch, SendBatch};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::thread::{gettid, set_current_timer_slack};

use crate::allocations;
use crate::engine::{Engine, Which};

/// A thread with one socket for each side of one call, whose two streams stand for all. It knows no other call, no ports, no
/// reports, no figures and no commands: no relay can be cheaper that passes packets through the kernel's sockets.
pub(crate) struct Bare {
    engine: Which,
    processor: usize,
    running: Option<Running>,
}

struct Running {
    thread: u32,
    shared: Arc<Shared>,
    handle: JoinHandle<()>,
}

/// What the thread tells, and is told.
#[derive(Default)]
struct Shared {
    packets: AtomicU64,
    allocations: AtomicU64,
    is_over: AtomicBool,
}

impl Bare {
    pub(crate) fn new(engine: Which, processor: usize) -> Self {
        Self { engine, processor, running: None }
    }

    /// Allocations for each packet since it began.
    pub(crate) fn allocations_per_packet(&self) -> f64 {
        let Some(Running { shared, .. }) = &self.running else { return f64::NAN };
        let packets = shared.packets.load(Ordering::Relaxed).max(1);
        shared.allocations.load(Ordering::Relaxed) as f64 / packets as f64
    }

    fn start(&mut self, suites: [Suite; 2], phones: [SocketAddr; 2]) -> Result<OpenCall> {
        let keys = call_keys(SEED, 0, suites);
        let sockets = [socket()?, socket()?];
        let [a, b] = [sockets[0].local_addr()?, sockets[1].local_addr()?];
        let engines = [
            self.engine.engine(&keys[0].phone, &keys[1].relay)?,
            self.engine.engine(&keys[1].phone, &keys[0].relay)?,
        ];
        let (processor, shared) = (self.processor, Arc::new(Shared::default()));
        let (tell, told) = channel();
        let work = Work { sockets, phones, engines, shared: Arc::clone(&shared) };
        let handle = std::thread::spawn(move || {
            let ready = stay_on(&[processor]).and_then(|()| Ok(set_current_timer_slack(NonZeroU64::new(1))?));
            let _ = tell.send(ready.map(|()| gettid().as_raw_nonzero().get().unsigned_abs()));
            work.run();
        });
        self.running = Some(Running { thread: told.recv()??, shared, handle });
        let [one, other] = keys;
        Ok([(one, a), (other, b)].map(|(keys, relay)| OpenLeg {
            relay,
            sends: keys.phone,
            hears: keys.relay,
        }))
    }
}

impl Relay for Bare {
    fn near(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    /// One call, whatever is asked for.
    fn open(
        &mut self,
        _: u32,
        suites: [Suite; 2],
        phones: [SocketAddr; 2],
    ) -> Result<Vec<OpenCall>, LoadError> {
        let call = self.start(suites, phones).map_err(|error| LoadError::Refused(format!("{error:#}")))?;
        Ok(vec![call])
    }

    fn usage(&mut self) -> Result<Usage, LoadError> {
        match &self.running {
            Some(Running { thread, .. }) => Usage::of_thread(*thread),
            None => Ok(Usage::default()),
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(Running { shared, handle, .. }) = self.running.take() {
            shared.is_over.store(true, Ordering::Relaxed);
            let _ = handle.join();
        }
    }
}

/// What the thread has.
struct Work {
    sockets: [UdpSocket; 2],
    phones: [SocketAddr; 2],
    /// Of what comes from side A, and from side B.
    engines: [Box<dyn Engine>; 2],
    shared: Arc<Shared>,
}

impl Work {
    /// Serves both sides in turn, and sleeps half a millisecond when there was less than a batch.
    fn run(mut self) {
        let mut buffers: Vec<PacketBuf> = std::iter::repeat_with(PacketBuf::new).take(BATCH).collect();
        let (mut arrivals, mut departures) = (ReceiveBatch::new(), SendBatch::default());
        let before = allocations::of_this_thread();
        while !self.shared.is_over.load(Ordering::Relaxed) {
            let [a, b] = &self.sockets;
            let [engine_a, engine_b] = &mut self.engines;
            let ways = [(a, b, self.phones[1], engine_a), (b, a, self.phones[0], engine_b)];
            let mut most = 0;
            for (from, out, to, engine) in ways {
                let received = arrivals.receive(from, &mut buffers).unwrap_or(0);
                let now = Instant::now();
                let relayed = buffers.iter_mut().take(received).filter_map(|buf| {
                    let is_relayed = engine.relay(now, buf);
                    let buf: &PacketBuf = buf;
                    is_relayed.then(|| (buf.as_slice(), to))
                });
                let _ = departures.send(out, relayed);
                self.shared.packets.fetch_add(received as u64, Ordering::Relaxed);
                most = most.max(received);
            }
            self.shared.allocations.store(allocations::of_this_thread() - before, Ordering::Relaxed);
            if most < BATCH {
                std::thread::sleep(NAP);
            }
        }
    }
}

fn socket() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER)?;
    Ok(socket)
}

const SEED: u64 = 7;
const NAP: Duration = Duration::from_micros(500);
const RECEIVE_BUFFER: usize = 8 << 20;
