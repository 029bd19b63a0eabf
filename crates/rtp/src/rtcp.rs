//! RTCP: the walk through a compound packet, and the sources it speaks about.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|  count  |  packet type  |   length in words, minus one  |
//! |                  body: mostly SSRCs first                     |
//! ```

use crate::{Ssrc, Timestamp};

/// What becomes of the numbers in a compound packet when its streams were renumbered on the way.
pub trait Rewrite {
    /// The SSRC to write where `ssrc` stands as a sender: of the packet, of what it describes or of what it says goodbye for.
    fn sender(&mut self, ssrc: Ssrc) -> Ssrc;

    /// The SSRC to write where `ssrc` stands as the source that the sender received and tells about.
    fn reported(&mut self, ssrc: Ssrc) -> Ssrc;

    /// The media clock to write into the sender report of `sender`, named as it was received.
    fn sender_clock(&mut self, sender: Ssrc, clock: Timestamp) -> Timestamp {
        let _ = sender;
        clock
    }

    /// The packets and octets of payload to write into the sender report of `sender`, named as it was received.
    fn sent(&mut self, sender: Ssrc, sent: Sent) -> Sent {
        let _ = sender;
        sent
    }

    /// The extended highest sequence number to write into the report block about `source`, named as it was received. Only
    /// its lower 16 bits count for extended reports, which name packets by them.
    fn highest_sequence(&mut self, source: Ssrc, sequence: u32) -> u32 {
        let _ = source;
        sequence
    }
}

/// What a sender report says was sent since its sender took its SSRC (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// RTP packets.
    pub packets: u32,
    /// Octets of payload, without headers and padding.
    pub octets: u32,
}

/// The compound packet is not what RFC 3550 §6.1 describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The SSRC of whoever sent a compound packet: it stands in the first packet, in clear also in SRTCP.
pub fn sender(bytes: &[u8]) -> Option<Ssrc> {
    let [first, kind, _, _, a, b, c, d] = *bytes.first_chunk()?;
    (first >> 6 == VERSION && (FIRST_KIND..=LAST_KIND).contains(&kind))
        .then_some(Ssrc(u32::from_be_bytes([a, b, c, d])))
}

/// The media clock in the sender report a compound packet begins with, if it does.
pub fn sender_clock(bytes: &[u8]) -> Option<Timestamp> {
    let [_, kind, _, _, _, _, _, _, _, _, _, _, _, _, _, _, a, b, c, d] = *bytes.first_chunk()?;
    (kind == SENDER_REPORT).then_some(Timestamp(u32::from_be_bytes([a, b, c, d])))
}

/// Whether `bytes` are whole RTCP packets one behind the other (RFC 3550 §6.1, with the leave of RFC 5506 to be fewer).
pub fn is_compound(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some(length) = packet_length(rest) else { return false };
        rest = rest.get(length..).unwrap_or_default();
    }
    !bytes.is_empty()
}

/// Writes the numbers `rewrite` answers into the compound packet, in place.
///
/// Reports, descriptions, goodbyes, feedback and extended reports are known; of anything else only the sender is
/// mapped. The packet may be half rewritten when it turns out malformed: drop it.
pub fn rewrite(bytes: &mut [u8], rewrite: &mut impl Rewrite) -> Result<(), Malformed> {
    let mut rest = bytes;
    if rest.is_empty() {
        return Err(Malformed);
    }
    while !rest.is_empty() {
        let length = packet_length(rest).ok_or(Malformed)?;
        let (packet, behind) = rest.split_at_mut_checked(length).ok_or(Malformed)?;
        rewrite_packet(packet, rewrite)?;
        rest = behind;
    }
    Ok(())
}

/// Writes `map`'s answer over every SSRC of the compound packet, in place.
pub fn replace_ssrcs(bytes: &mut [u8], map: impl FnMut(Ssrc) -> Ssrc) -> Result<(), Malformed> {
    rewrite(bytes, &mut OnlySsrc(map))
}

struct OnlySsrc<F>(F);

impl<F: FnMut(Ssrc) -> Ssrc> Rewrite for OnlySsrc<F> {
    fn sender(&mut self, ssrc: Ssrc) -> Ssrc {
        (self.0)(ssrc)
    }

    fn reported(&mut self, ssrc: Ssrc) -> Ssrc {
        (self.0)(ssrc)
    }
}

/// Bytes of the first packet in `bytes`, header included, if they are all there.
fn packet_length(bytes: &[u8]) -> Option<usize> {
    let [first, kind, high, low] = *bytes.first_chunk()?;
    let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
    (first >> 6 == VERSION && (FIRST_KIND..=LAST_KIND).contains(&kind) && length <= bytes.len())
        .then_some(length)
}

