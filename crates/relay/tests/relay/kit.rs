//! Two virtual phones and the relay between them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cordon_relay::{
    Before, Command, End, EndSetup, EndStatistics, Local, LocalPort, Protection, Relay, RelayEvent, StreamId,
    Transmit,
};
use cordon_rtp::{AudioCodecs, KeyMaterial, PacketBuf, PacketIndex, Ssrc, Suite};
use cordon_srtp::{AddressChange, Inbound, Outbound, RtcpPacket, RtpPacket, SrtcpPacket, SrtpPacket};

pub(crate) const STREAM: StreamId = StreamId(1);

/// A call with a phone on each end.
pub(crate) struct Call {
    pub(crate) relay: Relay,
    pub(crate) now: Instant,
    pub(crate) a: Phone,
    pub(crate) b: Phone,
}

/// One phone: what it sends, and what it hears.
pub(crate) struct Phone {
    pub(crate) address: SocketAddr,
    pub(crate) key: KeyMaterial,
    pub(crate) relay_key: KeyMaterial,
    pub(crate) outbound: Outbound,
    pub(crate) inbound: Inbound,
    pub(crate) ssrc: u32,
    /// Index of the next packet.
    pub(crate) index: u64,
    pub(crate) clock: u32,
    /// What the phone heard, as (SSRC, index, payload).
    pub(crate) heard: Vec<(Ssrc, PacketIndex, Vec<u8>)>,
    pub(crate) session: Session,
}

/// What the descriptions say about one end besides keys.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    pub(crate) mux: bool,
    pub(crate) before_proof: Before,
    pub(crate) receive: bool,
    pub(crate) send: bool,
}

impl Call {
    /// A call that is set on both ends and may talk both ways.
    pub(crate) fn talking(suites: [Suite; 2]) -> Call {
        let mut call = Call::open(suites);
        call.set(End::A, false, None);
        call.set(End::B, false, None);
        call
    }

    /// A call whose ports are open, and nothing more.
    pub(crate) fn open([a, b]: [Suite; 2]) -> Call {
        let mut relay = Relay::new([5; 32]);
        let now = Instant::now();
        let (local_a, local_b) = (local(End::A), local(End::B));
        relay.handle_command(now, Command::Open { stream: STREAM, a: local_a, b: local_b });
        Call { relay, now, a: Phone::new(End::A, a), b: Phone::new(End::B, b) }
    }

    pub(crate) fn set(&mut self, end: End, local_changed: bool, remote_changed: Option<AddressChange>) {
        let setup = self.phone(end).setup(local_changed, remote_changed);
        self.relay.handle_command(self.now, Command::Set { stream: STREAM, end, setup });
    }

    pub(crate) fn phone(&mut self, end: End) -> &mut Phone {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }

    /// Each end says `count` words, in turn; answers how many the other end heard right: (of A, of B).
    pub(crate) fn talk(&mut self, count: usize) -> (usize, usize) {
        let mut heard = (0, 0);
        for _ in 0..count {
            heard.0 += usize::from(self.say(End::A));
            heard.1 += usize::from(self.say(End::B));
        }
        heard
    }

    /// One end says a word; true when the other end heard exactly it.
    pub(crate) fn say(&mut self, end: End) -> bool {
        let mut buf = self.phone(end).speak();
        let payload = word(self.phone(end).index - 1);
        let source = self.phone(end).address;
        let Some(transmit) = self.deliver(end, source, &mut buf) else { return false };
        let other = self.phone(end.other());
        transmit.to == other.address && other.hear(&mut buf) && other.heard.last().unwrap().2 == payload
    }

    /// Says words so far apart that the roll-over counter of this end and its listener reaches `roc`.
    pub(crate) fn reach_roc(&mut self, end: End, roc: u64) {
        assert!(self.say(end));
        while self.phone(end).index >> 16 < roc {
            self.phone(end).index += 30_000;
            assert!(self.say(end));
        }
    }

    /// Brings a datagram to the RTP port of an end; 20 ms pass.
    pub(crate) fn deliver(&mut self, end: End, source: SocketAddr, buf: &mut PacketBuf) -> Option<Transmit> {
        self.now += Duration::from_millis(20);
        self.relay.handle_datagram(self.now, local(end).rtp, source, buf)
    }

    /// Brings a datagram to the RTCP port of an end.
    pub(crate) fn deliver_rtcp(
        &mut self,
        end: End,
        source: SocketAddr,
        buf: &mut PacketBuf,
    ) -> Option<Transmit> {
        self.relay.handle_datagram(self.now, local(end).rtcp, source, buf)
    }

    pub(crate) fn statistics(&self, end: End) -> EndStatistics {
        let both = self.relay.statistics(STREAM).unwrap();
        match end {
            End::A => both.a,
            End::B => both.b,
        }
    }

    pub(crate) fn events(&mut self) -> Vec<RelayEvent> {
        std::iter::from_fn(|| self.relay.poll_event()).collect()
    }
}

