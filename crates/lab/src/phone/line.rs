use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use cordon_sip::{
    CallId, Contacts, HeaderName, Host, Message, Method, NameAddr, Request, Response, StatusCode, Text, Uri,
    Via,
};
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};

use crate::link::{Link, LinkEvent};
use crate::phone::incoming::IncomingCall;
use crate::phone::{PhoneConfig, host};
use crate::{LabError, random};

/// A phone's connection and everything that waits on it: answers by branch, dialogs by Call-ID.
pub(crate) struct Line {
    config: PhoneConfig,
    name: Arc<str>,
    user: String,
    /// `"<urn:uuid:...>"`, quoted as the parameter is written.
    instance: Text,
    link: Mutex<Option<Link>>,
    events: mpsc::Sender<(u64, LinkEvent)>,
    waiting: Mutex<HashMap<Text, mpsc::Sender<Response>>>,
    dialogs: Mutex<HashMap<CallId, mpsc::Sender<DialogInput>>>,
    ringing: mpsc::Sender<IncomingCall>,
}

/// What comes in for a dialog.
pub(crate) enum DialogInput {
    Request(Box<Request>),
    /// A 2xx to an INVITE nobody waits for: its ACK was lost.
    StrayAnswer,
}

/// A client transaction: its answers, until it is dropped.
pub(crate) struct Asked {
    line: Arc<Line>,
    pub(crate) request: Request,
    responses: mpsc::Receiver<Response>,
}

impl Line {
    pub(crate) async fn connect(
        config: PhoneConfig,
        ringing: mpsc::Sender<IncomingCall>,
    ) -> Result<Arc<Line>, LabError> {
        let (events, inbox) = mpsc::channel(QUEUE);
        let line = Arc::new(Line {
            name: Arc::from(config.name.as_str()),
            user: config.account.user.clone(),
            instance: new_instance(),
            config,
            link: Mutex::new(None),
            events,
            waiting: Mutex::new(HashMap::new()),
            dialogs: Mutex::new(HashMap::new()),
            ringing,
        });
        line.reconnect().await?;
        tokio::spawn(dispatch(Arc::downgrade(&line), inbox));
        Ok(line)
    }

    pub(crate) async fn reconnect(&self) -> Result<(), LabError> {
        self.disconnect();
        let tls = self.config.tls.as_ref().map(|tls| (tls.config.clone(), tls.name.as_str()));
        let link =
            Link::connect(0, self.config.server, Some(self.config.ip), tls, self.events.clone()).await?;
        lock(&self.link).insert(link).begin();
        Ok(())
    }

    pub(crate) fn disconnect(&self) {
        lock(&self.link).take();
    }

