use std::fmt;
use std::str::FromStr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::grammar::{Malformed, escapes_are_whole, unescape};
use crate::{Host, Params, Text};

/// The scheme of a URI.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`: every hop over TLS.
    Sips,
    /// `tel:` (RFC 3966).
    Tel,
    /// Anything else, read no further; as a Request-URI the answer is 416.
    Other(Text),
}

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

    pub(crate) fn parse_part(source: &Text, text: &str) -> Result<Uri, Malformed> {
        if text.bytes().any(|byte| byte <= b' ' || matches!(byte, b'<' | b'>' | b'"' | 127)) {
            return Err(Malformed("a URI holds white space or brackets"));
        }
        let (scheme, rest) = text.split_once(':').ok_or(Malformed("a URI has no scheme"))?;
        let scheme = Scheme::parse(source, scheme)?;
        let mut uri = Uri {
            raw: Some(source.part(text)),
            scheme,
            user: None,
            host: None,
            port: None,
            params: Params::default(),
            rare: None,
        };
        match uri.scheme {
            Scheme::Sip | Scheme::Sips => uri.parse_sip(source, rest)?,
            Scheme::Tel => uri.parse_tel(source, rest)?,
            Scheme::Other(_) if rest.is_empty() => return Err(Malformed("a URI is empty")),
            Scheme::Other(_) => uri.user = Some(source.part(rest)),
        }
        Ok(uri)
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

    /// Whether both name the same resource by RFC 3261 section 19.1.4: user with case, host without; `user`,
    /// `ttl`, `method`, `maddr` and `transport` must be in both or in none, other parameters agree when in both.
    pub fn equivalent(&self, other: &Uri) -> bool {
        let same_user = match (&self.user, &other.user) {
            (None, None) => true,
            (Some(one), Some(two)) => one == two || is_same_unescaped(one, two),
            _ => false,
        };
        let same_host = match (&self.host, &other.host) {
            (Some(one), Some(two)) => one.is_same_as(two),
            (None, None) => true,
            _ => false,
        };
        self.scheme == other.scheme
            && same_user
            && self.password() == other.password()
            && same_host
            && self.port == other.port
            && params_agree(&self.params, &other.params)
            && params_agree(&other.params, &self.params)
            && self.headers() == other.headers()
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

    fn parse_sip(&mut self, source: &Text, rest: &str) -> Result<(), Malformed> {
        if !escapes_are_whole(rest) {
            return Err(Malformed("a URI has a broken escape"));
        }
        // Neither a user, a host, a parameter nor a header may hold a bare @, so there is at most one: whoever
        // reads the first and whoever reads the last then sees the same host.
        let hostport = match rest.split_once('@') {
            Some((_, tail)) if tail.contains('@') => return Err(Malformed("a URI has two @")),
            Some((userinfo, tail)) => {
                let (user, password) = match userinfo.split_once(':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (userinfo, None),
                };
                if user.is_empty() {
                    return Err(Malformed("the user of a URI is empty"));
                }
                self.user = Some(source.part(user));
                if let Some(password) = password {
                    self.rare.get_or_insert_default().password = Some(source.part(password));
                }
                tail
            }
            None => rest,
        };
        let (address, headers) = match hostport.split_once('?') {
            Some((_, "")) => return Err(Malformed("the headers of a URI are empty")),
            Some((address, headers)) => (address, Some(headers)),
            None => (hostport, None),
        };
        let end = address.find(';').unwrap_or(address.len());
        let (host, params) = address.split_at_checked(end).ok_or(Malformed("a URI is cut"))?;
        let (host, port) = Host::parse_with_port(source, host)?;
        self.host = Some(host);
        self.port = port;
        self.params = parse_params(source, params)?;
        if let Some(headers) = headers {
            self.rare.get_or_insert_default().headers = Some(source.part(headers));
        }
        Ok(())
    }

    fn parse_tel(&mut self, source: &Text, rest: &str) -> Result<(), Malformed> {
        let end = rest.find(';').unwrap_or(rest.len());
        let (number, params) = rest.split_at_checked(end).ok_or(Malformed("a URI is cut"))?;
        let is_number = |byte: u8| byte.is_ascii_hexdigit() || b"+-.()*#%".contains(&byte);
        if number.is_empty() || !number.bytes().all(is_number) || !escapes_are_whole(number) {
            return Err(Malformed("a tel URI has no number"));
        }
        self.user = Some(source.part(number));
        self.params = parse_params(source, params)?;
        Ok(())
    }
}

impl Scheme {
    /// The scheme as it is written, without the colon.
    pub fn as_str(&self) -> &str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(name) => name.as_str(),
        }
    }

    fn parse(source: &Text, text: &str) -> Result<Scheme, Malformed> {
        let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !begins_well || !text.bytes().all(is_scheme_byte) {
            return Err(Malformed("the scheme of a URI is malformed"));
        }
        Ok(match text {
            _ if text.eq_ignore_ascii_case("sip") => Scheme::Sip,
            _ if text.eq_ignore_ascii_case("sips") => Scheme::Sips,
            _ if text.eq_ignore_ascii_case("tel") => Scheme::Tel,
            _ => Scheme::Other(source.part(text)),
        })
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(_) => "other",
        })
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

