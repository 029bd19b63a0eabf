use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memchr2};

use crate::content_length::ContentLength;
use crate::grammar::{is_lws_byte, is_token_bytes};
use crate::header_name::Known;
use crate::rule::{Fault, Rule};
use crate::{HeaderName, ParseError};

/// Where everything stands in the head of one message: the start line and each header, as places in its bytes.
///
/// It is made in one pass, which also settles where the message ends: the framer makes it while the bytes come in and
/// the parser reads from it. It copies nothing, and one that is used again allocates nothing.
#[derive(Clone, Default)]
pub struct Index {
    start: Span,
    fields: Vec<Field>,
    /// Where the head ends, before its empty line; `None` until that was found.
    head: Option<usize>,
    /// Where the line begins that is being read, and up to where its end was searched.
    line: usize,
    searched: usize,
    folded: bool,
    has_start: bool,
    /// Headers met, also those that are more than are kept.
    count: usize,
    length: ContentLength,
    /// The first thing wrong that leaves no doubt where the message ends.
    fault: Option<Fault>,
}

/// One header of an [`Index`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field {
    name: Span,
    value: Span,
    known: Option<Known>,
    folded: bool,
}

/// From here to there in a head, which is short enough for 16 bits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    start: u16,
    end: u16,
}

impl Index {
    /// An index of nothing.
    pub fn new() -> Index {
        Index::default()
    }

    /// Indexes a whole message in place of what was indexed before.
    ///
    /// # Errors
    /// When the head has no end or is too large, a line ends otherwise than with CRLF, a header has no name, or a bound
    /// is passed. Values are not looked at, but for that of Content-Length.
    pub fn read(&mut self, message: &Bytes) -> Result<(), ParseError> {
        self.read_head(message)
            .and_then(|()| self.fault.map_or(Ok(()), Err))
            .map_err(|fault| ParseError::new(fault, message.clone()))
    }

    /// The headers in their order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Where the start line stands, without its CRLF.
    pub fn start_line(&self) -> Range<usize> {
        self.start.range()
    }

    /// Where the body begins, once the head was complete.
    pub fn body_start(&self) -> Option<usize> {
        self.head.map(|head| head.saturating_add(EMPTY_LINE))
    }

    /// Where the head ends, before its empty line.
    pub(crate) fn head_end(&self) -> usize {
        self.head.unwrap_or_default()
    }

    pub(crate) fn length(&self) -> &ContentLength {
        &self.length
    }

    /// What makes the message unreadable although its end is known.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether nothing has been read yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.searched == 0
    }

    /// As [`Index::read`], leaving aside what does not touch the end of the message.
    pub(crate) fn read_head(&mut self, message: &[u8]) -> Result<(), Fault> {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Index { fields, ..Index::default() };
        match self.scan(message, MAX_HEAD)? {
            true => Ok(()),
            false => Err(Fault::bad("no empty line ends the head")),
        }
    }

    /// Reads on where the last call stopped; true when the head is complete. `bytes` are those of the last call and
    /// perhaps more. What is found does not depend on where they were cut.
    pub(crate) fn scan(&mut self, bytes: &[u8], limit: usize) -> Result<bool, Fault> {
        let limit = limit.min(MAX_HEAD);
        // A head of exactly the limit is followed by its empty line.
        let window = bytes.get(..limit.saturating_add(EMPTY_LINE)).unwrap_or(bytes);
        loop {
            let rest = window.get(self.searched..).unwrap_or_default();
            let Some(found) = memchr2(b'\r', b'\n', rest) else {
                self.searched = window.len();
                break;
            };
            let at = self.searched.saturating_add(found);
            self.searched = at;
            match rest.get(found..).unwrap_or_default() {
                [b'\n', ..] => return Err(BARE_LF),
                [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => break,
                [b'\r', b'\n', b' ' | b'\t', ..] => {
                    self.folded = true;
                    self.searched = at.saturating_add(2);
                }
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.take_line(window, at);
                    self.head = Some(at);
                    if has_stray_controls(window.get(..at).unwrap_or_default()) {
                        self.note(Fault::bad("a control character stands in the head"));
                    }
                    return Ok(true);
                }
                [b'\r', b'\n', b'\r', ..] => return Err(BARE_CR),
                [b'\r', b'\n', ..] => {
                    self.take_line(window, at);
                    self.line = at.saturating_add(2);
                    self.searched = self.line;
                    self.folded = false;
                }
                _ => return Err(BARE_CR),
            }
        }
        match window.len() < limit.saturating_add(EMPTY_LINE) {
            true => Ok(false),
            false => Err(HEAD_TOO_LARGE),
        }
    }

    fn take_line(&mut self, bytes: &[u8], end: usize) {
        let line = bytes.get(self.line..end).unwrap_or_default();
        if line.len() > MAX_LINE {
            self.note(Fault::new(Rule::LineLength, "a header line is longer than 8 kB"));
        }
        if self.has_start {
            return self.take_field(line).unwrap_or_else(|fault| self.note(fault));
        }
        self.has_start = true;
        self.start = Span::new(self.line, end);
        if self.folded {
            self.note(Fault::bad("the start line is folded"));
        }
    }

    /// Keeps the first of them.
    fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn take_field(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.count = self.count.saturating_add(1);
        let colon = memchr(b':', line).ok_or(Fault::bad("a header line has no colon"))?;
        let (name, rest) = line.split_at_checked(colon).unwrap_or_default();
        // White space before the colon is legal, a fold is not (RFC 3261 §25.1, HCOLON).
        let name = trim_end(name, |byte| matches!(byte, b' ' | b'\t'));
        let value = trim_end(rest, is_lws_byte);
        let value = trim_start(value.get(1..).unwrap_or_default(), is_lws_byte);
        let known = Known::find(name);
        if known == Some(Known::CONTENT_LENGTH) {
            self.length.note(value);
        }
        if known.is_none() && !is_token_bytes(name) {
            return Err(Fault::bad("a header name is not a token"));
        }
        if self.count > MAX_HEADERS {
            return Err(Fault::new(Rule::HeaderCount, "more than 128 headers"));
        }
        if self.fields.capacity() == 0 {
            self.fields.reserve(USUAL_HEADERS);
        }
        self.fields.push(Field {
            name: self.span_of(line, name),
            value: self.span_of(line, value),
            known,
            folded: self.folded,
        });
        Ok(())
    }

    /// Where `part` stands, which was cut from `line`.
    fn span_of(&self, line: &[u8], part: &[u8]) -> Span {
        let before = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
        let start = self.line.saturating_add(before);
        Span::new(start, start.saturating_add(part.len()))
    }
}

