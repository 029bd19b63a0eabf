use bytes::{BufMut, BytesMut};

use super::delta_seconds::put_number;
use super::{CSeq, HeaderValue};
use crate::Text;
use crate::grammar::{Malformed, is_lws, number, trim};

/// The number of a reliable provisional response (RFC 3262 section 7.1).
///
/// `RSeq = 1*DIGIT`, from 1 to 2^32 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RSeq(pub u32);

impl HeaderValue for RSeq {
    fn read(value: &Text) -> Result<RSeq, Malformed> {
        response_number(trim(value.as_str())).map(RSeq)
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, self.0);
    }
}

/// Which provisional response a PRACK acknowledges (RFC 3262 section 7.2).
///
/// `RAck = response-num LWS CSeq-num LWS Method`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response.
    pub rseq: u32,
    /// The CSeq of the response.
    pub cseq: CSeq,
}

impl HeaderValue for RAck {
    fn read(value: &Text) -> Result<RAck, Malformed> {
        let (rseq, cseq) = trim(value.as_str()).split_once(is_lws).ok_or(Malformed("RAck has no CSeq"))?;
        Ok(RAck { rseq: response_number(rseq)?, cseq: CSeq::read(&value.part(trim(cseq)))? })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, self.rseq);
        out.put_u8(b' ');
        self.cseq.write_to(out);
    }
}

fn response_number(digits: &str) -> Result<u32, Malformed> {
    number(digits, u64::from(u32::MAX))
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
        .ok_or(Malformed("the number of a reliable response is not 1 to 2^32 - 1"))
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_3262_are_read() {
        assert_eq!(written::<RSeq>("988789"), "988789");
        assert_eq!(written::<RAck>("776656 1 INVITE"), "776656 1 INVITE");
        assert_eq!(written::<RAck>("4294967295 \t 2 INVITE"), "4294967295 2 INVITE");
    }

    #[test]
    fn malformed_acknowledgements_are_refused() {
        for text in ["", "0", "4294967296", "1 2", "x", "-1"] {
            assert!(RSeq::parse(text).is_err(), "{text}");
        }
        for text in ["", "1", "1 2", "1 INVITE", "0 1 INVITE", "1 2147483648 INVITE", "1 1 INVITE x"] {
            assert!(RAck::parse(text).is_err(), "{text}");
        }
    }
}
