use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{BufMut, BytesMut};

use crate::Text;
use crate::grammar::{Malformed, is_lws};

/// The host of a URI or a Via: a name or an address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A domain name, as written; compare it with [`Host::is_same_as`].
    Name(Text),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in brackets on the wire.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host without a port.
    ///
    /// # Errors
    /// When it is neither a name, an IPv4 address nor an IPv6 address in brackets.
    pub fn parse(text: impl Into<Text>) -> Result<Host, Malformed> {
        let text = text.into();
        Host::parse_part(&text, text.as_str())
    }

    /// Reads `host [":" port]`; white space around the colon is legal in a Via only.
    pub(crate) fn parse_with_port(source: &Text, text: &str) -> Result<(Host, Option<u16>), Malformed> {
        let (host, port) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (address, rest) =
                    bracketed.split_once(']').ok_or(Malformed("a bracket is not closed"))?;
                (Host::V6(parse_v6(address)?), rest.trim_start())
            }
            None => {
                let end = memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len());
                let (host, rest) = text.split_at_checked(end).ok_or(Malformed("a host is cut"))?;
                (Host::parse_part(source, host.trim_end_matches(is_lws))?, rest)
            }
        };
        if port.is_empty() {
            return Ok((host, None));
        }
        let digits = port.strip_prefix(':').ok_or(Malformed("something follows the host"))?;
        let digits = digits.trim_start_matches(is_lws);
        match crate::grammar::number(digits, u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok()) {
            Some(port) if port > 0 => Ok((host, Some(port))),
            _ => Err(Malformed("a port is not 1 to 65535")),
        }
    }

    /// The address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// The name, when it is one.
    pub fn name(&self) -> Option<&Text> {
        match self {
            Host::Name(name) => Some(name),
            Host::V4(_) | Host::V6(_) => None,
        }
    }

    /// Same address, or same name without regard to case and to a trailing dot.
    pub fn is_same_as(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(one), Host::Name(two)) => {
                let bare = |name: &Text| name.as_str().trim_end_matches('.').to_ascii_lowercase();
                one.eq_ignore_case(two.as_str()) || bare(one) == bare(two)
            }
            _ => self == other,
        }
    }

    /// Whether it is the domain (or address, in brackets or not) written in `domain`.
    pub fn is(&self, domain: &str) -> bool {
        match self {
            Host::Name(name) => {
                name.as_str().trim_end_matches('.').eq_ignore_ascii_case(domain.trim_end_matches('.'))
            }
            Host::V4(address) => domain.parse() == Ok(*address),
            Host::V6(address) => domain.trim_matches(['[', ']']).parse() == Ok(*address),
        }
    }

    /// A copy with a buffer of its own.
    pub fn detached(&self) -> Host {
        match self {
            Host::Name(name) => Host::Name(name.detached()),
            address => address.clone(),
        }
    }

    pub(crate) fn write_to(&self, out: &mut BytesMut) {
        match self {
            Host::Name(name) => out.put_slice(name.as_bytes()),
            Host::V4(address) => out.put_slice(address.to_string().as_bytes()),
            Host::V6(address) => out.put_slice(format!("[{address}]").as_bytes()),
        }
    }

    fn parse_part(source: &Text, text: &str) -> Result<Host, Malformed> {
        if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return parse_v6(address).map(Host::V6);
        }
        // An address begins with a digit, a name nearly never.
        if text.starts_with(|first: char| first.is_ascii_digit())
            && let Ok(address) = text.parse()
        {
            return Ok(Host::V4(address));
        }
        match is_name(text) {
            true => Ok(Host::Name(source.part(text))),
            false => Err(Malformed("a host is neither a name nor an address")),
        }
    }
}

/// `hostname` of RFC 3261 section 25.1, and the underscore within a label that real names have. The last label begins with a
/// letter: what only looks like an address some readers take for one.
fn is_name(text: &str) -> bool {
    let labels = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let ends_well = |end: Option<&u8>| end.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        let is_label_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        ends_well(bytes.first()) && ends_well(bytes.last()) && bytes.iter().all(is_label_byte)
    };
    let top = labels.rsplit('.').next().unwrap_or_default();
    top.starts_with(|c: char| c.is_ascii_alphabetic()) && labels.split('.').all(is_label)
}

/// The grammar of RFC 3261 lets three colons stand before an embedded IPv4 address, and RFC 5118 §4.10 asks to read them
/// as the two they must be. They can mean nothing else, and are never written.
fn parse_v6(text: &str) -> Result<Ipv6Addr, Malformed> {
    let mended = match text.split_once(":::") {
        Some((left, right)) if right.parse::<Ipv4Addr>().is_ok() => format!("{left}::{right}").parse(),
        _ => text.parse(),
    };
    mended.map_err(|_| Malformed("an IPv6 address is malformed"))
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Host {
        match address {
            IpAddr::V4(address) => Host::V4(address),
            IpAddr::V6(address) => Host::V6(address),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Host::Name(_) => "Host(name)",
            Host::V4(_) => "Host(IPv4)",
            Host::V6(_) => "Host(IPv6)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_port(text: &str) -> Result<(Host, Option<u16>), Malformed> {
        Host::parse_with_port(&Text::from(text), text)
    }

    #[test]
    fn names_and_addresses_are_told_apart() {
        assert_eq!(with_port("a.example:5061"), Ok((Host::Name(Text::from("a.example")), Some(5061))));
        assert_eq!(with_port("10.0.0.1"), Ok((Host::V4(Ipv4Addr::new(10, 0, 0, 1)), None)));
        assert_eq!(
            with_port("[2001:db8::1]:5061"),
            Ok((Host::V6("2001:db8::1".parse().unwrap()), Some(5061)))
        );
    }

    #[test]
    fn three_colons_before_an_ipv4_address_are_two() {
        let host = with_port("[2001:db8:::192.0.2.1]:5060").unwrap();
        assert_eq!(host, (Host::V6("2001:db8::192.0.2.1".parse().unwrap()), Some(5060)));
        assert_eq!(Host::parse("[:::192.0.2.1]"), Host::parse("[::192.0.2.1]"));
        for text in ["[2001:db8:::1]", "[2001::::192.0.2.1]", "[1:::2:::192.0.2.1]", "[:::]"] {
            assert!(with_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn broken_hosts_and_ports_are_malformed() {
        for text in [
            "",
            ":5060",
            "a b",
            "a..b",
            ".a",
            "a.-b",
            "_a.b",
            "a_.b",
            "256.1.1.1",
            "010.1.1.1",
            "10.1.1",
            "h\u{a0}",
            "h:\u{2003}5",
            "[::1",
            "[::1]x",
            "[zz]",
            "::1",
            "h:",
            "h:0",
            "h:65536",
            "h:+1",
            "h:5:6",
            "u@h",
        ] {
            assert!(with_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_compare_without_case_and_final_dot() {
        let host = Host::parse("MX.Example.org").unwrap();
        assert!(host.is("mx.example.org."));
        assert!(host.is_same_as(&Host::parse("mx.example.ORG.").unwrap()));
        assert!(!host.is("x.example.org"));
    }
}
