use crate::message::MAX_BODY;
use crate::rule::{Fault, Rule};

/// The one authority on Content-Length: framer and parser both ask it, so that they cannot disagree on where a
/// message ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContentLength {
    value: Option<usize>,
    /// The first thing wrong with it; told when the head is complete, so that the answer can name who is answered.
    fault: Option<Fault>,
}

impl ContentLength {
    /// Takes the value of one Content-Length header: digits only, once per message even if equal, at most what a
    /// body may be.
    pub(crate) fn note(&mut self, value: &[u8]) {
        let read = match self.value {
            Some(_) => Err(ambiguous("Content-Length stands twice")),
            None => read(value),
        };
        match read {
            Ok(length) => self.value = Some(length),
            Err(fault) => {
                self.fault.get_or_insert(fault);
            }
        }
    }

    /// The length of the body, when one was given.
    pub(crate) fn given(&self) -> Result<Option<usize>, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.value),
        }
    }

    /// The length of the body where it must be given: on every stream (RFC 3261 §18.3).
    pub(crate) fn required(&self) -> Result<usize, Fault> {
        self.given()?.ok_or(ambiguous("Content-Length is missing"))
    }
}

fn read(value: &[u8]) -> Result<usize, Fault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(ambiguous("Content-Length is not a number"));
    }
    let length = value.iter().try_fold(0_u32, |length, digit| {
        let digit = u32::from(digit.checked_sub(b'0')?);
        length.checked_mul(10)?.checked_add(digit).filter(|length| *length <= MAX_AGREED)
    });
    let length = length.ok_or(ambiguous("Content-Length is a number that readers wrap"))?;
    match usize::try_from(length) {
        Ok(length) if length <= MAX_BODY => Ok(length),
        _ => Err(Fault::new(Rule::BodySize, "the body is larger than 64 kB")),
    }
}

pub(crate) const fn ambiguous(reason: &'static str) -> Fault {
    Fault::new(Rule::ContentLength, reason)
}

/// Above it other readers, with 31 or 32 bits, see another number, which makes it as ambiguous as two of them.
const MAX_AGREED: u32 = (1 << 31) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(value: &str) -> Result<usize, Fault> {
        let mut length = ContentLength::default();
        length.note(value.as_bytes());
        length.required()
    }

    #[test]
    fn only_plain_digits_are_a_length() {
        for value in ["", "+5", "-1", "0x5", "5 5", "5,5", "\u{ff15}", "5;x", "5\r\n 5"] {
            assert_eq!(noted(value).map_err(|fault| fault.rule), Err(Rule::ContentLength), "{value}");
        }
        assert_eq!(noted("007"), Ok(7));
    }

    #[test]
    fn a_number_that_wraps_is_ambiguous_and_a_large_one_too_large() {
        for value in ["2147483648", "4294967296", "4294967328", "9223372036854775808", "18446744073709551616"]
        {
            assert_eq!(noted(value).map_err(|fault| fault.rule), Err(Rule::ContentLength), "{value}");
        }
        for value in ["65537", "99999999", "2147483647"] {
            assert_eq!(noted(value).map_err(|fault| fault.rule), Err(Rule::BodySize), "{value}");
        }
        assert_eq!(noted("65536"), Ok(65_536));
    }

    #[test]
    fn a_second_length_is_refused_even_when_equal() {
        let mut length = ContentLength::default();
        length.note(b"7");
        assert_eq!(length.given(), Ok(Some(7)));
        length.note(b"7");
        assert!(length.given().is_err());
    }

    #[test]
    fn none_is_missing_where_it_must_be_there() {
        assert_eq!(ContentLength::default().given(), Ok(None));
        assert!(ContentLength::default().required().is_err());
    }
}
