use bytes::{BufMut, BytesMut};

use super::{HeaderValue, head_and_params};
use crate::grammar::{Malformed, is_token};
use crate::writer::put_line_safe;
use crate::{CallId, HeaderName, Params, Text, Uri};

/// The dialog that an INVITE takes the place of (RFC 3891 section 6.1).
///
/// `Replaces = callid *(SEMI (to-tag / from-tag / early-flag / generic-param))`, each tag exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: CallId,
    /// The tag of whoever gets the INVITE.
    pub to_tag: Text,
    /// The tag of its peer.
    pub from_tag: Text,
    /// Only while it has not been answered.
    pub early_only: bool,
    /// The other parameters.
    pub params: Params,
}

impl Replaces {
    /// The Replaces among the headers of a URI, as a Refer-To carries it (RFC 3515 section 2.1, RFC 5589): escaped. `None`
    /// when there is none.
    ///
    /// # Errors
    /// When the URI's headers or the value are malformed.
    pub fn of_uri(uri: &Uri) -> Option<Result<Replaces, Malformed>> {
        match uri.header_field(&HeaderName::REPLACES) {
            Ok(value) => value.map(|value| Replaces::read(&value)),
            Err(error) => Some(Err(error)),
        }
    }
}

impl HeaderValue for Replaces {
    fn read(value: &Text) -> Result<Replaces, Malformed> {
        let (call_id, mut params) = head_and_params(value, value.as_str())?;
        let call_id = CallId::parse(value.part(call_id))?;
        let mut tag = |name: &str| {
            let tag = params.take(name).flatten().filter(|tag| is_token(tag.as_str()));
            tag.ok_or(Malformed("Replaces lacks a tag"))
        };
        let (to_tag, from_tag) = (tag("to-tag")?, tag("from-tag")?);
        let early_only = match params.take("early-only") {
            None => false,
            Some(None) => true,
            Some(Some(_)) => return Err(Malformed("early-only has a value")),
        };
        Ok(Replaces { call_id, to_tag, from_tag, early_only, params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_line_safe(out, self.call_id.as_str().as_bytes());
        for (name, tag) in [(";to-tag=", &self.to_tag), (";from-tag=", &self.from_tag)] {
            out.put_slice(name.as_bytes());
            put_line_safe(out, tag.as_bytes());
        }
        if self.early_only {
            out.put_slice(b";early-only");
        }
        self.params.write_to(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_3891_are_read() {
        for (text, out) in [
            (
                "98732@sip.example.com\r\n ;from-tag=r33th4x0r\r\n ;to-tag=ff87ff",
                "98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r",
            ),
            (
                "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only",
                "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only",
            ),
            (
                "87134@171.161.34.23;To-Tag=24796 ;from-tag=0;x=\"y\"",
                "87134@171.161.34.23;to-tag=24796;from-tag=0;x=\"y\"",
            ),
        ] {
            assert_eq!(written::<Replaces>(text), out);
        }
    }

    #[test]
    fn malformed_replacements_are_refused() {
        for text in [
            "",
            "a",
            "a;to-tag=1",
            "a;from-tag=1",
            ";to-tag=1;from-tag=2",
            "a;to-tag=1;to-tag=1;from-tag=2",
            "a;to-tag;from-tag=2",
            "a;to-tag=\"1\";from-tag=2",
            "a;to-tag=1;from-tag=2;early-only=yes",
            "a b;to-tag=1;from-tag=2",
        ] {
            assert!(Replaces::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_found_escaped_in_a_uri() {
        let uri = |text: &str| Uri::parse(text).unwrap();
        let refer = uri(
            "sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994",
        );
        let replaces = Replaces::of_uri(&refer).unwrap().unwrap();
        assert_eq!(replaces.to_text(), "12345@192.168.118.3;to-tag=12345;from-tag=5FFE-3994");
        let written =
            uri("sip:dave@denver.example.org").with_header_field(&HeaderName::REPLACES, &replaces.to_text());
        assert_eq!(Replaces::of_uri(&uri(written.to_text().as_str())), Some(Ok(replaces)));
        assert_eq!(Replaces::of_uri(&uri("sip:a@h?Subject=x")), None);
        assert!(Replaces::of_uri(&uri("sip:a@h?Replaces=x")).unwrap().is_err());
    }
}
