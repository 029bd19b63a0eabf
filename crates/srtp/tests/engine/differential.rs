//! The engine against `webrtc-srtp`, in both directions: what one seals the other opens, byte for byte.

use std::time::Instant;

use cordon_rtp::{PacketBuf, PacketIndex, Roc, Ssrc, Suite};
use cordon_srtp::{Inbound, Outbound, RtpPacket};
use proptest::prelude::*;

use crate::support::{key, open, open_rtcp, sealed_rtcp, sender_report, theirs};

/// One packet of a stream: how far its index is from the one before, what it carries, how late it arrives.
#[derive(Clone, Debug)]
struct Step {
    gap: u64,
    payload: usize,
    csrcs: u8,
    extension: bool,
    delay: usize,
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![8 => Just(1_u64), 3 => 2_u64..40, 1 => 1_000_u64..3_000];
    (gap, 0_usize..1200, 0_u8..3, any::<bool>(), prop_oneof![4 => Just(0_usize), 1 => 0_usize..8])
        .prop_map(|(gap, payload, csrcs, extension, delay)| Step { gap, payload, csrcs, extension, delay })
}

fn suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn streams_of_one_are_streams_of_the_other(
        suite in suite(),
        first in prop_oneof![Just(0_u16), Just(65_500), any::<u16>()],
        ssrc in any::<u32>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let key = key(suite, 5);
        let now = Instant::now();
        let (mut outbound, mut inbound) = (Outbound::new(&key), Inbound::new(&key));
        let (mut their_outbound, mut their_inbound) = (theirs(&key, None), theirs(&key, None));
        let mut index = u64::from(first);
        let mut wire = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            let at = PacketIndex::from_u64(index).unwrap();
            let plain = packet(Ssrc(ssrc), at, step);
            let mut buf = PacketBuf::from_slice(&plain).unwrap();
            let ours = outbound.seal_rtp(RtpPacket::originate(&mut buf, at).unwrap()).unwrap().as_slice().to_vec();
            let theirs = their_outbound.encrypt_rtp(&plain).unwrap();
            prop_assert_eq!(&ours[..], &theirs[..]);
            // The first packet stays first: whoever joins behind a wrap cannot know of it.
            wire.push((if place == 0 { 0 } else { place + step.delay }, at, plain, ours));
            index += step.gap;
        }
        wire.sort_by_key(|(arrival, ..)| *arrival);
        let mut highest = 0;
        for (_, at, plain, sealed) in wire {
            if at.as_u64() + 1024 <= highest {
                continue;
            }
            highest = highest.max(at.as_u64());
            let opened = open(&mut inbound, now, &sealed).unwrap();
            prop_assert_eq!((&opened.bytes, opened.index), (&plain, at));
            prop_assert_eq!(&their_inbound.decrypt_rtp(&sealed).unwrap()[..], &plain[..]);
        }
    }

    #[test]
    fn reports_of_one_are_reports_of_the_other(
        suite in suite(),
        ssrcs in prop::collection::vec(0_u32..4, 1..40),
    ) {
        let key = key(suite, 6);
        let now = Instant::now();
        let (mut outbound, mut inbound) = (Outbound::new(&key), Inbound::new(&key));
        let (mut their_outbound, mut their_inbound) = (theirs(&key, None), theirs(&key, None));
        for ssrc in ssrcs {
            let plain = sender_report(Ssrc(ssrc));
            let ours = sealed_rtcp(&mut outbound, &plain);
            prop_assert_eq!(&their_inbound.decrypt_rtcp(&ours).unwrap()[..], &plain[..]);
            let theirs = their_outbound.encrypt_rtcp(&plain).unwrap();
            prop_assert_eq!(open_rtcp(&mut inbound, now, &theirs).unwrap(), plain);
        }
    }

    #[test]
    fn both_refuse_a_packet_with_one_bit_turned(suite in suite(), place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let key = key(suite, 7);
        let step = Step { gap: 1, payload: 160, csrcs: 0, extension: false, delay: 0 };
        let mut sealed = theirs(&key, None).encrypt_rtp(&packet(Ssrc(9), PacketIndex::new(Roc(0), cordon_rtp::Seq(7)), &step)).unwrap().to_vec();
        let place = place.index(sealed.len());
        sealed[place] ^= 1 << bit;
        let mut inbound = Inbound::new(&key);
        prop_assert!(open(&mut inbound, Instant::now(), &sealed).is_err());
        prop_assert_eq!(inbound.source_count(), 0);
        prop_assert!(theirs(&key, None).decrypt_rtp(&sealed).is_err());
    }
}

fn packet(ssrc: Ssrc, index: PacketIndex, step: &Step) -> Vec<u8> {
    let first = 0x80 | step.csrcs | if step.extension { 0x10 } else { 0 };
    let mut bytes = vec![first, 0x60];
    bytes.extend(index.seq().0.to_be_bytes());
    bytes.extend([0, 0, 3, 4]);
    bytes.extend(ssrc.0.to_be_bytes());
    (0..step.csrcs).for_each(|csrc| bytes.extend([1, 1, 1, csrc]));
    if step.extension {
        bytes.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
    }
    bytes.extend((0..step.payload).map(|place| place as u8));
    bytes
}
