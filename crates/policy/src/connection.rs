//! Who may connect, what is known of a connection, and why a handshake cannot end well.

mod names;

use std::net::{IpAddr, SocketAddr};

use cordon_sip::{FlowId, Rule};
use ipnet::IpNet;

pub use names::{group_name, suite_name, version_name};

use crate::Permit;
use crate::refusal::Refusal;

/// One accepted TLS connection of a phone, as every layer above the socket knows it.
///
/// The peer's address is asset data in refusals of the connection; in call records it counts as health
/// information and is wrapped there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFacts {
    /// Names the connection for as long as it lives.
    pub flow: FlowId,
    /// Index of the location in the configuration.
    pub location: usize,
    /// Where the phone connects from.
    pub peer: SocketAddr,
    /// The listener's address it connected to.
    pub local: SocketAddr,
    /// The name the phone asked for in the handshake (SNI): it reached us by that name. Phones that are given an
    /// address, and many old ones, ask for none.
    pub server_name: Option<String>,
    /// What the handshake agreed on.
    pub tls: TlsFacts,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The protocol version.
    pub version: TlsVersion,
    /// The cipher suite by its IANA name.
    pub suite: &'static str,
}

/// The TLS versions that are spoken. There is no variant for what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// As written in reports.
    pub fn name(self) -> &'static str {
        match self {
            TlsVersion::Tls12 => "TLS 1.2",
            TlsVersion::Tls13 => "TLS 1.3",
        }
    }
}

/// An address that may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    address: IpAddr,
}

impl Source {
    /// The admitted address; an IPv4 address that came mapped into IPv6 is IPv4 here.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

/// Admits an address that lies in one of `networks`. An empty list admits nobody.
///
/// # Errors
/// [`Refusal::ForeignNetwork`], which is answered with silence.
pub fn admit_source(networks: &[IpNet], address: IpAddr) -> Result<Permit<Source>, Refusal> {
    match contains(networks, address) {
        true => Ok(Permit::grant(Source { address: address.to_canonical() })),
        false => Err(Refusal::ForeignNetwork),
    }
}

/// Admits the PBX to the port that is open to it alone.
///
/// # Errors
/// [`Refusal::PbxForeignNetwork`], which is answered with silence.
pub fn admit_pbx_source(networks: &[IpNet], address: IpAddr) -> Result<Permit<Source>, Refusal> {
    admit_source(networks, address).map_err(|_| Refusal::PbxForeignNetwork)
}

/// True where `address` lies in one of `networks`; mapped IPv4 counts as IPv4.
pub fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The refusal of a message that breaks a rule of the wire. The SIP status of both is the same.
pub fn refusal_for(rule: Rule) -> Refusal {
    match rule {
        Rule::Grammar => Refusal::MessageUnreadable,
        Rule::Version => Refusal::VersionUnsupported,
        Rule::ContentLength => Refusal::ContentLengthUnclear,
        Rule::LineEnds => Refusal::LineEndUnclear,
        Rule::HeadSize => Refusal::HeadTooLarge,
        Rule::LineLength => Refusal::LineTooLong,
        Rule::HeaderCount => Refusal::TooManyHeaders,
        Rule::ViaCount => Refusal::TooManyVias,
        Rule::ContactCount => Refusal::TooManyContacts,
        Rule::RouteCount => Refusal::TooManyRoutes,
        Rule::ParameterCount => Refusal::TooManyParameters,
        Rule::BodySize => Refusal::BodyTooLarge,
    }
}

/// What a ClientHello offers, as numbers from the IANA registries.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    /// The highest version in `supported_versions`, or the legacy version where that is missing.
    pub highest_version: u16,
    /// The cipher suites.
    pub suites: &'a [u16],
    /// The groups; empty where the extension is missing.
    pub groups: &'a [u16],
    /// The signature schemes; empty where the extension is missing.
    pub signatures: &'a [u16],
}

