//! The text of a configuration file, and places in it.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file that was read.
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

/// A place in a file, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Counted from 1.
    pub(crate) line: usize,
    /// In characters, counted from 1.
    pub(crate) column: usize,
    /// Characters to underline, on this line only; at least 1.
    pub(crate) width: usize,
    /// The line itself.
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &Path, text: String) -> Source {
        Source { path: path.to_owned(), text }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The place of a span of bytes; a span beyond the end is the end.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let start = floor(&self.text, span.start);
        let (before, after) = self.text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let (_, lead) = before.split_at(line_start);
        let rest = after.split(['\n', '\r']).next().unwrap_or_default();
        let marked = after.get(..floor(&self.text, span.end).saturating_sub(start)).unwrap_or(rest);
        let marked = marked.split(['\n', '\r']).next().unwrap_or_default();
        Place {
            line: before.matches('\n').count() + 1,
            column: lead.chars().count() + 1,
            width: marked.chars().count().max(1),
            text: format!("{lead}{rest}"),
        }
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, span: Range<usize>) -> (usize, usize, usize, String) {
        let place = Source::new(Path::new("x"), text.to_owned()).place(&span);
        (place.line, place.column, place.width, place.text)
    }

    #[test]
    fn a_place_is_counted_in_lines_and_characters_from_one() {
        assert_eq!(place("a = 1\nbé = 2\n", 12..13), (2, 6, 1, "bé = 2".to_owned()));
    }

    #[test]
    fn a_span_over_several_lines_marks_the_first() {
        assert_eq!(place("[a]\r\nb = 1\r\n", 0..10), (1, 1, 3, "[a]".to_owned()));
    }

    #[test]
    fn a_span_beyond_the_end_is_the_end() {
        assert_eq!(place("a", 9..12), (1, 2, 1, "a".to_owned()));
    }
}