fn rewrite_packet(packet: &mut [u8], rewrite: &mut impl Rewrite) -> Result<(), Malformed> {
    let (head, body) = packet.split_first_chunk_mut::<4>().ok_or(Malformed)?;
    let [first, kind, _, _] = *head;
    let count = usize::from(first & COUNT);
    match kind {
        SENDER_REPORT => {
            let (sender, body) = body.split_first_chunk_mut::<4>().ok_or(Malformed)?;
            let (info, blocks) = body.split_first_chunk_mut::<20>().ok_or(Malformed)?;
            let [_, _, _, _, _, _, _, _, a, b, c, d, p0, p1, p2, p3, o0, o1, o2, o3] = info;
            let clock = Timestamp(u32::from_be_bytes([*a, *b, *c, *d]));
            let sent = Sent {
                packets: u32::from_be_bytes([*p0, *p1, *p2, *p3]),
                octets: u32::from_be_bytes([*o0, *o1, *o2, *o3]),
            };
            let ssrc = Ssrc(u32::from_be_bytes(*sender));
            let Sent { packets, octets } = rewrite.sent(ssrc, sent);
            [*a, *b, *c, *d] = rewrite.sender_clock(ssrc, clock).0.to_be_bytes();
            [*p0, *p1, *p2, *p3] = packets.to_be_bytes();
            [*o0, *o1, *o2, *o3] = octets.to_be_bytes();
            rewrite_sender(sender, rewrite);
            rewrite_report_blocks(blocks, count, rewrite)
        }
        RECEIVER_REPORT => {
            let (sender, blocks) = body.split_first_chunk_mut::<4>().ok_or(Malformed)?;
            rewrite_sender(sender, rewrite);
            rewrite_report_blocks(blocks, count, rewrite)
        }
        DESCRIPTION => rewrite_description(body, count, rewrite),
        GOODBYE => rewrite_senders(body, count, rewrite),
        TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => {
            let (sender, body) = body.split_first_chunk_mut::<4>().ok_or(Malformed)?;
            rewrite_sender(sender, rewrite);
            let (media, control) = body.split_first_chunk_mut::<4>().ok_or(Malformed)?;
            rewrite_reported(media, rewrite);
            // RFC 5104 §4.2, §4.3.1: these name their target once more, in entries of eight bytes.
            if matches!((kind, count), (TRANSPORT_FEEDBACK, 3 | 4) | (PAYLOAD_FEEDBACK, 4)) {
                rewrite_entries(control, 8, rewrite)?;
            }
            Ok(())
        }
        EXTENDED_REPORT => {
            let (sender, blocks) = body.split_first_chunk_mut::<4>().ok_or(Malformed)?;
            rewrite_sender(sender, rewrite);
            rewrite_extended(blocks, rewrite)
        }
        // An application packet and what is not known: the sender comes first, the rest is opaque.
        _ if body.is_empty() => Ok(()),
        _ => rewrite_senders(body, 1, rewrite),
    }
}

fn rewrite_sender(place: &mut [u8; 4], rewrite: &mut impl Rewrite) {
    *place = rewrite.sender(Ssrc(u32::from_be_bytes(*place))).0.to_be_bytes();
}

fn rewrite_reported(place: &mut [u8; 4], rewrite: &mut impl Rewrite) {
    *place = rewrite.reported(Ssrc(u32::from_be_bytes(*place))).0.to_be_bytes();
}

fn rewrite_senders(bytes: &mut [u8], count: usize, rewrite: &mut impl Rewrite) -> Result<(), Malformed> {
    let (places, _) = bytes.get_mut(..4 * count).ok_or(Malformed)?.as_chunks_mut::<4>();
    places.iter_mut().for_each(|place| rewrite_sender(place, rewrite));
    Ok(())
}

/// Entries of `length` bytes, each with the source it is about first.
fn rewrite_entries(bytes: &mut [u8], length: usize, rewrite: &mut impl Rewrite) -> Result<(), Malformed> {
    for entry in bytes.chunks_exact_mut(length) {
        rewrite_reported(entry.first_chunk_mut().ok_or(Malformed)?, rewrite);
    }
    Ok(())
}

/// RFC 3550 §6.4.1: blocks of 24 bytes, the source first, its highest sequence number eight bytes in.
fn rewrite_report_blocks(
    bytes: &mut [u8],
    count: usize,
    rewrite: &mut impl Rewrite,
) -> Result<(), Malformed> {
    let (blocks, _) = bytes.get_mut(..REPORT_BLOCK * count).ok_or(Malformed)?.as_chunks_mut::<REPORT_BLOCK>();
    for block in blocks {
        let (source, behind) = block.split_first_chunk_mut::<4>().ok_or(Malformed)?;
        let (_, behind) = behind.split_at_mut(4);
        let sequence = behind.first_chunk_mut::<4>().ok_or(Malformed)?;
        let highest =
            rewrite.highest_sequence(Ssrc(u32::from_be_bytes(*source)), u32::from_be_bytes(*sequence));
        *sequence = highest.to_be_bytes();
        rewrite_reported(source, rewrite);
    }
    Ok(())
}

