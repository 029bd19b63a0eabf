//! What a site allows, in the words of the configuration. A reload brings a whole new [`SiteRules`].

use std::net::IpAddr;
use std::time::Duration;

use cordon_policy::connection::FlowFacts;
use cordon_policy::media::LegRules;
use cordon_policy::request::EmergencyNumbers;
use cordon_sip::{Host, Text};

use crate::media::Interface;

/// Everything the engine must know about the site. No `Debug`: it holds the secret behind the opaque contacts.
pub struct SiteRules {
    /// The name phones connect to (`site.host`): agent of every Warning, host of our Contact toward phones that asked
    /// for it in the handshake.
    /// Without one (lab) the address the phone connected to stands there.
    pub host: Option<Host>,
    /// Numbers matched before every other rule.
    pub emergency: EmergencyNumbers,
    /// How registrations are relayed.
    pub registration: RegistrationRules,
    /// By index: `FlowFacts::location` points in here.
    pub locations: Vec<LocationRules>,
    /// The far side.
    pub pbx: PbxRules,
    /// How much there may be at once.
    pub limits: SiteLimits,
}

impl SiteRules {
    /// The name and port the phone on this connection, or the PBX, knows us by. A phone that asked for our name in the
    /// handshake can look it up again; any other is given the address it connected to, since it may have no name
    /// service that knows the name.
    pub(crate) fn own_address(&self, facts: Option<&FlowFacts>) -> (Host, u16) {
        let Some(facts) = facts else {
            let advertise = &self.registration.advertise;
            return (advertise.host.clone(), advertise.port);
        };
        let asked_for = |host: &&Host| match (host, &facts.server_name) {
            (Host::Name(name), Some(asked)) => name.as_str().eq_ignore_ascii_case(asked),
            (Host::Name(_) | Host::V4(_) | Host::V6(_), _) => false,
        };
        let host = self.host.as_ref().filter(asked_for).cloned();
        (host.unwrap_or_else(|| Host::from(facts.local.ip())), facts.local.port())
    }
}

/// How many calls and registrations there may be at once; the defaults are the most that Cordon is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteLimits {
    /// Calls, ringing and ending ones included. Half as many again, at least 32, are kept free for emergencies.
    pub calls: usize,
    /// Registrations, those of phones whose connection is gone included.
    pub registrations: usize,
}

impl Default for SiteLimits {
    fn default() -> Self {
        Self { calls: MAX_CALLS, registrations: MAX_BINDINGS }
    }
}

/// How registrations are relayed, and the names both sides call each other by.
pub struct RegistrationRules {
    /// The SIP domain phones register to: host of From and To on both sides.
    pub domain: Text,
    /// Where the PBX reaches us: host of Contact and Via toward it.
    pub advertise: Advertise,
    /// No phone is granted a longer binding than this.
    pub maximum: Duration,
    /// Keys the opaque user part of contacts, so that it is unforgeable and stable across restarts.
    pub contact_secret: [u8; 32],
}

/// A place written into Contact and Via toward the PBX.
#[derive(Clone)]
pub struct Advertise {
    /// Name or address.
    pub host: Host,
    /// Always written out.
    pub port: u16,
    /// The same as toward the PBX.
    pub transport: PbxTransport,
}

/// The transport of the PBX leg. Anything but TLS is a choice of profile `lab`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PbxTransport {
    /// SIP over TLS, the only one in profile `hipaa`.
    Tls,
    /// Plain TCP.
    Tcp,
    /// Plain UDP.
    Udp,
}

impl PbxTransport {
    /// As Via spells it (RFC 3261 §20.42).
    pub fn via(self) -> &'static str {
        match self {
            PbxTransport::Tls => "TLS",
            PbxTransport::Tcp => "TCP",
            PbxTransport::Udp => "UDP",
        }
    }

    /// As the `transport` parameter of a URI spells it.
    pub fn uri_parameter(self) -> &'static str {
        match self {
            PbxTransport::Tls => "tls",
            PbxTransport::Tcp => "tcp",
            PbxTransport::Udp => "udp",
        }
    }

    /// Whether the network retransmits for us (RFC 3261 §17: the timers that become zero).
    pub fn is_reliable(self) -> bool {
        match self {
            PbxTransport::Tls | PbxTransport::Tcp => true,
            PbxTransport::Udp => false,
        }
    }
}

/// One location: a network of phones and what their legs must look like.
pub struct LocationRules {
    /// As configured; printed in events.
    pub name: String,
    /// The media policy of its legs.
    pub media: LegRules,
    /// Where its media arrives. One per address family is enough; the family of the phone's connection chooses.
    pub interfaces: Vec<MediaInterface>,
}

/// The PBX: what its legs must look like.
pub struct PbxRules {
    /// Hosts besides the domain a redirection may name (`pbx.uri`, `pbx.name`).
    pub hosts: Vec<Host>,
    /// The media policy of its legs.
    pub media: LegRules,
    /// Where its media arrives.
    pub interfaces: Vec<MediaInterface>,
}

/// One of our own media addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaInterface {
    /// The media engine's number for it.
    pub interface: Interface,
    /// What is written into SDP; its family is what a leg is matched by.
    pub address: IpAddr,
}

/// Calls kept at once. A site has some hundreds of phones; at four ports, two legs and two dialogs each this bounds
/// memory to some tens of megabytes.
const MAX_CALLS: usize = 4_096;

/// 10,000 phones with two lines each: the largest site we are built for, at about 1 kB a binding.
const MAX_BINDINGS: usize = 20_000;
