//! The listeners that refuse plain SIP: heard, answered once, forgotten.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cordon_policy::Refusal;
use cordon_policy::connection;
use cordon_sip::{Frame, Framed, Framer, Message, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::admission::Place;
use crate::begun::has_credentials;
use crate::event::TransportEvent;
use crate::handshake::HANDSHAKE;
use crate::listener;
use crate::rate_limit::Verdict;
use crate::shared::{Phase, Shared};
use crate::transport::StartError;

/// One `refuse` address of a location, UDP and TCP.
pub(crate) struct Refuser {
    location: usize,
    tcp: TcpListener,
    udp: UdpSocket,
    address: SocketAddr,
}

impl Refuser {
    pub(crate) async fn bind(location: usize, address: SocketAddr) -> Result<Self, StartError> {
        let (tcp, address) = listener::bind(address)?;
        let udp = UdpSocket::bind(address).await.map_err(|source| StartError { address, source })?;
        Ok(Self { location, tcp, udp, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn spawn(self, shared: &Arc<Shared>) {
        let Self { location, tcp, udp, .. } = self;
        let for_tcp = Arc::clone(shared);
        tokio::spawn(async move {
            tokio::select! {
                () = for_tcp.reached(Phase::Draining) => {}
                () = hear_streams(&for_tcp, location, &tcp) => {}
            }
        });
        let for_udp = Arc::clone(shared);
        tokio::spawn(async move {
            tokio::select! {
                () = for_udp.reached(Phase::Stopped) => {}
                () = hear_datagrams(&for_udp, location, &udp) => {}
            }
        });
    }
}

async fn hear_streams(shared: &Arc<Shared>, location: usize, listener: &TcpListener) {
    loop {
        let (stream, peer) = listener::accept(shared, listener).await;
        let config = shared.config();
        let Some(settings) = config.locations.get(location) else { return };
        let place = connection::admit_source(&settings.networks, peer.ip())
            .and_then(|source| shared.handset_admission.enter(&source));
        match place {
            Ok(place) => {
                let visit = Visit { location, peer, refusal: Refusal::PlainTcp };
                tokio::spawn(hear_stream(visit, Arc::clone(shared), stream, place));
            }
            Err(refusal) => shared.report_refused(refusal, peer, Some(location), String::new()),
        }
    }
}

async fn hear_stream(visit: Visit, shared: Arc<Shared>, stream: TcpStream, place: Place) {
    tokio::select! {
        () = visit.refuse_stream(&shared, stream) => {}
        () = place.made_room() => visit.report(&shared, Refusal::MadeRoom),
    }
}

async fn hear_datagrams(shared: &Arc<Shared>, location: usize, socket: &UdpSocket) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let Ok((count, peer)) = socket.recv_from(&mut buffer).await else {
            // An ICMP error of an answer of ours; there is always a next datagram.
            tokio::task::yield_now().await;
            continue;
        };
        let config = shared.config();
        let Some(settings) = config.locations.get(location) else { return };
        let visit = Visit {
            location,
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
            refusal: Refusal::PlainUdp,
        };
        if let Err(refusal) = connection::admit_source(&settings.networks, peer.ip()) {
            visit.report(shared, refusal);
            continue;
        }
        let datagram = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
        let Some((answer, port)) = visit.refuse_datagram(shared, datagram) else { continue };
        // A socket whose buffer is full means a flood; the phone asks again.
        let _ = socket.try_send_to(&answer, SocketAddr::new(peer.ip(), port));
    }
}

/// Somebody who speaks plain SIP, and the rule against it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    pub(crate) location: usize,
    pub(crate) peer: SocketAddr,
    pub(crate) refusal: Refusal,
}

impl Visit {
    /// Reads one message, refuses it and closes. Whatever else comes is not read as SIP.
    pub(crate) async fn refuse_stream<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        shared: &Shared,
        mut stream: S,
    ) {
        match timeout(HEARING, read_first(&mut stream)).await {
            Ok(First::Message(framed)) => {
                if let Some(answer) = self.refuse(shared, framed).map(|(answer, _)| answer) {
                    let _ = timeout(LINGER, say_goodbye(&mut stream, &answer)).await;
                }
            }
            Ok(First::Tls) => self.show_door(shared),
            Ok(First::Nothing) => self.report(shared, Refusal::NotSip),
            Err(_) => self.report(shared, Refusal::FlowTooSlow),
        }
    }

    /// The answer, and the port it goes to.
    fn refuse_datagram(self, shared: &Shared, datagram: Bytes) -> Option<(Bytes, u16)> {
        let Frame::Message(framed) = Frame::datagram(datagram) else { return None };
        let (answer, request_port) = self.refuse(shared, framed)?;
        Some((answer, request_port.unwrap_or(self.peer.port())))
    }

    /// Answer and, where the Via asks for another than the source port, that port (RFC 3261 §18.2.2, RFC 3581).
    fn refuse(self, shared: &Shared, framed: Framed) -> Option<(Bytes, Option<u16>)> {
        let length = framed.bytes().len();
        let request = match framed.parse() {
            Ok(Message::Request(request)) => request,
            Ok(Message::Response(_)) => return None,
            Err(_) => {
                self.report(shared, Refusal::NotSip);
                return None;
            }
        };
        match shared.refusal_rate.admit(Instant::now(), self.peer.ip()) {
            Verdict::Answer => {}
            Verdict::SilenceAndReport => {
                self.report(shared, Refusal::TooFast);
                return None;
            }
            Verdict::Silence => return None,
        }
        self.report(shared, self.refusal);
        let refusal = match has_credentials(&request) {
            false => self.refusal,
            // What the phone is told is what is most urgent.
            true => {
                let exposure = TransportEvent::Exposure { peer: self.peer, location: self.location };
                shared.report(self.peer.ip(), exposure);
                Refusal::CredentialsExposed
            }
        };
        let port = response_port(&request);
        let config = shared.config();
        let settings = config.locations.get(self.location)?;
        let answer = shared.with_door(settings, self.location, |door| {
            shared.answerer.refuse(request, length, refusal, self.peer, door)
        })?;
        Some((answer, port))
    }

    /// A phone that speaks TLS at the wrong port cannot be answered; the event says which is the right one.
    fn show_door(self, shared: &Shared) {
        let config = shared.config();
        let Some(settings) = config.locations.get(self.location) else { return };
        let details = shared.with_door(settings, self.location, |door| {
            format!("TLS is spoken at {}:{}", door.host, door.port)
        });
        shared.report_refused(Refusal::TlsOnPlainPort, self.peer, Some(self.location), details);
    }

    fn report(self, shared: &Shared, refusal: Refusal) {
        shared.report_refused(refusal, self.peer, Some(self.location), String::new());
    }
}

