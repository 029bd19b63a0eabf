//! RTCP on its way from one end to the other: the SSRCs, clocks and sequence numbers in it follow the RTP.

use cordon_rtp::rtcp::{self, Malformed, Sent};
use cordon_rtp::{Ssrc, Timestamp};

use crate::generator::Generator;
use crate::rewrite::Rewrite;

/// Rewrites a compound packet, in place. `onward` names what its sender sends, `backward` what it received and
/// reports about. The packet may be half rewritten when it turns out malformed: drop it.
pub(crate) fn translate(
    compound: &mut [u8],
    onward: &mut Rewrite,
    backward: &Rewrite,
    generator: &mut Generator,
) -> Result<(), Malformed> {
    let sender = rtcp::sender(compound).ok_or(Malformed)?;
    onward.rename_sender(sender, generator);
    rtcp::rewrite(compound, &mut Translation { onward, backward })?;
    rename_participants(compound);
    Ok(())
}

struct Translation<'a> {
    onward: &'a Rewrite,
    backward: &'a Rewrite,
}

impl rtcp::Rewrite for Translation<'_> {
    fn sender(&mut self, ssrc: Ssrc) -> Ssrc {
        self.onward.name_of(ssrc).map_or(NOBODY, |(name, _)| name)
    }

    fn reported(&mut self, ssrc: Ssrc) -> Ssrc {
        // What we sent to the sender, it names as we did. Whatever else it received has no name on the other side.
        self.backward.source_of(ssrc).map_or(NOBODY, |(source, _)| source)
    }

    fn sender_clock(&mut self, sender: Ssrc, clock: Timestamp) -> Timestamp {
        let shift = self.onward.name_of(sender).map_or(0, |(_, shift)| shift);
        Timestamp(clock.0.wrapping_add(shift))
    }

    fn sent(&mut self, sender: Ssrc, sent: Sent) -> Sent {
        // What was dropped on the way, on hold say, was not sent under the name the other side knows.
        self.onward.sent(sender).unwrap_or(sent)
    }

    fn highest_sequence(&mut self, source: Ssrc, sequence: u32) -> u32 {
        self.backward.source_of(source).map_or(sequence, |(_, shift)| sequence.wrapping_sub(shift))
    }
}

/// Writes the new SSRC over the text of every source description: names and host addresses of one side are not
/// the other side's business, and a CNAME need only be the participant's own (RFC 3550 §6.5.1).
fn rename_participants(compound: &mut [u8]) {
    let mut rest = compound;
    while let Some([_, kind, high, low]) = rest.first_chunk::<4>().copied() {
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let Some((packet, behind)) = rest.split_at_mut_checked(length) else { return };
        if kind == DESCRIPTION {
            packet.get_mut(4..).map(rename_chunks);
        }
        rest = behind;
    }
}

fn rename_chunks(mut rest: &mut [u8]) {
    while let Some((source, mut items)) = rest.split_first_chunk_mut::<4>() {
        let digits = hex(*source);
        let mut used = 0;
        while let [kind, length, ..] = items {
            if *kind == 0 {
                break;
            }
            let length = 2 + usize::from(*length);
            let Some((item, behind)) = items.split_at_mut_checked(length) else { return };
            item.iter_mut().skip(2).zip(digits.iter().cycle()).for_each(|(text, digit)| *text = *digit);
            used += length;
            items = behind;
        }
        // The terminating zero counts, and zeros follow up to the next word.
        let filling = (used / 4 + 1) * 4 - used;
        let Some(behind) = items.get_mut(filling..) else { return };
        rest = behind;
    }
}

fn hex(bytes: [u8; 4]) -> [u8; 8] {
    let number = u32::from_be_bytes(bytes);
    std::array::from_fn(|place| {
        let nibble = (number >> (28 - 4 * place)) & 0xf;
        char::from_digit(nibble, 16).map_or(b'0', |digit| digit as u8)
    })
}

const DESCRIPTION: u8 = 202;
/// In place of an SSRC that means nothing to the other side.
const NOBODY: Ssrc = Ssrc(0);

#[cfg(test)]
mod tests {
    use cordon_rtp::{PacketIndex, Roc, Seq};
    use cordon_srtp::SourceId;

    use super::*;

    #[test]
    fn a_report_crosses_with_the_names_and_numbers_of_the_other_side() {
        let mut generator = Generator::new([3; 32]);
        let (mut onward, mut backward) = (Rewrite::new(), Rewrite::new());
        let phone = rename(&mut onward, 0x1111, PacketIndex::new(Roc(0), Seq(500)), &mut generator);
        let pbx = rename(&mut backward, 0x2222, PacketIndex::new(Roc(1), Seq(7)), &mut generator);
        let mut compound = sender_report(0x1111, 9000, pbx.0, pbx.1 + 3);
        compound.extend(description(0x1111, b"alice@10.1.0.7"));

        translate(&mut compound, &mut onward, &backward, &mut generator).unwrap();

        assert_eq!(word(&compound, 4), phone.0);
        assert_eq!(word(&compound, 16), 9000_u32.wrapping_add(phone.2));
        assert_eq!(word(&compound, 28), 0x2222);
        assert_eq!(word(&compound, 36), (1 << 16) + 7 + 3);
        assert_eq!(word(&compound, 56), phone.0);
        assert!(!compound.windows(5).any(|text| text == b"alice"));
        assert!(!compound.windows(8).any(|text| text == b"10.1.0.7"));
        assert!(rtcp::is_compound(&compound));
    }

    #[test]
    fn a_compound_that_lies_about_its_lengths_is_refused_or_harmless() {
        let mut generator = Generator::new([3; 32]);
        let (mut onward, backward) = (Rewrite::new(), Rewrite::new());
        let mut whole = sender_report(1, 2, 3, 4);
        whole.extend(description(1, b"abc"));
        for place in 0..whole.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] = byte;
                let _ = translate(&mut bytes, &mut onward, &backward, &mut generator);
                let _ = translate(&mut bytes[..place], &mut onward, &backward, &mut generator);
            }
        }
    }

    /// Outbound SSRC, lower half of the index and clock shift of a source's first packet.
    fn rename(
        rewrite: &mut Rewrite,
        ssrc: u32,
        index: PacketIndex,
        generator: &mut Generator,
    ) -> (u32, u32, u32) {
        let source = SourceId { ssrc: Ssrc(ssrc), epoch: 0 };
        let renamed = rewrite.rename(source, index, Timestamp(0), generator).unwrap();
        (renamed.ssrc.0, u32::try_from(renamed.index.as_u64()).unwrap(), renamed.timestamp.0)
    }

    fn sender_report(sender: u32, clock: u32, about: u32, highest: u32) -> Vec<u8> {
        let words = [sender, 0, 0, clock, 10, 1000, about, 0, highest, 0, 0, 0];
        let mut bytes = vec![0x81, 200, 0, 12];
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        bytes
    }

    fn description(sender: u32, cname: &[u8]) -> Vec<u8> {
        let mut chunk = sender.to_be_bytes().to_vec();
        chunk.extend([1, u8::try_from(cname.len()).unwrap()]);
        chunk.extend(cname);
        chunk.push(0);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        let mut bytes = vec![0x81, DESCRIPTION, 0, u8::try_from(chunk.len() / 4).unwrap()];
        bytes.extend(chunk);
        bytes
    }

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
    }
}