/// The kind of key our certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafKey {
    /// An RSA key.
    Rsa,
    /// An elliptic key on P-256 or P-384.
    Ecdsa,
}

impl Hello<'_> {
    /// Why no handshake with this hello can succeed, in the order an installer has to cure it. `None`
    /// where nothing in the hello stands against it.
    pub fn refusal(&self, leaf: LeafKey) -> Option<Refusal> {
        if self.highest_version < TLS_1_2 {
            return Some(Refusal::TlsTooOld);
        }
        let is_13 = self.highest_version >= TLS_1_3;
        let suites: &[u16] = match leaf {
            LeafKey::Rsa => &RSA_SUITES,
            LeafKey::Ecdsa => &ECDSA_SUITES,
        };
        let other: &[u16] = match leaf {
            LeafKey::Rsa => &ECDSA_SUITES,
            LeafKey::Ecdsa => &RSA_SUITES,
        };
        let offers = |list: &[u16]| self.suites.iter().any(|suite| list.contains(suite));
        let has_suite = offers(suites) || (is_13 && offers(&TLS_1_3_SUITES));
        if !has_suite {
            return Some(match offers(other) {
                true => Refusal::TlsNoCommonSignature,
                false => Refusal::TlsNoCommonSuite,
            });
        }
        // A hello of TLS 1.2 without the extension leaves the choice to us (RFC 8422 §4).
        if !self.groups.is_empty() && !self.groups.iter().any(|group| GROUPS.contains(group)) {
            return Some(Refusal::TlsNoCommonGroup);
        }
        let schemes: &[u16] = match leaf {
            LeafKey::Rsa => &RSA_SCHEMES,
            LeafKey::Ecdsa => &ECDSA_SCHEMES,
        };
        if !self.signatures.is_empty() && !self.signatures.iter().any(|scheme| schemes.contains(scheme)) {
            return Some(Refusal::TlsNoCommonSignature);
        }
        None
    }

    /// What was offered, for the one event that explains a failed handshake: version, then suites by
    /// name, at most [`MAX_NAMED_SUITES`] of them.
    pub fn describe(&self) -> String {
        let named: Vec<String> =
            self.suites.iter().take(MAX_NAMED_SUITES).map(|&suite| suite_name(suite)).collect();
        let more = match self.suites.len().saturating_sub(MAX_NAMED_SUITES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("highest version {}, suites {}{more}", version_name(self.highest_version), named.join(" "))
    }
}

/// What an alert from the phone says about our certificate (RFC 8446 §6.2); `None` for alerts that
/// speak of something else.
pub fn refusal_by_alert(alert: u8) -> Option<Refusal> {
    match alert {
        // bad_certificate, unsupported_certificate, certificate_revoked, certificate_expired,
        // certificate_unknown, unknown_ca; decrypt_error: it could not verify our signature
        42..=46 | 48 | 51 => Some(Refusal::TlsCertificateNotTrusted),
        // protocol_version
        70 => Some(Refusal::TlsTooOld),
        // handshake_failure, insufficient_security
        40 | 71 => Some(Refusal::TlsNoCommonSuite),
        _ => None,
    }
}

/// Suites named in one event: enough to recognise the phone's TLS library, short enough for a log line.
pub const MAX_NAMED_SUITES: usize = 16;

const TLS_1_2: u16 = 0x0303;
const TLS_1_3: u16 = 0x0304;

// SP 800-52r2 within RFC 9325 §4.2: exactly these six are spoken.
const TLS_1_3_SUITES: [u16; 2] = [0x1301, 0x1302];
const RSA_SUITES: [u16; 2] = [0xc02f, 0xc030];
const ECDSA_SUITES: [u16; 2] = [0xc02b, 0xc02c];

