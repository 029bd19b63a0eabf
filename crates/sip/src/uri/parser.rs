//! The grammar of URIs (RFC 3261 section 25.1, RFC 3966).

use memchr::memchr;

use super::Uri;
use crate::grammar::{Malformed, escapes_are_whole, split_at_byte};
use crate::{Host, Params, Scheme, Text};

impl Uri {
    pub(crate) fn parse_part(source: &Text, text: &str) -> Result<Uri, Malformed> {
        // Without a branch per byte: hardly any holds one.
        let foreign = |byte: u8| byte <= b' ' || matches!(byte, b'<' | b'>' | b'"' | 127);
        if text.bytes().fold(false, |found, byte| found | foreign(byte)) {
            return Err(Malformed("a URI holds white space or brackets"));
        }
        let (scheme, rest) = split_at_byte(text, b':').ok_or(Malformed("a URI has no scheme"))?;
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

    fn parse_sip(&mut self, source: &Text, rest: &str) -> Result<(), Malformed> {
        if !escapes_are_whole(rest) {
            return Err(Malformed("a URI has a broken escape"));
        }
        // Neither a user, a host, a parameter nor a header may hold a bare @, so there is at most one: whoever
        // reads the first and whoever reads the last then sees the same host.
        let hostport = match split_at_byte(rest, b'@') {
            Some((_, tail)) if memchr(b'@', tail.as_bytes()).is_some() => {
                return Err(Malformed("a URI has two @"));
            }
            Some((userinfo, tail)) => {
                let (user, password) = match split_at_byte(userinfo, b':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (userinfo, None),
                };
                if user.is_empty() {
                    return Err(Malformed("the user of a URI is empty"));
                }
                if !user.bytes().all(is_user_byte)
                    || !password.unwrap_or_default().bytes().all(is_password_byte)
                {
                    return Err(Malformed("the user of a URI holds what must be escaped"));
                }
                self.user = Some(source.part(user));
                if let Some(password) = password {
                    self.rare.get_or_insert_default().password = Some(source.part(password));
                }
                tail
            }
            None => rest,
        };
        let (address, headers) = match split_at_byte(hostport, b'?') {
            Some((_, "")) => return Err(Malformed("the headers of a URI are empty")),
            Some((address, headers)) => (address, Some(headers)),
            None => (hostport, None),
        };
        let end = memchr(b';', address.as_bytes()).unwrap_or(address.len());
        let (host, params) = address.split_at_checked(end).ok_or(Malformed("a URI is cut"))?;
        if host.starts_with('[') && host.contains(":::") {
            // What only we can read is not passed on as it was written.
            self.raw = None;
        }
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

/// `user` of RFC 3261 section 25.1. Beyond it `#`, which phones do not escape in the codes they dial, and letters of any
/// language: no reader takes them for the end of the user.
fn is_user_byte(byte: u8) -> bool {
    is_password_byte(byte) || matches!(byte, b';' | b'?' | b'/' | b'#') || !byte.is_ascii()
}

/// `password` of RFC 3261 section 25.1.
fn is_password_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_'
                | b'.'
                | b'!'
                | b'~'
                | b'*'
                | b'\''
                | b'('
                | b')'
                | b'%'
                | b'&'
                | b'='
                | b'+'
                | b'$'
                | b','
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap()
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
            ("sip:*72#@example.com", "*72#", "example.com"),
            ("sip:m\u{fc}ller@example.com", "m\u{fc}ller", "example.com"),
        ] {
            let uri = uri(text);
            assert_eq!(uri.user().unwrap(), &user);
            assert!(uri.host().unwrap().is(host));
        }
    }

    #[test]
    fn three_colons_are_written_as_two() {
        let uri = uri("sip:user@[2001:db8:::192.0.2.1];lr");
        assert_eq!(uri.to_text(), "sip:user@[2001:db8::c000:201];lr");
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
            "sip:a]b@h",
            "sip:a{b}@h",
            "sip:a|b@h",
            "sip:a;b:c;d@h",
            "sip:a:b:c@h",
        ] {
            assert!(Uri::parse(text).is_err(), "{text}");
        }
    }
}
