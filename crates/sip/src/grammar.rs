//! The lexical rules of RFC 3261 section 25.1 that every header shares.

use memchr::{memchr, memchr2, memchr3};

/// A header or a URI breaks the grammar; the text says which rule, and nothing of what the peer wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(crate) &'static str);

impl Malformed {
    /// The rule that was broken, fit for a reason phrase or a log.
    pub fn reason(self) -> &'static str {
        self.0
    }
}

/// `token` characters of RFC 3261 section 25.1.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES.get(usize::from(byte)).is_some_and(|is_token| *is_token)
}

pub(crate) fn is_token(text: &str) -> bool {
    is_token_bytes(text.as_bytes())
}

pub(crate) fn is_token_bytes(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

/// Takes linear white space off both ends; a fold counts as white space.
pub(crate) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        // Nearly always there is none.
        [first, .., last] if is_lws_byte(*first) || is_lws_byte(*last) => text.trim_matches(is_lws),
        [only] if is_lws_byte(*only) => "",
        _ => text,
    }
}

/// What stands before and after the first `separator`, an ASCII character.
pub(crate) fn split_at_byte(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = memchr(separator, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at.saturating_add(1)..)?))
}

pub(crate) fn is_lws(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

pub(crate) fn is_lws_byte(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Digits and nothing else, without a sign, up to `limit`. Leading zeros are legal.
pub(crate) fn number(digits: &str, limit: u64) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits
        .bytes()
        .try_fold(0_u64, |sum, byte| sum.checked_mul(10)?.checked_add(u64::from(byte.wrapping_sub(b'0'))))?;
    (value <= limit).then_some(value)
}

/// Every `%` begins an escape of two hexadecimal digits.
pub(crate) fn escapes_are_whole(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr(b'%', rest) {
        rest = match rest.get(at..).unwrap_or_default() {
            [_, high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            _ => return false,
        };
    }
    true
}

/// `%41` becomes `A`. `None` when an escape is broken or the result is not UTF-8.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            plain.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            plain.push(byte);
        }
    }
    String::from_utf8(plain).ok()
}

/// Splits at `separator` where it stands outside quoted strings and angle brackets.
///
/// An unfinished quote or bracket is an error of the last piece; empty pieces are handed out as they are, for
/// the caller to judge.
pub(crate) struct Pieces<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(text: &'a str, separator: u8) -> Pieces<'a> {
        Pieces { rest: Some(text), separator }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<&'a str, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let bytes = rest.as_bytes();
        let mut at = 0;
        while let Some(found) = memchr3(self.separator, b'"', b'<', bytes.get(at..).unwrap_or_default()) {
            let place = at.saturating_add(found);
            let behind = place.saturating_add(1);
            let closed = match bytes.get(place) {
                Some(b'"') => end_of_quote(bytes, behind),
                Some(b'<') => end_of_bracket(bytes, behind),
                _ => {
                    self.rest = rest.get(behind..);
                    return Some(Ok(trim(rest.get(..place)?)));
                }
            };
            match closed {
                Some(end) => at = end,
                None => return Some(Err(Malformed("a quote or bracket is not closed"))),
            }
        }
        Some(Ok(trim(rest)))
    }
}

/// Behind the quote that closes the one before `at`; a backslash takes away the meaning of what follows it.
fn end_of_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = memchr2(b'"', b'\\', bytes.get(at..)?)?;
        let place = at.saturating_add(found);
        match bytes.get(place)? {
            b'"' => return Some(place.saturating_add(1)),
            _ => at = place.saturating_add(2),
        }
    }
}

fn end_of_bracket(bytes: &[u8], at: usize) -> Option<usize> {
    let found = memchr(b'>', bytes.get(at..)?)?;
    Some(at.saturating_add(found).saturating_add(1))
}

/// Reads a quoted string at the start of `text`: what stands between the quotes, raw, and what follows them.
pub(crate) fn quoted(text: &str) -> Result<(&str, &str), Malformed> {
    let inner = text.strip_prefix('"').ok_or(Malformed("a quoted string is expected"))?;
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (content, tail) = inner.split_at_checked(at).ok_or(UNFINISHED_QUOTE)?;
                return Ok((content, tail.strip_prefix('"').ok_or(UNFINISHED_QUOTE)?));
            }
            _ => {}
        }
    }
    Err(UNFINISHED_QUOTE)
}

