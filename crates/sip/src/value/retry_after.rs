use bytes::{BufMut, BytesMut};

use super::delta_seconds::put_number;
use super::{DeltaSeconds, HeaderValue};
use crate::grammar::{Malformed, trim};
use crate::writer::put_line_safe;
use crate::{HeaderName, Headers, Params, Text};

/// When to come back (RFC 3261 section 20.33).
///
/// `Retry-After = delta-seconds [comment] *(SEMI ("duration" EQUAL delta-seconds / generic-param))`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryAfter {
    /// After so many seconds.
    pub seconds: u32,
    /// What stands between the parentheses, as written; it may say where somebody is.
    comment: Option<Text>,
    /// How long the peer will then be there, in seconds.
    pub duration: Option<u32>,
    /// The other parameters.
    pub params: Params,
}

impl RetryAfter {
    /// Come back after so many seconds.
    pub fn new(seconds: u32) -> RetryAfter {
        RetryAfter { seconds, comment: None, duration: None, params: Params::default() }
    }

    /// The comment as written, without the parentheses around it.
    pub fn comment(&self) -> Option<&Text> {
        self.comment.as_ref()
    }
}

impl Headers {
    /// The seconds after which to come back, where a Retry-After says so in a way that can be read.
    pub fn retry_after(&self) -> Option<u32> {
        let read = self.read::<RetryAfter>(&HeaderName::RETRY_AFTER)?;
        read.ok().map(|retry_after| retry_after.seconds)
    }
}

impl HeaderValue for RetryAfter {
    fn read(value: &Text) -> Result<RetryAfter, Malformed> {
        let text = trim(value.as_str());
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at_checked(end).ok_or(NOT_SECONDS)?;
        let seconds = DeltaSeconds::of(digits).ok_or(NOT_SECONDS)?;
        let rest = trim(rest);
        let (comment, rest) = match rest.strip_prefix('(') {
            Some(inner) => {
                let (comment, rest) = comment(inner)?;
                (Some(value.part(comment)), rest)
            }
            None => (None, rest),
        };
        let mut params = Params::parse(value, rest)?;
        let duration = match params.take("duration") {
            None => None,
            Some(digits) => {
                let seconds = digits.as_ref().and_then(|digits| DeltaSeconds::of(digits.as_str()));
                Some(seconds.ok_or(Malformed("a duration is not a number of seconds"))?)
            }
        };
        Ok(RetryAfter { seconds, comment, duration, params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, self.seconds);
        if let Some(comment) = &self.comment {
            out.put_slice(b" (");
            put_line_safe(out, comment.as_bytes());
            out.put_u8(b')');
        }
        if let Some(duration) = self.duration {
            out.put_slice(b";duration=");
            put_number(out, duration);
        }
        self.params.write_to(out);
    }
}

/// Reads up to the parenthesis that closes the one before `text`; comments nest (RFC 3261 §25.1). Returns what is inside and
/// what follows.
fn comment(text: &str) -> Result<(&str, &str), Malformed> {
    let mut depth = 1_usize;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (inside, rest) = text.split_at_checked(at).ok_or(UNFINISHED)?;
            return Ok((inside, rest.strip_prefix(')').ok_or(UNFINISHED)?));
        }
    }
    Err(UNFINISHED)
}

const NOT_SECONDS: Malformed = Malformed("Retry-After is not a number of seconds");

const UNFINISHED: Malformed = Malformed("a comment is not closed");

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn a_time_to_come_back_is_read_past_its_comment() {
        for (value, seconds) in [("120 (here, and there)", Some(120)), ("0;x", Some(0)), ("soon", None)] {
            let mut headers = Headers::new();
            headers.push(HeaderName::RETRY_AFTER, value);
            assert_eq!(headers.retry_after(), seconds, "{value}");
        }
        assert_eq!(Headers::new().retry_after(), None);
    }

    #[test]
    fn the_examples_of_rfc_3261_are_read() {
        for (text, out) in [
            ("18000;duration=3600", "18000;duration=3600"),
            ("120 (I'm in a meeting)", "120 (I'm in a meeting)"),
            ("5(a (b;c) \\) d) ; Duration = 7;x", "5 (a (b;c) \\) d);duration=7;x"),
            ("0 ()", "0 ()"),
            ("99999999999", "4294967295"),
        ] {
            assert_eq!(written::<RetryAfter>(text), out);
        }
        let meeting = RetryAfter::parse("120 (I'm in a meeting)").unwrap();
        assert_eq!((meeting.seconds, meeting.comment().unwrap().as_str()), (120, "I'm in a meeting"));
    }

    #[test]
    fn malformed_times_are_refused() {
        for text in [
            "",
            "soon",
            "-5",
            "5 minutes",
            "5 (a",
            "5 (a))",
            "5 (a\\)",
            "5;duration=x",
            "5;duration",
            "5;;",
            "(x)",
            "5 (a) (b)",
        ] {
            assert!(RetryAfter::parse(text).is_err(), "{text}");
        }
    }
}
