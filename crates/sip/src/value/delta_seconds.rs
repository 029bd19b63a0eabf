use std::fmt::Write;

use bytes::BytesMut;

use super::HeaderValue;
use crate::grammar::{Malformed, number, trim};
use crate::{HeaderName, Headers, Text};

/// A time in seconds: Expires (RFC 3261 section 20.19), Min-Expires (20.23), Flow-Timer (RFC 5626 section 11.2).
///
/// `delta-seconds = 1*DIGIT`. The range ends at 2^32 - 1 (section 20.19); what is larger counts as that, as section 20.10
/// allows: whoever wrote it wanted a long time, and gets what the site grants. Anything else, a parameter or a comment
/// behind the digits included, is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeltaSeconds(pub u32);

impl DeltaSeconds {
    /// What a lifetime counts as that is no number (RFC 3261 section 20.10): RFC 2543 wrote dates there.
    pub const UNREADABLE: DeltaSeconds = DeltaSeconds(3_600);

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

impl Headers {
    /// How long what a REGISTER or its answer speaks of shall last, in seconds: the Expires header. What is no number counts
    /// as [`DeltaSeconds::UNREADABLE`], as it does in a Contact (RFC 4475 section 3.1.2.4).
    pub fn lifetime(&self) -> Option<u32> {
        let read = self.read::<DeltaSeconds>(&HeaderName::EXPIRES)?;
        Some(read.unwrap_or(DeltaSeconds::UNREADABLE).0)
    }
}

/// How many hops a request may still make (RFC 3261 section 20.22): `1*DIGIT`, 0 to 255.
///
/// More than 255 is malformed, not 255: section 20.22 ends the range there, and a count that somebody else may read
/// otherwise does not end a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxForwards(pub u8);

impl MaxForwards {
    pub(crate) fn of(digits: &str) -> Result<MaxForwards, Malformed> {
        number(digits, u64::from(u8::MAX))
            .and_then(|hops| u8::try_from(hops).ok())
            .map(MaxForwards)
            .ok_or(Malformed("Max-Forwards is not 0 to 255"))
    }
}

impl HeaderValue for MaxForwards {
    fn read(value: &Text) -> Result<MaxForwards, Malformed> {
        MaxForwards::of(trim(value.as_str()))
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, u32::from(self.0));
    }
}

pub(super) fn put_number(out: &mut BytesMut, number: u32) {
    write!(out, "{number}").expect("a buffer grows as it is written to");
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
        for text in [
            "",
            "-1",
            "+1",
            "1h",
            "1 2",
            "1;x",
            "1 (soon)",
            "1,2",
            "0x10",
            "1.5",
            "\u{ff15}",
            "Thu, 01 Dec 1994 16:00:00 GMT",
        ] {
            assert!(DeltaSeconds::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_lifetime_that_is_no_number_is_an_hour() {
        let lifetime = |value: &str| {
            let mut headers = Headers::new();
            headers.push(HeaderName::EXPIRES, value);
            headers.lifetime()
        };
        for (value, seconds) in [
            ("0", 0),
            ("60", 60),
            ("4294967296", u32::MAX),
            ("60;x", 3_600),
            ("", 3_600),
            ("Thu, 01 Dec 1994 16:00:00 GMT", 3_600),
        ] {
            assert_eq!(lifetime(value), Some(seconds), "{value}");
        }
        assert_eq!(Headers::new().lifetime(), None);
    }

    #[test]
    fn hops_are_0_to_255() {
        for (text, out) in [("0", "0"), ("70", "70"), ("255", "255"), (" 0070 ", "70")] {
            assert_eq!(written::<MaxForwards>(text), out);
        }
        for text in ["", "256", "300", "-1", "+7", "7x", "7 0", "7;x", "99999999999999999999"] {
            assert!(MaxForwards::parse(text).is_err(), "{text}");
        }
    }
}
