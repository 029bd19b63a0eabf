//! A checked view of an RTP packet.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! |                           timestamp                           |
//! |                              SSRC                             |
//! |                    CC contributing sources                    |
//! | X: profile            | X: length in words | words ...        |
//! ```

use crate::{PayloadType, Seq, Ssrc, Timestamp};

/// An RTP packet whose header is known to lie inside its bytes (RFC 3550 §5.1, §5.3.1).
#[derive(Clone, Copy)]
pub struct RtpHeader<'a> {
    bytes: &'a [u8],
    fixed: [u8; FIXED],
    header_len: usize,
    /// Where the payload ends: before the padding, or at the end where padding is not yet readable.
    payload_end: usize,
}

impl<'a> RtpHeader<'a> {
    /// A view of a packet in clear: version, CSRC list, extension and padding all fit.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut header = Self::parse_protected(bytes)?;
        if header.fixed.first()? & PADDING != 0 {
            let padding = usize::from(*bytes.last()?);
            header.payload_end = bytes.len().checked_sub(padding)?;
            if padding == 0 || header.payload_end < header.header_len {
                return None;
            }
        }
        Some(header)
    }

    /// A view of a packet whose payload is still encrypted: padding is inside and not looked at (RFC 3711 §3.1).
    pub fn parse_protected(bytes: &'a [u8]) -> Option<Self> {
        let fixed: [u8; FIXED] = *bytes.first_chunk()?;
        let first = *fixed.first()?;
        if first >> 6 != VERSION {
            return None;
        }
        let mut header_len = FIXED + 4 * usize::from(first & CSRC_COUNT);
        if first & EXTENSION != 0 {
            let extension: [u8; 4] = *bytes.get(header_len..)?.first_chunk()?;
            let [_, _, high, low] = extension;
            header_len += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        if header_len > bytes.len() {
            return None;
        }
        Some(Self { bytes, fixed, header_len, payload_end: bytes.len() })
    }

    /// The stream this packet belongs to.
    pub fn ssrc(&self) -> Ssrc {
        let [.., a, b, c, d] = self.fixed;
        Ssrc(u32::from_be_bytes([a, b, c, d]))
    }

    /// The packet's number in its stream.
    pub fn seq(&self) -> Seq {
        let [_, _, high, low, ..] = self.fixed;
        Seq(u16::from_be_bytes([high, low]))
    }

    /// The media clock when the first sample was taken.
    pub fn timestamp(&self) -> Timestamp {
        let [_, _, _, _, a, b, c, d, ..] = self.fixed;
        Timestamp(u32::from_be_bytes([a, b, c, d]))
    }

    /// The codec, as numbered by the session description.
    pub fn payload_type(&self) -> PayloadType {
        let [_, second, ..] = self.fixed;
        PayloadType(second & !MARKER)
    }

    /// The marker bit: for audio, the start of a talk spurt (RFC 3551 §4.1).
    pub fn marker(&self) -> bool {
        let [_, second, ..] = self.fixed;
        second & MARKER != 0
    }

    /// Bytes before the payload: fixed header, CSRC list and extension.
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// The payload, without padding where the view was made by [`RtpHeader::parse`].
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.header_len..self.payload_end).unwrap_or_default()
    }
}

/// The fixed header of an RTP packet, to be rewritten in place.
pub struct RtpHeaderMut<'a> {
    fixed: &'a mut [u8; FIXED],
}

impl<'a> RtpHeaderMut<'a> {
    /// The fixed header of `bytes`, if it has one of version 2.
    pub fn parse(bytes: &'a mut [u8]) -> Option<Self> {
        let fixed: &mut [u8; FIXED] = bytes.first_chunk_mut()?;
        let [first, ..] = *fixed;
        (first >> 6 == VERSION).then_some(Self { fixed })
    }