/// RFC 3550 §6.5: each chunk is an SSRC and items, ended by a zero and filled up to the next word.
fn rewrite_description(bytes: &mut [u8], chunks: usize, rewrite: &mut impl Rewrite) -> Result<(), Malformed> {
    let mut rest = bytes;
    for _ in 0..chunks {
        let (source, mut items) = rest.split_first_chunk_mut::<4>().ok_or(Malformed)?;
        rewrite_sender(source, rewrite);
        let mut length = 0;
        loop {
            match items.get(length).ok_or(Malformed)? {
                0 => break,
                _ => length += 2 + usize::from(*items.get(length + 1).ok_or(Malformed)?),
            }
        }
        // The terminating zero counts, and zeros follow up to the next word.
        items = items.get_mut((length / 4 + 1) * 4..).ok_or(Malformed)?;
        rest = items;
    }
    Ok(())
}

/// RFC 3611 §4: blocks with a type and a length in words, most of them about one source.
fn rewrite_extended(bytes: &mut [u8], rewrite: &mut impl Rewrite) -> Result<(), Malformed> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (head, behind) = rest.split_first_chunk_mut::<4>().ok_or(Malformed)?;
        let [kind, _, high, low] = *head;
        let length = 4 * usize::from(u16::from_be_bytes([high, low]));
        let (block, behind) = behind.split_at_mut_checked(length).ok_or(Malformed)?;
        match kind {
            XR_LOSS | XR_DUPLICATES | XR_RECEIPT_TIMES | XR_SUMMARY => rewrite_span(block, rewrite)?,
            XR_VOIP_METRICS => rewrite_reported(block.first_chunk_mut().ok_or(Malformed)?, rewrite),
            XR_DELAY => rewrite_entries(block, 12, rewrite)?,
            _ => {}
        }
        rest = behind;
    }
    Ok(())
}

/// RFC 3611 §4.1: a source, the first sequence number of the span that is told of, and the one behind its last.
fn rewrite_span(block: &mut [u8], rewrite: &mut impl Rewrite) -> Result<(), Malformed> {
    let [s0, s1, s2, s3, b0, b1, e0, e1] = block.first_chunk_mut::<8>().ok_or(Malformed)?;
    let source = Ssrc(u32::from_be_bytes([*s0, *s1, *s2, *s3]));
    for number in [[b0, b1], [e0, e1]] {
        let [high, low] = number;
        let sequence = u16::from_be_bytes([*high, *low]);
        let [_, _, new_high, new_low] = rewrite.highest_sequence(source, u32::from(sequence)).to_be_bytes();
        (*high, *low) = (new_high, new_low);
    }
    [*s0, *s1, *s2, *s3] = rewrite.reported(source).0.to_be_bytes();
    Ok(())
}

