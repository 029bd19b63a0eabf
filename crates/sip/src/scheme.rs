use std::fmt;

use crate::Text;
use crate::grammar::Malformed;

/// The scheme of a URI.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`: every hop over TLS.
    Sips,
    /// `tel:` (RFC 3966).
    Tel,
    /// Anything else, read no further; as a Request-URI the answer is 416.
    Other(Text),
}

impl Scheme {
    /// The scheme as it is written, without the colon.
    pub fn as_str(&self) -> &str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(name) => name.as_str(),
        }
    }

    pub(crate) fn parse(source: &Text, text: &str) -> Result<Scheme, Malformed> {
        let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !begins_well || !text.bytes().all(is_scheme_byte) {
            return Err(Malformed("the scheme of a URI is malformed"));
        }
        Ok(match text {
            _ if text.eq_ignore_ascii_case("sip") => Scheme::Sip,
            _ if text.eq_ignore_ascii_case("sips") => Scheme::Sips,
            _ if text.eq_ignore_ascii_case("tel") => Scheme::Tel,
            _ => Scheme::Other(source.part(text)),
        })
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(_) => "other",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_known_in_any_case_and_others_are_kept() {
        let scheme = |text: &str| Scheme::parse(&Text::from(text), text);
        assert_eq!(scheme("SIPS"), Ok(Scheme::Sips));
        assert_eq!(scheme("soap.beep"), Ok(Scheme::Other(Text::from("soap.beep"))));
        assert!(scheme("1sip").is_err() && scheme("").is_err() && scheme("s ip").is_err());
    }
}
