use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use crate::Text;
use crate::grammar::{Malformed, number, trim};

/// A time in seconds: Expires (RFC 3261 section 20.19), Min-Expires (20.23), Flow-Timer (RFC 5626 section 11.2).
///
/// `delta-seconds = 1*DIGIT`; what is too large for 32 bits counts as the largest, as section 20.19 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeltaSeconds(pub u32);

impl DeltaSeconds {
    /// Reads digits that stand within another value.
    pub(crate) fn of(digits: &str) -> Option<u32> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(number(digits, u64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX))
    }
}

impl HeaderValue for DeltaSeconds {
    fn read(value: &Text) -> Result<DeltaSeconds, Malformed> {
        DeltaSeconds::of(trim(value.as_str()))
            .map(DeltaSeconds)
            .ok_or(Malformed("a time is not a number of seconds"))
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, self.0);
    }
}

/// How many hops a request may still make (RFC 3261 section 20.22): `1*DIGIT`, 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxForwards(pub u8);

impl HeaderValue for MaxForwards {
    fn read(value: &Text) -> Result<MaxForwards, Malformed> {
        number(trim(value.as_str()), u64::from(u8::MAX))
            .and_then(|hops| u8::try_from(hops).ok())
            .map(MaxForwards)
            .ok_or(Malformed("Max-Forwards is not 0 to 255"))
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, u32::from(self.0));
    }
}

pub(super) fn put_number(out: &mut BytesMut, number: u32) {
    out.put_slice(number.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn seconds_are_digits_and_never_wrap() {
        for (text, seconds) in [
            ("5", 5),
            (" 60 ", 60),
            ("0", 0),
            ("007", 7),
            ("4294967296", u32::MAX),
            ("99999999999999999999999", u32::MAX),
        ] {
            assert_eq!(DeltaSeconds::parse(text), Ok(DeltaSeconds(seconds)), "{text}");
            assert_eq!(written::<DeltaSeconds>(text), seconds.to_string());
        }
        for text in ["", "-1", "+1", "1h", "1 2", "1;x", "\u{ff15}", "Thu, 01 Dec 1994 16:00:00 GMT"] {
            assert!(DeltaSeconds::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hops_are_0_to_255() {
        for text in ["0", "70", "255"] {
            assert_eq!(written::<MaxForwards>(text), text);
        }
        for text in ["", "256", "300", "-1", "7x"] {
            assert!(MaxForwards::parse(text).is_err(), "{text}");
        }
    }
}
