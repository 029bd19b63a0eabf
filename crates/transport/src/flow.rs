//! One connection, from its first message to its end.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cordon_policy::connection::refusal_for;
use cordon_policy::{Door, Refusal};
use cordon_sip::{
    ErrorReply, Frame, FrameError, Framer, Message, Origin, ParseError, StatusCode, Text, Warning,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};

use crate::event::{CloseReason, TransportEvent};
use crate::shared::Shared;
use crate::write_queue::WriteQueue;

/// What a flow needs besides its stream.
pub(crate) struct Flow {
    pub(crate) shared: Arc<Shared>,
    pub(crate) origin: Origin,
    pub(crate) peer: SocketAddr,
    pub(crate) queue: WriteQueue,
    /// Who we are in a Warning: the name or address the peer reached us by.
    pub(crate) host: Text,
    /// Phones have to say something soon; the PBX may be silent.
    pub(crate) first_byte: Option<Duration>,
}

impl Flow {
    /// Reads and writes until one side has had enough. What was queued by then is written, for [`FAREWELL`] at most.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite>(&self, stream: S) -> CloseReason {
        let (reader, writer) = tokio::io::split(stream);
        let writing = self.write(writer);
        tokio::pin!(writing);
        let is_written = tokio::select! {
            reason = self.read(reader) => {
                self.queue.close(reason);
                false
            }
            () = &mut writing => true,
            () = self.queue.ended() => false,
        };
        if !is_written {
            let _ = timeout(FAREWELL, writing).await;
        }
        self.queue.closed().unwrap_or(CloseReason::Broken)
    }

    async fn read<S: AsyncRead + AsyncWrite>(&self, mut reader: ReadHalf<S>) -> CloseReason {
        let limit = self.shared.config().limits.message;
        let mut framer = Framer::default();
        let mut buffer = [0; READ_BUFFER];
        let mut deadline = self.first_byte.map(|patience| Instant::now() + patience);
        loop {
            let count = match until(deadline, reader.read(&mut buffer)).await {
                None => return CloseReason::TooSlow,
                // Phones seldom take their leave by close_notify. SIP says itself where a message ends.
                Some(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    return CloseReason::PeerClosed;
                }
                Some(Err(_)) => return CloseReason::Broken,
                Some(Ok(0)) => return CloseReason::PeerClosed,
                Some(Ok(count)) => count,
            };
            let was_within_message = framer.is_within_message();
            framer.push(buffer.get(..count).unwrap_or_default());
            let mut has_frame = false;
            loop {
                match framer.next_frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => {
                        has_frame = true;
                        if let Some(reason) = self.take(frame).await {
                            return reason;
                        }
                    }
                    Err(error) => return self.refuse_frame(&error).await,
                }
            }
            deadline = match (framer.is_within_message(), was_within_message && !has_frame) {
                // One more piece of a message does not buy it more time.
                (true, true) => deadline,
                (true, false) => Some(Instant::now() + limit),
                (false, _) => None,
            };
        }
    }

    /// `Some` when the flow has to end.
    async fn take(&self, frame: Frame) -> Option<CloseReason> {
        match frame {
            // RFC 5626 §3.5.1. A push that fails closes the queue, and that the flow.
            Frame::Ping => {
                let _ = self.queue.push(Bytes::from_static(PONG));
                None
            }
            Frame::Pong => None,
            Frame::Message(framed) => {
                let event = match framed.parse() {
                    Ok(message) => {
                        let message = with_source(message, self.peer);
                        TransportEvent::Message { origin: self.origin, reliable: true, message }
                    }
                    Err(error) => self.refuse_message(&error),
                };
                (!self.shared.deliver(event).await).then_some(CloseReason::ShuttingDown)
            }
        }
    }

    /// The end of the message is known, so that the flow can live on.
    fn refuse_message(&self, error: &ParseError) -> TransportEvent {
        let refusal = refusal_for(error.rule());
        self.answer_unreadable(error.reply(), error.status(), refusal, error.reason())
    }

    /// Nobody knows where the next message begins: answered, and closed.
    async fn refuse_frame(&self, error: &FrameError) -> CloseReason {
        let refusal = refusal_for(error.rule());
        let event = self.answer_unreadable(error.reply(), error.status(), refusal, error.reason());
        self.shared.deliver(event).await;
        CloseReason::Unframeable
    }

    fn answer_unreadable(
        &self,
        reply: Option<ErrorReply>,
        status: StatusCode,
        refusal: Refusal,
        error: &'static str,
    ) -> TransportEvent {
        let status = status.code();
        if let Some(reply) = reply {
            let _ = self.queue.push(explained(reply, refusal, &self.host).write());
        }
        TransportEvent::Unreadable { origin: self.origin, peer: self.peer, refusal, error, status }
    }

    /// Writes until the queue is closed and empty, or is aborted; then says goodbye.
    async fn write<S: AsyncRead + AsyncWrite>(&self, mut writer: WriteHalf<S>) {
        let writing = async {
            while let Some(message) = self.queue.next().await {
                writer.write_all(&message).await?;
                writer.flush().await?;
            }
            writer.shutdown().await
        };
        let outcome = tokio::select! {
            outcome = writing => outcome,
            () = self.queue.aborted() => return,
        };
        if outcome.is_err() {
            self.queue.close(CloseReason::Broken);
        }
    }
}

/// RFC 3261 §18.2.1 and RFC 3581: a request carries on where it really came from.
pub(crate) fn with_source(mut message: Message, peer: SocketAddr) -> Message {
    if let Message::Request(request) = &mut message
        && let Some(via) = request.via.first_mut()
    {
        via.set_received_rport(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
    }
    message
}

/// The answer to what could not be read, with the code that log and metrics have.
pub(crate) fn explained(reply: ErrorReply, refusal: Refusal, host: &Text) -> ErrorReply {
    // No such rule speaks of the way to TLS: the port is never written.
    let (code, text) = refusal.warning(&Door { host: host.as_str(), port: 0 });
    reply.with_warning(&Warning::new(code, host.clone(), text))
}

async fn until<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

/// How long last words may take to be written.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// Lives as long as the flow: most SIP messages fit, longer ones take several reads.
const READ_BUFFER: usize = 4 * 1024;

const PONG: &[u8] = b"\r\n";
