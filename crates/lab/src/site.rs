use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cordon_gateway::Gateway;
use cordon_rtp::Suite;
use thiserror::Error;
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{interval, timeout};

use crate::{
    Account, Algorithm, LabCa, LabError, LabPbx, LabPhone, Leaf, PbxConfig, PhoneConfig, PhoneTls, Trace,
    Transport, random,
};

/// A whole site on loopback: a folder with a CA and a configuration file, a PBX, and Cordon in front of it.
pub struct LabSite {
    /// Cordon.
    pub gateway: Gateway,
    /// The PBX behind it.
    pub pbx: LabPbx,
    /// Who certified both.
    pub ca: LabCa,
    /// Where everybody listens.
    pub addresses: SiteAddresses,
    /// What phones and PBX note.
    pub trace: Trace,
    accounts: Vec<Account>,
    folder: Folder,
}

/// What can be chosen about a site.
#[derive(Clone)]
pub struct SitePlan {
    /// Who may register at the PBX.
    pub accounts: Vec<Account>,
    /// Whether to take 5061 and its like where they are free, so that a softphone needs no port typed in.
    pub well_known_ports: bool,
    /// How SIP travels between Cordon and the PBX.
    pub pbx_transport: Transport,
    /// The digest algorithms the PBX asks for, preferred first.
    pub algorithms: Vec<Algorithm>,
    /// Whether the PBX challenges INVITEs too.
    pub challenge_invites: bool,
    /// Users the PBX answers 302 for, with the contact.
    pub redirects: Vec<(String, String)>,
    /// Further lines of the `[[location]]` table.
    pub location: String,
}

/// Where everybody listens.
#[derive(Clone, Copy, Debug)]
pub struct SiteAddresses {
    /// Cordon, SIP over TLS.
    pub secure: SocketAddr,
    /// Cordon, where plain SIP is refused.
    pub refusing: SocketAddr,
    /// Cordon, where the PBX reaches it.
    pub toward_pbx: SocketAddr,
    /// The PBX.
    pub pbx: SocketAddr,
    /// Cordon's metrics.
    pub metrics: SocketAddr,
}

/// Why a site does not stand.
#[derive(Debug, Error)]
pub enum SiteError {
    /// The lab around Cordon.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The configuration the lab wrote.
    #[error("the site's configuration is refused: {0}")]
    Configuration(String),
    /// Cordon itself.
    #[error("cordon did not start: {0}")]
    Gateway(#[from] cordon_gateway::StartError),
}

impl SitePlan {
    /// A PBX over TLS that challenges everything, and any free ports.
    pub fn new(accounts: Vec<Account>) -> Self {
        SitePlan {
            accounts,
            well_known_ports: false,
            pbx_transport: Transport::Tls,
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            challenge_invites: true,
            redirects: Vec::new(),
            location: String::new(),
        }
    }
}

impl LabSite {
    /// Starts everything and waits until Cordon has its connection to the PBX.
    ///
    /// # Errors
    /// The first part that does not start.
    pub async fn start(plan: SitePlan) -> Result<LabSite, SiteError> {
        let folder = Folder::create()?;
        let ca = LabCa::create(folder.path())?;
        let own = ca.issue("cordon", &[Self::HOST, Self::DOMAIN, "localhost", "127.0.0.1"])?;
        let mut addresses = SiteAddresses::choose(plan.well_known_ports).await?;
        let trace = Trace::default();
        let pbx = start_pbx(&ca, addresses.pbx, &plan, trace.clone()).await?;
        addresses.pbx = pbx.address();
        let file = folder.path().join("cordon.toml");
        fs::write(&file, configuration(&plan, &ca, &own, &addresses, folder.path()))
            .map_err(LabError::io("writing the configuration"))?;
        let loaded = cordon_config::load(&file).map_err(|findings| {
            let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
            SiteError::Configuration(findings.join("\n"))
        })?;
        let gateway = Gateway::start(loaded).await?;
        let site = LabSite { gateway, pbx, ca, addresses, trace, accounts: plan.accounts, folder };
        site.wait_for_pbx().await?;
        Ok(site)
    }

    /// A phone with one of the accounts, which plays this tone; it connects, and registers when told to.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn phone_config(&self, user: &str, tone: f64) -> Result<PhoneConfig, LabError> {
        let account = self.accounts.iter().find(|account| account.user == user);
        Ok(PhoneConfig {
            name: user.to_owned(),
            account: account.cloned().ok_or(LabError::Misbehaved("there is no such account"))?,
            domain: Self::DOMAIN.to_owned(),
            server: self.addresses.secure,
            tls: Some(PhoneTls { config: self.ca.client_config()?, name: Self::HOST.to_owned() }),
            ip: LOOPBACK,
            suites: vec![Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm],
            tone,
            user_agent: "Cordon lab phone".to_owned(),
            trace: self.trace.clone(),
        })
    }

    /// A phone that is connected to Cordon and not yet registered.
    ///
    /// # Errors
    /// When it cannot connect.
    pub async fn phone(&self, user: &str, tone: f64) -> Result<LabPhone, LabError> {
        LabPhone::connect(self.phone_config(user, tone)?).await
    }

