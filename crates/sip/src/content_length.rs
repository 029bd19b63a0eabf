use crate::grammar::number;
use crate::head::Fault;
use crate::message::MAX_MESSAGE;

/// The one authority on Content-Length: framer and parser both ask it, so that they cannot disagree on where a
/// message ends.
#[derive(Debug, Default)]
pub(crate) struct ContentLength {
    value: Option<usize>,
}

impl ContentLength {
    /// Whether a header of this name, long or compact, in any case, is ours to read.
    pub(crate) fn is_named(name: &str) -> bool {
        name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l")
    }

    /// Takes the value of one Content-Length header: digits only, once per message even if equal, at most what a
    /// message may be.
    pub(crate) fn note(&mut self, value: &str) -> Result<(), Fault> {
        if self.value.is_some() {
            return Err(Fault::bad("Content-Length stands twice"));
        }
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::bad("Content-Length is not a number"));
        }
        let limit = u64::try_from(MAX_MESSAGE).unwrap_or(u64::MAX);
        let length = number(value, limit).and_then(|length| usize::try_from(length).ok());
        self.value = Some(length.ok_or(Fault::too_large("Content-Length is larger than a message may be"))?);
        Ok(())
    }

    /// The length of the body, when one was given.
    pub(crate) fn value(&self) -> Option<usize> {
        self.value
    }

    /// The length of the body where it must be given: on every stream (RFC 3261 §18.3).
    pub(crate) fn required(&self) -> Result<usize, Fault> {
        self.value.ok_or(Fault::bad("Content-Length is missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_under_every_name_the_parser_knows_it_by() {
        for name in ["Content-Length", "content-LENGTH", "l", "L"] {
            assert!(ContentLength::is_named(name));
            assert_eq!(crate::HeaderName::known(name), Some("Content-Length"));
        }
        assert!(!ContentLength::is_named("Content-Lengths"));
    }

    #[test]
    fn only_plain_digits_are_a_length() {
        for value in ["", "+5", "-1", "0x5", "5 5", "5,5", "\u{ff15}", "5;x", "4294967328"] {
            assert!(ContentLength::default().note(value).is_err(), "{value}");
        }
        let huge = ContentLength::default().note("18446744073709551616").unwrap_err();
        assert_eq!(huge.status.code(), 513);
    }

    #[test]
    fn a_second_length_is_refused_even_when_equal() {
        let mut length = ContentLength::default();
        length.note("007").unwrap();
        assert_eq!(length.value(), Some(7));
        assert!(length.note("7").is_err());
    }
}
