use std::fmt;
use std::sync::Arc;

/// A piece of text a peer wrote into its session description: cheap to clone, silent in `Debug`.
///
/// It is a copy, never a slice of the body: a name kept for the length of a call must not keep the keys that stood
/// in the same body alive with it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Arc<str>);

impl Text {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as the bytes that go on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Compares as SDP compares names of codecs: without regard to ASCII case.
    pub fn is_like(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(Arc::from(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(Arc::from(text))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

/// Only the length: what a peer wrote may be a person's name, an address or a URI.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}