    /// The folder with the CA, the certificates and the configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops Cordon; the PBX and the folder go with the site.
    pub async fn stop(self) {
        self.gateway.stop().await;
    }

    /// Waits until Cordon has a verified connection to the PBX.
    ///
    /// # Errors
    /// When it gets none.
    pub async fn wait_for_pbx(&self) -> Result<(), LabError> {
        let waiting = async {
            let mut tick = interval(Duration::from_millis(20));
            while !self.gateway.is_ready() {
                tick.tick().await;
            }
        };
        timeout(PATIENCE, waiting).await.map_err(|_| LabError::TimedOut("Cordon's connection to the PBX"))
    }

    /// The SIP domain of the site.
    pub const DOMAIN: &str = "lab.test";
    /// The name phones connect to, which Cordon's certificate carries.
    pub const HOST: &str = "sip.lab.test";
}

async fn start_pbx(
    ca: &LabCa,
    listen: SocketAddr,
    plan: &SitePlan,
    trace: Trace,
) -> Result<LabPbx, LabError> {
    let leaf = ca.issue("pbx", &[PBX_NAME])?;
    let mut config = PbxConfig::new(listen, plan.pbx_transport, LabSite::DOMAIN, plan.accounts.clone());
    config.certificate = Some(leaf.server_config()?);
    config.trust = Some(ca.client_config()?);
    config.algorithms = plan.algorithms.clone();
    config.challenge_invites = plan.challenge_invites;
    config.redirects = plan.redirects.clone();
    config.trace = trace;
    LabPbx::start(config).await
}

/// The same file an operator would write.
fn configuration(
    plan: &SitePlan,
    ca: &LabCa,
    own: &Leaf,
    addresses: &SiteAddresses,
    folder: &Path,
) -> String {
    let SiteAddresses { secure, refusing, toward_pbx, pbx, metrics } = addresses;
    let authority = ca.certificate_file();
    let (authority, state) = (authority.display(), folder.join("state"));
    let (certificate, key, state) = (own.certificate.display(), own.private_key.display(), state.display());
    let (domain, host, location) = (LabSite::DOMAIN, LabSite::HOST, &plan.location);
    let transport = plan.pbx_transport.uri_name();
    let (ports, networks) = (media_ports(plan), location_networks());
    format!(
        r#"[site]
name = "lab"
profile = "lab"
domain = "{domain}"
host = "{host}"
state = "{state}"

[tls]
certificate = "{certificate}"
private_key = "{key}"
trust_anchors = "{authority}"

[emergency]
numbers = ["911", "933"]

[[location]]
name = "bench"
listen = ["{secure}"]
refuse = ["{refusing}"]
networks = [{networks}]
media_address = "127.0.0.1"
{location}

[pbx]
uri = "sip:{pbx};transport={transport}"
name = "{PBX_NAME}"
listen = "{toward_pbx}"
networks = ["127.0.0.0/8"]
media_address = "127.0.0.1"

[media]
ports = "{ports}"

[metrics]
listen = "{metrics}"
"#
    )
}

/// Loopback, and this machine's own address where it has one: a softphone here names that in its SDP.
fn location_networks() -> String {
    match own_address() {
        Some(own) => format!("\"127.0.0.0/8\", \"{own}/32\""),
        None => "\"127.0.0.0/8\"".to_owned(),
    }
}

/// The address this machine would use toward others. Connecting a UDP socket sends nothing.
fn own_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((ELSEWHERE, 9)).ok()?;
    socket
        .local_addr()
        .ok()
        .map(|address| address.ip())
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// A range of its own for each site of a test, so that several may stand side by side.
fn media_ports(plan: &SitePlan) -> String {
    let first = if plan.well_known_ports { 20_000 } else { 10_000 + 500 * (random::number() % 44) };
    format!("{first}-{}", first + 499)
}

impl SiteAddresses {
    async fn choose(well_known: bool) -> Result<SiteAddresses, LabError> {
        let wanted = |port| if well_known { port } else { 0 };
        Ok(SiteAddresses {
            secure: free_port(wanted(5061)).await?,
            refusing: free_port(wanted(5060)).await?,
            toward_pbx: free_port(wanted(5071)).await?,
            pbx: free_port(wanted(5081)).await?,
            metrics: free_port(wanted(9061)).await?,
        })
    }
}

/// The port that is wanted where it is free for TCP and UDP, else any that is.
async fn free_port(wanted: u16) -> Result<SocketAddr, LabError> {
    for port in [wanted, 0, 0, 0] {
        let Ok(listener) = TcpListener::bind((LOOPBACK, port)).await else { continue };
        let address = listener.local_addr().map_err(LabError::io("reading an address"))?;
        if UdpSocket::bind(address).await.is_ok() {
            return Ok(address);
        }
    }
    Err(LabError::Misbehaved("no free port on loopback"))
}

/// A folder only its owner may enter, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Folder, LabError> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("cordon-lab-{}", random::token()));
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(LabError::io("making a temporary folder"))?;
        Ok(Folder(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's cleaning of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PBX_NAME: &str = "pbx.lab.test";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1); // RFC 5737: documentation, nobody's
const PATIENCE: Duration = Duration::from_secs(10);
