//! Whoever listens to all that the relay seals never finds the same key stream twice, whatever the peers do.

use std::collections::HashSet;

use cordon_relay::{AddressChange, Command, End};
use cordon_rtp::{PacketBuf, Suite};
use cordon_srtp::{Outbound, RtcpPacket};
use proptest::prelude::*;

use crate::kit::{Call, STREAM, word};
use crate::sessions::plain;

#[test]
fn a_key_of_ours_that_comes_back_goes_on_where_it_was_left() {
    for suite in Suite::ALL {
        let mut call = Call::talking([suite; 2]);
        let mut tap = Tap::default();
        let (first, own) = (call.a.relay_key.hand_to_relay(), call.b.ssrc);
        for _ in 0..3 {
            assert!(tap.say(&mut call, End::B, 5), "{suite}");
            assert!(tap.report(&mut call, End::B, own), "{suite}");
            call.a.take_relay_key(77);
            call.set(End::A, true, None);
            assert!(tap.say(&mut call, End::B, 5), "{suite}");
            assert!(tap.report(&mut call, End::B, own), "{suite}");
            call.a.relay_key = first.hand_to_relay();
            call.set(End::A, true, None);
        }
    }
}

#[test]
fn a_key_of_ours_that_comes_back_with_another_tag_goes_on_where_it_was_left() {
    let (long, short) = (Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32);
    let mut call = Call::talking([long; 2]);
    let (mut tap, own) = (Tap::default(), call.b.ssrc);
    for _ in 0..3 {
        for suite in [short, long] {
            call.a.relay_key = crate::kit::key(suite, 101);
            call.set(End::A, true, None);
            assert!(tap.say(&mut call, End::B, 5));
            assert!(tap.report(&mut call, End::B, own));
        }
    }
}

#[test]
fn a_report_in_the_name_of_what_its_sender_hears_draws_no_key_stream_twice() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    let mut tap = Tap::default();
    call.a.take_relay_key(77);
    call.set(End::A, true, None);
    assert!(tap.say(&mut call, End::B, 1));
    let heard = tap.name_toward(End::A);
    let first = call.b.relay_key.hand_to_relay();
    for number in [78, 79] {
        assert!(tap.report(&mut call, End::A, heard));
        call.b.take_relay_key(number);
        call.set(End::B, true, None);
        call.b.relay_key = first.hand_to_relay();
        call.set(End::B, true, None);
    }
    assert!(tap.report(&mut call, End::A, heard));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_key_stream_is_used_twice_and_nothing_leaves_unsealed(steps in prop::collection::vec(step(), 1..120)) {
        let mut call = Call::talking([Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm]);
        let mut tap = Tap::default();
        let (mut keys, mut recorded) = (110_u8, Vec::new());
        let mut ours = [vec![101], vec![102]];
        for step in steps {
            match step {
                Step::Say { end, skip } => {
                    call.phone(end).index += skip;
                    let said = word(call.phone(end).index);
                    let packet = call.phone(end).speak();
                    let is_relayed = tap.deliver(&mut call, end, &packet, &said);
                    recorded.push((end, packet, said, is_relayed && !tap.is_plain(end)));
                }
                Step::Replay { pick } => {
                    let pick = pick % recorded.len().max(1);
                    // Nothing tells a recording at a plain end.
                    if let Some((end, packet, said, was_relayed)) =
                        recorded.get_mut(pick).filter(|(end, ..)| !tap.is_plain(*end))
                    {
                        let is_relayed = tap.deliver(&mut call, *end, packet, said);
                        prop_assert!(!(*was_relayed && is_relayed), "relayed twice");
                        *was_relayed |= is_relayed;
                    }
                }
                Step::Report { end, sender } => {
                    let sender = match sender {
                        Sender::Itself => call.phone(end).ssrc,
                        Sender::HeardLast => tap.name_toward(end),
                        Sender::Other(ssrc) => ssrc,
                    };
                    tap.report(&mut call, end, sender);
                }
                Step::PeerKey { end, restart } => {
                    keys += 1;
                    call.phone(end).take_key(keys);
                    if restart {
                        call.phone(end).index &= 0xffff;
                    }
                    call.set(end, false, Some(AddressChange::Same));
                }
                Step::StartOver { end } => {
                    let phone = call.phone(end);
                    phone.index &= 0xffff;
                    phone.outbound = Outbound::new(&phone.key);
                    call.set(end, false, None);
                }
                Step::LocalKey { end } => {
                    keys += 1;
                    ours[place(end)].push(keys);
                    call.phone(end).take_relay_key(keys);
                    call.set(end, true, None);
                }
                Step::LocalKeyBack { end, pick } => {
                    let known = &ours[place(end)];
                    call.phone(end).take_relay_key(known[pick % known.len()]);
                    call.set(end, true, None);
                }
                Step::Source { end, ssrc } => call.phone(end).ssrc = ssrc,
                Step::Refresh { end, local_changed } => call.set(end, local_changed, None),
                Step::Unprotect => {
                    let setup = plain(&call);
                    call.relay.handle_command(call.now, Command::Set { stream: STREAM, end: End::B, setup });
                }
            }
            tap.is_b_plain = match step {
                Step::Unprotect => true,
                // Whatever sets the end again sets it as protected.
                Step::PeerKey { end: End::B, .. }
                | Step::StartOver { end: End::B }
                | Step::LocalKey { end: End::B }
                | Step::LocalKeyBack { end: End::B, .. }
                | Step::Refresh { end: End::B, .. } => false,
                _ => tap.is_b_plain,
            };
        }
    }
}