// secp256r1, secp384r1, x25519, X25519MLKEM768
const GROUPS: [u16; 4] = [0x0017, 0x0018, 0x001d, 0x11ec];
// rsa_pkcs1 and rsa_pss_rsae with SHA-256, SHA-384, SHA-512
const RSA_SCHEMES: [u16; 6] = [0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806];
// ecdsa on P-256, P-384
const ECDSA_SCHEMES: [u16; 2] = [0x0403, 0x0503];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_a_network_is_admitted_also_when_mapped_into_ipv6() {
        let networks = ["10.1.0.0/16".parse().unwrap(), "fd00:1::/64".parse().unwrap()];
        assert!(admit_source(&networks, "10.1.2.3".parse().unwrap()).is_ok());
        assert!(admit_source(&networks, "fd00:1::9".parse().unwrap()).is_ok());
        let mapped = admit_source(&networks, "::ffff:10.1.2.3".parse().unwrap()).unwrap();
        assert_eq!(mapped.address(), "10.1.2.3".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn an_address_outside_every_network_is_refused_and_an_empty_list_admits_nobody() {
        let networks = ["10.1.0.0/16".parse().unwrap()];
        let outside = "10.2.0.1".parse().unwrap();
        assert_eq!(admit_source(&networks, outside).unwrap_err(), Refusal::ForeignNetwork);
        assert_eq!(admit_source(&[], outside).unwrap_err(), Refusal::ForeignNetwork);
        assert_eq!(admit_pbx_source(&networks, outside).unwrap_err(), Refusal::PbxForeignNetwork);
    }

    #[test]
    fn a_hello_of_tls_1_1_is_too_old_whatever_it_offers() {
        let hello = Hello { highest_version: 0x0302, suites: &[0xc02f], groups: &[0x17], signatures: &[] };
        assert_eq!(hello.refusal(LeafKey::Rsa), Some(Refusal::TlsTooOld));
    }

    #[test]
    fn a_hello_with_cbc_suites_only_names_the_missing_suite() {
        let hello =
            Hello { highest_version: 0x0303, suites: &[0x002f, 0xc013], groups: &[0x17], signatures: &[] };
        assert_eq!(hello.refusal(LeafKey::Rsa), Some(Refusal::TlsNoCommonSuite));
        assert_eq!(
            hello.describe(),
            "highest version TLS 1.2, suites TLS_RSA_WITH_AES_128_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
        );
    }

    #[test]
    fn tls_1_3_suites_do_not_help_a_hello_that_stops_at_1_2() {
        let hello = Hello { highest_version: 0x0303, suites: &[0x1301], groups: &[0x17], signatures: &[] };
        assert_eq!(hello.refusal(LeafKey::Rsa), Some(Refusal::TlsNoCommonSuite));
    }

    #[test]
    fn a_phone_that_knows_rsa_only_cannot_verify_an_elliptic_certificate() {
        let hello =
            Hello { highest_version: 0x0303, suites: &[0xc02f], groups: &[0x17], signatures: &[0x0401] };
        assert_eq!(hello.refusal(LeafKey::Ecdsa), Some(Refusal::TlsNoCommonSignature));
        assert_eq!(hello.refusal(LeafKey::Rsa), None);
        let modern =
            Hello { highest_version: 0x0304, suites: &[0x1302], groups: &[0x1d], signatures: &[0x0804] };
        assert_eq!(modern.refusal(LeafKey::Ecdsa), Some(Refusal::TlsNoCommonSignature));
        assert_eq!(modern.refusal(LeafKey::Rsa), None);
    }

    #[test]
    fn a_hello_with_foreign_groups_only_names_the_missing_group() {
        let hello = Hello { highest_version: 0x0304, suites: &[0x1301], groups: &[0x0019], signatures: &[] };
        assert_eq!(hello.refusal(LeafKey::Rsa), Some(Refusal::TlsNoCommonGroup));
    }

    #[test]
    fn alerts_about_certificates_say_that_the_phone_does_not_trust_us() {
        for alert in [42, 43, 44, 45, 46, 48, 51] {
            assert_eq!(refusal_by_alert(alert), Some(Refusal::TlsCertificateNotTrusted));
        }
        assert_eq!(refusal_by_alert(0), None);
    }
}
