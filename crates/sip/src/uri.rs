mod equivalence;
mod headers;
mod parser;

use std::fmt;
use std::str::FromStr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::grammar::{Malformed, unescape};
use crate::{Host, Params, Scheme, Text};

/// A URI (RFC 3261 section 19.1), written out exactly as it was read until a `with_` method changes it.
#[derive(Clone)]
pub struct Uri {
    /// The text it was read from; gone as soon as a part has been changed.
    raw: Option<Text>,
    scheme: Scheme,
    /// User part as written, escapes and all; of a `tel:` URI the number; of other schemes everything.
    user: Option<Text>,
    /// Always there in `sip:` and `sips:`, never elsewhere.
    host: Option<Host>,
    port: Option<u16>,
    params: Params,
    /// Boxed, as hardly any URI has them.
    rare: Option<Box<Rare>>,
}

/// What hardly any URI has.
#[derive(Clone, Default, PartialEq, Eq)]
struct Rare {
    password: Option<Text>,
    /// What follows `?`, as written.
    headers: Option<Text>,
}

impl Uri {
    /// A `sip:` URI of our own making. `user` is escaped where it must be.
    pub fn sip(user: Option<&str>, host: Host, port: Option<u16>) -> Uri {
        Uri {
            raw: None,
            scheme: Scheme::Sip,
            user: user.map(|user| Text::from(escape_user(user))),
            host: Some(host),
            port,
            params: Params::default(),
            rare: None,
        }
    }

    /// Reads a URI that stands alone, without angle brackets.
    ///
    /// # Errors
    /// When white space, brackets or control characters stand in it, an escape is broken, `@` stands twice, or
    /// host, port or a parameter is malformed.
    pub fn parse(text: impl Into<Text>) -> Result<Uri, Malformed> {
        let text = text.into();
        Uri::parse_part(&text, text.as_str())
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The user part as written, with its escapes and parameters (`911;phone-context=+1`); of a `tel:` URI the
    /// number.
    pub fn user(&self) -> Option<&Text> {
        self.user.as_ref()
    }

    /// The password, which nobody should send.
    pub fn password(&self) -> Option<&Text> {
        self.rare.as_ref()?.password.as_ref()
    }

    /// The host: there in every `sip:` and `sips:` URI, absent in the others.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// The port, when one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters of the URI itself.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// What follows `?`, as written.
    pub fn headers(&self) -> Option<&Text> {
        self.rare.as_ref()?.headers.as_ref()
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<&Text> {
        self.params.value("transport")
    }

    /// Whether it is a `sip:` or `sips:` URI.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user part with escapes undone, without user parameters: what was dialled. `%39%31%31` and
    /// `911;phone-context=x` are both `911`.
    pub fn dialled(&self) -> Option<Text> {
        if matches!(self.scheme, Scheme::Other(_)) {
            return None;
        }
        let user = self.user.as_ref()?;
        let plain =
            if user.as_str().contains('%') { Text::from(unescape(user.as_str())?) } else { user.clone() };
        let end = plain.as_str().find(';').unwrap_or(plain.len());
        Some(plain.as_str().get(..end).map_or_else(|| plain.clone(), |number| plain.part(number)))
    }

    /// The same URI with another user part, escaped where it must be.
    pub fn with_user(mut self, user: Option<&str>) -> Uri {
        self.raw = None;
        if let Some(rare) = &mut self.rare {
            rare.password = None;
        }
        self.user = user.map(|user| Text::from(escape_user(user)));
        self
    }

    /// The same URI with the user part of another, escapes and all.
    pub fn with_user_of(mut self, other: &Uri) -> Uri {
        self.raw = None;
        if let Some(rare) = &mut self.rare {
            rare.password = None;
        }
        self.user = other.user.clone();
        self
    }

    /// The same URI toward another host and port.
    pub fn with_host(mut self, host: Host, port: Option<u16>) -> Uri {
        self.raw = None;
        self.host = Some(host);
        self.port = port;
        self
    }

    /// The same URI with another scheme of the SIP family or `tel:`.
    pub fn with_scheme(mut self, scheme: Scheme) -> Uri {
        self.raw = None;
        self.scheme = scheme;
        self
    }

    /// The same URI with one parameter set.
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> Uri {
        self.raw = None;
        self.params.set(name, value.map(Text::from));
        self
    }

    /// The same URI without one parameter.
    pub fn without_param(mut self, name: &str) -> Uri {
        if self.params.remove(name) {
            self.raw = None;
        }
        self
    }

    /// The same URI with neither parameters nor headers: as it stands in an address of record.
    pub fn without_params_and_headers(mut self) -> Uri {
        self.raw = None;
        self.params = Params::default();
        if let Some(rare) = &mut self.rare {
            rare.headers = None;
        }
        self
    }

    /// The same URI as it may stand in a request line (RFC 3261 §19.1.1, table 1): without headers and without a method.
    pub fn for_request_line(self) -> Uri {
        let mut uri = self.without_param("method");
        if let Some(rare) = uri.rare.as_mut().filter(|rare| rare.headers.is_some()) {
            rare.headers = None;
            uri.raw = None;
        }
        uri
    }

    /// A copy with buffers of its own.
    pub fn detached(&self) -> Uri {
        let Uri { raw, scheme, user, host, port, params, rare } = self;
        let copy = |text: &Option<Text>| text.as_ref().map(Text::detached);
        Uri {
            raw: copy(raw),
            scheme: match scheme {
                Scheme::Other(name) => Scheme::Other(name.detached()),
                known => known.clone(),
            },
            user: copy(user),
            host: host.as_ref().map(Host::detached),
            port: *port,
            params: params.detached(),
            rare: rare.as_ref().map(|rare| {
                let Rare { password, headers } = rare.as_ref();
                Box::new(Rare { password: copy(password), headers: copy(headers) })
            }),
        }
    }

    /// The URI as it goes on the wire.
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.write_to(&mut out);
        out.freeze()
    }

    /// The URI as text, for the `uri` of a digest or a stored contact.
    pub fn to_text(&self) -> Text {
        match &self.raw {
            Some(raw) => raw.clone(),
            None => Text::from_utf8(self.write()).expect("a URI is written from texts"),
        }
    }

    /// Appends the URI: byte for byte as it was read, unless it was changed.
    pub fn write_to(&self, out: &mut BytesMut) {
        if let Some(raw) = &self.raw {
            out.put_slice(raw.as_bytes());
            return;
        }
        out.put_slice(self.scheme.as_str().as_bytes());
        out.put_u8(b':');
        if let Some(user) = &self.user {
            out.put_slice(user.as_bytes());
            if let Some(password) = self.password() {
                out.put_u8(b':');
                out.put_slice(password.as_bytes());
            }
            if self.host.is_some() {
                out.put_u8(b'@');
            }
        }
        if let Some(host) = &self.host {
            host.write_to(out);
        }
        if let Some(port) = self.port {
            out.put_slice(format!(":{port}").as_bytes());
        }
        self.params.write_to(out);
        if let Some(headers) = self.headers() {
            out.put_u8(b'?');
            out.put_slice(headers.as_bytes());
        }
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({:?})", self.scheme)
    }
}

/// Equal as written; for the RFC's comparison see [`Uri::equivalent`].
impl PartialEq for Uri {
    fn eq(&self, other: &Uri) -> bool {
        self.to_text() == other.to_text()
    }
}

impl Eq for Uri {}

impl FromStr for Uri {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Uri, Malformed> {
        Uri::parse(text)
    }
}

fn escape_user(user: &str) -> String {
    let mut escaped = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap()
    }

