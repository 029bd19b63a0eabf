use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use crate::grammar::{Malformed, Pieces};
use crate::{HeaderName, Headers, NameAddr, Scheme, Text};

/// Who somebody is, as asserted or preferred: P-Asserted-Identity and P-Preferred-Identity (RFC 3325 sections 9.1 and 9.2).
///
/// `1#(name-addr / addr-spec)`: one or two, and of two one is a `sip:` or `sips:` URI and the other a `tel:` URI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    list: Vec<NameAddr>,
}

impl Identities {
    /// The identities of all headers of this name; none when there is no such header. Of more than the RFC allows the first
    /// of each kind counts, and what cannot be read does not: somebody is still somebody.
    pub fn of(headers: &Headers, name: &HeaderName) -> Identities {
        let mut identities = Identities::default();
        for identity in headers.read_each::<NameAddr>(name).flatten() {
            let _ = identities.add(identity);
            if identities.sip().is_some() && identities.tel().is_some() {
                break;
            }
        }
        identities
    }

    /// The identity with a `sip:` or `sips:` URI.
    pub fn sip(&self) -> Option<&NameAddr> {
        self.list.iter().find(|identity| identity.uri.is_sip())
    }

    /// The identity with a `tel:` URI.
    pub fn tel(&self) -> Option<&NameAddr> {
        self.list.iter().find(|identity| *identity.uri.scheme() == Scheme::Tel)
    }

    /// All of them.
    pub fn as_slice(&self) -> &[NameAddr] {
        &self.list
    }

    fn add(&mut self, identity: NameAddr) -> Result<(), Malformed> {
        let is_taken = match identity.uri.scheme() {
            Scheme::Sip | Scheme::Sips => self.sip().is_some(),
            Scheme::Tel => self.tel().is_some(),
            Scheme::Other(_) => return Err(Malformed("an identity is neither sip, sips nor tel")),
        };
        if is_taken {
            return Err(Malformed("an identity of one scheme stands twice"));
        }
        self.list.push(identity);
        Ok(())
    }
}

impl HeaderValue for Identities {
    fn read(value: &Text) -> Result<Identities, Malformed> {
        let mut identities = Identities::default();
        for piece in Pieces::new(value.as_str(), b',') {
            identities.add(NameAddr::parse_part(value, piece?)?)?;
        }
        Ok(identities)
    }

    fn write_to(&self, out: &mut BytesMut) {
        for (index, identity) in self.list.iter().enumerate() {
            if index > 0 {
                out.put_slice(b", ");
            }
            identity.write_to(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_3325_are_read() {
        for (text, out) in [
            (
                "\"Cullen Jennings\" <sip:fluffy@cisco.example>",
                "\"Cullen Jennings\" <sip:fluffy@cisco.example>",
            ),
            ("tel:+14085264000", "<tel:+14085264000>"),
            (
                "\"a, b\" <sips:a@[2001:db8::1]>,tel:+14085264000",
                "\"a, b\" <sips:a@[2001:db8::1]>, <tel:+14085264000>",
            ),
            ("\"Jos\u{e9} \u{4e2d}\" <sip:j@h>", "\"Jos\u{e9} \u{4e2d}\" <sip:j@h>"),
        ] {
            assert_eq!(written::<Identities>(text), out);
        }
    }

    #[test]
    fn three_identities_or_two_alike_are_refused() {
        for text in [
            "",
            "sip:a@h, sip:b@h",
            "sip:a@h, sips:b@h",
            "tel:+1, tel:+2",
            "sip:a@h, tel:+1, sip:b@h",
            "mailto:a@h",
            "sip:a@h,",
            "*",
        ] {
            assert!(Identities::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn two_headers_count_together() {
        let mut headers = Headers::new();
        headers.push(HeaderName::P_ASSERTED_IDENTITY, "\"C\" <sip:c@h>");
        headers.push(HeaderName::P_ASSERTED_IDENTITY, "tel:+1408");
        let identities = Identities::of(&headers, &HeaderName::P_ASSERTED_IDENTITY);
        assert_eq!(identities.sip().unwrap().display.as_ref().unwrap(), &"C");
        assert_eq!(identities.tel().unwrap().uri.user().unwrap(), &"+1408");
        assert_eq!(Identities::of(&headers, &HeaderName::P_PREFERRED_IDENTITY), Identities::default());
    }

    #[test]
    fn of_headers_that_say_too_much_the_first_of_each_kind_counts() {
        let mut headers = Headers::new();
        headers.push(HeaderName::P_ASSERTED_IDENTITY, "mailto:a@h, \"x <sip:b@h>");
        headers.push(HeaderName::P_ASSERTED_IDENTITY, "<sip:c@h>, <sips:d@h>, <sip:e@h");
        headers.push(HeaderName::P_ASSERTED_IDENTITY, "tel:+1, tel:+2");
        let identities = Identities::of(&headers, &HeaderName::P_ASSERTED_IDENTITY);
        assert_eq!(identities.to_text(), "<sip:c@h>, <tel:+1>");
    }
}
