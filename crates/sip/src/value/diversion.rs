use bytes::BytesMut;

use super::HeaderValue;
use crate::grammar::{Malformed, is_token, number, quoted, trim};
use crate::{NameAddr, Text};

/// Who had the call before it was diverted (RFC 5806 section 7): one element.
///
/// `name-addr *(SEMI (reason / counter / limit / privacy / screen / extension))`, `counter = 1*2DIGIT`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// The person, with the parameters as written.
    pub address: NameAddr,
}

impl Diversion {
    /// Why: `user-busy`, `no-answer`, `unconditional` and others, without quotes.
    pub fn reason(&self) -> Option<Text> {
        self.address.params.unquoted("reason")
    }

    /// Whether it asks not to be shown: any `privacy` other than `off` (section 7.3.2).
    pub fn hides_identity(&self) -> bool {
        let privacy = self.address.params.unquoted("privacy");
        privacy.is_some_and(|word| !trim(word.as_str()).eq_ignore_ascii_case("off"))
    }

    /// How many diversions it stands for: 1 unless it says otherwise.
    pub fn count(&self) -> u8 {
        self.address.params.value("counter").and_then(count).unwrap_or(1)
    }
}

impl HeaderValue for Diversion {
    fn read(value: &Text) -> Result<Diversion, Malformed> {
        if !value.as_str().contains('<') {
            return Err(Malformed("a diversion does not stand in brackets"));
        }
        let address = NameAddr::parse(value)?;
        for name in ["counter", "limit"] {
            if address.params.get(name).is_some_and(|value| value.and_then(count).is_none()) {
                return Err(Malformed("a count of diversions is not one or two digits"));
            }
        }
        for name in ["reason", "privacy", "screen"] {
            let is_word = match address.params.get(name) {
                None => true,
                Some(None) => false,
                Some(Some(word)) => is_token(word.as_str()) || quoted(word.as_str()).is_ok(),
            };
            if !is_word {
                return Err(Malformed("a parameter of a diversion is neither token nor quoted"));
            }
        }
        Ok(Diversion { address })
    }

    fn write_to(&self, out: &mut BytesMut) {
        self.address.write_to(out);
    }
}

fn count(digits: &Text) -> Option<u8> {
    let count = number(digits.as_str(), 99).filter(|_| digits.len() <= 2)?;
    u8::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_5806_are_read() {
        for text in [
            "<sip:WeSellPizza@p4.example>;reason=time-of-day",
            "<sip:+19195551002@h>;reason=no-answer;privacy=\"full\";counter=2",
            "\"Bob <;,\" <tel:+19195551002>;reason=\"x y\";limit=10;screen=no;ext",
        ] {
            assert_eq!(written::<Diversion>(text), text);
        }
        let diversion = Diversion::parse("<sip:a@h>;reason=\"user-busy\";counter=3").unwrap();
        assert_eq!((diversion.reason().unwrap().as_str(), diversion.count()), ("user-busy", 3));
        assert_eq!(Diversion::parse("<sip:a@h>").unwrap().count(), 1);
    }

    #[test]
    fn malformed_diversions_are_refused() {
        for text in [
            "",
            "sip:a@h;reason=x",
            "<sip:a@h>;counter",
            "<sip:a@h>;counter=100",
            "<sip:a@h>;counter=001",
            "<sip:a@h>;limit=x",
            "<sip:a@h>;reason",
            "<sip:a@h>;reason=a/b",
        ] {
            assert!(Diversion::parse(text).is_err(), "{text}");
        }
    }
}
