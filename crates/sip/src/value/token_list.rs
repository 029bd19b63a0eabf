use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use crate::Text;
use crate::grammar::{Malformed, Pieces, is_token};
use crate::writer::put_line_safe;

/// A comma list of tokens: Require (RFC 3261 section 20.32), Proxy-Require (20.29), Supported (20.37), Unsupported
/// (20.40), Allow-Events (RFC 6665 section 8.4).
///
/// Supported may be empty, so may any list here. Tokens compare without regard to case (section 7.3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenList {
    list: Vec<Text>,
}

impl TokenList {
    /// Whether `token` is among them.
    pub fn has(&self, token: &str) -> bool {
        self.list.iter().any(|one| one.eq_ignore_case(token))
    }

    /// The same list without the tokens for which `keep` is false.
    pub fn retain(mut self, mut keep: impl FnMut(&str) -> bool) -> TokenList {
        self.list.retain(|token| keep(token.as_str()));
        self
    }

    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &Text> {
        self.list.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl FromIterator<Text> for TokenList {
    fn from_iter<I: IntoIterator<Item = Text>>(tokens: I) -> TokenList {
        TokenList { list: tokens.into_iter().collect() }
    }
}

impl HeaderValue for TokenList {
    fn read(value: &Text) -> Result<TokenList, Malformed> {
        let mut list = Vec::new();
        for piece in Pieces::new(value.as_str(), b',') {
            match piece? {
                "" => {}
                token if !is_token(token) => return Err(Malformed("an element of a list is not a token")),
                _ if list.len() >= MAX_TOKENS => return Err(Malformed("too many elements in a list")),
                token => list.push(value.part(token)),
            }
        }
        Ok(TokenList { list })
    }

    fn write_to(&self, out: &mut BytesMut) {
        for (index, token) in self.list.iter().enumerate() {
            if index > 0 {
                out.put_slice(b", ");
            }
            put_line_safe(out, token.as_bytes());
        }
    }
}

/// Some forty option tags are registered, and event packages are no more.
const MAX_TOKENS: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn lists_are_read_in_any_case_and_may_be_empty() {
        for (text, out) in [
            ("100rel", "100rel"),
            ("sec-agree , replaces,,timer", "sec-agree, replaces, timer"),
            ("", ""),
            ("presence.winfo, message-summary", "presence.winfo, message-summary"),
        ] {
            assert_eq!(written::<TokenList>(text), out);
        }
        let list = TokenList::parse("100rel, Path").unwrap();
        assert!(list.has("PATH") && !list.has("pat"));
        assert_eq!(list.retain(|token| token != "100rel").to_text(), "Path");
    }

    #[test]
    fn malformed_and_endless_lists_are_refused() {
        for text in ["a b", "a;b", "\"a\"", "a, <b>", "a=b", "caf\u{e9}"] {
            assert!(TokenList::parse(text).is_err(), "{text}");
        }
        assert!(TokenList::parse(["a"; 64].join(",")).is_ok());
        assert!(TokenList::parse(["a"; 65].join(",")).is_err());
    }
}
