use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cordon_gateway::Gateway;
use cordon_rtp::Suite;
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{interval, timeout};

use crate::demo::DemoError;
use crate::demo::paper::Paper;
use crate::{
    Account, LabCa, LabError, LabPbx, LabPhone, Leaf, PbxConfig, PhoneConfig, PhoneTls, Trace, Transport,
    random,
};

/// Everything the story needs, on loopback: a folder with a CA and a configuration, Cordon, and a PBX behind it.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) ca: LabCa,
    pub(crate) addresses: Addresses,
    pub(crate) trace: Trace,
    pub(crate) visitors: Vec<Account>,
    players: Vec<Account>,
    folder: Folder,
    /// Kept up as long as the stage stands.
    _pbx: LabPbx,
}

/// Where everybody listens.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    /// Cordon, SIP over TLS.
    pub(crate) secure: SocketAddr,
    /// Cordon, where plain SIP is refused.
    pub(crate) refusing: SocketAddr,
    /// Cordon, where the PBX reaches it.
    toward_pbx: SocketAddr,
    pbx: SocketAddr,
    metrics: SocketAddr,
}

impl Stage {
    pub(crate) async fn set() -> Result<Stage, DemoError> {
        let folder = Folder::create()?;
        let ca = LabCa::create(folder.path())?;
        let own = ca.issue("cordon", &[HOST, DOMAIN, "localhost", "127.0.0.1"])?;
        let addresses = Addresses::choose().await?;
        let trace = Trace::default();
        let account = |user: &str| Account { user: user.to_owned(), password: random::token() };
        let players = vec![account("alice"), account("bob")];
        let visitors = vec![account("carol"), account("dave")];
        let accounts = players.iter().chain(&visitors).cloned().collect();
        let pbx = start_pbx(&ca, addresses.pbx, accounts, trace.clone()).await?;
        let file = folder.path().join("cordon.toml");
        fs::write(&file, configuration(&ca, &own, &addresses, folder.path()))
            .map_err(LabError::io("writing the configuration"))?;
        let loaded = cordon_config::load(&file).map_err(|findings| {
            DemoError::Configuration(findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        let gateway = Gateway::start(loaded).await?;
        let stage = Stage { gateway, ca, addresses, trace, visitors, players, folder, _pbx: pbx };
        stage.wait_for_pbx().await?;
        Ok(stage)
    }

    pub(crate) fn introduce(&self, paper: &mut Paper<'_>) -> Result<(), DemoError> {
        let Addresses { secure, refusing, toward_pbx, pbx, metrics } = self.addresses;
        paper.line(&format!("  Cordon, for phones    {secure}  SIP over TLS"))?;
        paper.line(&format!("  Cordon, plain SIP     {refusing}  answers and refuses"))?;
        paper.line(&format!("  Cordon, for the PBX   {toward_pbx}  SIP over TLS"))?;
        paper.line(&format!("  lab PBX               {pbx}  registrar with digest, SIP over TLS"))?;
        paper.line(&format!("  metrics               http://{metrics}/metrics"))?;
        paper.line(&format!("  configuration, CA     {}", self.folder.path().display()))?;
        Ok(())
    }

    /// A phone of the story, connected to Cordon.
    pub(crate) async fn phone(&self, user: &str, tone: f64) -> Result<LabPhone, LabError> {
        let account = self.players.iter().find(|account| account.user == user);
        LabPhone::connect(PhoneConfig {
            name: user.to_owned(),
            account: account.cloned().ok_or(LabError::Misbehaved("nobody of that name plays here"))?,
            domain: DOMAIN.to_owned(),
            server: self.addresses.secure,
            tls: Some(PhoneTls { config: self.ca.client_config()?, name: HOST.to_owned() }),
            ip: LOOPBACK,
            suites: vec![Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm],
            tone,
            user_agent: "Cordon lab phone".to_owned(),
            trace: self.trace.clone(),
        })
        .await
    }

    /// Stops Cordon; the folder goes with the stage.
    pub(crate) async fn strike(self) {
        self.gateway.stop().await;
    }

    async fn wait_for_pbx(&self) -> Result<(), LabError> {
        let waiting = async {
            let mut tick = interval(Duration::from_millis(20));
            while !self.gateway.is_ready() {
                tick.tick().await;
            }
        };
        timeout(PATIENCE, waiting).await.map_err(|_| LabError::TimedOut("Cordon's connection to the PBX"))
    }
}

async fn start_pbx(
    ca: &LabCa,
    listen: SocketAddr,
    accounts: Vec<Account>,
    trace: Trace,
) -> Result<LabPbx, LabError> {
    let leaf = ca.issue("pbx", &[PBX_NAME])?;
    let mut config = PbxConfig::new(listen, Transport::Tls, DOMAIN, accounts);
    config.certificate = Some(leaf.server_config()?);
    config.trust = Some(ca.client_config()?);
    config.challenge_invites = true;
    config.trace = trace;
    LabPbx::start(config).await
}

/// The same file an operator would write.
fn configuration(ca: &LabCa, own: &Leaf, addresses: &Addresses, folder: &Path) -> String {
    let Addresses { secure, refusing, toward_pbx, pbx, metrics } = addresses;
    let (authority, certificate, key) =
        (ca.certificate_file(), own.certificate.display(), own.private_key.display());
    let (authority, state) = (authority.display(), folder.join("state"));
    let state = state.display();
    format!(
        r#"[site]
name = "demo"
profile = "lab"
domain = "{DOMAIN}"
host = "{HOST}"
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
networks = ["127.0.0.0/8"]
media_address = "127.0.0.1"

[pbx]
uri = "sip:{pbx};transport=tls"
name = "{PBX_NAME}"
listen = "{toward_pbx}"
networks = ["127.0.0.0/8"]
media_address = "127.0.0.1"

[media]
ports = "20000-20999"

[metrics]
listen = "{metrics}"
"#
    )
}

impl Addresses {
    /// The well-known ports where they are free, so that a softphone needs no port typed in; else any.
    async fn choose() -> Result<Addresses, LabError> {
        Ok(Addresses {
            secure: free_port(5061).await?,
            refusing: free_port(5060).await?,
            toward_pbx: free_port(5071).await?,
            pbx: free_port(5081).await?,
            metrics: free_port(9061).await?,
        })
    }
}

async fn free_port(wanted: u16) -> Result<SocketAddr, LabError> {
    for port in [wanted, 0] {
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
        let path = std::env::temp_dir().join(format!("cordon-demo-{}", random::token()));
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

pub(crate) const DOMAIN: &str = "lab.test";
pub(crate) const HOST: &str = "sip.lab.test";
const PBX_NAME: &str = "pbx.lab.test";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);