/// URI parameters: like header parameters, without white space, and their names and values may be escaped.
fn parse_params(source: &Text, text: &str) -> Result<Params, Malformed> {
    let mut params = Params::default();
    let Some(list) = text.strip_prefix(';') else {
        return Ok(params);
    };
    for param in list.split(';') {
        let (name, value) = match param.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (param, None),
        };
        if name.is_empty() || value == Some("") {
            return Err(Malformed("a URI parameter is empty"));
        }
        params.push_parsed(source.part(name), value.map(|value| source.part(value)))?;
    }
    Ok(params)
}

fn params_agree(one: &Params, two: &Params) -> bool {
    one.iter().all(|(name, value)| match two.get(name.as_str()) {
        Some(other) => match (value, other) {
            (Some(value), Some(other)) => value.eq_ignore_case(other.as_str()),
            (None, None) => true,
            _ => false,
        },
        None => !MUST_AGREE.iter().any(|fixed| name.eq_ignore_case(fixed)),
    })
}

fn is_same_unescaped(one: &Text, two: &Text) -> bool {
    match (unescape(one.as_str()), unescape(two.as_str())) {
        (Some(one), Some(two)) => one == two,
        _ => false,
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

/// Present in one URI only, these make the two differ (RFC 3261 §19.1.4).
const MUST_AGREE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

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
    fn odd_but_legal_users_keep_their_host() {
        for (text, user, host) in [
            ("sip:user;par=u%40example.net@example.com", "user;par=u%40example.net", "example.com"),
            (
                "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
                "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
                "example.com",
            ),
            ("sip:a?b@[2001:db8::1]:5061", "a?b", "2001:db8::1"),
            ("sip:null-%00-null@example.com", "null-%00-null", "example.com"),
        ] {
            let uri = uri(text);
            assert_eq!(uri.user().unwrap(), &user);
            assert!(uri.host().unwrap().is(host));
        }
    }

    #[test]
    fn malformed_uris_are_refused() {
        for text in [
            "",
            "sip",
            "sip:",
            "1sip:a",
            "sip:a@",
            "sip:@h",
            "sip:a@b@c",
            "sip:a b@h",
            "<sip:a@h>",
            "sip:a%4@h",
            "sip:a@h:port",
            "sip:a@h;",
            "sip:a@h;;lr",
            "sip:a@h?",
            "tel:",
            "tel:hello",
            "x:",
            "sip:a\0@h",
        ] {
            assert!(Uri::parse(text).is_err(), "{text}");
        }
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

    #[test]
    fn equivalence_follows_section_19_1_4() {
        for (one, two) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        ] {
            assert!(uri(one).equivalent(&uri(two)), "{one} {two}");
        }
        for (one, two) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ] {
            assert!(!uri(one).equivalent(&uri(two)), "{one} {two}");
        }
    }
}
