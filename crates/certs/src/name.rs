//! The name a peer must prove.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rustls_pki_types::{DnsName, ServerName};

use crate::leaf::LeafFacts;
use crate::problem::CertProblem;

/// A host name or address that a certificate must carry, exactly (RFC 5922 §7.2). Compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PeerName {
    /// A DNS name, lower case. Also the name asked for in the handshake (SNI).
    Dns(String),
    /// A literal address, for sites that address the PBX so; no SNI is sent then.
    Ip(IpAddr),
}

/// The text is neither a host name nor an address, or is a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a host name nor an address")]
pub struct NotAName;

impl PeerName {
    /// Whether the certificate carries this name: a `dNSName` or `sip:` URI that is the same, or the address itself.
    ///
    /// # Errors
    /// Which rule the names break.
    pub fn check(&self, facts: &LeafFacts) -> Result<(), CertProblem> {
        if !facts.has_names() {
            return Err(CertProblem::NoAlternativeName);
        }
        let found = match self {
            Self::Dns(name) => facts
                .dns_names
                .iter()
                .chain(&facts.sip_domains)
                .any(|presented| presented.trim_end_matches('.').eq_ignore_ascii_case(name)),
            Self::Ip(address) => facts.addresses.contains(address),
        };
        match (found, facts.has_wildcard()) {
            (true, _) => Ok(()),
            (false, true) => Err(CertProblem::Wildcard),
            (false, false) => Err(CertProblem::NameMismatch { expected: self.to_string() }),
        }
    }

    /// The same name as the TLS library wants it.
    pub fn to_server_name(&self) -> ServerName<'static> {
        match self {
            Self::Dns(name) => ServerName::DnsName(
                DnsName::try_from(name.clone()).expect("a PeerName is made only from a valid DNS name"),
            ),
            Self::Ip(address) => ServerName::IpAddress((*address).into()),
        }
    }
}

impl FromStr for PeerName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Ip(address));
        }
        let name = bare.trim_end_matches('.').to_ascii_lowercase();
        DnsName::try_from(name.as_str()).map_err(|_| NotAName)?;
        Ok(Self::Dns(name))
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_no_name_to_ask_for() {
        assert_eq!("*.example.org".parse::<PeerName>(), Err(NotAName));
        assert_eq!("".parse::<PeerName>(), Err(NotAName));
    }

    #[test]
    fn names_are_compared_without_case_and_addresses_are_addresses() {
        assert_eq!("MX.Example.org.".parse(), Ok(PeerName::Dns("mx.example.org".into())));
        assert_eq!("[::1]".parse(), Ok(PeerName::Ip("::1".parse().unwrap())));
    }
}