const VERSION: u8 = 2;
const COUNT: u8 = 0x1f;
const FIRST_KIND: u8 = 192;
const LAST_KIND: u8 = 223;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;
const REPORT_BLOCK: usize = 24;
// RFC 3611 §4: block types.
const XR_LOSS: u8 = 1;
const XR_DUPLICATES: u8 = 2;
const XR_RECEIPT_TIMES: u8 = 3;
const XR_DELAY: u8 = 5;
const XR_SUMMARY: u8 = 6;
const XR_VOIP_METRICS: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds `by` to every SSRC, and shifts the clock and the sequence number it is asked about.
    struct Shift(u32);

    impl Rewrite for Shift {
        fn sender(&mut self, ssrc: Ssrc) -> Ssrc {
            assert_eq!(ssrc, Ssrc(0x10));
            Ssrc(ssrc.0 + self.0)
        }

        fn reported(&mut self, ssrc: Ssrc) -> Ssrc {
            assert_eq!(ssrc, Ssrc(0x20));
            Ssrc(ssrc.0 + self.0)
        }

        fn sender_clock(&mut self, sender: Ssrc, clock: Timestamp) -> Timestamp {
            assert_eq!(sender, Ssrc(0x10));
            Timestamp(clock.0 + 1000)
        }

        fn sent(&mut self, sender: Ssrc, sent: Sent) -> Sent {
            assert_eq!(sender, Ssrc(0x10));
            Sent { packets: sent.packets + 7, octets: sent.octets + 1120 }
        }

        fn highest_sequence(&mut self, source: Ssrc, sequence: u32) -> u32 {
            assert_eq!(source, Ssrc(0x20));
            sequence + 500
        }
    }

    #[test]
    fn a_sender_report_and_its_description_are_renumbered_throughout() {
        let mut bytes =
            [report(200, &[0x10, 1, 2, 70, 4, 5], &[0x20, 0, 9, 0, 0, 0]), description(&[0x10])].concat();
        let expected =
            [report(200, &[0x11, 1, 2, 1070, 11, 1125], &[0x21, 0, 509, 0, 0, 0]), description(&[0x11])]
                .concat();
        assert!(is_compound(&bytes));
        assert_eq!(sender(&bytes), Some(Ssrc(0x10)));
        rewrite(&mut bytes, &mut Shift(1)).unwrap();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_receiver_report_and_a_goodbye_are_renumbered() {
        let mut bytes =
            [report(201, &[0x10], &[0x20, 0, 9, 0, 0, 0]), words(0x82, 203, &[0x10, 0x10])].concat();
        rewrite(&mut bytes, &mut Shift(1)).unwrap();
        let expected =
            [report(201, &[0x11], &[0x21, 0, 509, 0, 0, 0]), words(0x82, 203, &[0x11, 0x11])].concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn feedback_tells_its_sender_from_the_source_it_is_about() {
        let mut bytes = words(0x84, 206, &[0x10, 0x20, 0x20, 7]);
        rewrite(&mut bytes, &mut Shift(1)).unwrap();
        assert_eq!(bytes, words(0x84, 206, &[0x11, 0x21, 0x21, 7]));
    }

    #[test]
    fn feedback_and_voice_metrics_name_their_source_again() {
        let metrics = [&[0x10, 0x0700_0008, 0x20][..], &[0; 7]].concat();
        let mut bytes = [words(0x84, 206, &[0x10, 0, 0x20, 0]), words(0x80, 207, &metrics)].concat();
        replace_ssrcs(&mut bytes, |ssrc| Ssrc(ssrc.0 | 0x100)).unwrap();
        let metrics = [&[0x110, 0x0700_0008, 0x120][..], &[0; 7]].concat();
        assert_eq!(bytes, [words(0x84, 206, &[0x110, 0x100, 0x120, 0]), words(0x80, 207, &metrics)].concat());
    }

    #[test]
    fn the_packets_an_extended_report_tells_of_are_renumbered_and_unknown_blocks_are_left_alone() {
        let span = |source, begin: u32, end: u32| [0x0100_0003, source, begin << 16 | end, 0x4001_0000];
        let unknown = [0xc800_0001, 0x20];
        let mut bytes = words(0x80, 207, &[&[0x10][..], &unknown, &span(0x20, 100, 65_300)].concat());
        rewrite(&mut bytes, &mut Shift(1)).unwrap();
        assert_eq!(bytes, words(0x80, 207, &[&[0x11][..], &unknown, &span(0x21, 600, 264)].concat()));
    }

    #[test]
    fn lengths_and_counts_that_lie_are_refused() {
        let good = report(200, &[0x10, 1, 2, 3, 4, 5], &[0x20, 0, 9, 0, 0, 0]);
        let mut too_many = good.clone();
        too_many[0] = 0x9f;
        let mut too_long = good.clone();
        too_long[3] = 200;
        let endless = words(0x81, 202, &[0x10, 0x01ff_0000]);
        for bytes in [&too_many[..], &too_long, &good[..good.len() - 1], &endless, &[0x80, 200, 0, 0], &[]] {
            assert_eq!(replace_ssrcs(&mut bytes.to_vec(), |ssrc| ssrc), Err(Malformed));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_the_walk(mut bytes in proptest::collection::vec(0_u8.., 0..200), kind in 192_u8..224) {
            if let Some(second) = bytes.get_mut(1) {
                *second = kind;
            }
            let _ = is_compound(&bytes);
            let _ = replace_ssrcs(&mut bytes, |ssrc| ssrc);
        }
    }

    fn words(first: u8, kind: u8, body: &[u32]) -> Vec<u8> {
        let mut bytes = vec![first, kind, 0, body.len() as u8];
        body.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        bytes
    }

    fn report(kind: u8, head: &[u32], block: &[u32]) -> Vec<u8> {
        words(0x81, kind, &[head, block].concat())
    }

    fn description(source: &[u32; 1]) -> Vec<u8> {
        // One CNAME of three bytes, the terminating zero, and filling to the word.
        words(0x81, 202, &[source[0], 0x0103_6162, 0x6300_0000])
    }
}
