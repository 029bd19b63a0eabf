//! The codecs of a session as whoever relays it must know them: payload type, media clock, and how loss is heard.

use std::num::NonZeroU32;

use crate::PayloadType;

/// A codec that somebody can be heard with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioCodec {
    /// The payload type it goes by in the session.
    pub payload_type: PayloadType,
    /// How it codes.
    pub coding: Coding,
    /// Ticks of its media clock in a second.
    pub clock_rate: NonZeroU32,
}

/// How a codec codes, as far as the E-model tells codecs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// G.711, A-law or µ-law.
    G711,
    /// G.729, with or without its annexes.
    G729,
    /// G.723.1.
    G7231,
    /// GSM enhanced full rate.
    GsmEfr,
    /// A wideband codec that conceals loss: G.722, Opus.
    Wideband,
    /// One without published impairments.
    Other,
}

/// The codecs a peer may send, the first ones it named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioCodecs([Option<AudioCodec>; MAX_CODECS]);

impl Coding {
    /// By its encoding name in a session description, in any case.
    pub fn named(name: &str) -> Coding {
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Coding::Other, |(_, coding)| *coding)
    }
}

impl AudioCodecs {
    /// The codec behind a payload type: what the session says, else what RFC 3551 fixed.
    pub fn find(&self, payload_type: PayloadType) -> Option<AudioCodec> {
        let said = self.0.iter().flatten().find(|codec| codec.payload_type == payload_type).copied();
        said.or_else(|| fixed(payload_type))
    }
}

impl FromIterator<AudioCodec> for AudioCodecs {
    /// Takes the first ones: peers send what they named first.
    fn from_iter<I: IntoIterator<Item = AudioCodec>>(codecs: I) -> AudioCodecs {
        let mut places = [None; MAX_CODECS];
        places.iter_mut().zip(codecs).for_each(|(place, codec)| *place = Some(codec));
        AudioCodecs(places)
    }
}

/// RFC 3551 §6, table 4. The clock of G.722 is 8,000 by an old mistake that stays.
fn fixed(payload_type: PayloadType) -> Option<AudioCodec> {
    let coding = match payload_type.0 {
        0 | 8 => Coding::G711,
        3 => Coding::Other,
        4 => Coding::G7231,
        9 => Coding::Wideband,
        18 => Coding::G729,
        _ => return None,
    };
    Some(AudioCodec { payload_type, coding, clock_rate: TELEPHONE_CLOCK })
}

const NAMES: [(&str, Coding); 7] = [
    ("PCMU", Coding::G711),
    ("PCMA", Coding::G711),
    ("G729", Coding::G729),
    ("G723", Coding::G7231),
    ("GSM-EFR", Coding::GsmEfr),
    ("G722", Coding::Wideband),
    ("opus", Coding::Wideband),
];
/// Codecs kept of a session: phones name three to six and talk with the first that both have.
const MAX_CODECS: usize = 6;
/// Nearly every telephone codec's.
const TELEPHONE_CLOCK: NonZeroU32 = NonZeroU32::new(8000).expect("it is not zero");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_session_says_comes_before_the_fixed_table() {
        let opus = codec(111, "OPUS", 48_000);
        let odd = codec(0, "G729", 8000);
        let codecs = AudioCodecs::from_iter([opus, odd]);

        assert_eq!(codecs.find(PayloadType(111)), Some(opus));
        assert_eq!(codecs.find(PayloadType(0)).map(|codec| codec.coding), Some(Coding::G729));
        assert_eq!(codecs.find(PayloadType(8)).map(|codec| codec.coding), Some(Coding::G711));
        assert_eq!(codecs.find(PayloadType(101)), None, "telephone events are no audio");
    }

    #[test]
    fn a_hundred_codecs_take_no_more_room_than_six() {
        let codecs: AudioCodecs = (0..100).map(|number| codec(number, "speex", 16_000)).collect();
        assert!(codecs.find(PayloadType(5)).is_some());
        assert_eq!(codecs.find(PayloadType(6)), None);
    }

    fn codec(payload_type: u8, name: &str, clock_rate: u32) -> AudioCodec {
        let clock_rate = NonZeroU32::new(clock_rate).unwrap();
        AudioCodec { payload_type: PayloadType(payload_type), coding: Coding::named(name), clock_rate }
    }
}
