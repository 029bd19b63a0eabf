//! A phone for attacks in numbers: one TLS connection that registers, calls and answers, without media of its own.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use cordon_sip::{
    CallId, Contacts, Frame, Framer, FramerLimits, HeaderName, Host, MAGIC_COOKIE, Message, Method, NameAddr,
    Request, Response, StatusCode, Uri, Via,
};
use cordon_tests::cordon::HOST;
use cordon_tests::handset;
use cordon_tests::kamailio::DOMAIN;
use cordon_tests::machine::CORDON_LOCATION;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::puppet::offer;

/// One connection. Dropped, it is gone without a word.
pub(crate) struct Agent {
    pub(crate) number: String,
    pub(crate) local: SocketAddr,
    out: mpsc::UnboundedSender<Bytes>,
    shared: Arc<Shared>,
    next: AtomicUsize,
    tasks: [AbortHandle; 2],
}

/// What it does with a call that comes in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Answers,
    Rings,
    /// Sends the caller elsewhere (302).
    Redirects(&'static str),
}

/// What has come in so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heard {
    pub(crate) invites: usize,
    pub(crate) byes: usize,
    pub(crate) cancels: usize,
}

/// A call that was answered.
pub(crate) struct Placed {
    invite: Request,
    answer: Response,
}

struct Shared {
    manner: Manner,
    heard: watch::Sender<Heard>,
    waiting: Mutex<HashMap<String, mpsc::UnboundedSender<Response>>>,
    /// INVITEs that ring, by Call-ID: a CANCEL ends them.
    ringing: Mutex<HashMap<CallId, Request>>,
}

