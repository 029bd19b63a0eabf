//! One round of attempts to reach the PBX.

use std::net::SocketAddr;
use std::sync::Arc;

use cordon_policy::Refusal;
use cordon_policy::connection::TlsFacts;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::{PbxWay, Target, TlsTarget, TransportConfig};
use crate::event::{ConnectionKey, PbxTransport};
use crate::{keepalive, tls};

/// A connection that is verified as far as its transport can be.
pub(crate) struct Connected {
    pub(crate) wire: Wire,
    pub(crate) key: ConnectionKey,
    pub(crate) tls: Option<TlsFacts>,
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

/// The stream itself.
pub(crate) enum Wire {
    Tls(Box<TlsStream<TcpStream>>),
    Tcp(TcpStream),
}

/// No target could be reached.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The most telling one: a bad certificate says more than a closed port.
    pub(crate) refusal: Refusal,
    pub(crate) details: String,
}

/// Tries every address of every target in order; each attempt has its own deadline.
pub(crate) async fn connect(config: &TransportConfig) -> Result<Connected, Failed> {
    let mut failed = Failed { refusal: Refusal::PbxUnreachable, details: String::new() };
    match &config.pbx.way {
        PbxWay::Tls { targets, .. } => {
            for target in targets {
                for address in failed.addresses(config, &target.target).await {
                    match attempt(config, connect_tls(config, target, address)).await {
                        Ok(connected) => return Ok(connected),
                        Err(problem) => failed.note(&target.target, problem),
                    }
                }
            }
        }
        PbxWay::Tcp { targets } => {
            for target in targets {
                for address in failed.addresses(config, target).await {
                    match attempt(config, connect_tcp(address)).await {
                        Ok(connected) => return Ok(connected),
                        Err(problem) => failed.note(target, problem),
                    }
                }
            }
        }
        PbxWay::Udp { .. } => failed.details.push_str("UDP has no connections"),
    }
    Err(failed)
}

/// The addresses of a host now, in the order the resolver prefers.
pub(crate) async fn resolve(target: &Target) -> Vec<SocketAddr> {
    match lookup_host((target.host.as_str(), target.port)).await {
        Ok(addresses) => addresses.take(MAX_ADDRESSES).collect(),
        Err(_) => Vec::new(),
    }
}

struct Problem {
    refusal: Refusal,
    words: String,
}

impl Problem {
    fn new(refusal: Refusal, words: impl Into<String>) -> Self {
        Self { refusal, words: words.into() }
    }
}

impl Failed {
    async fn addresses(&mut self, config: &TransportConfig, target: &Target) -> Vec<SocketAddr> {
        let addresses = timeout(config.limits.pbx_attempt, resolve(target)).await.unwrap_or_default();
        if addresses.is_empty() {
            self.note(target, Problem::new(Refusal::PbxUnreachable, "the name has no address"));
        }
        addresses
    }

    fn note(&mut self, target: &Target, problem: Problem) {
        if self.refusal == Refusal::PbxUnreachable {
            self.refusal = problem.refusal;
        }
        if !self.details.is_empty() {
            self.details.push_str("; ");
        }
        self.details.push_str(&format!("{target}: {}", problem.words));
    }
}

async fn attempt(
    config: &TransportConfig,
    work: impl Future<Output = Result<Connected, Problem>>,
) -> Result<Connected, Problem> {
    match timeout(config.limits.pbx_attempt, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(Refusal::PbxUnreachable, "no answer in time")),
    }
}

async fn connect_tcp(address: SocketAddr) -> Result<Connected, Problem> {
    let stream = open(address).await?;
    let key = ConnectionKey { transport: PbxTransport::Tcp, address, name: None };
    Ok(Connected { wire: Wire::Tcp(stream), key, tls: None, chain: Vec::new() })
}

async fn connect_tls(
    config: &TransportConfig,
    target: &TlsTarget,
    address: SocketAddr,
) -> Result<Connected, Problem> {
    let stream = open(address).await?;
    let connector = TlsConnector::from(Arc::clone(&target.client));
    let stream = connector.connect(target.name.clone(), stream).await.map_err(|error| {
        match tls::library_error(&error) {
            Some(cause) => Problem::new(
                (config.pbx.explain)(cause).unwrap_or_else(|| tls::pbx_refusal(cause)),
                tls::describe(cause),
            ),
            None => Problem::new(Refusal::PbxUnreachable, "the connection broke during the handshake"),
        }
    })?;
    let connection = stream.get_ref().1;
    let tls = tls::facts(connection)
        .ok_or_else(|| Problem::new(Refusal::PbxTlsTooOld, "the handshake agreed on something else"))?;
    let chain = connection.peer_certificates().unwrap_or_default().to_vec();
    let key = ConnectionKey { transport: PbxTransport::Tls, address, name: Some(name(&target.name)) };
    Ok(Connected { wire: Wire::Tls(Box::new(stream)), key, tls: Some(tls), chain })
}

async fn open(address: SocketAddr) -> Result<TcpStream, Problem> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| Problem::new(Refusal::PbxUnreachable, format!("no connection: {error}")))?;
    keepalive::arm(&stream)
        .map_err(|_| Problem::new(Refusal::PbxUnreachable, "the connection broke at once"))?;
    Ok(stream)
}

fn name(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

/// Of one name: more would make a phone wait longer than its 4 s for nothing.
const MAX_ADDRESSES: usize = 4;
