use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use super::delta_seconds::put_number;
use crate::grammar::{Malformed, is_lws, number, trim};
use crate::writer::put_line_safe;
use crate::{Method, Text};

/// The place of a request in its dialog (RFC 3261 sections 8.1.1.5 and 20.16).
///
/// `CSeq = 1*DIGIT LWS Method`, the number below 2^31.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

impl HeaderValue for CSeq {
    fn read(value: &Text) -> Result<CSeq, Malformed> {
        let (digits, method) =
            trim(value.as_str()).split_once(is_lws).ok_or(Malformed("CSeq has no method"))?;
        let number = number(digits, MAX_CSEQ).and_then(|sequence| u32::try_from(sequence).ok());
        let number = number.ok_or(Malformed("the number of CSeq is not below 2^31"))?;
        Ok(CSeq { number, method: Method::parse(&value.part(trim(method)))? })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, self.number);
        out.put_u8(b' ');
        put_line_safe(out, self.method.as_str().as_bytes());
    }
}

/// RFC 3261 §8.1.1.5.
const MAX_CSEQ: u64 = (1 << 31) - 1;

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn a_number_and_a_method_are_read() {
        for (text, out) in [
            ("4711 INVITE", "4711 INVITE"),
            ("0009 \t INVITE", "9 INVITE"),
            (
                "2147483647 !interesting-Method0123456789_*+`.%indeed'~",
                "2147483647 !interesting-Method0123456789_*+`.%indeed'~",
            ),
            ("0 ACK", "0 ACK"),
        ] {
            assert_eq!(written::<CSeq>(text), out);
        }
    }

    #[test]
    fn malformed_sequences_are_refused() {
        for text in [
            "",
            "1",
            "INVITE",
            "INVITE 1",
            "2147483648 ACK",
            "36893488147419103232 REGISTER",
            "-1 ACK",
            "1 A B",
            "1,ACK",
        ] {
            assert!(CSeq::parse(text).is_err(), "{text}");
        }
    }
}