/// Takes the backslashes of quoted pairs out; `None` when there are none to take.
pub(crate) fn unquote_pairs(raw: &str) -> Option<String> {
    if !raw.contains('\\') {
        return None;
    }
    let mut plain = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            plain.extend(chars.next());
        } else {
            plain.push(c);
        }
    }
    Some(plain)
}

/// Writes `text` as a quoted string. CR and LF cannot stand in one and become spaces.
pub(crate) fn write_quoted(out: &mut bytes::BytesMut, text: &str) {
    use bytes::BufMut;
    out.put_u8(b'"');
    for byte in text.bytes() {
        match byte {
            b'\r' | b'\n' => out.put_u8(b' '),
            b'"' | b'\\' | 0..=8 | 11..=31 | 127 => out.put_slice(&[b'\\', byte]),
            _ => out.put_u8(byte),
        }
    }
    out.put_u8(b'"');
}

const TOKEN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
        {
            table[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        }
        byte += 1;
    }
    table
};

const UNFINISHED_QUOTE: Malformed = Malformed("a quoted string is not closed");

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<Result<&str, Malformed>> {
        Pieces::new(text, b',').collect()
    }

    #[test]
    fn commas_inside_quotes_and_brackets_do_not_split() {
        assert_eq!(
            pieces(r#""Smith, \"J\", Dr" <sip:a,b@h>;x="1,2" , <sip:c@h>"#),
            [Ok(r#""Smith, \"J\", Dr" <sip:a,b@h>;x="1,2""#), Ok("<sip:c@h>")]
        );
        assert_eq!(pieces("a,,b"), [Ok("a"), Ok(""), Ok("b")]);
        assert!(pieces("a,\"b").last().unwrap().is_err());
    }

    #[test]
    fn an_escaped_quote_closes_nothing_and_a_bracket_hides_quotes() {
        assert_eq!(pieces(r#""\\",b"#), [Ok(r#""\\""#), Ok("b")]);
        assert_eq!(pieces(r#"<">,b"#), [Ok(r#"<">"#), Ok("b")]);
        for open in [r#"""#, r#""\"#, r#""\""#, r#"a <b"c>"", "d"#, "<", "a,<b"] {
            assert!(pieces(open).last().unwrap().is_err(), "{open}");
        }
        assert_eq!(pieces("\u{e9}\"\\\u{e9},\" , \u{e9}"), [Ok("\u{e9}\"\\\u{e9},\""), Ok("\u{e9}")]);
    }

    #[test]
    fn white_space_is_trimmed_off_both_ends_only() {
        for text in ["a b", " a b", "a b\t", "\r\n a b \r\n"] {
            assert_eq!(trim(text), "a b");
        }
        assert_eq!((trim(" "), trim(""), trim("  "), trim("a")), ("", "", "", "a"));
    }

    #[test]
    fn a_number_is_digits_only_and_never_wraps() {
        assert_eq!(number("0009", 100), Some(9));
        for text in ["", "+5", "-1", "0x5", "5 5", "\u{ff15}", "18446744073709551616", "101"] {
            assert_eq!(number(text, 100), None, "{text}");
        }
    }

    #[test]
    fn escapes_are_read_and_broken_ones_noticed() {
        assert_eq!(unescape("%39%31%31").as_deref(), Some("911"));
        assert_eq!(unescape("%9"), None);
        assert_eq!(unescape("%ff"), None);
        assert!(!escapes_are_whole("a%4"));
        assert!(!escapes_are_whole("a%zz"));
        assert!(escapes_are_whole("a%00b"));
    }

    #[test]
    fn quoted_pairs_round_trip() {
        let (raw, tail) = quoted(r#""a\"b\\" rest"#).unwrap();
        assert_eq!((raw, tail), (r#"a\"b\\"#, " rest"));
        assert_eq!(unquote_pairs(raw).as_deref(), Some(r#"a"b\"#));
        let mut out = bytes::BytesMut::new();
        write_quoted(&mut out, r#"a"b\"#);
        assert_eq!(out, r#""a\"b\\""#.as_bytes());
    }
}
