//! What a packet says: enough to tell who says it, which of its packets it is and when it left.

use std::time::Duration;

/// One packet of voice, before it is protected.
///
/// ```text
///  RTP header, 12 bytes | speaker 4 | number 8 | left at 8, ns | 140 times one byte made of speaker and number
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    /// The leg that speaks.
    pub(crate) speaker: u32,
    /// Counts the packets of its stream from 0.
    pub(crate) number: u64,
    /// When it left, since the generator began.
    pub(crate) left: Duration,
}

impl Voice {
    /// The packet in clear, with the sequence number still to be set.
    pub(crate) fn to_packet(self) -> [u8; PACKET] {
        let mut packet = [self.filling(); PACKET];
        let timestamp = (self.number as u32).wrapping_mul(SAMPLES);
        let left = u64::try_from(self.left.as_nanos()).unwrap_or(u64::MAX);
        let mut rest = packet.as_mut_slice();
        put(&mut rest, &[0x80, 0, 0, 0]);
        put(&mut rest, &timestamp.to_be_bytes());
        put(&mut rest, &(FIRST_SSRC | self.speaker).to_be_bytes());
        put(&mut rest, &self.speaker.to_be_bytes());
        put(&mut rest, &self.number.to_be_bytes());
        put(&mut rest, &left.to_be_bytes());
        packet
    }

    /// What was heard; `None` where it is not word for word what a leg says.
    pub(crate) fn hear(payload: &[u8]) -> Option<Voice> {
        let (speaker, rest) = payload.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (left, filling) = rest.split_first_chunk()?;
        let left = Duration::from_nanos(u64::from_be_bytes(*left));
        let voice =
            Voice { speaker: u32::from_be_bytes(*speaker), number: u64::from_be_bytes(*number), left };
        let is_whole = filling.len() == FILLING && filling.iter().all(|byte| *byte == voice.filling());
        is_whole.then_some(voice)
    }

    fn filling(self) -> u8 {
        (u64::from(self.speaker) ^ self.number) as u8
    }
}

fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    if let Some((place, behind)) = std::mem::take(rest).split_at_mut_checked(bytes.len()) {
        place.copy_from_slice(bytes);
        *rest = behind;
    }
}

/// An RTP header and 20 ms of G.711.
pub(crate) const PACKET: usize = 12 + 160;
const FILLING: usize = 160 - 20;
/// Ticks of the media clock in a packet.
const SAMPLES: u32 = 160;
/// Beside which legs are numbered, so that no SSRC is small.
const FIRST_SSRC: u32 = 0x4c00_0000;

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Voice = Voice { speaker: 7, number: 70_000, left: Duration::from_micros(12_345) };

    #[test]
    fn what_was_said_is_heard() {
        let packet = SAID.to_packet();
        assert_eq!(Voice::hear(&packet[12..]), Some(SAID));
    }

    #[test]
    fn anything_else_is_not_taken_for_voice() {
        let packet = SAID.to_packet();
        let mut bent = packet;
        bent[100] ^= 1;
        assert_eq!(Voice::hear(&bent[12..]), None);
        assert_eq!(Voice::hear(&packet[12..171]), None);
        assert_eq!(Voice::hear(&[]), None);
    }
}
