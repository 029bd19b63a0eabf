//! Voice through networks that lose, repeat, delay and reorder: what arrives at the relay is heard once, and in the
//! words that were said.

use std::collections::BTreeSet;
use std::time::Duration;

use cordon_relay::End;
use cordon_rtp::{PacketBuf, Suite};
use cordon_testkit::network::{Conditions, Network};

use crate::kit::{Call, local, word};

#[test]
fn what_arrives_is_heard_once_through_loss_repetition_and_reordering() {
    for (seed, suite) in (1..).zip(Suite::ALL) {
        let mut path = Path::new(suite, seed, ROUGH);
        path.talk(3_000);
        path.end();
        assert_eq!(path.heard, path.arrived, "{suite}");
        assert!(path.arrived.len() > 2_400 && path.repeated > 50, "the network was rough");
    }
}

#[test]
fn a_wrap_of_the_sequence_number_is_followed_on_a_rough_network() {
    for (seed, suite) in (1..).zip(Suite::ALL) {
        let mut path = Path::new(suite, seed, ROUGH);
        path.call.a.index = 64_500;
        path.talk(2_000);
        path.end();
        assert_eq!(path.heard, path.arrived, "{suite}");
        assert_eq!(path.call.a.index, 66_500);
    }
}

#[test]
fn fifty_packets_lost_over_the_wrap_cost_fifty_packets() {
    let mut path = Path::new(Suite::AesCm128HmacSha1_80, 1, Conditions::PERFECT);
    path.call.a.index = 65_500;
    path.talk(11);
    path.network.change(Conditions { lost: 1000, ..Conditions::PERFECT });
    path.talk(50);
    path.network.change(Conditions::PERFECT);
    path.talk(100);
    path.end();
    assert_eq!((path.heard.len(), &path.heard), (111, &path.arrived));
}

#[test]
fn a_gap_of_two_thousand_and_one_of_thirty_thousand_are_followed() {
    for gap in [2_000, 30_000] {
        for suite in Suite::ALL {
            let mut path = Path::new(suite, 1, Conditions::PERFECT);
            for _ in 0..4 {
                path.talk(5);
                path.call.a.index += gap;
            }
            path.end();
            assert_eq!(path.heard.len(), 20, "{suite} {gap}");
        }
    }
}

#[test]
fn a_stream_joined_late_is_heard_from_its_first_packet() {
    for suite in Suite::ALL {
        for start in [1, 32_767, 32_768, 65_500, 65_535] {
            let mut path = Path::new(suite, 1, Conditions::PERFECT);
            path.call.a.index = start;
            path.talk(100);
            path.end();
            assert_eq!(path.heard.len(), 100, "{suite} from {start}");
        }
    }
}

#[test]
fn a_receiver_that_joins_late_agrees_about_the_count() {
    let mut path = Path::new(Suite::AesCm128HmacSha1_80, 1, Conditions::PERFECT);
    path.call.a.index = 65_000;
    path.talk(10);
    // Until the second phone listens, the relay has counted a wrap of what it receives.
    path.network.change(Conditions { lost: 1000, ..Conditions::PERFECT });
    path.talk(1_000);
    path.network.change(Conditions::PERFECT);
    path.call.b.inbound = cordon_srtp::Inbound::new(&path.call.b.relay_key);
    path.talk(10);
    path.end();
    assert_eq!(path.heard.len(), 20);
}

#[test]
fn a_wrap_that_nobody_could_see_ends_the_stream_until_the_next_description() {
    let mut path = Path::new(Suite::AesCm128HmacSha1_80, 1, Conditions::PERFECT);
    path.talk(10);
    path.call.a.index += 3 << 15;
    path.talk(50);
    assert_eq!(path.call.statistics(End::A).refused.forged, 50, "RFC 3711 knows no way back");
    path.call.a.take_key(9);
    path.call.a.index &= 0xffff;
    path.call.set(End::A, false, None);
    path.talk(50);
    path.end();
    assert!(path.heard.len() >= 10 + 49);
}