/// Somebody who knows what is said and reads all that the relay sends.
#[derive(Default)]
struct Tap {
    /// The first bytes of each key stream that was used.
    seen: HashSet<Vec<u8>>,
    /// The SSRC of the last packet toward each end.
    names: [u32; 2],
    is_b_plain: bool,
}

impl Tap {
    /// One end says words; false when one of them was not relayed.
    fn say(&mut self, call: &mut Call, end: End, words: usize) -> bool {
        (0..words).all(|_| {
            let said = word(call.phone(end).index);
            let packet = call.phone(end).speak();
            self.deliver(call, end, &packet, &said)
        })
    }

    /// Brings a packet to the relay; true when it was relayed.
    fn deliver(&mut self, call: &mut Call, end: End, packet: &PacketBuf, said: &[u8]) -> bool {
        let mut buf = PacketBuf::from_slice(packet.as_slice()).unwrap();
        let source = call.phone(end).address;
        let is_relayed = call.deliver(end, source, &mut buf).is_some();
        if is_relayed {
            self.names[place(end.other())] = u32::from_be_bytes(buf.as_slice()[8..12].try_into().unwrap());
            self.note(end.other(), &buf.as_slice()[12..], said);
        }
        is_relayed
    }

    /// One end sends a report in the name of `sender`; true when it was relayed.
    fn report(&mut self, call: &mut Call, end: End, sender: u32) -> bool {
        let mut buf = PacketBuf::from_slice(&report(sender)).unwrap();
        let packet = RtcpPacket::originate(&mut buf).unwrap();
        // A phone may run out of SSRCs of its own.
        if call.phone(end).outbound.seal_rtcp(packet).is_err() {
            return false;
        }
        let source = call.phone(end).rtcp_address();
        let is_relayed = call.deliver_rtcp(end, source, &mut buf).is_some();
        if is_relayed {
            self.note(end.other(), &buf.as_slice()[OPAQUE..], &[0x3c; 32]);
        }
        is_relayed
    }

    fn note(&mut self, toward: End, sealed: &[u8], said: &[u8]) {
        if self.is_plain(toward) {
            return;
        }
        let stream: Vec<u8> = sealed.iter().zip(said).take(32).map(|(sealed, said)| sealed ^ said).collect();
        assert!(stream.iter().any(|byte| *byte != 0), "it is sealed");
        assert!(self.seen.insert(stream), "two packets under one key stream");
    }

    fn is_plain(&self, end: End) -> bool {
        end == End::B && self.is_b_plain
    }

    fn name_toward(&self, end: End) -> u32 {
        self.names[place(end)]
    }
}

/// An empty receiver report, and an application packet whose last 32 bytes nobody changes.
fn report(sender: u32) -> Vec<u8> {
    let sender = sender.to_be_bytes();
    [&[0x80, 201, 0, 1][..], &sender, &[0x80, 204, 0, 10], &sender, b"test", &[0x3c; 32]].concat()
}

fn place(end: End) -> usize {
    match end {
        End::A => 0,
        End::B => 1,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Say { end: End, skip: u64 },
    Replay { pick: usize },
    Report { end: End, sender: Sender },
    PeerKey { end: End, restart: bool },
    StartOver { end: End },
    LocalKey { end: End },
    LocalKeyBack { end: End, pick: usize },
    Source { end: End, ssrc: u32 },
    Refresh { end: End, local_changed: bool },
    Unprotect,
}

#[derive(Clone, Copy, Debug)]
enum Sender {
    Itself,
    HeardLast,
    Other(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let end = || prop::sample::select(vec![End::A, End::B]);
    let sender =
        prop_oneof![Just(Sender::Itself), Just(Sender::HeardLast), (1..4_u32).prop_map(Sender::Other)];
    prop_oneof![
        12 => (end(), prop_oneof![Just(0_u64), 0..30_000_u64]).prop_map(|(end, skip)| Step::Say { end, skip }),
        4 => any::<usize>().prop_map(|pick| Step::Replay { pick }),
        6 => (end(), sender).prop_map(|(end, sender)| Step::Report { end, sender }),
        1 => (end(), any::<bool>()).prop_map(|(end, restart)| Step::PeerKey { end, restart }),
        1 => end().prop_map(|end| Step::StartOver { end }),
        1 => end().prop_map(|end| Step::LocalKey { end }),
        2 => (end(), any::<usize>()).prop_map(|(end, pick)| Step::LocalKeyBack { end, pick }),
        1 => (end(), 1..4_u32).prop_map(|(end, ssrc)| Step::Source { end, ssrc }),
        1 => (end(), any::<bool>()).prop_map(|(end, local_changed)| Step::Refresh { end, local_changed }),
        1 => Just(Step::Unprotect),
    ]
}

/// Where the bytes of [`report`] begin that cross unchanged.
const OPAQUE: usize = 20;
