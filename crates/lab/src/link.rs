use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use cordon_sip::{Frame, Framer, FramerLimits, Message};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Duration, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::LabError;

/// How SIP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Over TLS.
    Tls,
    /// Over TCP, in clear.
    Tcp,
    /// Over UDP, in clear.
    Udp,
}

impl Transport {
    pub(crate) fn via_name(self) -> &'static str {
        match self {
            Transport::Tls => "TLS",
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
        }
    }

    pub(crate) fn uri_name(self) -> &'static str {
        match self {
            Transport::Tls => "tls",
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        }
    }
}

/// One stream that carries SIP both ways: a reader task, a writer task and a bounded queue.
pub(crate) struct Link {
    out: mpsc::Sender<Bytes>,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    /// Nothing is read before the owner is ready for it: an answer must find its way back.
    gate: Option<oneshot::Sender<()>>,
    tasks: [AbortHandle; 2],
}

/// What a link reports to whoever started it, together with the number it was started under.
pub(crate) enum LinkEvent {
    Message(Box<Message>),
    Closed,
}

impl Link {
    /// Connects over TCP and, with a client configuration, over TLS with this server name verified; `from` is the own
    /// address, where it matters.
    pub(crate) async fn connect(
        number: u64,
        address: SocketAddr,
        from: Option<IpAddr>,
        tls: Option<(Arc<ClientConfig>, &str)>,
        events: mpsc::Sender<(u64, LinkEvent)>,
    ) -> Result<Link, LabError> {
        let connecting = async {
            let stream = open(address, from).await.map_err(LabError::io("connecting"))?;
            let (local, peer) = addresses(&stream)?;
            let Some((config, name)) = tls else {
                return Ok(Link::start(number, stream, local, peer, events));
            };
            let name =
                ServerName::try_from(name.to_owned()).map_err(|_| LabError::Misbehaved("no server name"))?;
            let stream = TlsConnector::from(config)
                .connect(name, stream)
                .await
                .map_err(LabError::io("TLS handshake"))?;
            Ok(Link::start(number, stream, local, peer, events))
        };
        timeout(CONNECT_TIME, connecting).await.map_err(|_| LabError::TimedOut("the connection"))?
    }

    /// Takes an accepted connection and, with a server configuration, makes it TLS.
    pub(crate) async fn accept(
        number: u64,
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        events: mpsc::Sender<(u64, LinkEvent)>,
    ) -> Result<Link, LabError> {
        let (local, peer) = addresses(&stream)?;
        let Some(config) = tls else {
            return Ok(Link::start(number, stream, local, peer, events));
        };
        let handshake = TlsAcceptor::from(config).accept(stream);
        let stream = timeout(CONNECT_TIME, handshake)
            .await
            .map_err(|_| LabError::TimedOut("the TLS handshake"))?
            .map_err(LabError::io("TLS handshake"))?;
        Ok(Link::start(number, stream, local, peer, events))
    }

    /// Starts reading.
    pub(crate) fn begin(&mut self) {
        if let Some(gate) = self.gate.take() {
            // A reader that is gone needs no permission.
            let _ = gate.send(());
        }
    }

    /// Queues bytes.
    ///
    /// # Errors
    /// `Closed` when the link is gone or its queue is full.
    pub(crate) fn send(&self, bytes: Bytes) -> Result<(), LabError> {
        self.out.try_send(bytes).map_err(|_| LabError::Closed)
    }

    fn start<S>(
        number: u64,
        stream: S,
        local: SocketAddr,
        peer: SocketAddr,
        events: mpsc::Sender<(u64, LinkEvent)>,
    ) -> Link
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let (out, queue) = mpsc::channel(QUEUE);
        let pong = out.clone().downgrade();
        let (gate, opened) = oneshot::channel();
        let reading = tokio::spawn(async move {
            if opened.await.is_err() {
                return;
            }
            read(number, reader, &pong, &events).await;
            // Nobody listens any more when this fails.
            let _ = events.send((number, LinkEvent::Closed)).await;
        });
        let writing = tokio::spawn(write(writer, queue));
        Link { out, local, peer, gate: Some(gate), tasks: [reading.abort_handle(), writing.abort_handle()] }
    }
}

impl Drop for Link {
    /// Drops the connection on the floor, as a phone that loses power does.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn open(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(address).await
}

async fn read(
    number: u64,
    mut stream: impl AsyncRead + Unpin,
    pong: &mpsc::WeakSender<Bytes>,
    events: &mpsc::Sender<(u64, LinkEvent)>,
) {
    let mut framer = Framer::new(FramerLimits::default());
    let mut chunk = [0; 4096];
    loop {
        let Ok(count @ 1..) = stream.read(&mut chunk).await else { return };
        framer.push(chunk.get(..count).unwrap_or_default());
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(framed))) => {
                    let message = match framed.parse() {
                        Ok(message) => message,
                        Err(error) => {
                            tracing::debug!(error = error.reason(), "the lab cannot read a message");
                            continue;
                        }
                    };
                    if events.send((number, LinkEvent::Message(Box::new(message)))).await.is_err() {
                        return;
                    }
                }
                Ok(Some(Frame::Ping)) => {
                    let Some(pong) = pong.upgrade() else { return };
                    if pong.send(Bytes::from_static(b"\r\n")).await.is_err() {
                        return;
                    }
                }
                Ok(Some(Frame::Pong)) => {}
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(?error, "the lab cannot cut a stream into messages");
                    return;
                }
            }
        }
    }
}

async fn write(mut stream: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
    // The peer learns of the end by the closed connection; there is nothing to add when even that fails.
    let _ = stream.shutdown().await;
}

fn addresses(stream: &TcpStream) -> Result<(SocketAddr, SocketAddr), LabError> {
    stream.set_nodelay(true).map_err(LabError::io("setting TCP_NODELAY"))?;
    let local = stream.local_addr().map_err(LabError::io("reading an address"))?;
    let peer = stream.peer_addr().map_err(LabError::io("reading an address"))?;
    Ok((local, peer))
}

const CONNECT_TIME: Duration = Duration::from_secs(5);
const QUEUE: usize = 1024; // messages; 200 calls set up at once need fewer
