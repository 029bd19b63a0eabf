use std::fmt;

use crate::{HeaderName, Text};

/// One header that this crate does not read further.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// Its value, byte for byte, without the white space around it; a folded value has one space per fold.
    pub value: Text,
}

/// The headers of a message that have no field of their own, in the order they were written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    list: Vec<Header>,
}

impl Headers {
    /// No headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    pub(crate) fn with_room_for(count: usize) -> Headers {
        Headers { list: Vec::with_capacity(count) }
    }

    /// The value of the first header of this name.
    pub fn get(&self, name: &HeaderName) -> Option<&Text> {
        self.list.iter().find(|header| header.name == *name).map(|header| &header.value)
    }

    /// The values of all headers of this name, in order.
    pub fn get_all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a Text> {
        self.list.iter().filter(move |header| header.name == *name).map(|header| &header.value)
    }

    /// Whether a header of this name is there.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Text>) {
        self.list.push(Header { name, value: value.into() });
    }

    /// Puts one header in place of all of this name: where the first stood, or at the end.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Text>) {
        let value = value.into();
        let Some(at) = self.list.iter().position(|header| header.name == name) else {
            return self.push(name, value);
        };
        let mut index = 0;
        self.list.retain_mut(|header| {
            let keep = index == at || header.name != name;
            if index == at {
                header.value = value.clone();
            }
            index += 1;
            keep
        });
    }

    /// Takes all headers of this name out and returns how many there were.
    pub fn remove(&mut self, name: &HeaderName) -> usize {
        let before = self.list.len();
        self.list.retain(|header| header.name != *name);
        before - self.list.len()
    }

    /// Keeps only the headers for which `keep` is true.
    pub fn retain(&mut self, keep: impl FnMut(&Header) -> bool) {
        self.list.retain(keep);
    }

    /// A copy with buffers of its own.
    pub fn detached(&self) -> Headers {
        let copy =
            |Header { name, value }: &Header| Header { name: name.detached(), value: value.detached() };
        Headers { list: self.list.iter().map(copy).collect() }
    }

    /// All headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({} bytes)", self.name, self.value.len())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Headers {
        let mut headers = Headers::new();
        headers.push(HeaderName::SUPPORTED, "replaces, timer");
        headers.push(HeaderName::SUBJECT, "a");
        headers.push(HeaderName::SUPPORTED, "path");
        headers
    }

    #[test]
    fn set_leaves_one_header_where_the_first_stood() {
        let mut headers = headers();
        headers.set(HeaderName::SUPPORTED, "path");
        let all: Vec<_> = headers.iter().map(|header| header.value.as_str()).collect();
        assert_eq!(all, ["path", "a"]);
        headers.set(HeaderName::EXPIRES, "60");
        assert_eq!(headers.remove(&HeaderName::EXPIRES), 1);
        assert_eq!(headers.remove(&HeaderName::EXPIRES), 0);
    }
}
