use std::collections::BTreeMap;

use cordon_rtp::PayloadType;

use crate::{Attribute, Text};

/// One format of an RTP media line: a codec and the payload type it goes by in this session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// The payload type both ends agreed to use for it.
    pub payload_type: PayloadType,
    /// Encoding name; compare it with [`Codec::is`].
    pub name: Text,
    /// Clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, 1 unless stated.
    pub channels: u8,
    /// The value of `a=fmtp` without the payload type, verbatim.
    pub fmtp: Option<Text>,
}

impl Codec {
    /// A codec of ours.
    pub fn new(payload_type: PayloadType, name: &str, clock_rate: u32) -> Self {
        Codec { payload_type, name: name.into(), clock_rate, channels: 1, fmtp: None }
    }

    /// Whether this is the codec of that name (any case) and clock rate.
    pub fn is(&self, name: &str, clock_rate: u32) -> bool {
        self.clock_rate == clock_rate && self.name.is_like(name)
    }

    /// DTMF and tones (RFC 4733): rides along, is no audio of its own.
    pub fn is_telephone_event(&self) -> bool {
        self.name.is_like("telephone-event")
    }

    /// Comfort noise (RFC 3389): rides along, is no audio of its own.
    pub fn is_comfort_noise(&self) -> bool {
        self.name.is_like("CN")
    }

    /// Whether somebody can be heard with it.
    pub fn carries_audio(&self) -> bool {
        !self.is_telephone_event() && !self.is_comfort_noise()
    }

    /// What a format of a media line stands for: its `a=rtpmap`, else the static table.
    ///
    /// Some phones write the number in place of the name (`a=rtpmap:0 0/8000`); no codec is called by digits only, so
    /// for these the static payload type counts.
    pub(crate) fn resolve(format: &str, said: &SaidOfFormats<'_>) -> Option<Codec> {
        let number: u8 = format.parse().ok().filter(|number| *number < 128)?;
        let mapped = said.rtpmap.get(format).copied().and_then(parse_rtpmap);
        let (name, clock_rate, channels) = match mapped {
            Some((name, clock_rate, channels)) if !name.bytes().all(|b| b.is_ascii_digit()) => {
                (name, clock_rate, channels)
            }
            _ => static_codec(number)?,
        };
        let fmtp = said.fmtp.get(format).copied();
        if fmtp.is_some_and(|fmtp| fmtp.len() > MAX_FMTP) {
            return None;
        }
        let fmtp = fmtp.map(Text::from);
        Some(Codec { payload_type: PayloadType(number), name: name.into(), clock_rate, channels, fmtp })
    }