    #[test]
    fn parts_are_found() {
        let uri = uri("sips:john.doe:pw@h.example:5061;transport=TLS;lr?subject=x");
        assert_eq!(uri.scheme(), &Scheme::Sips);
        assert_eq!(uri.user().unwrap(), &"john.doe");
        assert_eq!(uri.password().unwrap(), &"pw");
        assert!(uri.host().unwrap().is("h.example"));
        assert_eq!(uri.port(), Some(5061));
        assert_eq!(uri.transport().unwrap(), &"TLS");
        assert!(uri.params().has("LR"));
        assert_eq!(uri.headers().unwrap(), &"subject=x");
    }

    #[test]
    fn what_was_dialled_is_read_through_escapes_and_parameters() {
        for text in [
            "sip:911@h",
            "sip:%39%31%31@h",
            "sip:911;phone-context=+1@h",
            "tel:911;phone-context=+1",
            "sip:911%3Bx@h",
        ] {
            assert_eq!(uri(text).dialled().unwrap(), "911", "{text}");
        }
        assert_ne!(uri("sip:9110@h").dialled().unwrap(), "911");
        assert_eq!(uri("urn:service:sos").dialled(), None);
    }

    #[test]
    fn a_uri_is_written_as_read_until_changed() {
        let text = "sip:%61lice@EXAMPLE.com:5061;Transport=TLS";
        assert_eq!(uri(text).write(), text);
        let changed = uri(text).with_host(Host::parse("b.example").unwrap(), None);
        assert_eq!(changed.write(), "sip:%61lice@b.example;Transport=TLS");
        assert_eq!(
            uri("tel:+1-212;phone-context=x").with_param("a", None).write(),
            "tel:+1-212;phone-context=x;a"
        );
        assert_eq!(Uri::sip(Some("a b@c"), Host::parse("h").unwrap(), None).write(), "sip:a%20b%40c@h");
    }
}
