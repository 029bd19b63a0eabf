//! From checked settings to what each part is started with, and started anew with at a reload.

use std::net::IpAddr;

use cordon_call::{
    Advertise, Interface, LocationRules, MediaInterface, PbxRules, PbxTransport, RegistrationRules,
    SiteLimits, SiteRules,
};
use cordon_certs::{
    CertError, CertProblem, Identity, KeyKind, SharedIdentity, TrustAnchors, client_config, server_config,
};
use cordon_config::{MediaAddress, MediaIo, Settings, Transport};
use cordon_media::{ChosenIo, IoChoice, MediaConfig};
use cordon_policy::Refusal;
use cordon_policy::connection::LeafKey;
use cordon_sip::{Host, Text};
use cordon_transport::{
    Limits, LocationConfig, PbxConfig, PbxWay, Target, TlsFront, TlsTarget, TransportConfig,
};

/// Our media addresses in the order of their numbers: locations first, then the PBX side, each once.
pub(crate) struct Interfaces {
    addresses: Vec<MediaAddress>,
}

impl Interfaces {
    pub(crate) fn of(settings: &Settings) -> Self {
        let mut addresses: Vec<MediaAddress> = Vec::new();
        let all = settings.locations.iter().flat_map(|location| &location.media_addresses);
        for address in all.chain(&settings.pbx.media_addresses) {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        Self { addresses }
    }

    pub(crate) fn advertised(&self) -> Vec<IpAddr> {
        self.addresses.iter().map(|address| address.advertise).collect()
    }

    pub(crate) fn media_config(&self, settings: &Settings) -> MediaConfig {
        MediaConfig {
            interfaces: self.addresses.iter().map(|address| address.bind).collect(),
            ports: settings.media.ports.clone(),
            threads: settings.media.threads,
            pinned: settings.media.pinned,
            nap: settings.media.nap,
            io: io_choice(settings),
        }
    }

    fn numbered(&self, addresses: &[MediaAddress]) -> Vec<MediaInterface> {
        let number = |wanted: &MediaAddress| self.addresses.iter().position(|address| address == wanted);
        addresses
            .iter()
            .filter_map(|address| {
                let interface = Interface(u8::try_from(number(address)?).ok()?);
                Some(MediaInterface { interface, address: address.advertise })
            })
            .collect()
    }
}

/// Which way media would take if this process served: told by its rights, without trying.
pub fn foreseen_io(settings: &Settings) -> ChosenIo {
    io_choice(settings).foreseen()
}

/// Which way media is to take.
fn io_choice(settings: &Settings) -> IoChoice {
    match settings.media.io {
        MediaIo::Auto => IoChoice::Auto,
        MediaIo::PerPort => IoChoice::PerPort,
        MediaIo::Steered => IoChoice::Steered,
    }
}

/// The rules of the call engine.
pub(crate) fn site_rules(
    settings: &Settings,
    interfaces: &Interfaces,
    contact_secret: [u8; 32],
) -> SiteRules {
    let pbx = &settings.pbx;
    SiteRules {
        host: settings.site.host.as_deref().map(host),
        emergency: settings.emergency.numbers.clone(),
        registration: RegistrationRules {
            domain: Text::from(settings.site.domain.as_str()),
            advertise: Advertise {
                host: host(&pbx.advertise.host),
                port: pbx.advertise.port,
                transport: match pbx.transport {
                    Transport::Tls => PbxTransport::Tls,
                    Transport::Tcp => PbxTransport::Tcp,
                    Transport::Udp => PbxTransport::Udp,
                },
            },
            maximum: settings.registration.maximum,
            contact_secret,
        },
        locations: settings
            .locations
            .iter()
            .map(|location| LocationRules {
                name: location.name.clone(),
                media: location.leg_rules(),
                interfaces: interfaces.numbered(&location.media_addresses),
            })
            .collect(),
        pbx: PbxRules {
            hosts: pbx.uris.iter().flat_map(|uri| [host(&uri.host), host(&uri.name.to_string())]).collect(),
            media: pbx.leg_rules(),
            interfaces: interfaces.numbered(&pbx.media_addresses),
        },
        limits: SiteLimits { calls: settings.limits.calls, registrations: settings.limits.registrations },
    }
}

/// What the wires are started with.
///
/// # Errors
/// When the TLS library refuses.
pub(crate) fn transport_config(
    settings: &Settings,
    identity: &SharedIdentity,
    trust: &TrustAnchors,
) -> Result<TransportConfig, CertError> {
    transport_config_of(settings, identity, &identity.current(), trust)
}

/// The same for a reload: listeners go on showing what `shown` holds, which is `next` once the reload is taken.
///
/// # Errors
/// When the TLS library refuses.
pub(crate) fn transport_config_of(
    settings: &Settings,
    shown: &SharedIdentity,
    next: &Identity,
    trust: &TrustAnchors,
) -> Result<TransportConfig, CertError> {
    let front = TlsFront {
        config: server_config(shown.clone())?,
        leaf: match next.leaf().key {
            KeyKind::Rsa(_) => LeafKey::Rsa,
            KeyKind::Ecdsa(_) | KeyKind::Other => LeafKey::Ecdsa,
        },
    };
    let locations = settings
        .locations
        .iter()
        .map(|location| LocationConfig {
            listen: location.listen.clone(),
            refuse: location.refuse.clone(),
            networks: location.networks.clone(),
            host: settings.site.host.clone(),
            tls: front.clone(),
        })
        .collect();
    let pbx = &settings.pbx;
    let plain = || pbx.uris.iter().map(|uri| Target { host: uri.host.clone(), port: uri.port }).collect();
    let way = match pbx.transport {
        Transport::Tls => {
            let targets = pbx
                .uris
                .iter()
                .map(|uri| {
                    Ok(TlsTarget {
                        target: Target { host: uri.host.clone(), port: uri.port },
                        name: uri.name.to_server_name(),
                        client: client_config(trust, &uri.name)?,
                    })
                })
                .collect::<Result<Vec<_>, CertError>>()?;
            PbxWay::Tls { targets, front }
        }
        Transport::Tcp => PbxWay::Tcp { targets: plain() },
        Transport::Udp => PbxWay::Udp { targets: plain() },
    };
    Ok(TransportConfig {
        locations,
        pbx: PbxConfig { way, listen: pbx.listen, networks: pbx.networks.clone(), explain: pbx_refusal },
        emergency: settings.emergency.numbers.clone(),
        limits: Limits {
            flows: settings.limits.connections,
            flows_per_address: settings.limits.connections_per_address,
            ..Limits::default()
        },
    })
}

/// What cannot change while sockets are bound: every `listen`, `refuse`, `media_address`, the ports and who
/// serves them, and how many connections are counted.
pub(crate) fn fixed_keys(settings: &Settings) -> Vec<(String, String)> {
    let mut keys = vec![
        ("limits.connections".to_owned(), settings.limits.connections.to_string()),
        ("limits.connections_per_address".to_owned(), settings.limits.connections_per_address.to_string()),
        ("media.io".to_owned(), format!("{:?}", settings.media.io)),
        ("media.nap".to_owned(), settings.media.nap.to_string()),
        ("media.pinned".to_owned(), settings.media.pinned.to_string()),
        ("media.ports".to_owned(), format!("{:?}", settings.media.ports)),
        ("media.threads".to_owned(), settings.media.threads.to_string()),
        ("metrics.listen".to_owned(), settings.metrics.listen.to_string()),
        ("pbx.listen".to_owned(), settings.pbx.listen.to_string()),
        ("pbx.media_address".to_owned(), format!("{:?}", settings.pbx.media_addresses)),
        ("pbx.uri (transport)".to_owned(), format!("{:?}", settings.pbx.transport)),
    ];
    // A connection remembers its location by its place in the list.
    let order: Vec<&str> = settings.locations.iter().map(|location| location.name.as_str()).collect();
    keys.push(("location (names and order)".to_owned(), order.join(" ")));
    for location in &settings.locations {
        let name = &location.name;
        keys.push((format!("location.{name}.listen"), format!("{:?}", location.listen)));
        keys.push((format!("location.{name}.refuse"), format!("{:?}", location.refuse)));
        keys.push((format!("location.{name}.media_address"), format!("{:?}", location.media_addresses)));
    }
    keys
}

/// The refusal behind a handshake with the PBX that our own verification ended.
fn pbx_refusal(error: &rustls::Error) -> Option<Refusal> {
    CertProblem::of(error).map(refusal_of)
}

/// The rule that a certificate of the PBX breaks.
fn refusal_of(problem: &CertProblem) -> Refusal {
    match problem {
        CertProblem::SelfSigned
        | CertProblem::UntrustedIssuer
        | CertProblem::NotForServers
        | CertProblem::RevocationListNotIssued
        | CertProblem::Malformed => Refusal::PbxCertificateNotTrusted,
        CertProblem::Revoked => Refusal::PbxCertificateRevoked,
        CertProblem::Expired { .. } | CertProblem::NotYetValid | CertProblem::IntermediateOutOfTime => {
            Refusal::PbxCertificateExpired
        }
        CertProblem::Wildcard | CertProblem::NameMismatch { .. } | CertProblem::NoAlternativeName => {
            Refusal::PbxCertificateName
        }
        CertProblem::WeakKey { .. } | CertProblem::WeakSignature => Refusal::PbxCertificateWeak,
    }
}

fn host(name: &str) -> Host {
    match name.parse::<IpAddr>() {
        Ok(address) => Host::from(address),
        Err(_) => Host::parse(name).expect("config takes only host names"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_lowers_nothing_has_the_bounds_each_part_was_built_for() {
        let written = cordon_config::Limits::default();
        let SiteLimits { calls, registrations } = SiteLimits::default();
        assert_eq!((written.calls, written.registrations), (calls, registrations));
        let wires = Limits::default();
        assert_eq!(
            (written.connections, written.connections_per_address),
            (wires.flows, wires.flows_per_address)
        );
    }
}
