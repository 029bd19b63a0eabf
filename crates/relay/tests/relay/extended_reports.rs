//! Extended reports (RFC 3611) through the relay: each block arrives with the name and the numbers that its reader gave.

use cordon_relay::End;
use cordon_rtp::Suite;

use crate::kit::{Call, cross, number, words};

#[test]
fn each_kind_of_block_names_the_source_and_its_packets_as_their_sender_does() {
    let mut call = renamed();
    let heard = Heard::of(&call);
    let span = |begin: u32, end: u32| begin << 16 | end;
    let spans = [
        // Loss and duplicate run lengths, receipt times, and the summary (RFC 3611 §4.1, §4.2, §4.3, §4.6).
        (vec![0x0100_0003], vec![0x4001_8003]),
        (vec![0x0200_0003], vec![0x4001_8003]),
        (vec![0x0300_0004], vec![70_000, 80_000]),
        (vec![0x06f8_0009], (1..=7).collect()),
    ];
    for (head, tail) in spans {
        let block = |about, begin, end| [&head[..], &[about, span(begin, end)], &tail].concat();
        let received = report(&mut call, &block(heard.name, heard.first, heard.behind));
        assert_eq!(received, block(A, FIRST, FIRST + WORDS), "block type {}", head[0] >> 24);
    }
}

#[test]
fn blocks_without_packet_numbers_are_renamed_and_otherwise_left_alone() {
    let mut call = renamed();
    let about = Heard::of(&call).name;
    // Delays since the last receiver reports, and voice metrics (§4.5, §4.7).
    let delays = |source| [0x0500_0006, source, 0x2222_3333, 0x0001_0000, source, 0x4444_5555, 7];
    let metrics = |source| [0x0700_0008, source, 0x0102_0304, 5, 6, 7, 8, 9, 10];
    assert_eq!(report(&mut call, &delays(about)), delays(A));
    assert_eq!(report(&mut call, &metrics(about)), metrics(A));
    // The receiver's clock (§4.4) and what nobody knows speak of no source.
    for block in [[0x0400_0002, 0x1111_2222, 0x3333_4444], [0xc800_0002, about, 1]] {
        assert_eq!(report(&mut call, &block), block);
    }
}

#[test]
fn all_blocks_of_one_report_are_renamed_and_one_about_nobody_names_nobody() {
    let mut call = renamed();
    let Heard { name, first, behind } = Heard::of(&call);
    let block = |about, begin: u32, end: u32| {
        let loss = [0x0100_0003, about, begin << 16 | end, 0];
        let metrics = [0x0700_0008, about, 1, 2, 3, 4, 5, 6, 7];
        [&loss[..], &[0x0400_0002, 8, 9], &metrics].concat()
    };
    assert_eq!(report(&mut call, &block(name, first, behind)), block(A, FIRST, FIRST + WORDS));
    let received = report(&mut call, &block(0xdead_beef, 1, 2));
    assert_eq!((received[1], received[8]), (0, 0));
}

#[test]
fn a_block_that_is_longer_than_its_report_is_dropped_with_it() {
    let mut call = renamed();
    let long = [words(0x80, 201, &[B]), words(0x80, 207, &[B, 0x0700_0009, A, 1])].concat();
    let mut buf = call.b.seal_rtcp(&long);
    let from = call.b.rtcp_address();
    assert_eq!(call.deliver_rtcp(End::B, from, &mut buf), None);
    assert_eq!(call.statistics(End::B).refused.malformed, 1);
}

/// How B knows what A sends.
struct Heard {
    name: u32,
    first: u32,
    /// One above the last number.
    behind: u32,
}

impl Heard {
    fn of(call: &Call) -> Heard {
        let heard = &call.b.heard;
        let index = |place: usize| u32::try_from(heard[place].1.as_u64()).unwrap();
        Heard { name: heard[0].0.0, first: index(0), behind: index(heard.len() - 1) + 1 }
    }
}

/// A call in which B knows A by a name of ours.
fn renamed() -> Call {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm]);
    assert!(call.say(End::A));
    call.set(End::B, true, None);
    call.b.heard.clear();
    assert_eq!(call.talk(WORDS as usize).0, WORDS as usize);
    assert_ne!(call.b.heard[0].0.0, A);
    call
}

/// B reports these blocks; how they reach A.
fn report(call: &mut Call, blocks: &[u32]) -> Vec<u32> {
    let report = words(0x80, 207, &[&[B], blocks].concat());
    let received = cross(call, End::B, &[words(0x80, 201, &[B]), report].concat());
    (16..received.len()).step_by(4).map(|at| number(&received, at)).collect()
}

/// The SSRC of A.
const A: u32 = 0x0a0a_0001;
/// The SSRC of B.
const B: u32 = 0x0a0a_0002;
/// The number A gives its first packet under that name.
const FIRST: u32 = 1001;
const WORDS: u32 = 12;
