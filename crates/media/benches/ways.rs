//! What a media thread spends on a packet, one way of datagrams beside the other, in the same run.
//!
//! ```text
//!  cargo bench -p cordon-media --bench ways [STREAMS ..]
//! ```
//!
//! Voice of real length goes through a real engine on the loopback, 50 packets a second and stream, evenly spaced, with
//! different suites on the two legs; every packet that comes back is opened. The media thread has a processor of its own and
//! so has the generator. Counted is the time the scheduler gave the media thread, and how long the generator was in the
//! system to send. On the loopback the sender pays for the receiver's half of the kernel, so that the program which steers
//! is paid for by the generator: both are shown.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench that cannot go on may panic"
)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use cordon_media::{Command, End, IoChoice, IoFigures, MediaConfig, MediaEngine};
use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Suite};
use cordon_srtp::{Inbound, Outbound, RtpPacket, SrtpPacket};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::setup::setup;

#[path = "../tests/setup/mod.rs"]
mod setup;

fn main() {
    let asked: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let loads = if asked.is_empty() { vec![200, 1000, 2000] } else { asked };
    println!(
        "streams  way        relay CPU %  per packet us  to send one us  p50 us  p99 us  loss %  wakeups/s  bad"
    );
    for streams in loads {
        let mut runs = [IoChoice::PerPort, IoChoice::Steered].map(|way| (way, Vec::new()));
        for _ in 0..ROUNDS {
            for (way, results) in &mut runs {
                results.push(Run::new(*way, streams).measure());
            }
        }
        for (way, mut results) in runs {
            results.sort_by(|one, other| one.relay.total_cmp(&other.relay));
            println!("{streams:>7}  {:<9}  {}", format!("{way:?}"), results[ROUNDS / 2].line());
        }
    }
}

/// One engine with its calls, and the generator.
struct Run {
    engine: MediaEngine,
    sockets: [UdpSocket; 2],
    legs: Vec<Leg>,
    /// Which leg a port of the relay speaks to.
    by_port: Vec<Option<usize>>,
    begin: Instant,
}

/// One phone: it sends one stream and hears another.
struct Leg {
    /// Which of the generator's sockets is its.
    side: usize,
    server: SocketAddr,
    outbound: Outbound,
    inbound: Inbound,
    ssrc: u32,
    index: u64,
}

struct Measured {
    relay: f64,
    /// How long the generator was in the system to send.
    sending: Duration,
    packets: u64,
    heard: u64,
    bad: u64,
    delays: Vec<u32>,
    io: IoFigures,
}

impl Run {
    fn new(io: IoChoice, streams: usize) -> Run {
        stay_on(&[0, 1]);
        let engine = MediaEngine::start(MediaConfig {
            interfaces: vec![Ipv4Addr::LOCALHOST.into()],
            ports: 10_000..=29_999,
            threads: 1,
            pinned: true,
            nap: true,
            io,
        })
        .unwrap();
        stay_on(&[1]);
        let sockets = [(); 2].map(|()| {
            let socket = socket2::Socket::from(UdpSocket::bind("127.0.0.1:0").unwrap());
            socket.set_recv_buffer_size(8 << 20).unwrap();
            socket.set_nonblocking(true).unwrap();
            UdpSocket::from(socket)
        });
        let mut run =
            Run { engine, sockets, legs: Vec::new(), by_port: vec![None; 1 << 16], begin: Instant::now() };
        for _ in 0..streams / 2 {
            run.open_call();
        }
        run
    }

