use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::Bytes;

/// A piece of UTF-8 text that shares the buffer it was parsed from; cloning it copies no bytes.
///
/// Text comes from peers and may name a patient or a number, so its `Debug` tells only its length and there is
/// no `Display`. It keeps the whole buffer it was cut from alive: state that outlives a message keeps
/// [`Text::detached`] copies.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(
    /// Always UTF-8: every constructor checks it or starts from a `str`.
    Bytes,
);

impl Text {
    /// Text that lives in the program itself.
    pub const fn from_static(text: &'static str) -> Text {
        Text(Bytes::from_static(text.as_bytes()))
    }

    /// Checks that `bytes` are UTF-8; `None` when they are not.
    pub fn from_utf8(bytes: Bytes) -> Option<Text> {
        std::str::from_utf8(&bytes).is_ok().then_some(Text(bytes))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a Text is UTF-8 by construction")
    }

    /// The bytes as they stood on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares as SIP compares tokens: ASCII letters without regard to case.
    pub fn eq_ignore_case(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other.as_bytes())
    }

    /// A copy with a buffer of its own, for state that must not keep a whole message in memory.
    pub fn detached(&self) -> Text {
        Text(Bytes::copy_from_slice(&self.0))
    }

    /// `part`, sharing this text's buffer when it was cut from it and copied when it was not.
    pub(crate) fn part(&self, part: &str) -> Text {
        Text::shared(&self.0, part)
    }

    /// `part`, sharing `buffer` when it was cut from it and copied when it was not.
    pub(crate) fn shared(buffer: &Bytes, part: &str) -> Text {
        if part.is_empty() {
            return Text::default();
        }
        let start = (part.as_ptr() as usize).checked_sub(buffer.as_ptr() as usize);
        match start.and_then(|start| Some((start, start.checked_add(part.len())?))) {
            Some((start, end)) if end <= buffer.len() => Text(buffer.slice(start..end)),
            _ => Text::from(part),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Bytes::from(text))
    }
}

impl From<&Text> for Text {
    fn from(text: &Text) -> Text {
        text.clone()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_shares_the_buffer_and_a_stranger_is_copied() {
        let whole = Text::from("sip:alice@example.org");
        let part = whole.part(&whole.as_str()[4..9]);
        assert_eq!(part, "alice");
        assert_eq!(part.as_bytes().as_ptr(), whole.as_bytes()[4..].as_ptr());
        assert_eq!(whole.part("elsewhere"), "elsewhere");
    }

    #[test]
    fn debug_shows_only_a_length() {
        assert_eq!(format!("{:?}", Text::from("Jane Patient")), "Text(12 bytes)");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_no_text() {
        assert!(Text::from_utf8(Bytes::from_static(b"\xff")).is_none());
    }
}