impl Phone {
    fn new(end: End, suite: Suite) -> Phone {
        let (number, address) = match end {
            End::A => (1, "10.0.0.1:4000"),
            End::B => (2, "10.0.0.2:4000"),
        };
        let (key, relay_key) = (key(suite, number), key(suite, 100 + number));
        Phone {
            address: address.parse().unwrap(),
            outbound: Outbound::new(&key),
            inbound: Inbound::new(&relay_key),
            key,
            relay_key,
            ssrc: 0x0a0a_0000 + u32::from(number),
            index: 1000,
            clock: 0,
            heard: Vec::new(),
            session: Session { mux: false, before_proof: Before::SendToSdp, receive: true, send: true },
        }
    }

    /// The phone announces a key it never used, and uses it for what it sends from now on.
    pub(crate) fn take_key(&mut self, number: u8) {
        self.key = key(self.key.suite(), number);
        self.outbound = Outbound::new(&self.key);
    }

    /// The phone announces a key it used before, and goes on with it as it left it.
    pub(crate) fn take_back(&mut self, key: KeyMaterial) {
        self.outbound = Outbound::new(&key);
        self.key = key;
    }

    /// Cordon announces another key to the phone.
    pub(crate) fn take_relay_key(&mut self, number: u8) {
        self.relay_key = key(self.key.suite(), number);
        self.inbound = Inbound::new(&self.relay_key);
    }

    pub(crate) fn setup(&self, local_changed: bool, remote_changed: Option<AddressChange>) -> EndSetup {
        let Session { mux, before_proof, receive, send } = self.session;
        EndSetup {
            protection: Protection::secure(self.relay_key.hand_to_relay(), self.key.hand_to_relay()),
            local_changed,
            remote_changed,
            renegotiated: true,
            remote_rtp: self.address,
            remote_rtcp: self.rtcp_address(),
            mux,
            before_proof,
            codecs: AudioCodecs::default(),
            receive,
            send,
        }
    }

    pub(crate) fn rtcp_address(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip(), self.address.port() + 1)
    }

    /// The next packet, sealed.
    pub(crate) fn speak(&mut self) -> PacketBuf {
        let index = PacketIndex::from_u64(self.index).unwrap();
        let mut buf = PacketBuf::from_slice(&self.plain_packet()).unwrap();
        let packet = RtpPacket::originate(&mut buf, index).unwrap();
        let _ = self.outbound.seal_rtp(packet).unwrap();
        self.index += 1;
        self.clock = self.clock.wrapping_add(160);
        buf
    }

    /// The next packet as it looks in clear.
    pub(crate) fn plain_packet(&self) -> Vec<u8> {
        let mut bytes = vec![0x80, 0];
        bytes.extend(u16::try_from(self.index & 0xffff).unwrap().to_be_bytes());
        bytes.extend(self.clock.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend(word(self.index));
        bytes
    }

    /// Opens what arrived; false when it is not for this phone's ears.
    pub(crate) fn hear(&mut self, buf: &mut PacketBuf) -> bool {
        match self.inbound.open_rtp(Instant::now(), SrtpPacket::received(buf)) {
            Ok(packet) => {
                self.heard.push((packet.ssrc(), packet.index(), packet.payload().to_vec()));
                true
            }
            Err(_) => false,
        }
    }

    pub(crate) fn seal_rtcp(&mut self, compound: &[u8]) -> PacketBuf {
        let mut buf = PacketBuf::from_slice(compound).unwrap();
        let packet = RtcpPacket::originate(&mut buf).unwrap();
        let _ = self.outbound.seal_rtcp(packet).unwrap();
        buf
    }

    pub(crate) fn open_rtcp(&mut self, buf: &mut PacketBuf) -> Option<Vec<u8>> {
        let packet = self.inbound.open_rtcp(Instant::now(), SrtcpPacket::received(buf)).ok()?;
        Some(packet.as_slice().to_vec())
    }
}

/// Sends a compound packet from one phone to the other and answers what arrived.
pub(crate) fn cross(call: &mut Call, end: End, compound: &[u8]) -> Vec<u8> {
    let mut buf = call.phone(end).seal_rtcp(compound);
    let from = call.phone(end).rtcp_address();
    let transmit = call.deliver_rtcp(end, from, &mut buf).unwrap();
    assert_eq!(transmit.from, local(end.other()).rtcp);
    call.phone(end.other()).open_rtcp(&mut buf).unwrap()
}

/// An RTCP packet of this first byte and type.
pub(crate) fn words(first: u8, kind: u8, body: &[u32]) -> Vec<u8> {
    let mut bytes = vec![first, kind, 0, u8::try_from(body.len()).unwrap()];
    body.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
    bytes
}

/// The word at this place.
pub(crate) fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub(crate) fn local(end: End) -> Local {
    let port = |port| LocalPort { interface: 0, port };
    match end {
        End::A => Local { rtp: port(20_000), rtcp: port(20_001) },
        End::B => Local { rtp: port(20_002), rtcp: port(20_003) },
    }
}

pub(crate) fn key(suite: Suite, number: u8) -> KeyMaterial {
    let mut next = number;
    KeyMaterial::generate(suite, |bytes| {
        bytes.iter_mut().for_each(|byte| {
            next = next.wrapping_mul(31).wrapping_add(number | 1);
            *byte = next;
        })
    })
}

/// What a phone says under this index: told apart from every other word, and found in clear if it leaks.
pub(crate) fn word(index: u64) -> Vec<u8> {
    [b"audible".as_slice(), &index.to_be_bytes(), &[0xd5; 145]].concat()
}