    fn open_call(&mut self) {
        let reservation = self.engine.reserve(0, 0).unwrap();
        let ends = [(End::A, reservation.a.rtp, SUITES[0]), (End::B, reservation.b.rtp, SUITES[1])];
        for (side, (end, server, suite)) in ends.into_iter().enumerate() {
            let number = self.legs.len() as u32;
            let material = |purpose: u8| {
                KeyMaterial::generate(suite, |bytes| {
                    bytes.fill(purpose);
                    bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(byte, of)| *byte = of);
                })
            };
            let (theirs, ours) = (material(1), material(2));
            let address = self.sockets[side].local_addr().unwrap();
            let setup = setup(&ours, &theirs, address);
            self.engine.command(Command::Set { stream: reservation.stream, end, setup }).unwrap();
            self.by_port[usize::from(server.port())] = Some(self.legs.len());
            self.legs.push(Leg {
                side,
                server,
                outbound: Outbound::new(&theirs),
                inbound: Inbound::new(&ours),
                ssrc: number + 1,
                index: 1000,
            });
        }
    }

    /// The sockets of the steady phones are connected and naps begun; then it is measured.
    fn measure(mut self) -> Measured {
        self.speak(SETTLING, &mut Measured::empty());
        let mut measured = Measured::empty();
        let relay = run_time("media-0");
        let io = self.engine.io_figures();
        self.speak(LENGTH, &mut measured);
        let seconds = LENGTH.as_secs_f64();
        measured.relay = (run_time("media-0") - relay).as_secs_f64() / seconds * 100.0;
        let now = self.engine.io_figures();
        measured.io = IoFigures { wakeups: now.wakeups - io.wakeups, ..now };
        measured
    }

    /// Every stream sends 50 packets a second, one packet after the other at even distances.
    fn speak(&mut self, length: Duration, measured: &mut Measured) {
        let distance = Duration::from_millis(20) / self.legs.len() as u32;
        let begin = Instant::now();
        let mut due = begin;
        let mut leg = 0;
        while due < begin + length {
            while Instant::now() < due {
                self.hear(measured);
            }
            self.say(leg, measured);
            measured.packets += 1;
            leg = (leg + 1) % self.legs.len();
            due += distance;
        }
        let until = Instant::now() + Duration::from_millis(30);
        while Instant::now() < until {
            self.hear(measured);
        }
    }

    fn say(&mut self, number: usize, measured: &mut Measured) {
        let now = self.begin.elapsed().as_micros() as u32;
        let leg = &mut self.legs[number];
        let mut bytes = [0_u8; 12 + 160];
        bytes[0] = 0x80;
        bytes[8..12].copy_from_slice(&leg.ssrc.to_be_bytes());
        bytes[12..16].copy_from_slice(&now.to_be_bytes());
        let mut buf = PacketBuf::from_slice(&bytes).unwrap();
        let index = PacketIndex::from_u64(leg.index).unwrap();
        leg.index += 1;
        let sealed = leg.outbound.seal_rtp(RtpPacket::originate(&mut buf, index).unwrap()).unwrap();
        let sending = Instant::now();
        // A send that is not taken shows as loss.
        let _ = self.sockets[leg.side].send_to(sealed.as_slice(), leg.server);
        measured.sending += sending.elapsed();
    }

    fn hear(&mut self, measured: &mut Measured) {
        for side in 0..2 {
            let mut buf = PacketBuf::new();
            let Ok((len, from)) = self.sockets[side].recv_from(buf.spare_mut()) else { continue };
            buf.set_len(len);
            let leg = self.by_port[usize::from(from.port())].unwrap();
            let opened = self.legs[leg].inbound.open_rtp(Instant::now(), SrtpPacket::received(&mut buf));
            let Ok(packet) = opened else {
                measured.bad += 1;
                continue;
            };
            let sent = u32::from_be_bytes(packet.payload()[..4].try_into().unwrap());
            measured.heard += 1;
            measured.delays.push((self.begin.elapsed().as_micros() as u32).wrapping_sub(sent));
        }
    }
}

impl Measured {
    fn empty() -> Measured {
        Measured {
            relay: 0.0,
            sending: Duration::ZERO,
            packets: 0,
            heard: 0,
            bad: 0,
            delays: Vec::new(),
            io: IoFigures::default(),
        }
    }

    fn line(&self) -> String {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).copied().unwrap_or(0);
        let seconds = LENGTH.as_secs_f64();
        format!(
            "{:>11.1}  {:>13.2}  {:>14.2}  {:>6}  {:>6}  {:>6.2}  {:>9.0}  {:>3}",
            self.relay,
            self.relay / 100.0 * seconds * 1e6 / self.heard as f64,
            self.sending.as_secs_f64() * 1e6 / self.packets as f64,
            at(0.5),
            at(0.99),
            100.0 * (self.packets.saturating_sub(self.heard)) as f64 / self.packets as f64,
            self.io.wakeups as f64 / seconds,
            self.bad,
        )
    }
}

/// Lets this thread, and those it starts, run on these processors only.
fn stay_on(processors: &[usize]) {
    let mut set = CpuSet::new();
    processors.iter().for_each(|processor| set.set(*processor));
    sched_setaffinity(None, &set).unwrap();
}

/// What the scheduler gave the thread of this name.
fn run_time(name: &str) -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let thread = threads
        .map(|entry| entry.unwrap().path())
        .find(|path| std::fs::read_to_string(path.join("comm")).unwrap_or_default().trim() == name);
    schedstat(&thread.unwrap().join("schedstat"))
}

fn schedstat(path: &std::path::Path) -> Duration {
    let text = std::fs::read_to_string(path).unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

const SUITES: [Suite; 2] = [Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm];
/// The middle one of as many is quoted.
const ROUNDS: usize = 3;
/// A second until a phone is steady, and two to catch up with what waited while all their sockets were connected.
const SETTLING: Duration = Duration::from_secs(3);
const LENGTH: Duration = Duration::from_secs(4);
