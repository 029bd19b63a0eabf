//! A phone of our own making (`cordon_lab::LabPhone`) in the clinic: for what baresip never says, and for IPv6.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use cordon_lab::{Account, LabPhone, PhoneConfig, PhoneTls, Trace};
use cordon_rtp::Suite;
use cordon_sip::{Challenge, HeaderName, Request, Response};
use md5::{Digest, Md5};

use crate::cordon::HOST;
use crate::kamailio::{DOMAIN, password};
use crate::pki::Authority;

/// What the phone of `number` has to know to reach Cordon at `server`. It speaks from the address it sends media from.
pub fn config(authority: &Authority, number: &str, server: SocketAddr, ip: &str) -> Result<PhoneConfig> {
    Ok(PhoneConfig {
        name: format!("phone {number}"),
        account: Account::new(number, &password(number)),
        domain: DOMAIN.to_owned(),
        server,
        tls: Some(PhoneTls { config: authority.client_config()?, name: HOST.to_owned() }),
        ip: ip.parse().context("a phone has an address")?,
        suites: vec![Suite::AesCm128HmacSha1_80],
        tone: 440.0,
        user_agent: "lab phone".to_owned(),
        trace: Trace::default(),
    })
}

/// Connects a phone and registers it for two minutes.
pub async fn register(config: PhoneConfig) -> Result<LabPhone> {
    let phone = LabPhone::connect(config).await?;
    phone.register(120).await?;
    Ok(phone)
}

/// Sends a request of the test's making, meets the challenge and sends it again.
pub async fn ask_with_proof(phone: &LabPhone, mut request: Request) -> Result<Response> {
    let challenged = phone.ask(request.clone()).await?;
    let (name, value) = proof(&challenged, &request)?;
    request.cseq += 1;
    request.via.clear();
    request.headers.push(name, value);
    Ok(phone.ask(request).await?)
}

/// The header that answers a challenge of the PBX (MD5, `auth`), for the number in From.
pub fn proof(challenged: &Response, request: &Request) -> Result<(HeaderName, String)> {
    let (asked, given) = match challenged.status.code() {
        401 => (HeaderName::WWW_AUTHENTICATE, HeaderName::AUTHORIZATION),
        407 => (HeaderName::PROXY_AUTHENTICATE, HeaderName::PROXY_AUTHORIZATION),
        other => bail!("the PBX challenges: {other}"),
    };
    let challenge = challenged.header(&asked).context("a challenge is there")?;
    let user = request.from.uri.user().context("a phone has a number")?.as_str();
    let (method, uri) = (request.method.as_str(), request.uri.to_text());
    Ok((given, digest(challenge.as_str(), user, &password(user), method, uri.as_str())?))
}

/// The value that answers a challenge (MD5, `auth`) with this password, right or not.
pub fn digest(challenge: &str, user: &str, password: &str, method: &str, uri: &str) -> Result<String> {
    let challenge = Challenge::parse(challenge)?;
    let nonce = challenge.nonce().context("a challenge has a nonce")?;
    let nonce = nonce.as_str();
    let hash = |text: String| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let who = hash(format!("{user}:{DOMAIN}:{password}"));
    let what = hash(format!("{method}:{uri}"));
    // One of its own for each proof, as phones make it: two that read alike are one that was recorded.
    let cnonce = format!("{:x}.{:x}", std::process::id(), PROOFS.fetch_add(1, Ordering::Relaxed));
    let response = hash(format!("{who}:{nonce}:00000001:{cnonce}:auth:{what}"));
    Ok(format!(
        "Digest username=\"{user}\", realm=\"{DOMAIN}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=MD5, cnonce=\"{cnonce}\", qop=auth, nc=00000001"
    ))
}

/// Runs what phones do in one test.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}

/// How many proofs this process has made.
static PROOFS: AtomicU64 = AtomicU64::new(0);
