use bytes::{BufMut, BytesMut};

use super::{HeaderValue, head_and_params};
use crate::grammar::{Malformed, is_token, trim};
use crate::writer::put_line_safe;
use crate::{Params, Text};

/// What a body is: Content-Type (RFC 3261 section 20.15), and one element of Accept (20.1).
///
/// `m-type SLASH m-subtype *(SEMI m-parameter)`; in an Accept `*` may stand for either word, which is a token too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    kind: Text,
    subtype: Text,
    /// `boundary`, `charset`, in an Accept `q`, and others.
    pub params: Params,
}

impl MediaType {
    /// Whether it is `type/subtype`, in any case; parameters aside.
    pub fn is(&self, name: &str) -> bool {
        let same = |(kind, subtype)| self.kind.eq_ignore_case(kind) && self.subtype.eq_ignore_case(subtype);
        name.split_once('/').is_some_and(same)
    }
}

impl HeaderValue for MediaType {
    fn read(value: &Text) -> Result<MediaType, Malformed> {
        let (name, params) = head_and_params(value, value.as_str())?;
        let (kind, subtype) = name.split_once('/').ok_or(Malformed("a media type has no subtype"))?;
        let (kind, subtype) = (trim(kind), trim(subtype));
        if !is_token(kind) || !is_token(subtype) {
            return Err(Malformed("a media type is not made of tokens"));
        }
        Ok(MediaType { kind: value.part(kind), subtype: value.part(subtype), params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_line_safe(out, self.kind.as_bytes());
        out.put_u8(b'/');
        put_line_safe(out, self.subtype.as_bytes());
        self.params.write_to(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn media_types_are_read() {
        for (text, out) in [
            ("application/sdp", "application/sdp"),
            ("text/html; charset=ISO-8859-4", "text/html;charset=ISO-8859-4"),
            ("Multipart / Mixed ;boundary=\"a;b\"", "Multipart/Mixed;boundary=\"a;b\""),
            ("*/*;q=0.1", "*/*;q=0.1"),
        ] {
            assert_eq!(written::<MediaType>(text), out);
        }
        let sdp = MediaType::parse("Application/SDP;x=1").unwrap();
        assert!(sdp.is("application/sdp") && !sdp.is("application/sd") && !sdp.is("application"));
        assert_eq!(
            MediaType::parse("a/b; Boundary=\"c d\"").unwrap().params.unquoted("boundary").unwrap(),
            "c d"
        );
    }

    #[test]
    fn malformed_media_types_are_refused() {
        for text in
            ["", "application", "application/", "/sdp", "a/b/c", "a b/c", "a/b;", "a/b;c=", "a/b, c/d"]
        {
            assert!(MediaType::parse(text).is_err(), "{text}");
        }
    }
}
