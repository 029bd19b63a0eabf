//! Packets that nobody has a key for.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use cordon_steer::{BATCH, SendBatch};

use crate::error::LoadError;
use crate::keys::Draws;

/// Sends packets that look like SRTP and authenticate under no key, each under an SSRC of its own.
pub struct Forger {
    socket: UdpSocket,
    targets: Vec<SocketAddr>,
    per_second: u32,
    sent: u64,
    packets: Vec<[u8; FORGED]>,
    sender: SendBatch,
    draws: Draws,
}

impl Forger {
    /// Aims at ports of a relay, at all in turn.
    pub fn new(from: IpAddr, targets: Vec<SocketAddr>, per_second: u32) -> Result<Forger, LoadError> {
        let socket = UdpSocket::bind(SocketAddr::new(from, 0)).map_err(LoadError::at("open a socket"))?;
        let mut draws = Draws(0xf0f0);
        let mut packet = || {
            let mut packet = [0; FORGED];
            draws.fill(&mut packet);
            packet
        };
        let packets = (0..BATCH).map(|_| packet()).collect();
        Ok(Forger { socket, targets, per_second, sent: 0, packets, sender: SendBatch::default(), draws })
    }

    /// Sends what is due so long after the beginning, at most a batch; says how many the system took.
    pub(crate) fn forge(&mut self, since: Duration) -> u64 {
        let due = since.as_micros() * u128::from(self.per_second) / 1_000_000;
        let due = u64::try_from(due).unwrap_or(u64::MAX).saturating_sub(self.sent);
        let count = usize::try_from(due).unwrap_or(usize::MAX).min(BATCH);
        if count == 0 || self.targets.is_empty() {
            return 0;
        }
        for packet in self.packets.iter_mut().take(count) {
            let [sequence, ssrc] = [self.draws.next(), self.draws.next()].map(u64::to_be_bytes);
            // Version 2 and payload type 0, then sequence number and timestamp, then the SSRC.
            let fields =
                [0x80, 0].into_iter().chain(sequence.into_iter().take(6)).chain(ssrc.into_iter().take(4));
            packet.iter_mut().zip(fields).for_each(|(place, byte)| *place = byte);
        }
        let first = usize::try_from(self.sent).unwrap_or(0) % self.targets.len();
        let targets = self.targets.iter().cycle().skip(first);
        let datagrams = self.packets.iter().take(count).zip(targets).map(|(packet, to)| (&packet[..], *to));
        let sent = self.sender.send(&self.socket, datagrams).unwrap_or(0) as u64;
        // Those that were not taken are not made up for: the rate is what was taken.
        self.sent += count as u64;
        sent
    }
}

/// As long as voice under an 80-bit tag.
const FORGED: usize = 182;
