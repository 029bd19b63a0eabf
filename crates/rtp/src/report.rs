//! What a compound RTCP packet reports: what its sender sent, what it received, and the stamps that tell a round trip.
//!
//! ```text
//!      us                          peer
//!   t0 |---- SR, wall clock w ----->|
//!      |                            | holds it for DLSR
//!   t1 |<--- RR, LSR = w, DLSR -----|     round trip = t1 - t0 - DLSR   (RFC 3550 §6.4.1)
//! ```
//! The extended reports RRTR and DLRR (RFC 3611 §4.4, §4.5) do the same for peers that send nothing.

use std::time::Duration;

use crate::Ssrc;

/// The middle 32 bits of an NTP timestamp, by which a later report names an earlier one; 0 names none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stamp(pub u32);

/// One thing a compound packet reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Statement {
    /// The report was written at this time of its sender's clock (SR, or an RRTR block).
    Stamped(Stamp),
    /// A source was received like this (a block of SR or RR).
    Received(ReportBlock),
    /// A stamp came back after it was held so long (a sub-block of DLRR).
    Echoed(Echo),
}

/// A block of a sender or receiver report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportBlock {
    /// Whom it is about, as the reporter knows it.
    pub source: Ssrc,
    /// Packets expected less packets received since the beginning: 24 bits, negative where duplicates came.
    pub lost: i32,
    /// The highest sequence number received, extended by the roll-overs the reporter counted.
    pub highest: u32,
    /// Interarrival jitter in ticks of the source's media clock.
    pub jitter: u32,
    /// The last stamp of the source.
    pub echo: Echo,
}

/// A stamp that was received, and how long before the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Echo {
    /// The stamp; 0 where none was received.
    pub stamp: Stamp,
    /// In 1/65,536 s.
    pub held: u32,
}

impl Echo {
    /// How long the stamp was held.
    pub fn held(self) -> Duration {
        Duration::from_nanos((u64::from(self.held) * 1_000_000_000) >> 16)
    }

    fn read(words: &[u8; 8]) -> Echo {
        let [a, b, c, d, e, f, g, h] = *words;
        Echo { stamp: Stamp(u32::from_be_bytes([a, b, c, d])), held: u32::from_be_bytes([e, f, g, h]) }
    }
}

/// Tells `hear` what the compound packet reports, up to its end or to where it is not what RFC 3550 describes.
pub fn read(compound: &[u8], mut hear: impl FnMut(Statement)) {
    let mut rest = compound;
    while let Some((packet, behind)) = split_packet(rest) {
        let [first, kind, _, _, _, _, _, _, body @ ..] = packet else { return };
        let count = usize::from(first & COUNT);
        match *kind {
            SENDER_REPORT => {
                let Some((information, blocks)) = body.split_first_chunk::<20>() else { return };
                hear(Statement::Stamped(stamp(information)));
                read_blocks(blocks, count, &mut hear);
            }
            RECEIVER_REPORT => read_blocks(body, count, &mut hear),
            EXTENDED_REPORT => read_extended(body, &mut hear),
            _ => {}
        }
        rest = behind;
    }
}

/// The first packet, if it is all there.
fn split_packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, _, high, low] = *bytes.first_chunk()?;
    let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
    (first >> 6 == VERSION).then_some(())?;
    bytes.split_at_checked(length)
}

/// The middle of the NTP timestamp that the sender information begins with.
fn stamp<const N: usize>(information: &[u8; N]) -> Stamp {
    match *information.as_slice() {
        [_, _, a, b, c, d, _, _, ..] => Stamp(u32::from_be_bytes([a, b, c, d])),
        _ => Stamp(0),
    }
}

fn read_blocks(bytes: &[u8], count: usize, hear: &mut impl FnMut(Statement)) {
    for block in bytes.as_chunks::<24>().0.iter().take(count) {
        let [s0, s1, s2, s3, _, l0, l1, l2, h0, h1, h2, h3, j0, j1, j2, j3, echo @ ..] = block;
        hear(Statement::Received(ReportBlock {
            source: Ssrc(u32::from_be_bytes([*s0, *s1, *s2, *s3])),
            // The sign of 24 bits comes along when they are shifted down from the top of 32.
            lost: i32::from_be_bytes([*l0, *l1, *l2, 0]) >> 8,
            highest: u32::from_be_bytes([*h0, *h1, *h2, *h3]),
            jitter: u32::from_be_bytes([*j0, *j1, *j2, *j3]),
            echo: Echo::read(echo),
        }));
    }
}

