//! The headers a URI asks to be put into the request made of it (RFC 3261 sections 19.1.1 and 25.1).

use super::{Rare, Uri};
use crate::grammar::{Malformed, is_token, unescape};
use crate::{HeaderName, Text};

impl Uri {
    /// The headers behind `?`, unescaped, in order; none when there are none.
    ///
    /// `headers = "?" header *("&" header)`, `header = hname "=" hvalue`
    ///
    /// # Errors
    /// When a name is not a token, an escape is broken or hides a line end or another control character, a value is not
    /// UTF-8, or there are too many.
    pub fn header_fields(&self) -> Result<Vec<(HeaderName, Text)>, Malformed> {
        let mut fields = Vec::new();
        let Some(headers) = self.headers() else { return Ok(fields) };
        for field in headers.as_str().split('&') {
            if fields.len() >= MAX_FIELDS {
                return Err(Malformed("too many headers in a URI"));
            }
            let (name, value) = field.split_once('=').ok_or(Malformed("a header of a URI has no value"))?;
            let plain = |text| unescape(text).ok_or(Malformed("a header of a URI is not escaped UTF-8"));
            let (name, value) = (plain(name)?, plain(value)?);
            // An escaped line end would begin a header of its own in the request made of this.
            if !is_token(&name) || value.chars().any(|c| c.is_ascii_control() && c != '\t') {
                return Err(Malformed("a header of a URI is no header"));
            }
            fields.push((HeaderName::parse(name)?, Text::from(value)));
        }
        Ok(fields)
    }

    /// The one header of this name behind `?`, unescaped.
    ///
    /// # Errors
    /// As [`Uri::header_fields`], and when it stands twice.
    pub fn header_field(&self, name: &HeaderName) -> Result<Option<Text>, Malformed> {
        let mut found = None;
        for (field, value) in self.header_fields()? {
            if field == *name && found.replace(value).is_some() {
                return Err(Malformed("a header of a URI stands twice"));
            }
        }
        Ok(found)
    }

    /// The same URI with one more header, escaped as it must be.
    pub fn with_header_field(mut self, name: &HeaderName, value: &Text) -> Uri {
        let mut headers = self.headers().map(|headers| headers.as_str().to_owned() + "&").unwrap_or_default();
        escape(&mut headers, name.as_str());
        headers.push('=');
        escape(&mut headers, value.as_str());
        self.raw = None;
        let rare: &mut Rare = self.rare.get_or_insert_default();
        rare.headers = Some(Text::from(headers));
        self
    }
}

/// `hnv-unreserved / unreserved` stay, all else is escaped.
fn escape(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"[]/?:+$-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// A transfer carries one to three; each becomes a header.
const MAX_FIELDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap()
    }

    #[test]
    fn headers_are_unescaped_and_escaped_again() {
        let found =
            uri("sip:a@h?Replaces=1%40h%3Bto-tag%3Da&subject=caf%c3%a9%20%26&body=").header_fields().unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, [("Replaces", "1@h;to-tag=a"), ("Subject", "caf\u{e9} &"), ("body", "")]);
        let made =
            uri("sip:a@h").with_header_field(&HeaderName::REPLACES, &Text::from("1@h;to-tag=\"a&b=c\""));
        let made = made.with_header_field(&HeaderName::SUBJECT, &Text::from("\u{e9} %"));
        assert_eq!(made.to_text(), "sip:a@h?Replaces=1%40h%3Bto-tag%3D%22a%26b%3Dc%22&Subject=%C3%A9%20%25");
        let again = uri(made.to_text().as_str());
        assert_eq!(again.header_field(&HeaderName::REPLACES).unwrap().unwrap(), "1@h;to-tag=\"a&b=c\"");
        assert_eq!(uri("sip:a@h").header_fields(), Ok(Vec::new()));
    }

    #[test]
    fn headers_that_would_break_out_or_are_none_are_refused() {
        for headers in [
            "a",
            "=x",
            "a%20b=c",
            "Subject=x%0d%0aRoute:%20y",
            "Subject=%00",
            "Subject=%ff",
            "a=b&",
            "&",
            "Subject=a%0Ab",
        ] {
            assert!(uri(&format!("sip:a@h?{headers}")).header_fields().is_err(), "{headers}");
        }
        assert!(uri(&format!("sip:a@h?{}", ["a=b"; 17].join("&"))).header_fields().is_err());
        assert!(uri("sip:a@h?subject=1&s=2").header_field(&HeaderName::SUBJECT).is_err());
    }
}