    pub(crate) fn config(&self) -> &PhoneConfig {
        &self.config
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr, LabError> {
        lock(&self.link).as_ref().map(|link| link.local).ok_or(LabError::Closed)
    }

    /// The Contact of this phone on its present connection.
    pub(crate) fn contact(&self) -> Result<NameAddr, LabError> {
        let local = self.local_address()?;
        let transport = if self.config.tls.is_some() { "tls" } else { "tcp" };
        let uri = Uri::sip(Some(&self.user), ip_host(local), Some(local.port()))
            .with_param("transport", Some(transport));
        Ok(NameAddr::new(uri))
    }

    /// The Contact as it is registered: with what tells this phone from any other, whatever its address (RFC 5626 §4.1).
    pub(crate) fn registered_contact(&self) -> Result<NameAddr, LabError> {
        let mut contact = self.contact()?;
        contact.params.set("+sip.instance", Some(self.instance.clone()));
        contact.params.set("reg-id", Some("1".into()));
        Ok(contact)
    }

    /// A user name becomes a URI of the domain; a URI stays what it is.
    pub(crate) fn target(&self, target: &str) -> Result<Uri, LabError> {
        if target.contains(':') {
            Uri::parse(target).map_err(|_| LabError::Misbehaved("the target is no URI"))
        } else {
            Ok(Uri::sip(Some(target), host(&self.config.domain)?, None))
        }
    }

    /// A request of this phone outside of any dialog.
    pub(crate) fn request(&self, method: Method, uri: Uri) -> Result<Request, LabError> {
        let own = Uri::sip(Some(&self.user), host(&self.config.domain)?, None);
        let from = NameAddr::new(own).with_tag(random::token());
        let to = NameAddr::new(uri.clone());
        let mut request = Request::new(method, uri, from, to, CallId::new(random::token()), 1);
        request.contacts = Contacts::one(self.contact()?);
        Ok(request)
    }

    /// Sends a request with a Via of its own and waits for its final answer.
    pub(crate) async fn ask(self: &Arc<Self>, request: Request) -> Result<Response, LabError> {
        let mut asked = self.start(request)?;
        loop {
            let response = asked.next(ANSWER_TIME).await?;
            if response.status.is_final() {
                return Ok(response);
            }
        }
    }

    /// Sends a request with a Via of its own; answers are read from what is returned.
    pub(crate) fn start(self: &Arc<Self>, mut request: Request) -> Result<Asked, LabError> {
        let local = self.local_address()?;
        let branch = format!("{}{}", cordon_sip::MAGIC_COOKIE, random::token());
        let transport = if self.config.tls.is_some() { "TLS" } else { "TCP" };
        request.via.insert(0, Via::new(transport, ip_host(local), Some(local.port()), branch.as_str()));
        request.headers.set(HeaderName::USER_AGENT, self.config.user_agent.as_str());
        let (answers, responses) = mpsc::channel(QUEUE);
        lock(&self.waiting).insert(branch.into(), answers);
        let asked = Asked { line: self.clone(), request, responses };
        self.send(asked.request.clone().into())?;
        Ok(asked)
    }

    /// Sends the ACK of a 2xx, which is a transaction of its own without an answer.
    pub(crate) fn send_ack(&self, mut ack: Request) -> Result<Request, LabError> {
        let local = self.local_address()?;
        let branch = format!("{}{}", cordon_sip::MAGIC_COOKIE, random::token());
        let transport = if self.config.tls.is_some() { "TLS" } else { "TCP" };
        ack.via = vec![Via::new(transport, ip_host(local), Some(local.port()), branch)];
        self.send(ack.clone().into())?;
        Ok(ack)
    }

    pub(crate) fn send(&self, message: Message) -> Result<(), LabError> {
        let link = lock(&self.link);
        let link = link.as_ref().ok_or(LabError::Closed)?;
        self.config.trace.note(&self.name, true, true, &message);
        link.send(message.write())
    }

    pub(crate) fn send_raw(&self, bytes: &[u8]) -> Result<(), LabError> {
        lock(&self.link).as_ref().ok_or(LabError::Closed)?.send(Bytes::copy_from_slice(bytes))
    }

    /// From now on what comes in for this Call-ID goes to the receiver.
    pub(crate) fn listen(&self, call_id: &CallId) -> mpsc::Receiver<DialogInput> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        lock(&self.dialogs).insert(call_id.clone(), sender);
        receiver
    }

    pub(crate) fn stop_listening(&self, call_id: &CallId) {
        lock(&self.dialogs).remove(call_id);
    }

    fn take(self: &Arc<Self>, message: Message) {
        self.config.trace.note(&self.name, false, true, &message);
        match message {
            Message::Response(response) => self.take_response(response),
            Message::Request(request) => self.take_request(request),
        }
    }

    fn take_response(&self, response: Response) {
        let waiting = response.branch().and_then(|branch| lock(&self.waiting).get(branch).cloned());
        if let Some(waiting) = waiting {
            // Whoever asked may have stopped waiting.
            let _ = waiting.try_send(response);
        } else if response.status.is_success() && response.cseq_method == Method::Invite {
            let dialog = lock(&self.dialogs).get(&response.call_id).cloned();
            if let Some(dialog) = dialog {
                let _ = dialog.try_send(DialogInput::StrayAnswer);
            }
        }
    }

