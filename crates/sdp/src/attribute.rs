use crate::Text;

/// One `a=` line that carries no key: `a=name` or `a=name:value` (RFC 8866 §5.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute's name, a token; compared exactly, as RFC 8866 §9 says.
    pub name: Text,
    /// What follows the colon, verbatim; `None` for a property attribute.
    pub value: Option<Text>,
}

impl Attribute {
    /// An attribute with a value.
    pub fn with_value(name: &str, value: &str) -> Self {
        Attribute { name: name.into(), value: Some(value.into()) }
    }

    /// A property attribute, such as `sendonly`.
    pub fn property(name: &str) -> Self {
        Attribute { name: name.into(), value: None }
    }

    /// The value, when the attribute has this name and a value.
    pub fn value_of(&self, name: &str) -> Option<&str> {
        if self.name == name { self.value.as_ref().map(Text::as_str) } else { None }
    }

    pub(crate) fn parse(text: &str) -> Parsed<'_> {
        let colon = text.bytes().position(|byte| byte == b':');
        let (name, value) = match colon.and_then(|colon| text.split_at_checked(colon)) {
            Some((name, rest)) => (name, rest.get(1..)),
            None => (text, None),
        };
        if name == "crypto" {
            return Parsed::Crypto(value.unwrap_or(""));
        }
        let name = match usual(name) {
            Some(name) => name,
            None if !name.is_empty() && name.bytes().all(is_token_byte) && !carries_a_key(name) => {
                name.into()
            }
            None => return Parsed::Dropped,
        };
        Parsed::Plain(Attribute { name, value: value.map(Text::from) })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"a=");
        out.extend_from_slice(self.name.as_bytes());
        if let Some(value) = &self.value {
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

pub(crate) enum Parsed<'a> {
    Plain(Attribute),
    /// The value of `a=crypto`, still borrowed from the body: it holds a key.
    Crypto(&'a str),
    /// Not a name, or a way to carry keys that is not ours.
    Dropped,
}

/// Attributes whose value is or may be a secret, other than `crypto` itself: misspelt crypto lines, Microsoft's
/// `cryptoscale` and MIKEY (RFC 4567). They are dropped so that no key ever becomes text.
fn carries_a_key(name: &str) -> bool {
    let is_crypto = |part: &[u8]| part.eq_ignore_ascii_case(CRYPTO);
    name.as_bytes().windows(CRYPTO.len()).any(is_crypto) || name.eq_ignore_ascii_case("key-mgmt")
}

/// The name, when it is one that nearly every phone writes: it needs no copy.
fn usual(name: &str) -> Option<Text> {
    let known = match name {
        "rtpmap" => "rtpmap",
        "fmtp" => "fmtp",
        "ptime" => "ptime",
        "maxptime" => "maxptime",
        "sendrecv" => "sendrecv",
        "sendonly" => "sendonly",
        "recvonly" => "recvonly",
        "inactive" => "inactive",
        "rtcp" => "rtcp",
        "rtcp-mux" => "rtcp-mux",
        "rtcp-fb" => "rtcp-fb",
        "ssrc" => "ssrc",
        _ => return None,
    };
    Some(Text::known(known))
}

/// RFC 8866 §9, `token-char`.
fn is_token_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x27 | 0x2a..=0x2b | 0x2d..=0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e)
}

const CRYPTO: &[u8] = b"crypto";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_key_carriers_are_dropped() {
        for line in
            ["Crypto:1 X inline:abc", "cryptoscale:1 client X inline:abc", "key-mgmt:mikey abc", " crypto:1"]
        {
            assert!(matches!(Attribute::parse(line), Parsed::Dropped), "{line}");
        }
    }

    #[test]
    fn an_attribute_without_a_colon_is_a_property() {
        let Parsed::Plain(attribute) = Attribute::parse("sendonly") else { panic!("dropped") };
        assert_eq!(attribute, Attribute::property("sendonly"));
    }
}
