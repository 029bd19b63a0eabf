//! What the wires have to know of a site. A reload brings a whole new [`TransportConfig`].

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cordon_policy::Refusal;
use cordon_policy::connection::LeafKey;
use cordon_policy::request::EmergencyNumbers;
use cordon_sip::Text;
use ipnet::IpNet;
use rustls::pki_types::ServerName;

/// Everything [`Transport::start`](crate::Transport::start) needs.
#[derive(Debug, Clone)]
pub struct TransportConfig {
    /// In the order of the configuration: the index is `FlowFacts::location`.
    pub locations: Vec<LocationConfig>,
    /// The way to the PBX.
    pub pbx: PbxConfig,
    /// Calls to these are never shed.
    pub emergency: EmergencyNumbers,
    /// Bounds; the default unless a test wants less.
    pub limits: Limits,
}

/// One location of phones.
#[derive(Debug, Clone)]
pub struct LocationConfig {
    /// Where SIP over TLS is accepted. Cannot change by reload.
    pub listen: Vec<SocketAddr>,
    /// Where plain SIP is answered with a refusal, UDP and TCP. Cannot change by reload.
    pub refuse: Vec<SocketAddr>,
    /// Who may connect, and who is answered at all.
    pub networks: Vec<IpNet>,
    /// The name phones connect to, for the text of refusals; without one, the listener's address stands there.
    pub host: Option<String>,
    /// What is shown in the handshake.
    pub tls: TlsFront,
}

/// The server side of TLS.
#[derive(Clone)]
pub struct TlsFront {
    /// Ready for use; its certificate may change underneath.
    pub config: Arc<rustls::ServerConfig>,
    /// The kind of key its certificate holds, to explain handshakes that fail for it.
    pub leaf: LeafKey,
}

/// How the PBX is reached and reaches us.
#[derive(Debug, Clone)]
pub struct PbxConfig {
    /// Transport and targets, tried in order.
    pub way: PbxWay,
    /// Where the PBX reaches us, by the same transport. Cannot change by reload.
    pub listen: SocketAddr,
    /// From where it may.
    pub networks: Vec<IpNet>,
    /// Finds the refusal behind an error of the handshake with the PBX: who made the certificate check knows the
    /// types of its errors. `None` leaves it to what the TLS library says.
    pub explain: fn(&rustls::Error) -> Option<Refusal>,
}

/// The one transport that is spoken with the PBX. As it holds for all targets, what must go over TLS has nothing else to
/// go over.
#[derive(Debug, Clone)]
pub enum PbxWay {
    /// TLS, verified.
    Tls {
        /// At least one.
        targets: Vec<TlsTarget>,
        /// What the PBX meets on `listen`.
        front: TlsFront,
    },
    /// Plain TCP: profile `lab` only.
    Tcp {
        /// At least one.
        targets: Vec<Target>,
    },
    /// Plain UDP: profile `lab` only.
    Udp {
        /// At least one; the first that resolves is used.
        targets: Vec<Target>,
    },
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name (A and AAAA are looked up at each attempt) or a literal address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A target that has to prove who it is.
#[derive(Clone)]
pub struct TlsTarget {
    /// Where.
    pub target: Target,
    /// The name it must prove; sent as SNI when it is a name.
    pub name: ServerName<'static>,
    /// Verifies chain and name.
    pub client: Arc<rustls::ClientConfig>,
}

/// Every bound of this crate, with its reason.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections of one address, or one /64 of IPv6, without a byte of SIP yet: a phone has one, a NAT at shift change some dozens.
    pub pending_per_address: usize,
    /// The same, of all addresses: 4,096 half-open handshakes are some 50 MB. Apart from the established ones.
    pub pending: usize,
    /// Established connections of one address, or one /64 of IPv6: phones of a branch behind one NAT, and load generators.
    pub flows_per_address: usize,
    /// Established connections of all: at 24 kB each some 400 MB.
    pub flows: usize,
    /// From accept to the end of the handshake.
    pub handshake: Duration,
    /// From the end of the handshake to the first byte of SIP.
    pub first_byte: Duration,
    /// From the first to the last byte of one message.
    pub message: Duration,
    /// Bytes that wait for a phone; more means that it does not read.
    pub queue: usize,
    /// Bytes that wait for the PBX, which carries everybody's messages.
    pub pbx_queue: usize,
    /// Events that wait for the signalling loop: a quarter of strangers, half of phones, a quarter of the PBX. Beyond it
    /// the readers wait, and then the peers.
    pub events: usize,
    /// Refusals per second that one source gets on the `refuse` listeners.
    pub refusals_per_second: usize,
    /// One attempt to reach a PBX target: look-up, connection and handshake.
    pub pbx_attempt: Duration,
    /// How long a message waits for the PBX connection, so that a phone has its 503 within 4 s.
    pub pbx_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_per_address: 64,
            pending: 4_096,
            flows_per_address: 4_096,
            flows: 16_384,
            handshake: Duration::from_secs(10),
            first_byte: Duration::from_secs(15),
            message: Duration::from_secs(30),
            queue: 256 * 1024,
            pbx_queue: 4 * 1024 * 1024,
            events: 1_024,
            refusals_per_second: 10,
            pbx_attempt: Duration::from_millis(1_200),
            pbx_wait: Duration::from_secs(3),
        }
    }
}

impl PbxConfig {
    /// Who we are in a Warning toward the PBX: it reaches us by address. In brackets where it is IPv6 (RFC 3261 §25.1).
    pub(crate) fn host(&self) -> Text {
        Text::from(match self.listen.ip() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        })
    }
}

impl PbxWay {
    /// Whether both lead to the same targets under the same names; only then a connection may live on over a reload.
    pub(crate) fn leads_where(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tls { targets: ours, .. }, Self::Tls { targets: theirs, .. }) => {
                let key = |target: &TlsTarget| (target.target.clone(), target.name.clone());
                ours.iter().map(key).eq(theirs.iter().map(key))
            }
            (Self::Tcp { targets: ours }, Self::Tcp { targets: theirs })
            | (Self::Udp { targets: ours }, Self::Udp { targets: theirs }) => ours == theirs,
            (Self::Tls { .. } | Self::Tcp { .. } | Self::Udp { .. }, _) => false,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for TlsFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFront").field("leaf", &self.leaf).finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTarget")
            .field("target", &self.target)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
