//! Somebody inside the location who sends to media ports and listens to what comes back.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use cordon_tests::cordon::media_addresses;

use crate::site::ATTACKER;

/// A socket of the attacker's, and what it was sent.
pub(crate) struct Intruder {
    socket: Arc<UdpSocket>,
    heard: AtomicU64,
}

impl Intruder {
    pub(crate) fn arrive() -> Result<Self> {
        let socket = UdpSocket::bind((ATTACKER, 0))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Arc::new(socket), heard: AtomicU64::new(0) })
    }

    /// For whoever sends in its place.
    pub(crate) fn socket(&self) -> Arc<UdpSocket> {
        Arc::clone(&self.socket)
    }

    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) -> Result<()> {
        self.socket.send_to(datagram, to)?;
        Ok(())
    }

    /// Datagrams that have come so far.
    pub(crate) fn heard(&self) -> Result<u64> {
        while self.socket.recv(&mut [0; 2048]).is_ok() {
            self.heard.fetch_add(1, Ordering::SeqCst);
        }
        Ok(self.heard.load(Ordering::SeqCst))
    }
}

/// A packet at every media port that is open, 50 times a second, on a thread of its own.
pub(crate) struct Spray {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<(u64, u64)>>,
}

impl Spray {
    pub(crate) fn begin() -> Result<Self> {
        let intruder = Intruder::arrive()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || spray(&intruder, &watched));
        Ok(Self { is_over, thread })
    }

    /// How many packets were sent, and how many came back.
    pub(crate) fn end(self) -> Result<(u64, u64)> {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow!("the spray has ended itself"))?
    }
}

fn spray(intruder: &Intruder, is_over: &AtomicBool) -> Result<(u64, u64)> {
    let (mut sent, mut ports, mut round) = (0, Vec::new(), 0_u32);
    while !is_over.load(Ordering::SeqCst) {
        let begun = Instant::now();
        if round.is_multiple_of(LOOK_EVERY) {
            ports = media_addresses()?;
        }
        for port in &ports {
            intruder.send(&speech(round), *port)?;
            sent += 1;
        }
        round += 1;
        // The pace of a call.
        std::thread::park_timeout(PACKET.saturating_sub(begun.elapsed()));
    }
    Ok((sent, intruder.heard()?))
}

/// A packet as a phone could send it, were it not for its tag: always one source, in order.
fn speech(number: u32) -> Vec<u8> {
    packet(0x0bad_cafe, number)
}

/// The same of a source of its own.
pub(crate) fn forged(number: u32) -> Vec<u8> {
    packet(number.wrapping_mul(2_654_435_761), number)
}

fn packet(ssrc: u32, number: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 0];
    bytes.extend((number as u16).to_be_bytes());
    bytes.extend(number.wrapping_mul(160).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0xd5; 170]);
    bytes
}

/// Datagrams that are no RTP and no RTCP, or lie about how long their parts are.
pub(crate) fn no_media() -> Vec<Vec<u8>> {
    let long = |head: &[u8]| [head, &[0; 60]].concat();
    let mut shapes: Vec<Vec<u8>> = (0..12).map(|length| vec![0x80; length]).collect();
    shapes.extend([
        long(&[0x00, 0]),
        long(&[0x40, 0]),
        long(&[0xc0, 0]),
        // Fifteen contributors, an extension of 65,535 words, and padding longer than the packet.
        [0x8f, 0].into_iter().chain([0; 20]).collect(),
        [0x90, 0].into_iter().chain([0; 10]).chain([0, 0, 0xff, 0xff]).collect(),
        [0xa0, 0].into_iter().chain([0; 9]).chain([0xff; 30]).collect(),
        // RTCP: more blocks than bytes, a length beyond the end, a goodbye of nobody.
        long(&[0x9f, 201, 0, 1]),
        long(&[0x81, 200, 0xff, 0xff]),
        vec![0x80, 203, 0, 0],
        // STUN, a DTLS ClientHello, ZRTP Hello, TURN channel data.
        [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat(),
        long(&[22, 0xfe, 0xfd]),
        [&[0x10, 0, 0, 1][..], b"ZRTP", &[0; 40]].concat(),
        long(&[0x40, 1, 0, 56]),
    ]);
    shapes
}

const PACKET: Duration = Duration::from_millis(20);
/// Rounds between two looks at which ports are open: a fifth of a second.
const LOOK_EVERY: u32 = 10;