impl Field {
    /// Where the name stands, as it was written.
    pub fn name(&self) -> Range<usize> {
        self.name.range()
    }

    /// Where the value stands, without the white space around it; a folded one holds its line ends.
    pub fn value(&self) -> Range<usize> {
        self.value.range()
    }

    /// Whether it goes over several lines.
    pub fn is_folded(&self) -> bool {
        self.folded
    }

    /// The header it is, long or compact, when this crate knows it.
    pub fn header(&self) -> Option<HeaderName> {
        self.known.map(HeaderName::from)
    }

    pub(crate) fn known(&self) -> Option<Known> {
        self.known
    }
}

impl Span {
    /// No head is so long that its places would not fit.
    fn new(start: usize, end: usize) -> Span {
        let place = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        Span { start: place(start), end: place(end) }
    }

    fn range(self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} headers)", self.fields.len())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known {
            Some(known) => f.write_str(known.as_str()),
            None => write!(f, "extension ({} bytes)", self.name().len()),
        }
    }
}

/// Whether control characters stand in a head whose line ends are in order. Tabs are legal, and whatever a backslash
/// stands before.
fn has_stray_controls(head: &[u8]) -> bool {
    // Nearly every head holds none: looked at without a branch per byte first.
    let suspicious = |byte: u8| (byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n')) || byte == DELETE;
    if !head.iter().fold(false, |found, byte| found | suspicious(*byte)) {
        return false;
    }
    let mut before = 0_u8;
    head.iter().any(|&byte| {
        let is_stray = suspicious(byte) && before != b'\\';
        // A backslash behind a backslash is itself the escaped one.
        before = if byte == b'\\' && before == b'\\' { 0 } else { byte };
        is_stray
    })
}

fn trim_start(mut text: &[u8], is_space: impl Fn(u8) -> bool) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    text
}

