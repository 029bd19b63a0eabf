//! One connection, from its first message to its end.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use cordon_policy::connection::refusal_for;
use cordon_policy::request::Sender;
use cordon_policy::{Door, Refusal, overload};
use cordon_sip::{
    ErrorReply, Frame, FrameError, Framer, Message, Origin, ParseError, Request, StatusCode, Text, Warning,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::admission::Place;
use crate::begun::Begun;
use crate::event::{CloseReason, TransportEvent};
use crate::inbox::{Lane, TURNS};
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
    /// `None` on the side of the PBX.
    pub(crate) phone: Option<Phone>,
}

/// What holds for a phone's flow and not for the PBX's.
pub(crate) struct Phone {
    pub(crate) location: usize,
    pub(crate) place: Place,
    /// Messages of this flow that may wait for signalling.
    turns: Arc<Semaphore>,
}

impl Phone {
    pub(crate) fn new(location: usize, place: Place) -> Self {
        Self { location, place, turns: Arc::new(Semaphore::new(TURNS)) }
    }
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
            () = self.made_room() => {
                self.queue.abort(CloseReason::MadeRoom);
                true
            }
        };
        if !is_written {
            let _ = timeout(FAREWELL, writing).await;
        }
        self.queue.closed().unwrap_or(CloseReason::Broken)
    }

    /// The lane its events take, as it stands now.
    pub(crate) fn lane(&self) -> Lane {
        match &self.phone {
            None => Lane::Pbx,
            Some(phone) if phone.place.is_kept() => Lane::Phone,
            Some(_) => Lane::Stranger,
        }
    }

    /// Resolves when the connection has to make room: never for the PBX's.
    pub(crate) async fn made_room(&self) {
        match &self.phone {
            Some(phone) => phone.place.made_room().await,
            None => std::future::pending().await,
        }
    }

    async fn read<S: AsyncRead + AsyncWrite>(&self, mut reader: ReadHalf<S>) -> CloseReason {
        let config = self.shared.config();
        let (first_byte, limit) = (config.limits.first_byte, config.limits.message);
        drop(config);
        let mut framer = Framer::default();
        let mut begun = Begun::default();
        // Phones have to say something soon; the PBX may be silent.
        let mut deadline = self.phone.as_ref().map(|_| Instant::now() + first_byte);
        let mut has_spoken = false;
        loop {
            let was_within_message = framer.is_within_message();
            match until(deadline, read_into(&mut reader, &mut framer)).await {
                None => return CloseReason::TooSlow,
                // Phones seldom take their leave by close_notify. SIP says itself where a message ends.
                Some(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    return CloseReason::PeerClosed;
                }
                Some(Err(_)) => return CloseReason::Broken,
                Some(Ok(0)) => return CloseReason::PeerClosed,
                Some(Ok(_)) => {}
            }
            if let Some(phone) = self.phone.as_ref().filter(|_| !has_spoken)
                && let Err(refusal) = phone.place.establish()
            {
                return CloseReason::NoPlace(refusal);
            }
            has_spoken = true;
            let received = std::time::Instant::now();
            let mut has_frame = false;
            loop {
                match framer.next_frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => {
                        has_frame = true;
                        if let Some(reason) = self.take(received, frame, &mut begun).await {
                            return reason;
                        }
                    }
                    Err(error) => return self.refuse_frame(received, &error).await,
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
    async fn take(
        &self,
        received: std::time::Instant,
        frame: Frame,
        begun: &mut Begun,
    ) -> Option<CloseReason> {
        match frame {
            // RFC 5626 §3.5.1. A push that fails closes the queue, and that the flow.
            Frame::Ping => {
                let _ = self.queue.push(Bytes::from_static(PONG));
                None
            }
            Frame::Pong => None,
            Frame::Message(framed) => {
                let length = framed.bytes().len();
                let event = match framed.parse() {
                    Ok(Message::Request(request)) if self.is_to_be_shed(received, &request, begun) => {
                        self.shed(request, length);
                        return None;
                    }
                    Ok(message) => {
                        let message = with_source(message, self.peer);
                        TransportEvent::Message { origin: self.origin, reliable: true, message }
                    }
                    Err(error) => self.refuse_message(&error),
                };
                (!self.deliver(received, event).await).then_some(CloseReason::ShuttingDown)
            }
        }
    }

    fn is_to_be_shed(&self, now: std::time::Instant, request: &Request, begun: &mut Begun) -> bool {
        let Some(phone) = &self.phone else { return false };
        let numbers = &self.shared.config().emergency;
        let mut priority = overload::priority(Sender::Handset, phone.place.is_kept(), request, numbers);
        if begun.goes_on_with(request) {
            priority = None;
        }
        let is_shed = self.shared.inbox.congestion.sheds(now, priority);
        if priority.is_some() && !is_shed {
            begun.taken(request);
        }
        is_shed
    }

    /// Answered here and now, and forgotten: signalling never hears of it.
    fn shed(&self, request: Request, length: usize) {
        let config = self.shared.config();
        let Some(phone) = &self.phone else { return };
        let Some(location) = config.locations.get(phone.location) else { return };
        let answer = self.shared.with_door(location, phone.location, |door| {
            self.shared.answerer.refuse(request, length, Refusal::Overloaded, self.peer, door)
        });
        if let Some(answer) = answer {
            let _ = self.queue.push(answer);
        }
    }

    async fn deliver(&self, received: std::time::Instant, event: TransportEvent) -> bool {
        let turns = self.phone.as_ref().map(|phone| &phone.turns);
        self.shared.deliver_read(self.lane(), turns, received, event).await
    }

    /// The end of the message is known, so that the flow can live on.
    fn refuse_message(&self, error: &ParseError) -> TransportEvent {
        let refusal = refusal_for(error.rule());
        self.explain(error.reply(), refusal);
        self.unreadable(refusal, error.reason(), error.status())
    }

    /// Nobody knows where the next message begins: answered, and closed. What came before it is answered first, as far as
    /// signalling can do that at once.
    async fn refuse_frame(&self, received: std::time::Instant, error: &FrameError) -> CloseReason {
        let refusal = refusal_for(error.rule());
        let event = self.unreadable(refusal, error.reason(), error.status());
        // Events of a flow are taken in their order: once this one is, those before it are done with.
        let taken = Arc::new(Semaphore::new(1));
        if self.shared.deliver_read(self.lane(), Some(&taken), received, event).await {
            let _ = timeout(FAREWELL, taken.acquire()).await;
        }
        self.explain(error.reply(), refusal);
        CloseReason::Unframeable
    }

    fn explain(&self, reply: Option<ErrorReply>, refusal: Refusal) {
        if let Some(reply) = reply {
            let _ = self.queue.push(explained(reply, refusal, &self.host).write());
        }
    }

    fn unreadable(&self, refusal: Refusal, error: &'static str, status: StatusCode) -> TransportEvent {
        let status = status.code();
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

/// Gives the framer what has come. The buffer is there only while bytes are moved: ten thousand phones that say nothing
/// have none.
async fn read_into<S: AsyncRead + AsyncWrite>(
    reader: &mut ReadHalf<S>,
    framer: &mut Framer,
) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut bytes = [0; READ_BUFFER];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut *reader).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        framer.push(read);
        Poll::Ready(Ok(read.len()))
    })
    .await
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

/// Most SIP messages fit, longer ones take several reads.
const READ_BUFFER: usize = 4 * 1024;

const PONG: &[u8] = b"\r\n";