/// `None`: the source port, as `rport` asks. Else the port of sent-by, on the address it came from and no other.
fn response_port(request: &Request) -> Option<u16> {
    let via = request.via.first()?;
    (!via.params.has("rport")).then(|| via.port.unwrap_or(SIP_PORT))
}

/// What a stream begins with.
enum First {
    /// A whole message.
    Message(Framed),
    /// A TLS handshake.
    Tls,
    /// The stream ends, or it is neither.
    Nothing,
}

async fn read_first<S: AsyncRead + Unpin>(stream: &mut S) -> First {
    let mut framer = Framer::default();
    let mut buffer = [0; 2_048];
    let mut start = Some(Vec::new());
    loop {
        match framer.next_frame() {
            Ok(Some(Frame::Message(framed))) => return First::Message(framed),
            Ok(Some(Frame::Ping | Frame::Pong)) => {}
            Ok(None) => {
                let Ok(count @ 1..) = stream.read(&mut buffer).await else { return First::Nothing };
                let bytes = buffer.get(..count).unwrap_or_default();
                framer.push(bytes);
                if let Some(line) = &mut start {
                    if line.is_empty() && bytes.first() == Some(&HANDSHAKE) {
                        return First::Tls;
                    }
                    // No longer than the framer lets a line grow.
                    line.extend_from_slice(bytes);
                    match is_sip(line) {
                        Some(false) => return First::Nothing,
                        Some(true) => start = None,
                        None => {}
                    }
                }
            }
            Err(_) => return First::Nothing,
        }
    }
}

/// Whether the first line that says anything is SIP's; `None` until it is whole. The banner of another protocol need not be
/// waited on for the rest of a message. Empty lines before it are forgotten.
fn is_sip(start: &mut Vec<u8>) -> Option<bool> {
    let blank = start.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    start.drain(..blank);
    let end = start.iter().position(|&byte| byte == b'\n')?;
    let line = start.get(..end).unwrap_or_default();
    Some(line.windows(VERSION.len()).any(|word| word.eq_ignore_ascii_case(VERSION)))
}

/// Sends the answer and waits until the peer has seen it: closing over unread bytes would reset it away.
async fn say_goodbye<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &[u8],
) -> std::io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let mut rest = [0; 512];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// In the first line of every message (RFC 3261 §7.1, §7.2).
const VERSION: &[u8] = b"SIP/2.0";

/// RFC 3261 §18.2.2: where sent-by names no port.
const SIP_PORT: u16 = 5060;

/// The largest a UDP datagram can be.
const MAX_DATAGRAM: usize = 65_535;

/// For one message over TCP; a phone sends it in one piece.
const HEARING: Duration = Duration::from_secs(5);

/// A connection that was refused is closed within a second.
const LINGER: Duration = Duration::from_millis(900);
