//! What a configuration says, checked: the values the rest of Cordon is built from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use cordon_certs::{PeerName, Trust};
use cordon_policy::PlainReason;
use cordon_policy::media::{CodecRule, LegRules, MediaRule, Opportunistic};
use cordon_policy::request::EmergencyNumbers;
use cordon_rtp::Suite;
use ipnet::IpNet;

use crate::limits::Limits;
use crate::media::Media;
use crate::profile::Profile;
use crate::waiver::Waiver;

/// A whole configuration. Paths are absolute or relative to where the process runs; in the file they are relative to
/// the file.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[site]`
    pub site: Site,
    /// `[tls]`
    pub tls: Tls,
    /// `[emergency]`
    pub emergency: Emergency,
    /// `[registration]`
    pub registration: Registration,
    /// Each `[[location]]`, at least one; `FlowFacts::location` is an index into it.
    pub locations: Vec<Location>,
    /// `[pbx]`
    pub pbx: Pbx,
    /// `[media]`
    pub media: Media,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[limits]`
    pub limits: Limits,
    /// Each `[[waiver]]`; in profile hipaa those that are in force.
    pub waivers: Vec<Waiver>,
}

/// Names of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// As it stands in reports.
    pub name: String,
    /// How strict the site is.
    pub profile: Profile,
    /// The SIP domain phones register in: host of From and To.
    pub domain: String,
    /// The name phones connect to. Always there in profile hipaa.
    pub host: Option<String>,
    /// The directory of what must survive a restart, such as the secret behind the contacts the PBX knows.
    pub state: PathBuf,
}

/// What is shown to phones and believed of the PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain, leaf first, PEM.
    pub certificate: PathBuf,
    /// The key of the leaf, PEM.
    pub private_key: PathBuf,
    /// Who is believed about the PBX.
    pub trust_anchors: Trust,
    /// The CRLs that the PBX's certificate is held against, PEM or one in DER; without them nothing is revoked.
    pub revocation_lists: Option<PathBuf>,
}

/// Numbers that pass before every rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emergency {
    /// Matched exactly. Never empty in profile hipaa.
    pub numbers: EmergencyNumbers,
}

/// How registrations are relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// No phone is granted longer.
    pub maximum: Duration,
}

/// A network of phones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// As it stands in events and metrics; unique.
    pub name: String,
    /// SIP over TLS is accepted here.
    pub listen: Vec<SocketAddr>,
    /// Plain SIP is refused here, UDP and TCP.
    pub refuse: Vec<SocketAddr>,
    /// Who may connect. In profile lab without networks: everybody.
    pub networks: Vec<IpNet>,
    /// Where media of the phones arrives.
    pub media_addresses: Vec<MediaAddress>,
    /// Accepted suites in the order they are offered.
    pub srtp_suites: Vec<Suite>,
    /// What RTP/AVP with keys is worth.
    pub opportunistic_srtp: Opportunistic,
    /// Accepted codecs.
    pub codecs: CodecRule,
}

impl Location {
    /// The media policy of the legs of this location.
    pub fn leg_rules(&self) -> LegRules {
        LegRules {
            suites: self.srtp_suites.clone(),
            codecs: self.codecs.clone(),
            opportunistic: self.opportunistic_srtp,
            media: MediaRule::Srtp,
            networks: self.networks.clone(),
        }
    }
}

/// One address of ours that media arrives at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaAddress {
    /// Sockets are bound to it.
    pub bind: IpAddr,
    /// It stands in session descriptions; differs where NAT stands between.
    pub advertise: IpAddr,
}

/// The far side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pbx {
    /// Where the PBX is, tried in order; all by the same transport.
    pub uris: Vec<PbxUri>,
    /// The transport of all of them.
    pub transport: Transport,
    /// The PBX reaches us here, by that transport.
    pub listen: SocketAddr,
    /// Written into Contact and Via toward the PBX.
    pub advertise: HostPort,
    /// From where the PBX may connect, and where its media may be.
    pub networks: Vec<IpNet>,
    /// Where media of the PBX arrives.
    pub media_addresses: Vec<MediaAddress>,
    /// Whether media toward it is protected.
    pub media: PbxMedia,
    /// Accepted suites in the order they are offered.
    pub srtp_suites: Vec<Suite>,
}

impl Pbx {
    /// The media policy of the legs toward the PBX.
    ///
    /// A PBX that leaves media alone leads one phone's leg to another's, that is, back to our own address. SRTP proves
    /// such a peer; RTP cannot, so there our own addresses count as networks of the leg.
    pub fn leg_rules(&self) -> LegRules {
        let own = self.media_addresses.iter().map(|address| IpNet::from(address.advertise));
        let (media, own): (MediaRule, Vec<IpNet>) = match self.media {
            PbxMedia::Srtp => (MediaRule::Srtp, Vec::new()),
            PbxMedia::Rtp => (MediaRule::Rtp(PlainReason::Lab), own.collect()),
        };
        LegRules {
            suites: self.srtp_suites.clone(),
            codecs: CodecRule::Any,
            opportunistic: Opportunistic::Refuse,
            media,
            networks: self.networks.iter().copied().chain(own).collect(),
        }
    }
}

/// One address of the PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PbxUri {
    /// A name, looked up at each attempt, or an address without brackets.
    pub host: String,
    /// The port; 5061 for TLS and 5060 else where none is written.
    pub port: u16,
    /// What its certificate must carry.
    pub name: PeerName,
}

/// How SIP travels toward the PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// SIP over TLS.
    Tls,
    /// Plain TCP: profile lab only.
    Tcp,
    /// Plain UDP: profile lab only.
    Udp,
}

/// Whether media toward the PBX is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PbxMedia {
    /// SRTP.
    Srtp,
    /// RTP in clear: profile lab only.
    Rtp,
}

/// A host and a port as written into SIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Where this instance can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Metrics and health over HTTP; always a loopback address.
    pub listen: SocketAddr,
}
