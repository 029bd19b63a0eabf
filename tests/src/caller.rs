//! A connection without a phone behind it: it says what the test says, byte by byte, and hears what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use rustls::{ClientConnection, StreamOwned};

use crate::cordon::HOST;
use crate::pki::Authority;
use crate::wire;

/// A connection over TLS.
pub type TlsCaller = StreamOwned<ClientConnection, TcpStream>;

/// Connects over TCP. Nothing is waited for longer than `limit`.
pub fn connect(from: &str, to: SocketAddr, limit: Duration) -> Result<TcpStream> {
    let stream = wire::connect(from.parse()?, to)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    Ok(stream)
}

/// Connects and makes the handshake.
pub fn connect_tls(authority: &Authority, from: &str, to: SocketAddr, limit: Duration) -> Result<TlsCaller> {
    let mut stream = connect(from, to, limit)?;
    let mut tls = ClientConnection::new(authority.client_config()?, HOST.try_into()?)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(tls, stream))
}

/// What comes next; nothing when the connection has ended.
pub fn hear(stream: &mut impl Read) -> Result<String> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(count) => Ok(String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).into_owned()),
        Err(error) if is_end(error.kind()) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// Everything until the connection ends, which it has to.
pub fn hear_out(stream: &mut impl Read) -> Result<String> {
    let mut heard = String::new();
    loop {
        match hear(stream)? {
            part if part.is_empty() => return Ok(heard),
            part => heard.push_str(&part),
        }
    }
}

/// Says `bytes`; the connection then ends without a word.
pub fn is_closed_upon(stream: &mut (impl Read + Write), bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes)?;
    let heard = hear_out(stream)?;
    ensure!(heard.is_empty(), "no answer is given: {heard}");
    Ok(())
}

/// A close with or without the farewell of TLS; also one over bytes that were not read.
fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
