//! The lines of a message head, for the framer, the parser and the error reply alike.

use crate::grammar::trim;
use crate::{StatusCode, grammar::Malformed};

/// What is wrong with a message and the status that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
}

impl Fault {
    pub(crate) const fn bad(reason: &'static str) -> Fault {
        Fault { status: StatusCode::BAD_REQUEST, reason }
    }

    pub(crate) const fn too_large(reason: &'static str) -> Fault {
        Fault { status: StatusCode::MESSAGE_TOO_LARGE, reason }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        Fault::bad(malformed.reason())
    }
}

/// One logical line: where it stands in the head, without its CRLF.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It goes over several lines.
    pub(crate) folded: bool,
    /// A control character stands where it is not the quoted pair it could only be.
    controls: bool,
}

impl Line {
    /// What makes the line unreadable without making its end doubtful: reason to refuse the message, none to
    /// close the flow.
    pub(crate) fn check(self) -> Result<Line, Fault> {
        if self.controls {
            return Err(Fault::bad("a control character stands in the head"));
        }
        if self.end - self.start > MAX_LINE {
            return Err(Fault::too_large("a header line is longer than 8 kB"));
        }
        Ok(self)
    }
}

/// Cuts a head (without its empty line) into logical lines.
///
/// Only CRLF ends a line; a bare CR or LF is a fault, for what one reader takes for a line end another does not.
pub(crate) struct Lines<'a> {
    head: &'a [u8],
    next: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(head: &'a [u8]) -> Lines<'a> {
        Lines { head, next: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next;
        if start >= self.head.len() {
            return None;
        }
        let mut folded = false;
        let mut controls = false;
        let mut before = 0_u8;
        let mut at = start;
        while let Some(&byte) = self.head.get(at) {
            match byte {
                b'\r' => {
                    if self.head.get(at + 1) != Some(&b'\n') {
                        return self.fail("a bare CR stands in the head");
                    }
                    if matches!(self.head.get(at + 2), Some(b' ' | b'\t')) {
                        folded = true;
                        at += 2;
                        before = b' ';
                        continue;
                    }
                    self.next = at + 2;
                    return Some(Ok(Line { start, end: at, folded, controls }));
                }
                b'\n' => return self.fail("a bare LF stands in the head"),
                b'\t' => {}
                0..=31 | 127 if before != b'\\' => controls = true,
                _ => {}
            }
            // A backslash behind a backslash is itself the escaped one.
            before = if byte == b'\\' && before == b'\\' { 0 } else { byte };
            at += 1;
        }
        self.next = self.head.len();
        Some(Ok(Line { start, end: at, folded, controls }))
    }
}

impl Lines<'_> {
    fn fail(&mut self, reason: &'static str) -> Option<Result<Line, Fault>> {
        self.next = self.head.len();
        Some(Err(Fault::bad(reason)))
    }
}

/// `Name : value` of a header line; white space before the colon is legal (RFC 3261 §25.1, HCOLON).
pub(crate) fn name_and_value(line: &str) -> Result<(&str, &str), Fault> {
    let (name, value) = line.split_once(':').ok_or(Fault::bad("a header line has no colon"))?;
    if name.starts_with([' ', '\t']) {
        return Err(Fault::bad("a header line begins with white space"));
    }
    Ok((name.trim_end_matches([' ', '\t']), trim(value)))
}

/// Folds become one space each (RFC 3261 §7.3.1).
pub(crate) fn unfold(value: &str) -> String {
    let mut lines = value.split("\r\n");
    let mut plain = lines.next().unwrap_or_default().trim_end_matches([' ', '\t']).to_owned();
    for line in lines {
        plain.push(' ');
        plain.push_str(line.trim_matches([' ', '\t']));
    }
    plain
}

/// Longer than any header seen (an Identity or a long Record-Route is some 2 kB); beyond it the answer is 513.
const MAX_LINE: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(head: &str) -> Result<Vec<(&str, bool)>, Fault> {
        Lines::new(head.as_bytes())
            .map(|line| line.and_then(Line::check).map(|line| (&head[line.start..line.end], line.folded)))
            .collect()
    }

    #[test]
    fn folded_lines_are_one_line() {
        let found = lines("A: 1\r\n  2\r\n\t3\r\nB: 4").unwrap();
        assert_eq!(found, [("A: 1\r\n  2\r\n\t3", true), ("B: 4", false)]);
        assert_eq!(unfold(" 1 \r\n  2\r\n\t3").trim(), "1 2 3");
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
        ] {
            assert!(lines(head).is_err(), "{head:?}");
        }
        assert!(lines("A: \"\\\u{0}\"").is_ok());
    }

    #[test]
    fn the_colon_may_have_space_before_it() {
        assert_eq!(name_and_value("Content-Length \t:  5 "), Ok(("Content-Length", "5")));
        assert!(name_and_value("no colon").is_err());
    }
}
