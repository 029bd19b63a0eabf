//! Peers that hold, resume, change their key, their source and the way they count.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Ssrc, Suite, Timestamp};
use cordon_srtp::{AddressChange, Inbound, OpenError, Outbound, SourceId, SrtpPacket};
use proptest::prelude::*;

use crate::support::{
    index, key, open, open_rtcp, sealed, sealed_at, sealed_rtcp, sender_report, sender_report_at,
};

const SUITES: [Suite; 2] = [Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm];

#[test]
fn audio_goes_on_after_every_kind_of_hold() {
    let mut cells = 0;
    for suite in SUITES {
        for roc in 0..3 {
            for change in [AddressChange::Same, AddressChange::Changed] {
                for new_key in [false, true] {
                    for source in [Ssrc(1), Ssrc(2), Ssrc(3)] {
                        for resets in [false, true] {
                            hold_and_resume(suite, roc, change, new_key, source, resets);
                            cells += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cells, 2 * 3 * 2 * 2 * 3 * 2);
}

/// One cell: Ssrc(2) talks, then Ssrc(1) talks up to the hold; `source` resumes: the same, the one that left, or new.
fn hold_and_resume(suite: Suite, roc: u32, change: AddressChange, new_key: bool, source: Ssrc, resets: bool) {
    let now = Instant::now();
    let cell = format!("{suite} ROC {roc} {change:?} new key {new_key} {source:?} resets {resets}");
    let (mut inbound, mut relay) = (Inbound::new(&key(suite, 1)), Onward::new(suite));
    let mut peer = Outbound::new(&key(suite, 1));
    let (mut reached, mut clock) = (HashMap::new(), 0);
    for ssrc in [Ssrc(2), Ssrc(1)] {
        let end = index(roc, 20_000);
        let start = if roc == 0 { 1_000 } else { 40_000 };
        for number in (start..end.as_u64()).step_by(15_000).chain([end.as_u64()]) {
            let at = PacketIndex::from_u64(number).unwrap();
            clock += 160;
            relay.pass(&mut inbound, now, &sealed_at(&mut peer, ssrc, at, clock)).unwrap();
        }
        reached.insert(ssrc, end);
    }
    let new = key(suite, if new_key { 2 } else { 1 });
    negotiate(&mut inbound, now, &new, change);
    if new_key || resets {
        peer = Outbound::new(&new);
    }
    let kept = if resets { 0 } else { roc };
    let next = match reached.get(&source) {
        Some(last) => index(kept, last.seq().0 + 1),
        None => index(kept, 500),
    };
    for number in 0..50 {
        let at = PacketIndex::from_u64(next.as_u64() + number).unwrap();
        clock += 160;
        let packet = sealed_at(&mut peer, source, at, clock);
        assert_eq!(relay.pass(&mut inbound, now, &packet), Ok(()), "{cell}, packet {number}");
    }
}

/// What the relay does when a description of the peer was negotiated.
fn negotiate(inbound: &mut Inbound, now: Instant, key: &KeyMaterial, change: AddressChange) {
    inbound.rekey(now, key, change);
    inbound.renegotiated(now, change);
}

#[test]
fn recordings_of_the_beginning_open_neither_before_nor_after_the_peer_starts_over() {
    let start = Instant::now();
    for suite in SUITES {
        let mut inbound = Inbound::new(&key(suite, 1));
        let mut peer = Outbound::new(&key(suite, 1));
        let at = |number: u64| PacketIndex::from_u64(number).unwrap();
        let recorded: Vec<_> =
            (0..100_u32).map(|n| sealed_at(&mut peer, Ssrc(1), at(u64::from(n) * 1_000), 160 * n)).collect();
        recorded.iter().for_each(|packet| assert!(open(&mut inbound, start, packet).is_ok()));
        let replay_all = |inbound: &mut Inbound, now| {
            let checks = inbound.tag_checks();
            recorded.iter().for_each(|packet| assert!(open(inbound, now, packet).is_err()));
            inbound.tag_checks() - checks
        };

        inbound.renegotiated(start, AddressChange::Same);
        assert!(replay_all(&mut inbound, start) <= 100, "one tag each at most");
        let kept = sealed_at(&mut peer, Ssrc(1), at(99_001), 20_000);
        assert!(open(&mut inbound, start, &kept).is_ok(), "what was under way is heard");

        let mut again = Outbound::new(&key(suite, 1));
        let restarted = sealed_at(&mut again, Ssrc(1), at(500), 20_160);
        assert!(open(&mut inbound, start, &restarted).is_ok());
        assert_eq!(replay_all(&mut inbound, start), 0, "the clock gives them away");
        assert_eq!(replay_all(&mut inbound, start + Duration::from_secs(60)), 0);
        assert_eq!(open(&mut inbound, start, &kept), Err(OpenError::Replayed));
        let goes_on = sealed_at(&mut again, Ssrc(1), at(501), 20_320);
        assert!(open(&mut inbound, start, &goes_on).is_ok());
    }
}

#[test]
fn out_of_a_renegotiation_a_packet_that_starts_over_is_forged_and_costs_one_tag() {
    let start = Instant::now();
    let suite = Suite::AesCm128HmacSha1_80;
    let mut inbound = Inbound::new(&key(suite, 1));
    let mut peer = Outbound::new(&key(suite, 1));
    for at in [index(0, 40_000), index(0, 65_000), index(1, 20_000)] {
        assert!(open(&mut inbound, start, &sealed_at(&mut peer, Ssrc(1), at, 1)).is_ok());
    }
    inbound.renegotiated(start, AddressChange::Same);
    assert!(open(&mut inbound, start, &sealed_at(&mut peer, Ssrc(1), index(1, 20_001), 161)).is_ok());

    let later = start + Duration::from_secs(2);
    let checks = inbound.tag_checks();
    let mut again = Outbound::new(&key(suite, 1));
    for seq in 20_002..20_102 {
        let packet = sealed_at(&mut again, Ssrc(1), index(0, seq), 10_000 + u32::from(seq));
        assert_eq!(open(&mut inbound, later, &packet), Err(OpenError::Forged));
    }
    assert_eq!(inbound.tag_checks(), checks + 100);
}

#[test]
fn a_peer_that_starts_over_after_silence_is_heard_from_its_second_packet() {
    let start = Instant::now();
    let suite = Suite::AesCm128HmacSha1_80;
    for resets in [false, true] {
        let mut inbound = Inbound::new(&key(suite, 1));
        let mut peer = Outbound::new(&key(suite, 1));
        for at in [index(0, 40_000), index(0, 65_000), index(1, 20_000)] {
            assert!(open(&mut inbound, start, &sealed_at(&mut peer, Ssrc(1), at, 1)).is_ok());
        }
        inbound.renegotiated(start, AddressChange::Same);
        let checks = inbound.tag_checks();
        let later = start + Duration::from_secs(300);
        let mut after = Outbound::new(&key(suite, 1));
        let roc = if resets { 0 } else { 1 };
        let opened: Vec<bool> = (20_001..20_011)
            .map(|seq| {
                let packet = sealed_at(&mut after, Ssrc(1), index(roc, seq), 160 * u32::from(seq));
                open(&mut inbound, later, &packet).is_ok()
            })
            .collect();
        assert!(opened[1..].iter().all(|opened| *opened), "{opened:?}");
        assert_eq!(inbound.tag_checks(), checks + 10);
    }
}

#[test]
fn reports_start_over_with_their_source_and_recorded_ones_do_not_count() {
    let now = Instant::now();
    for suite in SUITES {
        let mut inbound = Inbound::new(&key(suite, 1));
        let mut peer = Outbound::new(&key(suite, 1));
        for at in [index(0, 40_000), index(0, 65_000), index(1, 20_000)] {
            assert!(open(&mut inbound, now, &sealed_at(&mut peer, Ssrc(1), at, 1_000)).is_ok());
        }
        let recorded: Vec<_> =
            (0..40).map(|_| sealed_rtcp(&mut peer, &sender_report_at(Ssrc(1), 1_000))).collect();
        recorded.iter().for_each(|report| assert!(open_rtcp(&mut inbound, now, report).is_ok()));

        inbound.renegotiated(now, AddressChange::Same);
        let mut again = Outbound::new(&key(suite, 1));
        assert!(open(&mut inbound, now, &sealed_at(&mut again, Ssrc(1), index(0, 1), 1_160)).is_ok());
        recorded.iter().for_each(|report| assert!(open_rtcp(&mut inbound, now, report).is_err()));
        for _ in 0..60 {
            let report = sealed_rtcp(&mut again, &sender_report_at(Ssrc(1), 1_160));
            assert!(open_rtcp(&mut inbound, now, &report).is_ok());
            assert!(open_rtcp(&mut inbound, now, &report).is_err());
            recorded.iter().for_each(|report| assert!(open_rtcp(&mut inbound, now, report).is_err()));
        }
    }
}

#[test]
fn packets_under_the_old_key_open_until_one_under_the_new_key_does() {
    let now = Instant::now();
    for suite in SUITES {
        let mut inbound = Inbound::new(&key(suite, 1));
        let (mut before, mut after) = (Outbound::new(&key(suite, 1)), Outbound::new(&key(suite, 2)));
        let old: Vec<_> = (0..6).map(|seq| sealed(&mut before, Ssrc(1), index(0, 100 + seq))).collect();
        assert!(open(&mut inbound, now, &old[0]).is_ok());
        inbound.rekey(now, &key(suite, 2), AddressChange::Same);
        assert!(open(&mut inbound, now, &old[1]).is_ok());
        assert_eq!(open(&mut inbound, now, &old[1]), Err(OpenError::Forged), "replayed under the old key");
        assert!(open(&mut inbound, now, &sealed(&mut after, Ssrc(1), index(0, 104))).is_ok());
        assert_eq!(open(&mut inbound, now, &old[2]), Err(OpenError::Forged));
        let checks = inbound.tag_checks();
        assert_eq!(
            open(&mut inbound, now, &sealed(&mut before, Ssrc(9), index(0, 1))),
            Err(OpenError::Forged)
        );
        assert_eq!(inbound.tag_checks(), checks + 1, "one tag per packet from here on");
    }
}

#[test]
fn a_suite_with_another_tag_is_followed_though_the_key_has_the_same_bytes() {
    let now = Instant::now();
    let (long, short) = (Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32);
    for [before, after] in [[long, short], [short, long]] {
        let mut inbound = Inbound::new(&key(before, 1));
        let mut peer = Outbound::new(&key(before, 1));
        let first = sealed(&mut peer, Ssrc(1), index(0, 100));
        assert!(open(&mut inbound, now, &first).is_ok());

        inbound.rekey(now, &key(after, 1), AddressChange::Same);
        let mut peer = Outbound::new(&key(after, 1));
        let again = sealed(&mut peer, Ssrc(1), index(0, 100));
        assert_eq!(open(&mut inbound, now, &again), Err(OpenError::Replayed), "indexes go on");
        assert!(open(&mut inbound, now, &sealed(&mut peer, Ssrc(1), index(0, 101))).is_ok(), "{after}");
    }
}

#[test]
fn a_peer_that_comes_back_with_another_clock_each_time_is_heard_each_time() {
    let now = Instant::now();
    for suite in SUITES {
        let mut inbound = Inbound::new(&key(suite, 1));
        let mut recorded = Vec::new();
        for life in 0..8_u32 {
            let mut peer = Outbound::new(&key(suite, 1));
            // Far from each other all around the clock.
            let start = life.wrapping_mul(0x9e37_79b9);
            for n in 0..50_u16 {
                let clock = start.wrapping_add(160 * u32::from(n));
                let packet = sealed_at(&mut peer, Ssrc(1), index(0, 100 + n), clock);
                assert!(open(&mut inbound, now, &packet).is_ok(), "{suite}, life {life}, packet {n}");
                recorded.push(packet);
            }
            assert!(recorded.iter().all(|packet| open(&mut inbound, now, packet).is_err()), "{suite} {life}");
            inbound.renegotiated(now, AddressChange::Same);
        }
        assert!(recorded.iter().all(|packet| open(&mut inbound, now, packet).is_err()), "{suite}");
    }
}

#[test]
fn a_peer_whose_clock_jumps_as_it_speaks_may_still_start_over() {
    let now = Instant::now();
    let suite = Suite::AesCm128HmacSha1_80;
    let mut inbound = Inbound::new(&key(suite, 1));
    let mut peer = Outbound::new(&key(suite, 1));
    let turn = |part: u32| part.wrapping_mul(0x9e37_79b9);
    let recorded: Vec<_> = (0..4)
        .map(|part| sealed_at(&mut peer, Ssrc(1), index(0, 100 + part), turn(u32::from(part))))
        .collect();
    assert!(recorded.iter().all(|packet| open(&mut inbound, now, packet).is_ok()));

    inbound.renegotiated(now, AddressChange::Same);
    let mut again = Outbound::new(&key(suite, 1));
    assert!(open(&mut inbound, now, &sealed_at(&mut again, Ssrc(1), index(0, 100), turn(5))).is_ok());
    assert!(recorded.iter().all(|packet| open(&mut inbound, now, packet).is_err()));
}

#[test]
fn at_the_bound_of_what_is_remembered_nothing_under_a_live_key_is_heard_again() {
    let now = Instant::now();
    let suite = Suite::AesCm128HmacSha1_80;
    let mut inbound = Inbound::new(&key(suite, 1));
    let mut recorded = Vec::new();
    let mut ssrcs = (1..).map(Ssrc);
    let refused = ssrcs.find(|ssrc| {
        let mut peer = Outbound::new(&key(suite, 1));
        let packet = sealed(&mut peer, *ssrc, index(0, 100));
        if open(&mut inbound, now, &packet).is_err() {
            return true;
        }
        recorded.push(packet);
        open_rtcp(&mut inbound, now, &sealed_rtcp(&mut peer, &sender_report(*ssrc))).is_err()
    });
    assert_eq!(refused, Some(Ssrc(72)), "eight sources and 63 floors");

    // The eight that are remembered packet by packet report under another key, while the first is still accepted.
    inbound.rekey(now, &key(suite, 2), AddressChange::Same);
    let reports: Vec<_> = (64..72)
        .map(|ssrc| sealed_rtcp(&mut Outbound::new(&key(suite, 2)), &sender_report(Ssrc(ssrc))))
        .collect();
    let heard = reports.iter().filter(|report| open_rtcp(&mut inbound, now, report).is_ok()).count();
    for packet in &recorded {
        assert!(open(&mut inbound, now, packet).is_err(), "heard again after {heard} reports");
    }

    let later = now + Duration::from_secs(2);
    assert!(reports[heard..].iter().all(|report| open_rtcp(&mut inbound, later, report).is_ok()));
}

#[test]
fn the_old_key_ends_after_two_seconds_of_silence() {
    let start = Instant::now();
    let suite = Suite::AesCm128HmacSha1_80;
    let mut inbound = Inbound::new(&key(suite, 1));
    let mut before = Outbound::new(&key(suite, 1));
    assert!(open(&mut inbound, start, &sealed(&mut before, Ssrc(1), index(0, 1))).is_ok());
    inbound.rekey(start, &key(suite, 2), AddressChange::Same);
    let late = start + Duration::from_millis(1_999);
    assert!(open(&mut inbound, late, &sealed(&mut before, Ssrc(1), index(0, 2))).is_ok());
    let later = start + Duration::from_secs(2);
    assert_eq!(open(&mut inbound, later, &sealed(&mut before, Ssrc(1), index(0, 3))), Err(OpenError::Forged));
}

#[test]
fn a_peer_that_was_silent_through_the_change_is_heard_from_its_second_packet() {
    let start = Instant::now();
    for resets in [false, true] {
        let mut inbound = Inbound::new(&key(Suite::AesCm128HmacSha1_80, 1));
        let mut before = Outbound::new(&key(Suite::AesCm128HmacSha1_80, 1));
        let mut after = Outbound::new(&key(Suite::AesCm128HmacSha1_80, 2));
        for at in [index(0, 65_000), index(1, 10)] {
            assert!(open(&mut inbound, start, &sealed(&mut before, Ssrc(1), at)).is_ok());
        }
        inbound.rekey(start, &key(Suite::AesCm128HmacSha1_80, 2), AddressChange::Same);
        let later = start + Duration::from_secs(300);
        let roc = if resets { 0 } else { 1 };
        let opened: Vec<bool> = (11..21)
            .map(|seq| open(&mut inbound, later, &sealed(&mut after, Ssrc(1), index(roc, seq))).is_ok())
            .collect();
        assert!(opened[1..].iter().all(|opened| *opened), "{opened:?}");
        assert_eq!(inbound.tag_checks(), 2 + 10);
    }
}

#[test]
fn a_withdrawn_description_leaves_the_old_key_in_force() {
    let start = Instant::now();
    let suite = Suite::AeadAes128Gcm;
    let mut inbound = Inbound::new(&key(suite, 1));
    let mut peer = Outbound::new(&key(suite, 1));
    assert!(open(&mut inbound, start, &sealed(&mut peer, Ssrc(1), index(0, 1))).is_ok());
    inbound.rekey(start, &key(suite, 2), AddressChange::Same);
    inbound.rekey(start, &key(suite, 1), AddressChange::Same);
    let later = start + Duration::from_secs(5);
    let packet = sealed(&mut peer, Ssrc(1), index(0, 2));
    assert!(open(&mut inbound, later, &packet).is_ok());
    assert_eq!(open(&mut inbound, later, &packet), Err(OpenError::Replayed));
}

#[test]
fn recordings_under_a_key_the_peer_comes_back_to_are_refused() {
    for suite in SUITES {
        for speaks_under_both in [false, true] {
            for silence in [Duration::ZERO, Duration::from_secs(5)] {
                come_back_to_a_key(suite, speaks_under_both, silence);
            }
        }
    }
}

/// A PBX gives a held call to its music and takes it back, three times: music under keys of its own, the phone always
/// under the same. With `speaks_under_both` they use one SSRC.
fn come_back_to_a_key(suite: Suite, speaks_under_both: bool, silence: Duration) {
    let mut now = Instant::now();
    let mut inbound = Inbound::new(&key(suite, 1));
    let mut relay = Onward::new(suite);
    let mut phone = Outbound::new(&key(suite, 1));
    let music_ssrc = if speaks_under_both { Ssrc(1) } else { Ssrc(2) };
    let (mut recorded, mut reports) = (Vec::new(), Vec::new());
    let mut place = 30_000;
    for round in 0..3_u32 {
        for _ in 0..40 {
            place += 1_000;
            let at = PacketIndex::from_u64(place).unwrap();
            let packet = sealed_at(&mut phone, Ssrc(1), at, place as u32);
            let is_heard = relay.pass(&mut inbound, now, &packet).is_ok();
            assert!(is_heard || recorded.len() % 40 < 2, "{suite} round {round}, packet {place}");
            recorded.push(packet);
        }
        let report = sealed_rtcp(&mut phone, &sender_report_at(Ssrc(1), place as u32));
        assert!(open_rtcp(&mut inbound, now, &report).is_ok());
        reports.push(report);

        inbound.rekey(now, &key(suite, 100 + round), AddressChange::Changed);
        now += silence;
        let mut music = Outbound::new(&key(suite, 100 + round));
        for seq in 0..20 {
            let packet = sealed(&mut music, music_ssrc, index(0, 500 + seq));
            assert!(relay.pass(&mut inbound, now, &packet).is_ok() || seq < 2, "{suite} round {round}");
        }
        inbound.rekey(now, &key(suite, 1), AddressChange::Changed);
        now += silence;
        for packet in &recorded {
            assert!(relay.pass(&mut inbound, now, packet).is_err(), "{suite} round {round}: heard again");
        }
        assert!(reports.iter().all(|report| open_rtcp(&mut inbound, now, report).is_err()));
    }
}

#[test]
fn a_peer_that_comes_back_to_a_key_and_starts_over_is_told_from_its_recording() {
    let now = Instant::now();
    for suite in SUITES {
        let mut inbound = Inbound::new(&key(suite, 1));
        let mut peer = Outbound::new(&key(suite, 1));
        let recorded: Vec<_> =
            (0..100_u32).map(|n| sealed_at(&mut peer, Ssrc(1), index(0, 500 + n as u16), 160 * n)).collect();
        assert!(recorded.iter().all(|packet| open(&mut inbound, now, packet).is_ok()));
        inbound.rekey(now, &key(suite, 2), AddressChange::Changed);
        let mut other = Outbound::new(&key(suite, 2));
        assert!(open(&mut inbound, now, &sealed_at(&mut other, Ssrc(1), index(0, 9), 16_160)).is_ok());

        inbound.rekey(now, &key(suite, 1), AddressChange::Changed);
        assert!(recorded.iter().all(|packet| open(&mut inbound, now, packet).is_err()));
        let mut again = Outbound::new(&key(suite, 1));
        for n in 0..50_u16 {
            let packet = sealed_at(&mut again, Ssrc(1), index(0, 520 + n), 16_320 + 160 * u32::from(n));
            assert!(open(&mut inbound, now, &packet).is_ok(), "{suite} packet {n}");
            assert!(open(&mut inbound, now, &packet).is_err());
        }
        assert!(recorded.iter().all(|packet| open(&mut inbound, now, packet).is_err()));
    }
}

#[test]
fn a_source_that_starts_over_under_a_new_key_is_another_epoch() {
    let now = Instant::now();
    let suite = Suite::AesCm128HmacSha1_80;
    let mut inbound = Inbound::new(&key(suite, 1));
    let first =
        open(&mut inbound, now, &sealed(&mut Outbound::new(&key(suite, 1)), Ssrc(1), index(0, 5_000)))
            .unwrap();
    inbound.rekey(now, &key(suite, 2), AddressChange::Same);
    let second =
        open(&mut inbound, now, &sealed(&mut Outbound::new(&key(suite, 2)), Ssrc(1), index(0, 5_001)))
            .unwrap();
    inbound.rekey(now, &key(suite, 3), AddressChange::Changed);
    let third =
        open(&mut inbound, now, &sealed(&mut Outbound::new(&key(suite, 3)), Ssrc(1), index(0, 17))).unwrap();
    assert_eq!(first.source, second.source);
    assert_ne!(second.source, third.source);
    assert!(third.is_newest);
}

#[test]
fn a_peer_that_starts_over_just_below_its_old_count_loses_nothing() {
    let now = Instant::now();
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut inbound, mut relay) = (Inbound::new(&key(suite, 1)), Onward::new(suite));
    let (mut before, mut after) = (Outbound::new(&key(suite, 1)), Outbound::new(&key(suite, 2)));
    for seq in (1..=500).filter(|seq| *seq != 400) {
        relay.pass(&mut inbound, now, &sealed(&mut before, Ssrc(1), index(0, seq))).unwrap();
    }
    inbound.rekey(now, &key(suite, 2), AddressChange::Same);
    for seq in 400..=600 {
        relay.pass(&mut inbound, now, &sealed(&mut after, Ssrc(1), index(0, seq))).unwrap();
    }
}

#[test]
fn reports_follow_the_change_of_key() {
    let now = Instant::now();
    for suite in SUITES {
        let mut inbound = Inbound::new(&key(suite, 1));
        let (mut before, mut after) = (Outbound::new(&key(suite, 1)), Outbound::new(&key(suite, 2)));
        let reports: Vec<_> = (0..3).map(|_| sealed_rtcp(&mut before, &sender_report(Ssrc(1)))).collect();
        assert!(open_rtcp(&mut inbound, now, &reports[0]).is_ok());
        inbound.rekey(now, &key(suite, 2), AddressChange::Same);
        assert!(open_rtcp(&mut inbound, now, &reports[1]).is_ok());
        let under_new = sealed_rtcp(&mut after, &sender_report(Ssrc(1)));
        assert!(open_rtcp(&mut inbound, now, &under_new).is_ok());
        assert!(open_rtcp(&mut inbound, now, &under_new).is_err());
        assert!(open_rtcp(&mut inbound, now, &reports[0]).is_err());
        assert!(open_rtcp(&mut inbound, now, &sealed_rtcp(&mut after, &sender_report(Ssrc(1)))).is_ok());
    }
}

/// What a peer, or somebody who records it, does next.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Talk { packets: u16, lost: u64 },
    Negotiate { key: KeyChoice, resets: bool, fresh_seq: Option<u16>, change: AddressChange, silence: bool },
    SwitchTo(u32),
    Replay { from: usize, packets: usize },
}

#[derive(Clone, Copy, Debug)]
enum KeyChoice {
    Same,
    New,
    /// One that was used before.
    Former(u32),
}

fn deed() -> impl Strategy<Value = Deed> {
    let change = prop::sample::select(vec![AddressChange::Same, AddressChange::Changed]);
    let key =
        prop_oneof![Just(KeyChoice::Same), Just(KeyChoice::New), any::<u32>().prop_map(KeyChoice::Former)];
    let new = (key, any::<bool>(), any::<Option<u16>>(), change, any::<bool>());
    prop_oneof![
        4 => (5_u16..60, prop_oneof![Just(0_u64), 0_u64..20_000]).prop_map(|(packets, lost)| Deed::Talk { packets, lost }),
        2 => new.prop_map(|(key, resets, fresh_seq, change, silence)|
            Deed::Negotiate { key, resets, fresh_seq, change, silence }),
        1 => (0_u32..3).prop_map(Deed::SwitchTo),
        2 => (any::<usize>(), 1_usize..40).prop_map(|(from, packets)| Deed::Replay { from, packets }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_a_peer_does_it_is_heard_once_and_no_index_is_sealed_twice(
        deeds in prop::collection::vec(deed(), 1..24),
    ) {
        let suite = Suite::AesCm128HmacSha1_80;
        let mut now = Instant::now();
        let (mut inbound, mut relay) = (Inbound::new(&key(suite, 1)), Onward::new(suite));
        let mut peer = Outbound::new(&key(suite, 1));
        let (mut keys, mut in_use, mut clock) = (1, 1, 0_u32);
        // Where a key comes back there are three readings.
        let mut may_miss = 1;
        let mut ssrc = Ssrc(0);
        let mut next: HashMap<Ssrc, u64> = HashMap::new();
        // Sources that count anew and were not heard since: a wrap that is lost with them could not be known.
        let mut unheard: HashSet<Ssrc> = HashSet::new();
        let mut recorded: Vec<Vec<u8>> = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Talk { packets, lost } => {
                    let place = next.entry(ssrc).or_insert(30_000);
                    *place += if unheard.remove(&ssrc) { 0 } else { lost };
                    let mut missed = 0;
                    for _ in 0..packets {
                        clock += 160;
                        let at = PacketIndex::from_u64(*place).unwrap();
                        let packet = sealed_at(&mut peer, ssrc, at, clock);
                        *place += 1;
                        match relay.pass(&mut inbound, now, &packet) {
                            Ok(()) => recorded.push(packet),
                            Err(_) => missed += 1,
                        }
                    }
                    prop_assert!(missed <= may_miss, "missed {missed} of {packets}");
                }
                Deed::Negotiate { key: choice, resets, fresh_seq, change, silence } => {
                    let before = in_use;
                    match choice {
                        KeyChoice::Same => {}
                        KeyChoice::New => {
                            keys += 1;
                            in_use = keys;
                        }
                        KeyChoice::Former(number) => {
                            in_use = number % keys + 1;
                            may_miss = 2;
                        }
                    }
                    negotiate(&mut inbound, now, &key(suite, in_use), change);
                    if in_use != before || resets {
                        peer = Outbound::new(&key(suite, in_use));
                    }
                    if resets {
                        next.values_mut().for_each(|place| *place = u64::from(fresh_seq.unwrap_or(*place as u16)));
                        unheard.extend(next.keys());
                    }
                    if silence {
                        now += Duration::from_secs(3);
                    }
                }
                Deed::SwitchTo(other) => ssrc = Ssrc(other),
                Deed::Replay { from, packets } => {
                    let from = from % recorded.len().max(1);
                    for packet in recorded.iter().skip(from).take(packets) {
                        prop_assert!(relay.pass(&mut inbound, now, packet).is_err(), "heard twice");
                    }
                }
            }
        }
    }
}

/// The other side of the relay: every run of packets gets an SSRC of its own under one key.
struct Onward {
    outbound: Outbound,
    ssrcs: HashMap<SourceId, Ssrc>,
}

impl Onward {
    fn new(suite: Suite) -> Self {
        Self { outbound: Outbound::new(&key(suite, 99)), ssrcs: HashMap::new() }
    }

    /// Opens and seals again. Refusing to seal is a failure of the test: an index would have been used twice.
    fn pass(&mut self, inbound: &mut Inbound, now: Instant, datagram: &[u8]) -> Result<(), OpenError> {
        let mut buf = PacketBuf::from_slice(datagram).unwrap();
        let packet = inbound.open_rtp(now, SrtpPacket::received(&mut buf))?;
        let fresh = Ssrc(1_000 + self.ssrcs.len() as u32);
        let ssrc = *self.ssrcs.entry(packet.source()).or_insert(fresh);
        let at = packet.index();
        self.outbound.seal_rtp(packet.rewritten(ssrc, at, Timestamp(0))).expect("no index is sealed twice");
        Ok(())
    }
}
