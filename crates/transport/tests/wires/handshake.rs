//! Handshakes that cannot end well, and what is said about them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::support::authority::Authority;
use crate::support::peer::{Peer, phone_tls};
use crate::support::request;
use crate::support::site::{HOST, Site};
use cordon_policy::{Family, Refusal};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// TLS 1.1, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA and TLS_RSA_WITH_AES_128_CBC_SHA, no extensions.
fn tls_1_1_hello() -> Vec<u8> {
    hello([3, 2], &[0xc0, 0x13, 0x00, 0x2f])
}

fn hello(version: [u8; 2], suites: &[u8]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.extend([0, 0, u8::try_from(suites.len()).unwrap()]);
    body.extend(suites);
    body.extend([1, 0]);
    let mut record = vec![0x16, 3, 1, 0, u8::try_from(body.len() + 4).unwrap()];
    record.extend([1, 0, 0, u8::try_from(body.len()).unwrap()]);
    record.extend(body);
    record
}

#[tokio::test]
async fn tls_1_1_gets_the_alert_protocol_version_and_one_explanation() {
    let mut site = Site::start().await;
    let mut phone = Peer::connect_plain(site.door()).await;
    phone.say(tls_1_1_hello()).await;

    assert_eq!(phone.hear_all().await, [0x15, 3, 1, 0, 2, 2, 70]);
    let (refusal, details) = site.refused().await;
    assert_eq!(refusal, Refusal::TlsTooOld);
    assert_eq!(
        details,
        "highest version TLS 1.1, suites TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_128_CBC_SHA"
    );
    assert!(!refusal.fix(Family::Polycom).is_empty());
    assert!(site.has_no_event());
}

#[tokio::test]
async fn a_client_with_cbc_suites_only_is_told_apart_and_gets_an_alert() {
    let mut site = Site::start().await;
    let mut phone = Peer::connect_plain(site.door()).await;
    phone.say(hello([3, 3], &[0xc0, 0x23, 0x00, 0x2f])).await;

    let heard = phone.hear_all().await;
    assert_eq!((heard[0], heard[5]), (0x15, 2), "a fatal alert");
    let (refusal, details) = site.refused().await;
    assert_eq!(refusal, Refusal::TlsNoCommonSuite);
    assert_eq!(
        details,
        "highest version TLS 1.2, suites TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 TLS_RSA_WITH_AES_128_CBC_SHA"
    );
}

#[tokio::test]
async fn a_client_that_verifies_rsa_only_is_told_apart() {
    let mut site = Site::start().await;
    let mut phone = Peer::connect_plain(site.door()).await;
    phone.say(hello([3, 3], &[0xc0, 0x2f])).await;
    phone.hear_all().await;

    assert_eq!(site.refused().await.0, Refusal::TlsNoCommonSignature);
}

#[tokio::test]
async fn plain_sip_on_the_tls_port_gets_one_refusal_in_text_and_a_close() {
    let mut site = Site::start().await;
    let mut phone = Peer::connect_plain(site.door()).await;
    let twice = request("REGISTER", "1", "") + &request("REGISTER", "2", "");
    phone.say(twice).await;

    let heard = String::from_utf8(phone.hear_all().await).unwrap();

    assert!(heard.starts_with("SIP/2.0 480 "), "{heard}");
    assert_eq!(heard.matches("SIP/2.0 480 ").count(), 1);
    assert!(heard.contains("CD-TRANSPORT-03"), "{heard}");
    assert!(heard.contains(&format!("{HOST}:{}", site.door().port())), "{heard}");
    assert_eq!(site.refused().await.0, Refusal::PlainOnTlsPort);
}

#[tokio::test]
async fn http_on_the_tls_port_is_closed_without_a_word() {
    let mut site = Site::start().await;
    let mut browser = Peer::connect_plain(site.door()).await;
    browser.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;

    assert_eq!(browser.hear_all().await, b"");
    assert_eq!(site.refused().await.0, Refusal::NotSip);
}

#[tokio::test(start_paused = true)]
async fn the_banner_of_another_protocol_is_not_waited_on_for_the_rest_of_a_message() {
    let mut site = Site::start().await;
    let begun = tokio::time::Instant::now();
    let mut scanner = Peer::connect_plain(site.door()).await;
    scanner.say("\r\nSSH-2.0-").await;
    scanner.say("scanner\r\n").await;

    assert_eq!(scanner.hear_all().await, b"");
    assert_eq!(site.refused().await.0, Refusal::NotSip);
    assert!(begun.elapsed().as_secs() < 1, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn bytes_that_are_neither_tls_nor_text_are_closed() {
    let mut site = Site::start().await;
    let mut scanner = Peer::connect_plain(site.door()).await;
    scanner.say([3, 0, 0, 0x13, 0x0e, 0xe0]).await;

    assert_eq!(scanner.hear_all().await, b"");
    assert_eq!(site.refused().await.0, Refusal::NotSip);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stops_after_eight_bytes_is_closed_after_10_s() {
    let mut site = Site::start().await;
    let begun = tokio::time::Instant::now();
    let mut scanner = Peer::connect_plain(site.door()).await;
    scanner.say(&tls_1_1_hello()[..8]).await;

    assert_eq!(site.refused().await.0, Refusal::TlsTooSlow);
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(scanner.hear_all().await, b"");
}

#[tokio::test]
async fn a_phone_that_does_not_trust_the_certificate_is_told_apart() {
    let mut site = Site::start().await;
    let trusting_another = phone_tls(&Authority::new("another"), rustls::ALL_VERSIONS);
    let connector = tokio_rustls::TlsConnector::from(trusting_another);
    let stream = TcpStream::connect(site.door()).await.unwrap();
    let name = ServerName::try_from(HOST).unwrap();
    assert!(connector.connect(name, stream).await.is_err());

    assert_eq!(site.refused().await.0, Refusal::TlsCertificateNotTrusted);
}

#[tokio::test]
async fn a_hello_in_single_bytes_still_becomes_a_flow() {
    let mut site = Site::start().await;
    let stream = TcpStream::connect(site.door()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let connector = tokio_rustls::TlsConnector::from(phone_tls(&site.authority, rustls::ALL_VERSIONS));
    let phone = connector.connect(ServerName::try_from(HOST).unwrap(), Crumbs(stream)).await;

    assert!(phone.is_ok());
    site.opened().await;
}

/// Writes one byte at a time.
struct Crumbs(TcpStream);

impl AsyncRead for Crumbs {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Crumbs {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
