use bytes::{BufMut, BytesMut};

use super::{HeaderValue, TokenList};
use crate::grammar::Malformed;
use crate::writer::put_line_safe;
use crate::{Method, Text};

/// The methods a peer knows (RFC 3261 section 20.5): a comma list, which may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    methods: Vec<Method>,
}

impl Allow {
    /// Whether `method` is among them.
    pub fn has(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// The methods in order.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter()
    }
}

impl FromIterator<Method> for Allow {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Allow {
        Allow { methods: methods.into_iter().collect() }
    }
}

impl HeaderValue for Allow {
    fn read(value: &Text) -> Result<Allow, Malformed> {
        TokenList::read(value)?.iter().map(Method::parse).collect()
    }

    fn write_to(&self, out: &mut BytesMut) {
        for (index, method) in self.methods.iter().enumerate() {
            if index > 0 {
                out.put_slice(b", ");
            }
            put_line_safe(out, method.as_str().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn methods_are_read_with_regard_to_case() {
        assert_eq!(written::<Allow>("INVITE, ACK,OPTIONS, CANCEL, BYE"), "INVITE, ACK, OPTIONS, CANCEL, BYE");
        assert_eq!(written::<Allow>(""), "");
        let allow = Allow::parse("PRACK, invite").unwrap();
        assert!(allow.has(&Method::Prack) && !allow.has(&Method::Invite));
        assert!(Allow::parse("INVITE ACK").is_err());
        assert!(Allow::parse("\"INVITE\"").is_err());
    }
}
