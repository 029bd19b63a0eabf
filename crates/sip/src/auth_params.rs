use std::fmt;

use bytes::{BufMut, BytesMut};
use memchr::memchr_iter;

use crate::Text;
use crate::grammar::{Malformed, Pieces, is_lws, is_token, quoted, trim, unquote_pairs, write_quoted};
use crate::writer::put_line_safe;

/// The comma list behind an authentication scheme (RFC 7616 section 3): every parameter kept, known or not, in
/// order and spelled as it came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthParams {
    /// Name and raw value; a quoted string keeps its quotes.
    list: Vec<(Text, Text)>,
}

impl AuthParams {
    /// Reads `Scheme name=value, name="value"`: the scheme and its parameters.
    pub(crate) fn parse(value: &Text) -> Result<(Text, AuthParams), Malformed> {
        let text = trim(value.as_str());
        let (scheme, rest) = text.split_once(is_lws).unwrap_or((text, ""));
        if !is_token(scheme) {
            return Err(Malformed("an authentication scheme is not a token"));
        }
        Ok((value.part(scheme), AuthParams::parse_list(value, rest)?))
    }

    /// Reads `name=value, name="value"`: the parameters alone.
    pub(crate) fn parse_list(source: &Text, text: &str) -> Result<AuthParams, Malformed> {
        let mut params = AuthParams::default();
        for piece in Pieces::new(text, b',') {
            match piece? {
                // Empty elements are legal in a list of RFC 7235.
                "" => {}
                piece => params.add(source, piece)?,
            }
        }
        Ok(params)
    }

    /// Whether a header value has more parameters than are read.
    pub(crate) fn are_too_many(value: &Text) -> bool {
        // A comma stands between two of them: nearly always there are too few for it.
        let commas = memchr_iter(b',', value.as_bytes()).count();
        commas >= MAX_AUTH_PARAMS && AuthParams::parse(value) == Err(TOO_MANY)
    }

    /// The value of `name`, quotes taken off.
    pub fn get(&self, name: &str) -> Option<Text> {
        let raw = self.raw(name)?;
        match quoted(raw.as_str()) {
            Ok((content, _)) => Some(unquote_pairs(content).map_or_else(|| raw.part(content), Text::from)),
            Err(_) => Some(raw.clone()),
        }
    }

    /// The value of `name` as written, quotes included.
    pub fn raw(&self, name: &str) -> Option<&Text> {
        self.list.iter().find(|(n, _)| n.eq_ignore_case(name)).map(|(_, raw)| raw)
    }

    /// Whether `name` is there.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The `nc` parameter, how often a nonce was used: eight hexadecimal digits, or `None`.
    pub fn nonce_count(&self) -> Option<u32> {
        let digits = self.get("nc")?;
        let is_count = digits.len() == 8 && digits.as_bytes().iter().all(u8::is_ascii_hexdigit);
        is_count.then(|| u32::from_str_radix(digits.as_str(), 16).ok()).flatten()
    }

    /// Puts a quoted value in place of what stood under `name`, or at the end.
    pub fn set_quoted(&mut self, name: &str, value: &str) {
        let mut out = BytesMut::new();
        write_quoted(&mut out, value);
        self.set_raw(name, Text::from_utf8(out.freeze()).expect("a quoted text is text"));
    }

    /// Puts a token in place of what stood under `name`, or at the end.
    pub fn set_token(&mut self, name: &str, value: &str) {
        self.set_raw(name, Text::from(value));
    }

    /// Takes `name` out; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|(n, _)| !n.eq_ignore_case(name));
        self.list.len() != before
    }

    /// Appends a header value: scheme and parameters.
    pub(crate) fn write_with(&self, scheme: &Text, out: &mut BytesMut) {
        put_line_safe(out, scheme.as_bytes());
        if !self.is_empty() {
            out.put_u8(b' ');
        }
        self.write_to(out);
    }

    /// Appends the parameters.
    pub(crate) fn write_to(&self, out: &mut BytesMut) {
        for (index, (name, raw)) in self.list.iter().enumerate() {
            if index > 0 {
                out.put_slice(b", ");
            }
            put_line_safe(out, name.as_bytes());
            out.put_u8(b'=');
            put_line_safe(out, raw.as_bytes());
        }
    }

    fn set_raw(&mut self, name: &str, value: Text) {
        match self.list.iter_mut().find(|(n, _)| n.eq_ignore_case(name)) {
            Some((_, old)) => *old = value,
            None => self.list.push((Text::from(name), value)),
        }
    }

    fn add(&mut self, source: &Text, piece: &str) -> Result<(), Malformed> {
        let (name, value) =
            piece.split_once('=').ok_or(Malformed("an authentication parameter has no value"))?;
        let (name, value) = (trim(name), trim(value));
        if !is_token(name) {
            return Err(Malformed("an authentication parameter has no name"));
        }
        let is_value = match value.starts_with('"') {
            true => quoted(value)?.1.is_empty(),
            // Wider than token: phones write uri, nc or a base64 nonce without quotes.
            false => {
                !value.is_empty() && value.bytes().all(|byte| byte > b' ' && byte != b'"' && byte != 127)
            }
        };
        if !is_value {
            return Err(Malformed("the value of an authentication parameter is malformed"));
        }
        if self.raw(name).is_some() {
            return Err(Malformed("an authentication parameter stands twice"));
        }
        if self.list.len() >= MAX_AUTH_PARAMS {
            return Err(TOO_MANY);
        }
        self.list.push((source.part(name), source.part(value)));
        Ok(())
    }
}

impl fmt::Debug for AuthParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthParams({})", self.list.len())
    }
}

/// RFC 7616 knows twelve; the check for doubles is quadratic.
const MAX_AUTH_PARAMS: usize = 32;
const TOO_MANY: Malformed = Malformed("too many authentication parameters");