impl Agent {
    pub(crate) async fn connect(
        tls: &Arc<ClientConfig>,
        number: &str,
        from: IpAddr,
        manner: Manner,
    ) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        let stream =
            socket.connect(SocketAddr::new(CORDON_LOCATION.parse()?, 5061)).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(ServerName::try_from(HOST)?, stream).await;
        let (reader, writer) = tokio::io::split(stream.context("the handshake")?);
        let (out, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            manner,
            heard: watch::Sender::new(Heard::default()),
            waiting: Mutex::default(),
            ringing: Mutex::default(),
        });
        let reading = tokio::spawn(read(reader, Arc::clone(&shared), out.downgrade(), local));
        let writing = tokio::spawn(write(writer, queue));
        let tasks = [reading.abort_handle(), writing.abort_handle()];
        Ok(Self { number: number.to_owned(), local, out, shared, next: AtomicUsize::new(1), tasks })
    }

    /// Connects and registers; told to come back, it does.
    pub(crate) async fn register(
        tls: &Arc<ClientConfig>,
        number: &str,
        from: IpAddr,
        manner: Manner,
    ) -> Result<Self> {
        let agent = Self::connect(tls, number, from, manner).await?;
        for _ in 0..TRIES {
            let answer = agent.refresh().await?;
            if answer.status.is_success() {
                return Ok(agent);
            }
            ensure!(is_shed(&answer), "{number} registers: {}", answer.status.code());
            // Sooner than it was told: the attack is not to take all day.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        bail!("{number} was told to come back {TRIES} times")
    }

    /// A REGISTER, with a proof when one is asked for; the final answer.
    pub(crate) async fn refresh(&self) -> Result<Response> {
        let request = self.registration_of(&self.number)?;
        Ok(self.ask_proving(request).await?.1)
    }

    /// Takes the registration back, with a proof when one is asked for; the final answer.
    pub(crate) async fn unregister(&self) -> Result<Response> {
        let mut request = self.registration_of(&self.number)?;
        request.headers.set(HeaderName::EXPIRES, "0");
        Ok(self.ask_proving(request).await?.1)
    }

    /// A REGISTER of this account.
    pub(crate) fn registration_of(&self, number: &str) -> Result<Request> {
        let domain = Uri::sip(None, Host::parse(DOMAIN)?, None);
        let own = NameAddr::new(Uri::sip(Some(number), Host::parse(DOMAIN)?, None));
        let mut request = self.request(Method::Register, domain, own.clone())?;
        request.from = own.with_tag(format!("t{}", self.mark()));
        request.headers.push(HeaderName::EXPIRES, "300");
        // What tells a phone on its next connection: here, where it stands.
        let place = self.local.ip().to_string().replace('.', "0");
        let instance = format!("\"<urn:uuid:00000000-0000-4000-8000-{place:0>12.12}>\"");
        let mut contact = self.contact();
        contact.params.set("+sip.instance", Some(instance.into()));
        request.contacts = Contacts::one(contact);
        Ok(request)
    }

    /// An INVITE with an offer.
    pub(crate) fn invitation(&self, callee: &str) -> Result<Request> {
        let uri = Uri::sip(Some(callee), Host::parse(DOMAIN)?, None);
        let mut invite = self.request(Method::Invite, uri.clone(), NameAddr::new(uri))?;
        invite.set_body("application/sdp", offer(&self.local.ip().to_string()));
        Ok(invite)
    }

    /// Calls and acknowledges; what is refused is returned as it was.
    pub(crate) async fn call(&self, callee: &str) -> Result<std::result::Result<Placed, Response>> {
        let invite = self.invitation(callee)?;
        let (invite, answer) = self.ask_proving(invite).await?;
        if !answer.status.is_success() {
            return Ok(Err(answer));
        }
        let placed = Placed { invite, answer };
        self.say(&self.within(&placed, Method::Ack)?)?;
        Ok(Ok(placed))
    }

    /// Ends a call; the final answer.
    pub(crate) async fn hang_up(&self, placed: &Placed) -> Result<Response> {
        self.ask(&self.within(placed, Method::Bye)?).await
    }

    /// Says a request and waits for the final answer; a failed INVITE is acknowledged.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Response> {
        let branch = request.branch().context("a request has a branch")?.as_str().to_owned();
        let (answers, mut responses) = mpsc::unbounded_channel();
        self.shared.lock_waiting().insert(branch.clone(), answers);
        self.say(request)?;
        let answer = timeout(PATIENCE, async {
            loop {
                let response = responses.recv().await.context("the connection is closed")?;
                if response.status.is_final() {
                    return anyhow::Ok(response);
                }
            }
        });
        let answer = answer.await.context("no answer in time");
        self.shared.lock_waiting().remove(&branch);
        let answer = answer??;
        if request.method == Method::Invite && !answer.status.is_success() {
            self.say(&request.ack_for_failure(&answer))?;
        }
        Ok(answer)
    }

    /// Says a request and waits for nothing.
    pub(crate) fn say(&self, request: &Request) -> Result<()> {
        if self.out.send(request.write()).is_err() {
            bail!("the connection is closed");
        }
        Ok(())
    }

    /// The same request with the proof that this challenge wants.
    pub(crate) fn proven(&self, mut request: Request, challenged: &Response) -> Result<Request> {
        let (name, value) = handset::proof(challenged, &request)?;
        request.headers.push(name, value);
        request.cseq += 1;
        request.via = vec![self.via()];
        Ok(request)
    }

    pub(crate) fn heard(&self) -> Heard {
        *self.shared.heard.borrow()
    }

    /// Waits until it has heard so much.
    pub(crate) async fn await_heard(
        &self,
        what: &str,
        limit: Duration,
        is_enough: impl Fn(&Heard) -> bool,
    ) -> Result<()> {
        let mut heard = self.shared.heard.subscribe();
        let came = timeout(limit, heard.wait_for(is_enough)).await;
        came.with_context(|| format!("{what} within {limit:?}"))??;
        Ok(())
    }

    async fn ask_proving(&self, request: Request) -> Result<(Request, Response)> {
        let answer = self.ask(&request).await?;
        if !answer.status.is_challenge() {
            return Ok((request, answer));
        }
        let request = self.proven(request, &answer)?;
        let answer = self.ask(&request).await?;
        Ok((request, answer))
    }

    fn request(&self, method: Method, uri: Uri, to: NameAddr) -> Result<Request> {
        let mark = self.mark();
        let from = NameAddr::new(self.own_uri()?).with_tag(format!("t{mark}"));
        let mut request = Request::new(method, uri, from, to, CallId::new(mark), 1);
        request.via = vec![self.via()];
        request.contacts = Contacts::one(self.contact());
        Ok(request)
    }

    fn within(&self, placed: &Placed, method: Method) -> Result<Request> {
        let Placed { invite, answer } = placed;
        let target = answer.contacts.first().context("a 2xx has a contact")?.uri.clone();
        let cseq = if method == Method::Ack { invite.cseq } else { invite.cseq + 1 };
        let (from, to) = (invite.from.clone(), answer.to.clone());
        let mut request = Request::new(method, target, from, to, invite.call_id.clone(), cseq);
        request.via = vec![self.via()];
        Ok(request)
    }

    fn own_uri(&self) -> Result<Uri> {
        Ok(Uri::sip(Some(&self.number), Host::parse(DOMAIN)?, None))
    }

    fn contact(&self) -> NameAddr {
        contact(&self.number, self.local)
    }

    fn via(&self) -> Via {
        Via::new("TLS", ip(self.local), Some(self.local.port()), format!("{MAGIC_COOKIE}{}", self.mark()))
    }

    fn mark(&self) -> String {
        format!("{}x{}x{}", self.local.ip(), self.local.port(), self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn take(&self, message: Message, local: SocketAddr) -> Vec<Response> {
        match message {
            Message::Response(response) => {
                let waiting =
                    response.branch().and_then(|branch| self.lock_waiting().get(branch.as_str()).cloned());
                if let Some(waiting) = waiting {
                    // Whoever asked may have stopped waiting.
                    let _ = waiting.send(response);
                }
                Vec::new()
            }
            Message::Request(request) => self.answers(&request, local),
        }
    }

    fn answers(&self, request: &Request, local: SocketAddr) -> Vec<Response> {
        let plain = |status| Response::to(request, status).with_to_tag("agent");
        match request.method {
            Method::Ack => Vec::new(),
            Method::Invite => {
                self.heard.send_modify(|heard| heard.invites += 1);
                let with_contact = |status| {
                    let mut response = plain(status);
                    response.contacts = Contacts::one(contact("agent", local));
                    response.record_route = request.record_route.clone();
                    response
                };
                match self.manner {
                    Manner::Answers => {
                        let mut answer = with_contact(StatusCode::OK);
                        answer.set_body("application/sdp", offer(&local.ip().to_string()));
                        vec![with_contact(StatusCode::RINGING), answer]
                    }
                    Manner::Rings => {
                        let mut ringing = self.ringing.lock().unwrap_or_else(PoisonError::into_inner);
                        ringing.insert(request.call_id.clone(), request.clone());
                        vec![with_contact(StatusCode::RINGING)]
                    }
                    Manner::Redirects(target) => {
                        let (Some(status), Ok(target)) = (StatusCode::new(302), Uri::parse(target)) else {
                            return Vec::new();
                        };
                        let mut answer = plain(status);
                        answer.contacts = Contacts::one(NameAddr::new(target));
                        vec![answer]
                    }
                }
            }
            Method::Cancel => {
                self.heard.send_modify(|heard| heard.cancels += 1);
                let mut ringing = self.ringing.lock().unwrap_or_else(PoisonError::into_inner);
                let ended = ringing.remove(&request.call_id);
                let ended = ended.and_then(|invite| Some(Response::to(&invite, StatusCode::new(487)?)));
                [Some(plain(StatusCode::OK)), ended.map(|ended| ended.with_to_tag("agent"))]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Method::Bye => {
                self.heard.send_modify(|heard| heard.byes += 1);
                vec![plain(StatusCode::OK)]
            }
            _ => vec![plain(StatusCode::OK)],
        }
    }

    fn lock_waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::UnboundedSender<Response>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(
    mut stream: impl AsyncRead + Unpin,
    shared: Arc<Shared>,
    out: mpsc::WeakUnboundedSender<Bytes>,
    local: SocketAddr,
) {
    let mut framer = Framer::new(FramerLimits::default());
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        framer.push(chunk.get(..count).unwrap_or_default());
        while let Ok(Some(frame)) = framer.next_frame() {
            let Frame::Message(framed) = frame else { continue };
            let Ok(message) = framed.parse() else { continue };
            for answer in shared.take(message, local) {
                let Some(out) = out.upgrade() else { return };
                let _ = out.send(answer.write());
            }
        }
    }
    // Nobody waits any longer.
    shared.lock_waiting().clear();
}

async fn write(mut stream: impl AsyncWrite + Unpin, mut queue: mpsc::UnboundedReceiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Whether a request was turned away because Cordon is overloaded, and not for a bound of its own.
pub(crate) fn is_shed(answer: &Response) -> bool {
    let warnings = answer.headers.get_all(&HeaderName::WARNING);
    answer.status.code() == 503
        && warnings.into_iter().any(|warning| warning.as_str().contains("CD-OVERLOAD-09"))
}

fn contact(user: &str, local: SocketAddr) -> NameAddr {
    NameAddr::new(Uri::sip(Some(user), ip(local), Some(local.port())).with_param("transport", Some("tls")))
}

fn ip(address: SocketAddr) -> Host {
    match address {
        SocketAddr::V4(address) => Host::V4(*address.ip()),
        SocketAddr::V6(address) => Host::V6(*address.ip()),
    }
}

const TRIES: usize = 40;
/// Longer than whatever ends a transaction on the other side.
const PATIENCE: Duration = Duration::from_secs(35);
