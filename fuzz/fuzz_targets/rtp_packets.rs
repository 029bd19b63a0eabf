//! RTP headers and what a datagram is taken for: never a panic, and a packet is read as RFC 3550 section 5.1 draws it.
#![no_main]

use cordon_rtp::{Kind, PayloadType, RtpHeader, RtpHeaderMut, Seq, Ssrc, Timestamp, demux};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let expected = header_len(data);
    let header = RtpHeader::parse_protected(data);
    assert_eq!(header.map(|header| header.header_len()), expected);
    assert!(demux(data) != Kind::Rtp || (data[0] >> 6 == 2 && !(192..224).contains(&data[1])));
    let Some(header) = header else {
        assert!(RtpHeader::parse(data).is_none());
        return;
    };
    assert_eq!(header.seq(), Seq(u16::from_be_bytes([data[2], data[3]])));
    assert_eq!(header.timestamp(), Timestamp(word(data, 4)));
    assert_eq!(header.ssrc(), Ssrc(word(data, 8)));
    assert_eq!((header.payload_type(), header.marker()), (PayloadType(data[1] & 0x7f), data[1] > 0x7f));
    let padding = if data[0] & 0x20 == 0 { 0 } else { usize::from(data[data.len() - 1]) };
    let is_padded_right = data[0] & 0x20 == 0 || (padding > 0 && header.header_len() + padding <= data.len());
    match RtpHeader::parse(data) {
        Some(clear) => {
            assert!(is_padded_right);
            assert_eq!(clear.payload(), &data[header.header_len()..data.len() - padding]);
        }
        None => assert!(!is_padded_right),
    }
    let mut packet = data.to_vec();
    if let Some(mut rewritten) = RtpHeaderMut::parse(&mut packet) {
        rewritten.set_ssrc(Ssrc(7));
        rewritten.set_seq(Seq(8));
        rewritten.set_timestamp(Timestamp(9));
    }
    assert_eq!((&packet[..2], &packet[12..]), (&data[..2], &data[12..]), "nothing else is touched");
    assert_eq!(packet[2..12], [0, 8, 0, 0, 0, 9, 0, 0, 0, 7]);
});

/// Twelve bytes, the contributing sources, and the extension with its own length.
fn header_len(data: &[u8]) -> Option<usize> {
    let first = *data.first().filter(|first| **first >> 6 == 2)?;
    let sources = 12 + 4 * usize::from(first & 0x0f);
    let length = match first & 0x10 {
        0 => sources,
        _ => {
            sources
                + 4
                + 4 * usize::from(u16::from_be_bytes([*data.get(sources + 2)?, *data.get(sources + 3)?]))
        }
    };
    (length <= data.len()).then_some(length)
}

fn word(data: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
}
