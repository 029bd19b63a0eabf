//! The first bytes of an accepted connection.

use std::io;

use cordon_policy::Refusal;
use cordon_policy::connection::{self, LeafKey, TlsFacts};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::client_hello::{ClientHello, MAX_HELLO};
use crate::config::TlsFront;
use crate::prefixed::Prefixed;
use crate::tls;

/// What a connection turned out to be.
pub(crate) enum Opening {
    /// TLS, with the six suites.
    Tls(Box<TlsStream<Prefixed<TcpStream>>>, TlsFacts),
    /// Text: somebody speaks plain SIP, or HTTP.
    Plain(Prefixed<TcpStream>),
    /// Nothing that can be talked to; the connection has ended.
    Refused(Refusal, String),
    /// Closed before its first byte, as load balancers do.
    Nothing,
}

/// Looks at the first bytes and makes the handshake if they begin one. The caller holds the deadline.
pub(crate) async fn open(mut stream: TcpStream, front: &TlsFront) -> Opening {
    let mut first = [0; FIRST_READ];
    let count = match stream.read(&mut first).await {
        Ok(0) | Err(_) => return Opening::Nothing,
        Ok(count) => count,
    };
    let bytes = first.get(..count).unwrap_or_default().to_vec();
    match bytes.first() {
        Some(&HANDSHAKE) => accept(stream, bytes, front).await,
        // A method or `SIP/2.0`, or the empty lines that may stand before them.
        Some(byte) if byte.is_ascii_alphabetic() || matches!(byte, b'\r' | b'\n') => {
            Opening::Plain(Prefixed::new(bytes, stream))
        }
        _ => Opening::Refused(Refusal::NotSip, String::new()),
    }
}

async fn accept(mut stream: TcpStream, mut bytes: Vec<u8>, front: &TlsFront) -> Opening {
    let hello = match read_hello(&mut stream, &mut bytes).await {
        Ok(hello) => hello,
        Err(_) => return Opening::Refused(Refusal::TlsBroken, CLOSED_EARLY.to_owned()),
    };
    if let Some(hello) = &hello
        && let Some(Refusal::TlsTooOld) = hello.offer().refusal(front.leaf)
    {
        // The library would complain about missing extensions first, and the phone would hear the wrong alert.
        let _ = stream.write_all(&ALERT_PROTOCOL_VERSION).await;
        let _ = stream.shutdown().await;
        return Opening::Refused(Refusal::TlsTooOld, hello.offer().describe());
    }
    let acceptor = TlsAcceptor::from(std::sync::Arc::clone(&front.config));
    match acceptor.accept(Prefixed::new(bytes, stream)).await {
        Ok(stream) => match tls::facts(stream.get_ref().1) {
            Some(facts) => Opening::Tls(Box::new(stream), facts),
            None => Opening::Refused(Refusal::TlsNoCommonSuite, String::new()),
        },
        Err(error) => explain(&error, hello.as_ref(), front.leaf),
    }
}

/// Reads on until the ClientHello is complete. `None` when it cannot be read, or does not come to an end: then the library,
/// which looks at each byte once, shall say why.
async fn read_hello(
    stream: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
) -> io::Result<Option<ClientHello>> {
    for _ in 0..LOOKS {
        match ClientHello::read(bytes) {
            Ok(Some(hello)) => return Ok(Some(hello)),
            Err(_) => return Ok(None),
            // Records carry five bytes each: a hello in crumbs reaches this bound before it is whole.
            Ok(None) if bytes.len() > 2 * MAX_HELLO => return Ok(None),
            Ok(None) => {}
        }
        if stream.read_buf(bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(None)
}

/// One refusal for the one event: what the phone says about us, else what stands in its hello, else what broke.
fn explain(error: &io::Error, hello: Option<&ClientHello>, leaf: LeafKey) -> Opening {
    let cause = tls::library_error(error);
    let by_alert = match cause {
        Some(rustls::Error::AlertReceived(alert)) => connection::refusal_by_alert(u8::from(*alert)),
        _ => None,
    };
    let offered = hello.map(|hello| hello.offer().describe());
    let by_hello = hello.and_then(|hello| hello.offer().refusal(leaf));
    if let (None, Some(refusal), Some(offered)) = (by_alert, by_hello, &offered) {
        // The library names the first thing it missed, which is seldom the one to change.
        return Opening::Refused(refusal, offered.clone());
    }
    let cause = cause.map_or_else(|| CLOSED_EARLY.to_owned(), tls::describe);
    let details = match offered {
        Some(offered) => format!("{offered}; {cause}"),
        None => cause,
    };
    Opening::Refused(by_alert.unwrap_or(Refusal::TlsBroken), details)
}

const CLOSED_EARLY: &str = "the peer closed the connection during the handshake";

/// A ClientHello without post-quantum shares, or a short request.
const FIRST_READ: usize = 1_024;
/// A hello comes in one piece or a few. Each look begins anew: whoever sends a byte at a time, in records of one byte, would
/// have us look thirty thousand times at thousands of records.
const LOOKS: usize = 64;
/// With this byte every TLS connection begins (RFC 8446 §5.1).
pub(crate) const HANDSHAKE: u8 = 0x16;

/// A fatal alert protocol_version (70) in a record of TLS 1.0, which every version reads (RFC 8446 §6.2).
const ALERT_PROTOCOL_VERSION: [u8; 7] = [0x15, 3, 1, 0, 2, 2, 70];

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;

    use super::*;

    #[tokio::test]
    async fn a_hello_that_drips_in_for_ever_is_looked_at_so_often_and_no_more() {
        let mut drip = Drip(0);

        assert_eq!(read_hello(&mut drip, &mut Vec::new()).await.unwrap(), None);
        assert_eq!(drip.0, LOOKS);
    }

    /// A hello of twelve thousand bytes, each in a record of its own; one byte can be read at a time.
    struct Drip(usize);

    impl AsyncRead for Drip {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let content = [1, 0, 0x30].get(self.0 / 6).copied().unwrap_or(0);
            let record = [HANDSHAKE, 3, 1, 0, 1, content];
            buffer.put_slice(&record[self.0 % 6..][..1]);
            self.0 += 1;
            Poll::Ready(Ok(()))
        }
    }
}
