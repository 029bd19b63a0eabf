use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use crate::grammar::{Malformed, Pieces, is_token};
use crate::writer::put_line_safe;
use crate::{HeaderName, Headers, Text};

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
        for token in tokens(value.as_str()) {
            if list.len() >= MAX_TOKENS {
                return Err(Malformed("too many elements in a list"));
            }
            list.push(value.part(token?));
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

impl Headers {
    /// The elements of the token lists of all headers of this name, in order and without a bound, since nothing is kept of
    /// them; empty ones are left out. One that is no token is an error, and what stands behind a quote that is not closed
    /// belongs to it.
    pub fn tokens<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = Result<&'a str, Malformed>> {
        self.get_all(name).flat_map(|value| tokens(value.as_str()))
    }

    /// Whether the token lists of this name hold `token`, in any case.
    pub fn has_token(&self, name: &HeaderName, token: &str) -> bool {
        self.tokens(name).flatten().any(|one| one.eq_ignore_ascii_case(token))
    }
}

fn tokens(list: &str) -> impl Iterator<Item = Result<&str, Malformed>> {
    let pieces = Pieces::new(list, b',').filter(|piece| *piece != Ok(""));
    pieces.map(|piece| piece.and_then(|token| is_token(token).then_some(token).ok_or(NOT_A_TOKEN)))
}

const NOT_A_TOKEN: Malformed = Malformed("an element of a list is not a token");

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
    fn elements_are_read_one_by_one_across_headers_and_none_is_passed_over() {
        let mut headers = Headers::new();
        headers.push(HeaderName::REQUIRE, "replaces, timer");
        headers.push(HeaderName::SUBJECT, "a");
        headers.push(HeaderName::REQUIRE, " path , , \"x,y\", a b, \"gruu, join");
        headers.push(HeaderName::REQUIRE, "answermode");
        let tokens: Vec<_> = headers.tokens(&HeaderName::REQUIRE).map(Result::ok).collect();
        let read = [Some("replaces"), Some("timer"), Some("path"), None, None, None, Some("answermode")];
        assert_eq!(tokens, read);
        assert!(headers.has_token(&HeaderName::REQUIRE, "PATH"));
        assert!(!headers.has_token(&HeaderName::REQUIRE, "join"));
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