#[test]
fn packets_more_than_a_window_late_are_dropped_and_those_within_are_heard() {
    let late = |by: u64| {
        let mut path = Path::new(Suite::AeadAes256Gcm, 1, Conditions::PERFECT);
        path.talk(1_100);
        path.end();
        let held_back = path.call.a.speak();
        path.talk(by);
        path.end();
        let mut buf = held_back;
        path.call.deliver(End::A, path.call.a.address, &mut buf).is_some()
    };
    assert!(late(1) && late(1_023));
    assert!(!late(1_024) && !late(5_000));
}

#[test]
fn an_address_is_won_back_within_a_tenth_of_a_second_on_a_rough_network() {
    let thief = "198.51.100.66:6666".parse().unwrap();
    for seed in 1..=20 {
        let mut path = Path::new(Suite::AesCm128HmacSha1_80, seed, Conditions { lost: 0, ..ROUGH });
        path.talk(200);
        // What was sniffed is sent on from elsewhere, before and after the phone's own copy arrives.
        let stolen = path.call.a.speak();
        let mut copy = PacketBuf::from_slice(stolen.as_slice()).unwrap();
        let _ = path.call.relay.handle_datagram(path.call.now, local(End::A).rtp, thief, &mut copy);
        let said = word(path.call.a.index - 1);
        path.network.send(path.call.now, Sent { said, packet: stolen.as_slice().to_vec() });
        path.talk(5);
        assert!(path.call.say(End::B), "seed {seed}: after 100 ms the phone is where it was");
        let mut copy = PacketBuf::from_slice(stolen.as_slice()).unwrap();
        assert_eq!(path.call.deliver(End::A, thief, &mut copy), None);
        assert!(path.call.say(End::B));
    }
}

/// A phone on end A, a network from it to the relay, and a phone on end B that hears all the relay sends.
struct Path {
    call: Call,
    network: Network<Sent>,
    /// The words that arrived at the relay: each is one packet.
    arrived: BTreeSet<Vec<u8>>,
    /// The words the other phone heard.
    heard: BTreeSet<Vec<u8>>,
    repeated: usize,
}

impl Path {
    fn new(suite: Suite, seed: u64, conditions: Conditions) -> Path {
        let call = Call::talking([suite, Suite::AesCm256HmacSha1_80]);
        let network = Network::new(seed, conditions);
        Path { call, network, arrived: BTreeSet::new(), heard: BTreeSet::new(), repeated: 0 }
    }

    /// The phone says so many words, 20 ms apart.
    fn talk(&mut self, words: u64) {
        for _ in 0..words {
            let said = word(self.call.a.index);
            let packet = self.call.a.speak();
            self.network.send(self.call.now, Sent { said, packet: packet.as_slice().to_vec() });
            self.call.now += Duration::from_millis(20);
            self.arrive();
        }
    }

    /// Everything that is under way arrives.
    fn end(&mut self) {
        self.call.now += Duration::from_secs(1);
        self.arrive();
    }

    fn arrive(&mut self) {
        while let Some(Sent { said, packet }) = self.network.receive(self.call.now) {
            let is_new = self.arrived.insert(said.clone());
            self.repeated += usize::from(!is_new);
            let mut buf = PacketBuf::from_slice(&packet).unwrap();
            let (now, from) = (self.call.now, self.call.a.address);
            let transmit = self.call.relay.handle_datagram(now, local(End::A).rtp, from, &mut buf);
            if transmit.is_some() {
                assert!(self.call.b.hear(&mut buf), "what the relay sends is heard");
                let (_, _, payload) = self.call.b.heard.pop().unwrap();
                assert!(payload == said, "in the words that were said");
                assert!(self.heard.insert(payload), "heard twice");
            }
        }
    }
}

/// A sealed packet under way, and what is said in it.
#[derive(Clone)]
struct Sent {
    said: Vec<u8>,
    packet: Vec<u8>,
}

const ROUGH: Conditions = Conditions {
    lost: 100,
    repeated: 50,
    delay: Duration::from_millis(5),
    jitter: Duration::from_millis(90),
};
