use std::fmt;
use std::net::IpAddr;

use crate::Text;

/// Where media is to be sent: the `c=` line (RFC 8866 §5.7). A multicast TTL or range is read and forgotten.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// The address, or a host name that some peers write.
    pub address: Address,
}

/// An address as session descriptions write it.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A literal IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A host name; media is never sent to one, since nobody has checked what it resolves to.
    Name(Text),
}

impl Connection {
    /// The literal address; `None` when the peer wrote a host name.
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.address {
            Address::Ip(ip) => Some(*ip),
            Address::Name(_) => None,
        }
    }

    /// Whether this is 0.0.0.0 or ::, the old way to say "send me nothing" (RFC 3264 §8.4).
    pub fn is_hold(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// Reads `IN IP4 192.0.2.1`, as `c=`, `o=` and `a=rtcp` end.
    pub(crate) fn parse(text: &str) -> Option<Connection> {
        let mut words = text.split_ascii_whitespace();
        if words.next()? != "IN" {
            return None;
        }
        let kind = words.next()?;
        let written = words.next()?;
        if words.next().is_some() {
            return None;
        }
        let bare = written.split('/').next()?;
        let address = match (kind, bare.parse::<IpAddr>()) {
            ("IP4", Ok(ip @ IpAddr::V4(_))) | ("IP6", Ok(ip @ IpAddr::V6(_))) => Address::Ip(ip),
            ("IP4" | "IP6", Err(_)) if is_host_name(bare) => Address::Name(bare.into()),
            _ => return None,
        };
        Some(Connection { address })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match &self.address {
            Address::Ip(ip) => write_ip(*ip, out),
            Address::Name(name) => {
                out.extend_from_slice(b"IN IP4 ");
                out.extend_from_slice(name.as_bytes());
            }
        }
    }
}

impl From<IpAddr> for Connection {
    fn from(ip: IpAddr) -> Self {
        Connection { address: Address::Ip(ip) }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({:?})", self.address)
    }
}

/// Only the family: where somebody is reached counts as health information here.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Address::Ip(ip) if ip.is_unspecified() => "unspecified",
            Address::Ip(IpAddr::V4(_)) => "IP4",
            Address::Ip(IpAddr::V6(_)) => "IP6",
            Address::Name(_) => "name",
        })
    }
}

pub(crate) fn write_ip(ip: IpAddr, out: &mut Vec<u8>) {
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    out.extend_from_slice(format!("IN {family} {ip}").as_bytes());
}

/// Letters, digits, dots and hyphens with at least one letter, so that `300.1.1.1` is an error and not a name.
fn is_host_name(text: &str) -> bool {
    text.len() <= MAX_HOST_NAME
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

const MAX_HOST_NAME: usize = 253; // RFC 1035 §2.3.4, without the trailing dot