    /// Names the stream.
    pub fn set_ssrc(&mut self, ssrc: Ssrc) {
        let [.., a, b, c, d] = self.fixed;
        [*a, *b, *c, *d] = ssrc.0.to_be_bytes();
    }

    /// Numbers the packet.
    pub fn set_seq(&mut self, seq: Seq) {
        let [_, _, high, low, ..] = self.fixed;
        [*high, *low] = seq.0.to_be_bytes();
    }

    /// Sets the media clock.
    pub fn set_timestamp(&mut self, timestamp: Timestamp) {
        let [_, _, _, _, a, b, c, d, ..] = self.fixed;
        [*a, *b, *c, *d] = timestamp.0.to_be_bytes();
    }

    /// Names the codec; bits above the lower seven are dropped, the marker stays.
    pub fn set_payload_type(&mut self, payload_type: PayloadType) {
        let [_, second, ..] = self.fixed;
        *second = (*second & MARKER) | (payload_type.0 & !MARKER);
    }

    /// Sets or clears the marker bit.
    pub fn set_marker(&mut self, marker: bool) {
        let [_, second, ..] = self.fixed;
        *second = (*second & !MARKER) | if marker { MARKER } else { 0 };
    }
}

/// Bytes of the header that every RTP packet has.
const FIXED: usize = 12;
const VERSION: u8 = 2;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const CSRC_COUNT: u8 = 0x0f;
const MARKER: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0x88, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef, 1, 2];

    #[test]
    fn every_field_is_read_where_it_stands() {
        let header = RtpHeader::parse(&PLAIN).unwrap();
        assert_eq!(header.ssrc(), Ssrc(0xdead_beef));
        assert_eq!(header.seq(), Seq(0x1234));
        assert_eq!(header.timestamp(), Timestamp(9));
        assert_eq!(header.payload_type(), PayloadType(8));
        assert!(header.marker());
        assert_eq!((header.header_len(), header.payload()), (12, &[1, 2][..]));
    }

    #[test]
    fn csrc_list_extension_and_padding_are_left_out_of_the_payload() {
        let mut bytes = vec![0xb1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        bytes.extend([7; 4]);
        bytes.extend([0xbe, 0xde, 0, 1, 5, 5, 5, 5]);
        bytes.extend([42, 0, 0, 3]);
        let header = RtpHeader::parse(&bytes).unwrap();
        assert_eq!((header.header_len(), header.payload()), (24, &[42][..]));
    }

    #[test]
    fn lengths_that_leave_the_packet_are_refused() {
        let with = |place: usize, byte: u8| {
            let mut bytes = PLAIN;
            bytes[place] = byte;
            bytes
        };
        assert!(RtpHeader::parse(&PLAIN[..11]).is_none());
        assert!(RtpHeader::parse(&with(0, 0x40)).is_none(), "version 1");
        assert!(RtpHeader::parse(&with(0, 0x8f)).is_none(), "15 contributing sources");
        assert!(RtpHeader::parse(&with(0, 0x90)).is_none(), "an extension without room for its header");
        let extension = [&[0x90_u8][..], &PLAIN[1..12], &[0, 0, 0xff, 0xff]].concat();
        assert!(RtpHeader::parse(&extension).is_none(), "an extension of 65,535 words");
        let mut padded = with(0, 0xa0);
        padded[13] = 3;
        assert!(RtpHeader::parse(&padded).is_none(), "padding longer than the payload");
        padded[13] = 0;
        assert!(RtpHeader::parse(&padded).is_none(), "padding that does not count itself");
    }

    #[test]
    fn a_rewrite_changes_only_its_field() {
        let mut bytes = PLAIN;
        let mut header = RtpHeaderMut::parse(&mut bytes).unwrap();
        header.set_ssrc(Ssrc(1));
        header.set_seq(Seq(2));
        header.set_timestamp(Timestamp(3));
        header.set_payload_type(PayloadType(101));
        assert_eq!(bytes, [0x80, 0x80 | 101, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 1, 2]);
    }
}