fn trim_end(mut text: &[u8], is_space: impl Fn(u8) -> bool) -> &[u8] {
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// The head of real messages is 1 to 4 kB; an endless one must not be buffered. Beyond it the answer is 513.
pub const MAX_HEAD: usize = 16 * 1024;

/// Real messages have 10 to 40 headers; each costs work here and at the PBX.
pub const MAX_HEADERS: usize = 128;

/// Longer than any header seen (an Identity or a long Record-Route is some 2 kB); beyond it the answer is 513.
pub const MAX_LINE: usize = 8 * 1024;

/// What ends a head: CRLF CRLF.
pub(crate) const EMPTY_LINE: usize = 4;

/// Room made at once for the headers of a common message.
const USUAL_HEADERS: usize = 24;

const DELETE: u8 = 127;

const BARE_CR: Fault = Fault::new(Rule::LineEnds, "a bare CR stands in the head");
const BARE_LF: Fault = Fault::new(Rule::LineEnds, "a bare LF stands in the head");
const HEAD_TOO_LARGE: Fault = Fault::new(Rule::HeadSize, "the head is larger than 16 kB");

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and values as the index places them.
    fn headers(head: &str) -> Result<Vec<(&str, &str)>, &'static str> {
        let message = format!("OPTIONS sip:h SIP/2.0\r\n{head}\r\n\r\n");
        let mut index = Index::new();
        index.read(&Bytes::from(message)).map_err(|error| error.reason())?;
        let begin = "OPTIONS sip:h SIP/2.0\r\n".len();
        let part = |range: Range<usize>| &head[range.start - begin..range.end - begin];
        Ok(index.fields().iter().map(|field| (part(field.name()), part(field.value()))).collect())
    }

    #[test]
    fn names_and_values_are_placed_without_the_space_around_them() {
        let found = headers("Via:a\r\nX-Thing \t:  b c\t\r\nl : 0\r\nSubject:\r\nTo: \r\n d\r\n\te ");
        let expected = [("Via", "a"), ("X-Thing", "b c"), ("l", "0"), ("Subject", ""), ("To", "d\r\n\te")];
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn bare_line_ends_and_control_characters_are_faults() {
        for head in [
            "A: 1\nB: 2",
            "A: 1\rB: 2",
            "A: \u{0}",
            "A: \u{7f}",
            "A: 1\r",
            "A: \u{1b}[2J",
            "A: \"\\\\\u{0}\"",
            "A: \\\r\n \u{0}",
        ] {
            assert!(headers(head).is_err(), "{head:?}");
        }
        assert!(headers("A: \"\\\u{0}\"").is_ok());
        assert!(headers("A:\t1\r\n\t2").is_ok());
    }

    #[test]
    fn a_line_without_a_name_is_a_fault() {
        for head in ["no colon", ": nameless", "a b: 1", "a\r\n : 1", "\u{fc}: 1", "a\u{c}: 1"] {
            assert!(headers(head).is_err(), "{head:?}");
        }
        assert_eq!(headers(" folded start line"), Err("the start line is folded"));
    }

    #[test]
    fn an_index_is_the_same_however_the_bytes_came() {
        let message = b"OPTIONS sip:h SIP/2.0\r\nl:\r\n 2\r\nX : 1\r\n\r\nab";
        let mut whole = Index::new();
        assert!(whole.scan(message, MAX_HEAD).unwrap());
        let mut pieces = Index::new();
        let complete = (0..=message.len()).find(|end| pieces.scan(&message[..*end], MAX_HEAD).unwrap());
        assert_eq!(complete, whole.body_start());
        assert!(whole.fields() == pieces.fields() && whole.start == pieces.start);
        assert_eq!(pieces.length().required(), Ok(2));
    }

    #[test]
    fn each_bound_names_itself() {
        let many = "X: 1\r\n".repeat(MAX_HEADERS - 1);
        assert_eq!(headers(&format!("{many}X: 1")).map(|found| found.len()), Ok(MAX_HEADERS));
        assert_eq!(headers(&format!("{many}X: 1\r\nX: 1")), Err("more than 128 headers"));
        assert!(headers(&format!("X: {}", "a".repeat(MAX_LINE - 3))).is_ok());
        assert_eq!(
            headers(&format!("X: {}", "a".repeat(MAX_LINE - 2))),
            Err("a header line is longer than 8 kB")
        );
        let head = |length: usize| ["a".repeat(length), "\r\n\r\n".to_owned()].concat().into_bytes();
        assert_eq!(Index::new().scan(&head(MAX_HEAD), MAX_HEAD), Ok(true));
        assert_eq!(Index::new().scan(&head(MAX_HEAD + 1), MAX_HEAD), Err(HEAD_TOO_LARGE));
    }

    #[test]
    fn debug_shows_no_value() {
        let mut index = Index::new();
        index
            .read(&Bytes::from_static(b"OPTIONS sip:jane@h SIP/2.0\r\nTo: jane\r\nX-Jane: 1\r\n\r\n"))
            .unwrap();
        let printed = format!("{index:?} {:?}", index.fields());
        assert!(printed.contains("To") && !printed.to_lowercase().contains("jane"), "{printed}");
    }
}