    fn take_request(self: &Arc<Self>, request: Request) {
        let dialog = lock(&self.dialogs).get(&request.call_id).cloned();
        if let Some(dialog) = dialog {
            // A dialog that has just ended takes nothing more; its peer will ask again and get 481.
            let _ = dialog.try_send(DialogInput::Request(Box::new(request)));
            return;
        }
        let status = match &request.method {
            Method::Ack => return,
            Method::Invite if request.to.tag().is_none() => {
                let call = IncomingCall::ring(self.clone(), request.clone());
                match self.ringing.try_send(call) {
                    Ok(()) => return,
                    Err(_) => {
                        self.stop_listening(&request.call_id);
                        StatusCode::BUSY_HERE
                    }
                }
            }
            Method::Options => StatusCode::OK,
            Method::Invite | Method::Bye | Method::Cancel => StatusCode::CALL_DOES_NOT_EXIST,
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        self.respond(&request, status);
    }

    /// Answers without a body. The answer is lost when the connection is: the peer asks again.
    pub(crate) fn respond(&self, request: &Request, status: StatusCode) {
        let mut response = Response::to(request, status);
        if response.to.tag().is_none() {
            response = response.with_to_tag(random::token());
        }
        let _ = self.send(response.into());
    }
}

impl Asked {
    /// The next answer; the ACK of a final one other than 2xx to an INVITE is sent on the way.
    pub(crate) async fn next(&mut self, limit: Duration) -> Result<Response, LabError> {
        let response = timeout(limit, self.responses.recv())
            .await
            .map_err(|_| LabError::TimedOut("the answer"))?
            .ok_or(LabError::Closed)?;
        let is_failure = response.status.is_final() && !response.status.is_success();
        if self.request.method == Method::Invite && is_failure {
            self.line.send(self.request.ack_for_failure(&response).into())?;
        }
        Ok(response)
    }

    /// Asks the peer to give up (RFC 3261 §9.1) and waits for the answer to that.
    pub(crate) async fn cancel(&self) -> Result<Response, LabError> {
        let (answers, mut responses) = mpsc::channel(QUEUE);
        let cancel = self.request.cancel();
        let branch = self.request.branch().cloned().ok_or(LabError::Misbehaved("no branch"))?;
        // The CANCEL has the branch of its INVITE: both kinds of answers come here and are told apart by CSeq.
        let invite = lock(&self.line.waiting).insert(branch.clone(), answers);
        let sent = self.line.send(cancel.into());
        let answer = async {
            sent?;
            loop {
                let response = responses.recv().await.ok_or(LabError::Closed)?;
                if response.cseq_method == Method::Cancel {
                    return Ok(response);
                }
                if let Some(invite) = &invite {
                    let _ = invite.try_send(response);
                }
            }
        };
        let answer =
            timeout(ANSWER_TIME, answer).await.unwrap_or(Err(LabError::TimedOut("the answer to CANCEL")));
        if let Some(invite) = invite {
            lock(&self.line.waiting).insert(branch, invite.clone());
            while let Ok(response) = responses.try_recv() {
                let _ = invite.try_send(response);
            }
        }
        answer
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(branch) = self.request.branch() {
            lock(&self.line.waiting).remove(branch);
        }
    }
}

/// Hands what the link brings to whoever waits for it, as long as the phone lives.
async fn dispatch(line: Weak<Line>, mut inbox: mpsc::Receiver<(u64, LinkEvent)>) {
    while let Some((_, event)) = inbox.recv().await {
        let Some(line) = line.upgrade() else { return };
        match event {
            LinkEvent::Message(message) => line.take(*message),
            LinkEvent::Closed => {}
        }
    }
}

/// A version 4 UUID (RFC 9562 §5.4) as an instance id.
fn new_instance() -> Text {
    let (high, low) = (random::number(), random::number());
    let uuid = format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    );
    Text::from(format!("\"<urn:uuid:{uuid}>\""))
}

fn ip_host(address: SocketAddr) -> Host {
    match address {
        SocketAddr::V4(address) => Host::V4(*address.ip()),
        SocketAddr::V6(address) => Host::V6(*address.ip()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const QUEUE: usize = 64; // messages somebody is about to read
const ANSWER_TIME: Duration = Duration::from_secs(33); // RFC 3261 Timer F, and a second for the scheduler
