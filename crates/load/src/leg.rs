//! One phone of one call.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cordon_rtp::{PacketBuf, PacketIndex};
use cordon_srtp::{Inbound, Outbound, RtpPacket, SrtpPacket};

use crate::relay::OpenLeg;
use crate::voice::Voice;

/// One phone of one call: it sends one stream and hears the other.
pub(crate) struct Leg {
    number: u32,
    /// The port of the relay it talks to.
    pub(crate) relay: SocketAddr,
    outbound: Outbound,
    inbound: Inbound,
    said: u64,
    /// The number the next packet has if none is missing.
    expected: u64,
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The voice of the other phone of the call, further than anything before.
    Right(Voice),
    /// Of the other phone, but behind a later packet, or again.
    OutOfOrder,
    /// It opens, but does not say what the other phone says.
    Foreign,
    /// It does not open with the key of this leg.
    Unopened,
}

impl Leg {
    /// The two legs of a call have neighbouring numbers, the even one first.
    pub(crate) fn new(number: u32, open: OpenLeg) -> Leg {
        Leg {
            number,
            relay: open.relay,
            outbound: Outbound::new(&open.sends),
            inbound: Inbound::new(&open.hears),
            said: 0,
            expected: 0,
        }
    }

    /// Puts the next packet into the buffer, sealed.
    pub(crate) fn speak(&mut self, left: Duration, buf: &mut PacketBuf) {
        let voice = Voice { speaker: self.number, number: self.said, left };
        let packet = voice.to_packet();
        buf.set_len(0);
        let room = buf.grow(packet.len()).expect("a packet of voice is shorter than a buffer");
        room.copy_from_slice(&packet);
        let index = PacketIndex::from_u64(FIRST_INDEX + self.said).expect("no run lasts 178,000 years");
        self.said += 1;
        let packet = RtpPacket::originate(buf, index).expect("it has the header of RTP");
        self.outbound.seal_rtp(packet).expect("each index is sealed once, and the key is fresh");
    }

    /// Opens what came from the relay's port of this leg.
    pub(crate) fn hear(&mut self, now: Instant, buf: &mut PacketBuf) -> Heard {
        let Ok(packet) = self.inbound.open_rtp(now, SrtpPacket::received(buf)) else {
            return Heard::Unopened;
        };
        let Some(voice) = Voice::hear(packet.payload()).filter(|voice| voice.speaker == self.partner())
        else {
            return Heard::Foreign;
        };
        if voice.number < self.expected {
            return Heard::OutOfOrder;
        }
        self.expected = voice.number + 1;
        Heard::Right(voice)
    }

    /// Which of the two sides of the calls it is on: 0 for A, 1 for B.
    pub(crate) fn side(&self) -> usize {
        usize::from(self.number & 1 == 1)
    }

    /// The other leg of the call.
    fn partner(&self) -> u32 {
        self.number ^ 1
    }
}

/// Below 2^15, so that a first packet that is lost costs nobody the roll-over counter (RFC 3711 §3.3.1).
const FIRST_INDEX: u64 = 1_000;

#[cfg(test)]
mod tests {
    use cordon_rtp::Suite;

    use super::*;
    use crate::keys::call_keys;

    #[test]
    fn a_leg_hears_the_other_of_its_call_in_order_and_nobody_else() {
        let [mut a, mut b] = call(0, 0);
        let [_, mut other] = call(2, 0);
        let now = Instant::now();
        let packets: Vec<PacketBuf> = (0..4).map(|_| said(&mut a)).collect();
        let hear = |leg: &mut Leg, packet: usize| leg.hear(now, &mut copied(&packets[packet]));

        assert!(matches!(hear(&mut b, 0), Heard::Right(voice) if voice.number == 0));
        assert!(matches!(hear(&mut b, 2), Heard::Right(voice) if voice.number == 2));
        assert_eq!(hear(&mut b, 1), Heard::OutOfOrder);
        assert_eq!(hear(&mut b, 2), Heard::Unopened, "a replay");
        assert_eq!(hear(&mut other, 3), Heard::Unopened);
    }

    #[test]
    fn a_packet_under_the_right_key_with_the_words_of_another_call_is_foreign() {
        let [mut a, _] = call(0, 0);
        let [_, mut b] = call(2, 0);
        assert_eq!(b.hear(Instant::now(), &mut said(&mut a)), Heard::Unopened);

        let [mut impostor, _] = numbered(4, call_keys(1, 1, SUITES));
        let [_, mut b] = numbered(2, call_keys(1, 1, SUITES));
        assert_eq!(b.hear(Instant::now(), &mut said(&mut impostor)), Heard::Foreign);
    }

    fn said(leg: &mut Leg) -> PacketBuf {
        let mut buf = PacketBuf::new();
        leg.speak(Duration::ZERO, &mut buf);
        buf
    }

    fn copied(packet: &PacketBuf) -> PacketBuf {
        PacketBuf::from_slice(packet.as_slice()).unwrap()
    }

    fn call(first: u32, seed: u64) -> [Leg; 2] {
        numbered(first, call_keys(seed, first / 2, SUITES))
    }

    /// Both legs of a call that no relay is between: each hears what the other sends.
    fn numbered(first: u32, keys: [crate::keys::LegKeys; 2]) -> [Leg; 2] {
        let relay = "127.0.0.1:9".parse().unwrap();
        let [a, b] = keys;
        let between = b.phone.hand_to_relay();
        let a = OpenLeg { relay, sends: a.phone, hears: between };
        let b = OpenLeg { relay, hears: a.sends.hand_to_relay(), sends: b.phone };
        [Leg::new(first, a), Leg::new(first + 1, b)]
    }

    const SUITES: [Suite; 2] = [Suite::AesCm128HmacSha1_80; 2];
}