/// RFC 3611 §3: blocks with a type and a length in words; those of other types are passed over.
fn read_extended(mut bytes: &[u8], hear: &mut impl FnMut(Statement)) {
    while let Some(([kind, _, high, low], behind)) = bytes.split_first_chunk::<4>() {
        let length = 4 * usize::from(u16::from_be_bytes([*high, *low]));
        let Some((block, behind)) = behind.split_at_checked(length) else { return };
        match *kind {
            XR_REFERENCE_TIME => block.first_chunk::<8>().into_iter().for_each(|time| {
                hear(Statement::Stamped(stamp(time)));
            }),
            XR_DELAY => block.as_chunks::<12>().0.iter().for_each(|entry| {
                let [_, _, _, _, echo @ ..] = entry;
                hear(Statement::Echoed(Echo::read(echo)));
            }),
            _ => {}
        }
        bytes = behind;
    }
}

const VERSION: u8 = 2;
const COUNT: u8 = 0x1f;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const EXTENDED_REPORT: u8 = 207;
const XR_REFERENCE_TIME: u8 = 4;
const XR_DELAY: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 3550 §6.4.1, figure 2: a report sent at 0xb44d:b705, held for 5.25 s.
    #[test]
    fn the_report_of_the_rfc_is_read() {
        let report = words(
            0x81,
            200,
            &[7, 0xb44d_b705, 0x2000_0000, 1, 2, 3, 9, 0x19ff_fffd, 70_000, 40, 0xb705_2000, 0x0005_4000],
        );
        let said = hear(&report);

        let echo = Echo { stamp: Stamp(0xb705_2000), held: 0x0005_4000 };
        let block = ReportBlock { source: Ssrc(9), lost: -3, highest: 70_000, jitter: 40, echo };
        assert_eq!(said, [Statement::Stamped(Stamp(0xb705_2000)), Statement::Received(block)]);
        assert_eq!(echo.held(), Duration::from_millis(5250));
    }

    #[test]
    fn every_packet_of_the_compound_is_read_and_unknown_blocks_are_passed_over() {
        let unknown = [0xc800_0001, 0xdead_beef];
        let reference = [0x0400_0002, 0x0001_0002, 0x0003_0004];
        let delay = [0x0500_0003, 9, 0x0002_0003, 65_536];
        let extended = words(0x80, 207, &[&[7][..], &unknown, &reference, &delay].concat());
        let said = hear(&[words(0x80, 201, &[7]), extended].concat());

        let echo = Echo { stamp: Stamp(0x0002_0003), held: 65_536 };
        assert_eq!(said, [Statement::Stamped(Stamp(0x0002_0003)), Statement::Echoed(echo)]);
        assert_eq!(echo.held(), Duration::from_secs(1));
    }

    #[test]
    fn more_blocks_than_there_are_bytes_are_not_read() {
        let report = words(0x9f, 201, &[7, 9, 0, 0, 0, 0, 0]);
        assert_eq!(hear(&report).len(), 1);
        assert_eq!(hear(&report[..31]), []);
        assert_eq!(hear(&[]), []);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_the_reading(mut bytes in proptest::collection::vec(0_u8.., 0..200), kind in 199_u8..209) {
            bytes.iter_mut().take(2).zip([0x81, kind]).for_each(|(byte, fixed)| *byte = fixed);
            // Each statement has at least eight bytes of its own.
            assert!(hear(&bytes).len() <= bytes.len() / 8);
        }
    }

    fn hear(bytes: &[u8]) -> Vec<Statement> {
        let mut said = Vec::new();
        read(bytes, |statement| said.push(statement));
        said
    }

    fn words(first: u8, kind: u8, body: &[u32]) -> Vec<u8> {
        let mut bytes = vec![first, kind, 0, body.len() as u8];
        body.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        bytes
    }
}
