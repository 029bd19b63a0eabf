use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::Text;
use crate::grammar::{Malformed, is_token, quoted, trim, unquote_pairs};

/// The `;name=value` list behind a URI, an address or a Via: in order, names without regard to case, values as
/// written (a quoted string keeps its quotes).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Params {
    list: Vec<(Text, Option<Text>)>,
}

impl Params {
    /// Reads a list that begins with `;` or is empty. White space around `;` and `=` is legal here.
    pub(crate) fn parse(source: &Text, text: &str) -> Result<Params, Malformed> {
        let mut params = Params::default();
        let mut rest = trim(text);
        while !rest.is_empty() {
            rest = rest.strip_prefix(';').ok_or(Malformed("a parameter does not begin with ;"))?;
            rest = params.parse_one(source, rest)?;
        }
        Ok(params)
    }

    /// The value of `name`: `None` when the parameter is absent, `Some(None)` when it stands without a value.
    pub fn get(&self, name: &str) -> Option<Option<&Text>> {
        self.list.iter().find(|(n, _)| n.eq_ignore_case(name)).map(|(_, value)| value.as_ref())
    }

    /// The value of `name` as written; `None` when it is absent or has none.
    pub fn value(&self, name: &str) -> Option<&Text> {
        self.get(name).flatten()
    }

    /// The value of `name` without the quotes of a quoted string.
    pub fn unquoted(&self, name: &str) -> Option<Text> {
        let value = self.value(name)?;
        match quoted(value.as_str()) {
            Ok((raw, _)) => Some(unquote_pairs(raw).map_or_else(|| value.part(raw), Text::from)),
            Err(_) => Some(value.clone()),
        }
    }

    /// Whether `name` is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Puts `name` in place of what stood there, or at the end.
    pub fn set(&mut self, name: &str, value: Option<Text>) {
        match self.list.iter_mut().find(|(n, _)| n.eq_ignore_case(name)) {
            Some((_, old)) => *old = value,
            None => self.list.push((Text::from(name), value)),
        }
    }

    /// Takes `name` out; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|(n, _)| !n.eq_ignore_case(name));
        self.list.len() != before
    }

    /// Takes `name` out with its value, in the shape of [`Params::get`].
    pub(crate) fn take(&mut self, name: &str) -> Option<Option<Text>> {
        let at = self.list.iter().position(|(n, _)| n.eq_ignore_case(name))?;
        Some(self.list.remove(at).1)
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, Option<&Text>)> {
        self.list.iter().map(|(name, value)| (name, value.as_ref()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A copy with buffers of its own.
    pub fn detached(&self) -> Params {
        let copy =
            |(name, value): &(Text, Option<Text>)| (name.detached(), value.as_ref().map(Text::detached));
        Params { list: self.list.iter().map(copy).collect() }
    }

    /// Adds a parameter a parser has read; a second one of the same name is malformed (RFC 3261 §7.3.1).
    pub(crate) fn push_parsed(&mut self, name: Text, value: Option<Text>) -> Result<(), Malformed> {
        if self.list.len() >= MAX_PARAMS {
            return Err(TOO_MANY_PARAMS);
        }
        if self.has(name.as_str()) {
            return Err(Malformed("a parameter stands twice"));
        }
        self.list.push((name, value));
        Ok(())
    }

    pub(crate) fn write_to(&self, out: &mut BytesMut) {
        for (name, value) in &self.list {
            out.put_u8(b';');
            crate::writer::put_line_safe(out, name.as_bytes());
            if let Some(value) = value {
                out.put_u8(b'=');
                crate::writer::put_line_safe(out, value.as_bytes());
            }
        }
    }

    /// Reads one `name[=value]` and returns what follows it.
    fn parse_one<'a>(&mut self, source: &Text, text: &'a str) -> Result<&'a str, Malformed> {
        let end = text.find([';', '=']).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).ok_or(Malformed("a parameter is cut"))?;
        let name = trim(name);
        if !is_token(name) {
            return Err(Malformed("a parameter name is not a token"));
        }
        let Some(rest) = rest.strip_prefix('=') else {
            self.push_parsed(source.part(name), None)?;
            return Ok(rest);
        };
        let rest = rest.trim_start_matches(crate::grammar::is_lws);
        let (value, rest) = if rest.starts_with('"') {
            let (_, tail) = quoted(rest)?;
            let value = rest.get(..rest.len() - tail.len()).unwrap_or_default();
            (value, tail.trim_start_matches(crate::grammar::is_lws))
        } else {
            let end = rest.find(';').unwrap_or(rest.len());
            let (value, tail) = rest.split_at_checked(end).ok_or(Malformed("a parameter is cut"))?;
            let value = trim(value);
            if value.is_empty() || !value.bytes().all(is_value_byte) {
                return Err(Malformed("a parameter value is neither token, host nor quoted string"));
            }
            (value, tail)
        };
        self.push_parsed(source.part(name), Some(source.part(value)))?;
        Ok(rest)
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Params({})", self.list.len())
    }
}

/// Wider than `token / host`: contact parameters of real phones carry URIs and base64 unquoted.
fn is_value_byte(byte: u8) -> bool {
    byte > b' ' && byte != 127 && !matches!(byte, b'"' | b',' | b';' | b'<' | b'>')
}

/// The longest real lists (feature tags of a Contact) have some fifteen; the check for doubles is quadratic.
pub const MAX_PARAMS: usize = 32;
pub(crate) const TOO_MANY_PARAMS: Malformed = Malformed("too many parameters");

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Params, Malformed> {
        Params::parse(&Text::from(text), text)
    }

    #[test]
    fn names_are_found_in_any_case_and_flags_have_no_value() {
        let params = parse(" ;TTL=1 ; rport; x = \"a;b\\\"c\" ").unwrap();
        assert_eq!(params.value("ttl").unwrap(), &"1");
        assert_eq!(params.get("RPORT"), Some(None));
        assert_eq!(params.unquoted("x").unwrap(), "a;b\"c");
        assert_eq!(params.get("y"), None);
    }

    #[test]
    fn empty_doubled_and_unfinished_parameters_are_malformed() {
        for text in [";;", ";a;", ";=1", ";a=", ";a=1;A=2", ";a=\"x", ";a=\"x\"y", "a=1", ";a b=1", ";a=b c"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_flood_of_parameters_is_refused() {
        let many: String = (0..1_000).map(|n| format!(";p{n}")).collect();
        assert_eq!(parse(&many).unwrap_err(), TOO_MANY_PARAMS);
    }

    #[test]
    fn set_and_remove_ignore_case() {
        let mut params = parse(";expires=60;q=0.5").unwrap();
        params.set("Expires", Some(Text::from("30")));
        assert!(params.remove("Q"));
        let mut out = BytesMut::new();
        params.write_to(&mut out);
        assert_eq!(out, ";expires=30".as_bytes());
    }
}
