//! The replay window beside a plain set: a packet is heard once, up to 1,023 packets late, however its kind arrives.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Suite};
use cordon_srtp::{Inbound, Outbound, RtpPacket, SrtpPacket};
use cordon_testkit::draws::Draws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let now = Instant::now();
    let mut draws = Draws::new(data);
    let key = KeyMaterial::generate(draws.one_of(&Suite::ALL), |bytes| bytes.fill(0x5a));
    let mut inbound = Inbound::new(&key);
    let mut sealed: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut heard: BTreeSet<u64> = BTreeSet::new();
    let mut index = u64::from(draws.wide());
    while !draws.is_empty() {
        let packet = sealed.entry(index).or_insert_with(|| seal(&key, index));
        let mut buf = PacketBuf::from_slice(packet).expect("it is short");
        let is_heard = inbound.open_rtp(now, SrtpPacket::received(&mut buf)).is_ok();
        let highest = heard.last().copied();
        let is_fresh = highest
            .is_none_or(|highest| index > highest || (highest - index < 1024 && !heard.contains(&index)));
        assert_eq!(is_heard, is_fresh, "index {index}, highest {highest:?}");
        heard.extend(is_heard.then_some(index));
        let highest = heard.last().copied().unwrap_or(index);
        let step = u64::from(draws.wide());
        // Anywhere from 3,000 behind to 30,000 ahead: farther off, a receiver cannot know the roll-over counter.
        index = match draws.below(4) {
            0 => highest + 1,
            1 => highest.saturating_sub(step % 1_100),
            2 => highest.saturating_sub(step % 3_000),
            _ => highest + step % 30_000,
        };
    }
});

fn seal(key: &KeyMaterial, index: u64) -> Vec<u8> {
    let mut buf =
        PacketBuf::from_slice(&[&[0x80; 1][..], &[0; 10], &[7, 1, 2, 3]].concat()).expect("it is short");
    let index = PacketIndex::from_u64(index).expect("some wraps of 16 bits");
    let packet = RtpPacket::originate(&mut buf, index).expect("a packet");
    Outbound::new(key).seal_rtp(packet).expect("a new key").as_slice().to_vec()
}
