//! Which codecs a leg may use.

use std::str::FromStr;

use cordon_sdp::Codec;

use crate::refusal::Refusal;

/// The codecs that are accepted on a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecRule {
    /// Every audio codec.
    Any,
    /// These and no others.
    Only(Vec<CodecName>),
}

impl CodecRule {
    /// True where the codec may stand in an offer or an answer.
    pub fn allows(&self, codec: &Codec) -> bool {
        match self {
            CodecRule::Any => true,
            CodecRule::Only(list) => list.iter().any(|name| name.is(codec)),
        }
    }

    /// What is left of `codecs`, in their order.
    pub(super) fn admit(&self, codecs: Vec<Codec>) -> Result<Vec<Codec>, Refusal> {
        let left: Vec<Codec> = codecs.into_iter().filter(|codec| self.allows(codec)).collect();
        // Tones and comfort noise ride along with a codec; alone they are no conversation.
        match left.iter().any(Codec::carries_audio) {
            true => Ok(left),
            false => Err(Refusal::NoCodec),
        }
    }
}

/// A codec by the name of RFC 3551 and its successors, and its clock rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecName {
    name: String,
    /// The rates it is accepted at.
    clock_rate: Option<u32>,
}

impl CodecName {
    /// True where `codec` is the one named here: same name whatever the case, and same clock rate.
    pub fn is(&self, codec: &Codec) -> bool {
        match self.clock_rate {
            Some(rate) => codec.is(&self.name, rate),
            None => codec.name.is_like(&self.name),
        }
    }
}

/// A codec is written as `name` or `name/rate` with letters, digits, `-`, `_`, `.` and `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a codec is a name such as PCMU, or name and clock rate such as opus/48000")]
pub struct UnreadableCodec;

impl FromStr for CodecName {
    type Err = UnreadableCodec;

    /// Reads `PCMU` or `PCMU/8000`. Without a rate the registered one counts; `telephone-event` and `CN` follow
    /// the clock of the codec they ride along with, so without a rate they match any, as unknown names do.
    fn from_str(text: &str) -> Result<CodecName, UnreadableCodec> {
        let (name, rate) = match text.split_once('/') {
            Some((name, rate)) => {
                let rate = rate.parse().ok().filter(|rate: &u32| *rate > 0).ok_or(UnreadableCodec)?;
                (name, Some(rate))
            }
            None => (text, registered_rate(text)),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_name) {
            return Err(UnreadableCodec);
        }
        Ok(CodecName { name: name.to_owned(), clock_rate: rate })
    }
}

/// The clock rate a name is registered with, where it has exactly one. G722 is 8000 there although it samples at
/// 16000 (RFC 3551 §4.5.2).
fn registered_rate(name: &str) -> Option<u32> {
    RATES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, rate)| *rate)
}

const RATES: [(&str, u32); 11] = [
    ("PCMU", 8000),
    ("PCMA", 8000),
    ("G722", 8000),
    ("G729", 8000),
    ("G723", 8000),
    ("G728", 8000),
    ("GSM", 8000),
    ("iLBC", 8000),
    ("AMR", 8000),
    ("AMR-WB", 16000),
    ("opus", 48000),
];

/// Longer than any registered encoding name.
const MAX_NAME: usize = 32;

#[cfg(test)]
mod tests {
    use cordon_rtp::PayloadType;

    use super::*;

    fn codec(name: &str, rate: u32) -> Codec {
        Codec::new(PayloadType(96), name, rate)
    }

    fn only(names: &[&str]) -> CodecRule {
        CodecRule::Only(names.iter().map(|name| name.parse().unwrap()).collect())
    }

    #[test]
    fn codecs_match_by_name_whatever_the_case_and_by_clock_rate() {
        let rule = only(&["PCMU", "opus"]);
        assert!(rule.allows(&codec("pcmu", 8000)));
        assert!(!rule.allows(&codec("PCMU", 16000)));
        assert!(rule.allows(&codec("OPUS", 48000)));
        assert!(!rule.allows(&codec("PCMA", 8000)));
    }

    #[test]
    fn telephone_events_are_accepted_at_the_clock_of_any_codec() {
        let rule = only(&["telephone-event"]);
        assert!(rule.allows(&codec("telephone-event", 8000)));
        assert!(rule.allows(&codec("telephone-event", 48000)));
        assert!(!only(&["telephone-event/8000"]).allows(&codec("telephone-event", 48000)));
    }

    #[test]
    fn tones_and_comfort_noise_alone_are_no_codec() {
        let left = CodecRule::Any.admit(vec![codec("telephone-event", 8000), codec("CN", 8000)]);
        assert_eq!(left.unwrap_err(), Refusal::NoCodec);
    }

    #[test]
    fn what_is_left_keeps_the_order_of_the_peer() {
        let offered = vec![
            codec("G722", 8000),
            codec("PCMA", 8000),
            codec("telephone-event", 8000),
            codec("PCMU", 8000),
        ];
        let left = only(&["PCMU", "PCMA", "telephone-event"]).admit(offered).unwrap();
        let names: Vec<&str> = left.iter().map(|codec| codec.name.as_str()).collect();
        assert_eq!(names, ["PCMA", "telephone-event", "PCMU"]);
    }

    #[test]
    fn a_codec_that_is_not_a_name_and_a_rate_is_not_read() {
        for text in ["", "PCMU/", "PCMU/0", "PCMU/x", "PC MU", "a/b/c"] {
            assert_eq!(text.parse::<CodecName>(), Err(UnreadableCodec), "{text}");
        }
    }
}
