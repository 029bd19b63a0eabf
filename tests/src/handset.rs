//! A phone of our own making (`cordon_lab::LabPhone`) in the clinic: for what baresip never says, and for IPv6.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use cordon_lab::{Account, LabPhone, PhoneConfig, PhoneTls, Trace};
use cordon_rtp::Suite;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::cordon::HOST;
use crate::kamailio::{DOMAIN, password};
use crate::pki::Authority;

/// What the phone of `number` has to know to reach Cordon at `server`. It speaks from the address it sends media from.
pub fn config(authority: &Authority, number: &str, server: SocketAddr, ip: &str) -> Result<PhoneConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&authority.anchor)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(PhoneConfig {
        name: format!("phone {number}"),
        account: Account::new(number, &password(number)),
        domain: DOMAIN.to_owned(),
        server,
        tls: Some(PhoneTls { config: Arc::new(tls), name: HOST.to_owned() }),
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

/// Runs what phones do in one test.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}
