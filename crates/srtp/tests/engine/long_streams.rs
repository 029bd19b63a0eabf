//! The engine beside `webrtc-srtp` over long streams: what is sealed is the same byte for byte, and of what a rough
//! network makes of it, with forgeries in between, both open the same packets.
//!
//! `cargo xtask srtp-differential` runs it over ten million packets.

use std::time::{Duration, Instant};

use cordon_rtp::{PacketBuf, PacketIndex, Seq, Ssrc, Suite};
use cordon_srtp::{Inbound, Outbound, RtpPacket, SrtpPacket};
use cordon_testkit::network::{Conditions, Network};
use webrtc_srtp::context::Context;
use webrtc_srtp::option::srtp_replay_protection;

use crate::support::{key, theirs};

#[test]
fn both_engines_open_the_same_packets_of_every_long_stream() {
    let packets = std::env::var("CORDON_SRTP_PACKETS").map_or(PACKETS, |packets| packets.parse().unwrap());
    let mut tally = Tally::default();
    let mut seed = 0;
    while tally.sealed < packets {
        seed += 1;
        let suite = Suite::ALL[seed as usize % Suite::ALL.len()];
        Stream::new(suite, seed).run((packets / 10).min(OF_A_STREAM), &mut tally);
    }
    assert!(tally.opened > tally.sealed * 8 / 10 && tally.refused > tally.sealed / 50, "{tally:?}");
    assert!(tally.wraps > 0, "{tally:?}");
    eprintln!("{tally:?} in {seed} streams");
}

/// One stream and its two receivers.
struct Stream {
    suite: Suite,
    now: Instant,
    outbound: Outbound,
    inbound: Inbound,
    their_outbound: Context,
    their_inbound: Context,
    network: Network<Vec<u8>>,
    /// What the network is like from the second packet on: whoever does not hear the first cannot know of a wrap.
    rough: Conditions,
    index: u64,
}

/// What became of all packets.
#[derive(Debug, Default)]
struct Tally {
    sealed: u64,
    opened: u64,
    refused: u64,
    wraps: u64,
}

impl Stream {
    fn new(suite: Suite, seed: u64) -> Self {
        let key = key(suite, seed as u32);
        let rough = Conditions {
            lost: (seed * 37 % 200) as u32,
            repeated: (seed * 53 % 100) as u32,
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(seed * 71 % 2_000),
        };
        Self {
            suite,
            now: Instant::now(),
            outbound: Outbound::new(&key),
            inbound: Inbound::new(&key),
            their_outbound: theirs(&key, None),
            their_inbound: theirs(&key, Some(srtp_replay_protection(1024))),
            network: Network::new(seed, Conditions::PERFECT),
            rough,
            // Every second one is about to wrap.
            index: if seed.is_multiple_of(2) { seed * 7_919 % 65_536 } else { 64_900 + seed % 600 },
        }
    }

    fn run(&mut self, packets: u64, tally: &mut Tally) {
        for _ in 0..packets {
            let sealed = self.seal();
            tally.sealed += 1;
            if self.network.draw(100) == 0 {
                let forged = with_a_bit_turned(&sealed, self.network.draw(1 << 32));
                self.network.send(self.now, forged);
            }
            self.network.send(self.now, sealed);
            self.now += Duration::from_millis(20);
            self.receive(tally);
            self.network.change(self.rough);
        }
        self.now += Duration::from_secs(10);
        self.receive(tally);
        tally.wraps += self.index >> 16;
    }

    fn seal(&mut self) -> Vec<u8> {
        let at = PacketIndex::from_u64(self.index).unwrap();
        let size = self.network.draw(300) as usize;
        let plain = packet(Ssrc(0x5eed), at.seq(), size);
        let mut buf = PacketBuf::from_slice(&plain).unwrap();
        let packet = RtpPacket::originate(&mut buf, at).unwrap();
        let ours = self.outbound.seal_rtp(packet).unwrap().as_slice().to_vec();
        let theirs = self.their_outbound.encrypt_rtp(&plain).unwrap();
        assert!(ours == theirs[..], "{} at {at:?}", self.suite);
        // Now and then a burst is lost before it is sent.
        self.index += if self.network.draw(500) == 0 { 1 + self.network.draw(3_000) } else { 1 };
        ours
    }

    fn receive(&mut self, tally: &mut Tally) {
        while let Some(datagram) = self.network.receive(self.now) {
            let theirs = self.their_inbound.decrypt_rtp(&datagram).ok();
            let mut buf = PacketBuf::from_slice(&datagram).unwrap();
            let ours = self.inbound.open_rtp(self.now, SrtpPacket::received(&mut buf)).is_ok();
            let ours = ours.then(|| buf.as_slice());
            assert!(ours == theirs.as_deref(), "{}: one opened what the other did not", self.suite);
            match ours {
                Some(_) => tally.opened += 1,
                None => tally.refused += 1,
            }
        }
    }
}

fn packet(ssrc: Ssrc, seq: Seq, size: usize) -> Vec<u8> {
    let mut bytes = vec![0x80, 0x60];
    bytes.extend(seq.0.to_be_bytes());
    bytes.extend((u32::from(seq.0) * 160).to_be_bytes());
    bytes.extend(ssrc.0.to_be_bytes());
    bytes.extend((0..size).map(|place| (place as u8) ^ (seq.0 as u8)));
    bytes
}

/// A forgery: behind the first byte, so that it still is an RTP packet, any bit of the packet is another.
fn with_a_bit_turned(sealed: &[u8], chance: u64) -> Vec<u8> {
    let mut forged = sealed.to_vec();
    let place = 1 + chance as usize / 8 % (sealed.len() - 1);
    forged[place] ^= 1 << (chance % 8);
    forged
}

/// Packets of a run that is nothing but a test.
const PACKETS: u64 = 12_000;
/// Packets of each stream of a long run.
const OF_A_STREAM: u64 = 100_000;
