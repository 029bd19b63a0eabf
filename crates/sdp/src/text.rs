use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A piece of text a peer wrote into its session description: cheap to clone, silent in `Debug`.
///
/// It is a copy, never a slice of the body: a name kept for the length of a call must not keep the keys that stood
/// in the same body alive with it.
#[derive(Clone)]
pub struct Text(Held);

#[derive(Clone)]
enum Held {
    /// A word this crate knows: no copy is needed.
    Known(&'static str),
    Copied(Arc<str>),
}

impl Text {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Held::Known(word) => word,
            Held::Copied(text) => text,
        }
    }

    pub(crate) fn known(word: &'static str) -> Self {
        Text(Held::Known(word))
    }

    /// The text as the bytes that go on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    /// Compares as SDP compares names of codecs: without regard to ASCII case.
    pub fn is_like(&self, other: &str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(Held::Copied(Arc::from(text)))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(Held::Copied(Arc::from(text)))
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Text) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Text) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

/// Only the length: what a peer wrote may be a person's name, an address or a URI.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.as_str().len())
    }
}
