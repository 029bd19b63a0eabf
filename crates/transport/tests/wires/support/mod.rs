//! A site on loopback with certificates of its own, and peers that speak to it.

pub(crate) mod authority;
pub(crate) mod peer;
pub(crate) mod site;

use std::time::Duration;

use tokio::time::timeout;

/// What must happen, happens within a minute; with paused time a minute costs nothing.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.expect("it happens within a minute")
}

/// A request as phones write it, `branch` being its name in a test.
pub(crate) fn request(method: &str, branch: &str, more: &str) -> String {
    format!(
        "{method} sip:mx.example.org SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.0.9:5061;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:100@mx.example.org>;tag=a\r\nTo: <sip:100@mx.example.org>\r\nCall-ID: {branch}@10.1.0.9\r\n\
         CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
}
