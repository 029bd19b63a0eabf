//! A crowd at the door: so many TLS connections a second, each with a handshake, an OPTIONS and a close, each from another
//! address of the location.
//!
//! `cordon-crowd ANCHOR ADDRESS NAME PER_SECOND SECONDS`, a process of its own so that what it costs is not the server's.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_tests::machine::one_of_crowd;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsConnector;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [anchor, address, name, per_second, seconds] = arguments.as_slice() else {
        anyhow::bail!("cordon-crowd ANCHOR ADDRESS NAME PER_SECOND SECONDS");
    };
    let door = Door {
        address: SocketAddr::new(address.parse()?, 5061),
        name: ServerName::try_from(name.clone())?,
        tls: TlsConnector::from(Arc::new(client_config(&PathBuf::from(anchor))?)),
    };
    let (per_second, seconds): (u32, u32) = (per_second.parse()?, seconds.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(visit(Arc::new(door), per_second, seconds))
}

struct Door {
    address: SocketAddr,
    name: ServerName<'static>,
    tls: TlsConnector,
}

/// Every connection begins when it is due, whether or not the ones before have ended.
async fn visit(door: Arc<Door>, per_second: u32, seconds: u32) -> Result<()> {
    let begun = Instant::now();
    let mut visits = JoinSet::new();
    let (mut taken, mut failures, mut unfinished) = (Vec::new(), Vec::new(), 0);
    for number in 0..per_second * seconds {
        let due = begun + Duration::from_secs(1) * number / per_second;
        sleep_until(due.into()).await;
        let (door, from) = (Arc::clone(&door), one_of_crowd(usize::try_from(number)? % SOURCES));
        visits.spawn(async move {
            let begun = Instant::now();
            timeout(PATIENCE, door.knock(from)).await.context("no end in time")?.map(|()| begun.elapsed())
        });
        unfinished = unfinished.max(visits.len());
        while let Some(visit) = visits.try_join_next() {
            note(visit?, &mut taken, &mut failures);
        }
    }
    while let Some(visit) = visits.join_next().await {
        note(visit?, &mut taken, &mut failures);
    }
    taken.sort();
    let at = |share: usize| {
        let rank = (taken.len() * share).div_ceil(100).max(1);
        taken.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    };
    for failure in failures.iter().take(20) {
        eprintln!("{failure:#}");
    }
    println!(
        "visits {}, {} failed, in {:.1} s, p50 {:.1} p99 {:.1} max {:.1} ms, at most {unfinished} at once",
        taken.len() + failures.len(),
        failures.len(),
        begun.elapsed().as_secs_f64(),
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}

fn note(visit: Result<Duration>, taken: &mut Vec<Duration>, failures: &mut Vec<anyhow::Error>) {
    match visit {
        Ok(latency) => taken.push(latency),
        Err(error) => failures.push(error),
    }
}

impl Door {
    async fn knock(&self, from: IpAddr) -> Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        let stream = socket.connect(self.address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let mut stream = self.tls.connect(self.name.clone(), stream).await.context("the handshake")?;
        stream.write_all(OPTIONS).await.context("asking")?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            ensure!(
                stream.read_buf(&mut answer).await.context("the answer")? > 0,
                "closed without an answer"
            );
        }
        ensure!(answer.starts_with(b"SIP/2.0 200 "), "answered {}", String::from_utf8_lossy(&answer));
        stream.shutdown().await.context("closing")
    }
}

/// Each visit makes a whole handshake: nothing is resumed.
fn client_config(anchor: &std::path::Path) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(anchor)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

const OPTIONS: &[u8] = b"OPTIONS sip:sip.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.128.1:5061;branch=z9hG4bKcrowd;rport\r\n\
    From: <sip:crowd@mx.clinic.test>;tag=a\r\nTo: <sip:sip.clinic.test>\r\nCall-ID: crowd\r\nCSeq: 1 OPTIONS\r\n\
    Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
/// So that no address runs out of ports while closed connections rest.
const SOURCES: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(20);
