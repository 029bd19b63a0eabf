use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::grammar::{Malformed, Pieces, is_lws, quoted, split_at_byte, trim, unquote_pairs, write_quoted};
use crate::{Params, Text, Uri};

/// An address with its display name and parameters, as in From, To, Contact, Route (RFC 3261 section 20.10).
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name without quotes and backslashes; absent and empty are different on the wire only.
    pub display: Option<Text>,
    /// The address itself.
    pub uri: Uri,
    /// The parameters of the header, not of the URI.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: None, uri, params: Params::default() }
    }

    /// Reads one address: `"Name" <uri>;params`, `Name <uri>;params` or `uri;params`.
    ///
    /// # Errors
    /// When quotes or brackets are not closed, the display name holds a separator, white space stands within
    /// the brackets, or the URI or a parameter is malformed.
    pub fn parse(text: impl Into<Text>) -> Result<NameAddr, Malformed> {
        let text = text.into();
        NameAddr::parse_part(&text, text.as_str())
    }

    /// Reads a comma list of addresses into `list`, until it holds `limit`.
    pub(crate) fn parse_list(
        source: &Text,
        text: &str,
        limit: usize,
        list: &mut Vec<NameAddr>,
    ) -> Result<(), Malformed> {
        for piece in Pieces::new(text, b',') {
            if list.len() >= limit {
                return Err(Malformed("too many addresses"));
            }
            list.push(NameAddr::parse_part(source, piece?)?);
        }
        Ok(())
    }

    pub(crate) fn parse_part(source: &Text, text: &str) -> Result<NameAddr, Malformed> {
        let text = trim(text);
        if text.starts_with('"') {
            let (raw, rest) = quoted(text)?;
            let display = unquote_pairs(raw).map_or_else(|| source.part(raw), Text::from);
            let rest = rest.trim_start_matches(is_lws);
            let rest = rest.strip_prefix('<').ok_or(Malformed("no address follows the display name"))?;
            return NameAddr::parse_bracketed(source, Some(display), rest);
        }
        match split_at_byte(text, b'<') {
            Some((name, rest)) => {
                let name = trim(name);
                if name.contains(['"', ',', ';', ':', '@', '\\', '>']) {
                    return Err(Malformed("a display name with separators is not quoted"));
                }
                // A fold within an unquoted name is one space.
                let display = match name {
                    "" => None,
                    _ if name.contains(['\r', '\n']) => Some(Text::from(
                        name.split(is_lws).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
                    )),
                    _ => Some(source.part(name)),
                };
                NameAddr::parse_bracketed(source, display, rest)
            }
            None => {
                // Without brackets, what follows ; belongs to the header and the URI may hold neither ; nor ?.
                let end = text.find(';').unwrap_or(text.len());
                let (uri, params) = text.split_at_checked(end).ok_or(Malformed("an address is cut"))?;
                if uri.contains(['?', ',']) {
                    return Err(Malformed("a URI with headers must stand in brackets"));
                }
                Ok(NameAddr {
                    display: None,
                    uri: Uri::parse_part(source, trim(uri))?,
                    params: Params::parse(source, params)?,
                })
            }
        }
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&Text> {
        self.params.value("tag")
    }

    /// The same address with this tag.
    pub fn with_tag(mut self, tag: impl Into<Text>) -> NameAddr {
        self.params.set("tag", Some(tag.into()));
        self
    }

    /// The same address without a tag.
    pub fn without_tag(mut self) -> NameAddr {
        self.params.remove("tag");
        self
    }

    /// A copy with buffers of its own, for state that outlives the message.
    pub fn detached(&self) -> NameAddr {
        let NameAddr { display, uri, params } = self;
        NameAddr {
            display: display.as_ref().map(Text::detached),
            uri: uri.detached(),
            params: params.detached(),
        }
    }

    /// Appends the address: the URI always in brackets, the display name always quoted.
    pub fn write_to(&self, out: &mut BytesMut) {
        if let Some(display) = &self.display {
            write_quoted(out, display.as_str());
            out.put_u8(b' ');
        }
        out.put_u8(b'<');
        self.uri.write_to(out);
        out.put_u8(b'>');
        self.params.write_to(out);
    }

    /// The address as text, as a header value.
    pub fn to_text(&self) -> Text {
        let mut out = BytesMut::new();
        self.write_to(&mut out);
        Text::from_utf8(out.freeze()).expect("an address is written from texts")
    }

    fn parse_bracketed(source: &Text, display: Option<Text>, text: &str) -> Result<NameAddr, Malformed> {
        let (uri, params) = split_at_byte(text, b'>').ok_or(Malformed("a bracket is not closed"))?;
        Ok(NameAddr { display, uri: Uri::parse_part(source, uri)?, params: Params::parse(source, params)? })
    }
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameAddr({:?}, {:?})", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        NameAddr::parse(text).unwrap().to_text().as_str().to_owned()
    }

    #[test]
    fn the_three_forms_are_read() {
        assert_eq!(written("sip:a@h;tag=1"), "<sip:a@h>;tag=1");
        assert_eq!(written("<sip:a@h;lr>;tag=1"), "<sip:a@h;lr>;tag=1");
        assert_eq!(written("A. Nurse <sip:a@h> ; tag = 1"), "\"A. Nurse\" <sip:a@h>;tag=1");
        assert_eq!(written("\"J \\\\\\\"\"<sip:a@h>"), "\"J \\\\\\\"\" <sip:a@h>");
        assert_eq!(
            written("caller<sip:caller@example.com>;tag=323"),
            "\"caller\" <sip:caller@example.com>;tag=323"
        );
        assert_eq!(
            written("\"<;,\" <sip:a@h>;+sip.instance=\"<urn:uuid:1>\""),
            "\"<;,\" <sip:a@h>;+sip.instance=\"<urn:uuid:1>\""
        );
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "\"Mr. J. User <sip:j.user@example.com>",
            "Bell, Alexander <sip:a@h>",
            "\"W\" < sip:t@h >",
            "sip:u@h?Route=%3Csip:x%3E",
            "<sip:a@h",
            "<sip:a@h>x",
            "<sip:a@h>;;",
            "\"a\" sip:a@h",
            "\"a\"b <sip:a@h>",
        ] {
            assert!(NameAddr::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_is_split_outside_quotes_and_bounded() {
        let text = Text::from("\"a, b\" <sip:a@h>, <sip:b,c@h>;q=1");
        let read = |text: &Text, limit| {
            let mut list = Vec::new();
            NameAddr::parse_list(text, text.as_str(), limit, &mut list).map(|()| list.len())
        };
        assert_eq!(read(&text, 16), Ok(2));
        assert!(read(&text, 1).is_err());
        assert!(read(&Text::from("<sip:a@h>,"), 9).is_err());
    }

    #[test]
    fn debug_names_nobody() {
        let printed = format!("{:?}", NameAddr::parse("\"Jane\" <sip:jane@clinic.example>;tag=t").unwrap());
        assert!(!printed.contains("ane") && !printed.contains("clinic"), "{printed}");
    }
}
