//! Somebody on the other end of a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::Authority;
use super::site::{HOST, Site};
use super::soon;

pub(crate) struct Peer<S> {
    pub(crate) stream: S,
}

/// A phone on a TLS connection.
pub(crate) type Phone = Peer<TlsStream<TcpStream>>;

impl Phone {
    pub(crate) async fn connect(site: &Site) -> Self {
        Self::connect_with(site, rustls::ALL_VERSIONS).await
    }

    pub(crate) async fn connect_with(site: &Site, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let connector = TlsConnector::from(phone_tls(&site.authority, versions));
        let stream = TcpStream::connect(site.door()).await.unwrap();
        let stream = connector.connect(ServerName::try_from(HOST).unwrap(), stream).await.unwrap();
        Self { stream }
    }
}

impl Peer<TcpStream> {
    pub(crate) async fn connect_plain(to: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(to).await.unwrap() }
    }

    /// From another address of loopback.
    pub(crate) async fn connect_from(from: &str, to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        Self { stream: socket.connect(to).await.unwrap() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// As [`Peer::say`], to somebody who may have closed already.
    pub(crate) async fn try_say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Exactly so many bytes.
    pub(crate) async fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        soon(self.stream.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    /// Everything until the other end closes; a reset is an end, too.
    pub(crate) async fn hear_all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(count) = soon(self.stream.read(&mut piece)).await {
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(&piece[..count]);
        }
        bytes
    }
}

pub(crate) fn phone_tls(
    trusted: &Authority,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