    /// Writes `a=rtpmap` and, when there are parameters, `a=fmtp`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let number = self.payload_type.0;
        out.extend_from_slice(format!("a=rtpmap:{number} ").as_bytes());
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(format!("/{}", self.clock_rate).as_bytes());
        if self.channels != 1 {
            out.extend_from_slice(format!("/{}", self.channels).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if let Some(fmtp) = &self.fmtp {
            out.extend_from_slice(format!("a=fmtp:{number} ").as_bytes());
            out.extend_from_slice(fmtp.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// What a media line says of its formats, read once: a line may have 128 formats and twice as many attributes, and looking
/// for each format in all of them is work a stranger could multiply.
pub(crate) struct SaidOfFormats<'a> {
    rtpmap: BTreeMap<&'a str, &'a str>,
    fmtp: BTreeMap<&'a str, &'a str>,
}

impl<'a> SaidOfFormats<'a> {
    pub(crate) fn of(attributes: &'a [Attribute]) -> Self {
        SaidOfFormats { rtpmap: by_format("rtpmap", attributes), fmtp: by_format("fmtp", attributes) }
    }
}

/// The values of `a=name:FORMAT value` by their format; the first one counts.
fn by_format<'a>(name: &str, attributes: &'a [Attribute]) -> BTreeMap<&'a str, &'a str> {
    let mut values = BTreeMap::new();
    for value in attributes.iter().filter_map(|attribute| attribute.value_of(name)) {
        if let Some((format, rest)) = value.split_once(' ') {
            values.entry(format).or_insert(rest.trim());
        }
    }
    values
}

/// `PCMU/8000` or `opus/48000/2`.
fn parse_rtpmap(value: &str) -> Option<(&str, u32, u8)> {
    let mut parts = value.split('/');
    let name = parts.next().filter(|name| is_encoding_name(name))?;
    let clock_rate = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
    let channels = match parts.next() {
        Some(channels) => channels.parse().ok().filter(|channels| *channels > 0)?,
        None => 1,
    };
    Some((name, clock_rate, channels))
}

/// A token; in particular no blank, so that what is written back has the same meaning.
fn is_encoding_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(|b| b.is_ascii_graphic())
}

/// RFC 3551 §6, tables 4 and 5.
fn static_codec(number: u8) -> Option<(&'static str, u32, u8)> {
    Some(match number {
        0 => ("PCMU", 8_000, 1),
        3 => ("GSM", 8_000, 1),
        4 => ("G723", 8_000, 1),
        5 => ("DVI4", 8_000, 1),
        6 => ("DVI4", 16_000, 1),
        7 => ("LPC", 8_000, 1),
        8 => ("PCMA", 8_000, 1),
        9 => ("G722", 8_000, 1),
        10 => ("L16", 44_100, 2),
        11 => ("L16", 44_100, 1),
        12 => ("QCELP", 8_000, 1),
        13 => ("CN", 8_000, 1),
        14 => ("MPA", 90_000, 1),
        15 => ("G728", 8_000, 1),
        16 => ("DVI4", 11_025, 1),
        17 => ("DVI4", 22_050, 1),
        18 => ("G729", 8_000, 1),
        25 => ("CelB", 90_000, 1),
        26 => ("JPEG", 90_000, 1),
        28 => ("nv", 90_000, 1),
        31 => ("H261", 90_000, 1),
        32 => ("MPV", 90_000, 1),
        33 => ("MP2T", 90_000, 1),
        34 => ("H263", 90_000, 1),
        _ => return None,
    })
}

/// Longer than any registered encoding name.
const MAX_NAME: usize = 64;

/// The parameters of an audio codec, all of them said, are some 200 bytes; each line crosses to the other side.
const MAX_FMTP: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(format: &str, lines: &[&str]) -> Option<(String, u32, u8)> {
        let attributes: Vec<_> = lines
            .iter()
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| Attribute::with_value(name, value))
            .collect();
        let said = SaidOfFormats::of(&attributes);
        Codec::resolve(format, &said).map(|c| (c.name.as_str().to_owned(), c.clock_rate, c.channels))
    }

    #[test]
    fn static_payload_types_need_no_rtpmap() {
        assert_eq!(resolve("0", &[]), Some(("PCMU".into(), 8_000, 1)));
        assert_eq!(resolve("9", &[]), Some(("G722".into(), 8_000, 1)));
        assert_eq!(resolve("96", &[]), None);
    }

    #[test]
    fn a_number_in_place_of_a_name_is_resolved_by_payload_type() {
        assert_eq!(resolve("0", &["rtpmap:0 0/8000"]), Some(("PCMU".into(), 8_000, 1)));
        assert_eq!(resolve("101", &["rtpmap:101 101/8000"]), None);
    }

    #[test]
    fn an_rtpmap_wins_over_the_table_and_may_name_channels() {
        assert_eq!(
            resolve("111", &["rtpmap:0 PCMU/8000", "rtpmap:111 opus/48000/2"]),
            Some(("opus".into(), 48_000, 2))
        );
        assert_eq!(resolve("8", &["rtpmap:8 pcma/8000"]), Some(("pcma".into(), 8_000, 1)));
    }

    #[test]
    fn of_two_rtpmaps_for_one_format_the_first_counts() {
        let said = ["rtpmap:96 opus/48000/2", "rtpmap:96 PCMU/8000"];
        assert_eq!(resolve("96", &said), Some(("opus".into(), 48_000, 2)));
    }

    #[test]
    fn a_broken_rtpmap_counts_as_none() {
        for line in
            ["rtpmap:0 PCMU", "rtpmap:0 PCMU/0", "rtpmap:0 PCMU/x", "rtpmap:0 /8000", "rtpmap:0 P U/8000"]
        {
            assert_eq!(resolve("0", &[line]), Some(("PCMU".into(), 8_000, 1)), "{line}");
            assert_eq!(resolve("97", &[&line.replace(":0", ":97")]), None, "{line}");
        }
    }

    #[test]
    fn formats_that_are_no_payload_types_name_no_codec() {
        for format in ["128", "-1", "t38", "*", ""] {
            assert_eq!(resolve(format, &[]), None);
        }
    }

    #[test]
    fn dtmf_and_comfort_noise_alone_carry_no_audio() {
        assert!(!Codec::new(PayloadType(101), "Telephone-Event", 8_000).carries_audio());
        assert!(!Codec::new(PayloadType(13), "cn", 8_000).carries_audio());
        assert!(Codec::new(PayloadType(0), "PCMU", 8_000).carries_audio());
    }
}
