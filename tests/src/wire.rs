//! A client that says over TLS whatever a test wants said, in records of the test's choosing, and reads the answers
//! without judging them.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::cordon::HOST;
use crate::machine::CORDON_LOCATION;
use crate::pki::Authority;

/// One TLS connection to Cordon's door for phones.
pub struct Wire {
    stream: StreamOwned<ClientConnection, TcpStream>,
    unread: Vec<u8>,
}

/// One answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of its first line.
    pub status: u16,
    /// All of it.
    pub text: String,
}

impl Wire {
    /// Connects from an address of the location and finishes the handshake.
    pub fn open(authority: &Authority, from: &str) -> Result<Self> {
        Self::open_at(
            authority.client_config()?,
            SocketAddr::new(CORDON_LOCATION.parse()?, 5061),
            from.parse()?,
        )
    }

    /// As [`Wire::open`], to a door that stands elsewhere.
    pub fn open_at(config: Arc<ClientConfig>, door: SocketAddr, from: IpAddr) -> Result<Self> {
        let tcp = connect(from, door)?;
        let name = ServerName::try_from(HOST)?;
        let mut stream = StreamOwned::new(ClientConnection::new(config, name)?, tcp);
        stream.conn.complete_io(&mut stream.sock).context("the TLS handshake")?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// The address it speaks from.
    pub fn local(&self) -> Result<SocketAddr> {
        Ok(self.stream.sock.local_addr()?)
    }

    /// Sends bytes, in as few records as they fit in.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.send_in_records(bytes, MAX_RECORD)
    }

    /// Sends bytes in records of this size, one write each.
    pub fn send_in_records(&mut self, bytes: &[u8], size: usize) -> Result<()> {
        for record in bytes.chunks(size) {
            self.stream.write_all(record).context("sending a record")?;
            self.stream.flush().context("sending a record")?;
        }
        Ok(())
    }

    /// The next answer; `None` once the other side has closed the connection, by whatever means.
    pub fn answer(&mut self, limit: Duration) -> Result<Option<Answer>> {
        let until = Instant::now() + limit;
        loop {
            if let Some(answer) = self.take_answer()? {
                return Ok(Some(answer));
            }
            if !self.read_more(until)? {
                return Ok(None);
            }
        }
    }

    /// Every answer until the other side closes the connection.
    pub fn answers_until_closed(&mut self, limit: Duration) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        while let Some(answer) = self.answer(limit).context("the connection is closed in the end")? {
            answers.push(answer);
        }
        Ok(answers)
    }

    fn read_more(&mut self, until: Instant) -> Result<bool> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("nothing came in time");
        }
        self.stream.sock.set_read_timeout(Some(left))?;
        let StreamOwned { conn, sock } = &mut self.stream;
        // Never by way of the stream: it writes first what is left to write, and an answer that is there is lost when that
        // fails.
        let mut chunk = [0; 4096];
        match conn.reader().read(&mut chunk) {
            Ok(0) => return Ok(false),
            Ok(count) => {
                self.unread.extend_from_slice(chunk.get(..count).unwrap_or_default());
                return Ok(true);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Ok(false),
        }
        match conn.read_tls(sock) {
            Ok(count) => Ok(conn.process_new_packets().is_ok() && count > 0),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                bail!("nothing came in time")
            }
            // With a reset, because we were still sending: closed all the same.
            Err(_) => Ok(false),
        }
    }

    fn take_answer(&mut self) -> Result<Option<Answer>> {
        while self.unread.starts_with(b"\r\n") {
            self.unread.drain(..2);
        }
        let Some(head) = self.unread.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
        let text = String::from_utf8_lossy(self.unread.get(..head).unwrap_or_default()).into_owned();
        let length = value_of(&text, "Content-Length").map_or(Ok(0), str::parse::<usize>)?;
        let end = head + 4 + length;
        if self.unread.len() < end {
            return Ok(None);
        }
        let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.with_context(|| format!("an answer begins with its status: {text}"))?;
        let all: Vec<u8> = self.unread.drain(..end).collect();
        Ok(Some(Answer { status, text: String::from_utf8_lossy(&all).into_owned() }))
    }
}

impl Answer {
    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        value_of(&self.text, name)
    }
}

/// A TCP connection to one of Cordon's ports for phones, from an address of the test's choice.
pub fn tcp(from: IpAddr, port: u16) -> Result<TcpStream> {
    connect(from, SocketAddr::new(CORDON_LOCATION.parse()?, port))
}

pub(crate) fn connect(from: IpAddr, to: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), CONNECT_TIME).context("connecting")?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

const MAX_RECORD: usize = 1 << 14; // RFC 8446 §5.1
const CONNECT_TIME: Duration = Duration::from_secs(5);
