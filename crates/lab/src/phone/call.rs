use std::net::UdpSocket;
use std::sync::Arc;

use bytes::Bytes;
use cordon_sip::{Contacts, Method, Request, Response, StatusCode};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, timeout};

use crate::LabError;
use crate::phone::dialog::Dialog;
use crate::phone::line::{DialogInput, Line};
use crate::phone::media::{MediaEnd, MediaReport};
use crate::phone::negotiation::{Negotiation, SessionChange};
use crate::phone::refused;

/// A call that is up. A task of its own answers what the other side sends; dropping the handle hangs up.
pub struct LabCall {
    media: Arc<MediaEnd>,
    commands: mpsc::Sender<Command>,
    end: watch::Receiver<Option<CallEnd>>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// This phone hung up.
    HungUp,
    /// The other side hung up.
    PeerHungUp,
}

impl LabCall {
    /// `ack` is the acknowledgement a caller sent; it is sent again when it was lost.
    pub(crate) fn start(
        line: Arc<Line>,
        dialog: Dialog,
        negotiation: Negotiation,
        inputs: mpsc::Receiver<DialogInput>,
        ack: Option<Request>,
    ) -> LabCall {
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        let (ended, end) = watch::channel(None);
        let media = negotiation.media.clone();
        let task = Task {
            line,
            dialog,
            negotiation,
            inputs,
            ended,
            ack,
            has_open_invite: false,
            awaits_answer: false,
        };
        tokio::spawn(task.run(queue));
        LabCall { media, commands, end }
    }

    /// Holds, resumes or re-keys by a re-INVITE.
    ///
    /// # Errors
    /// [`LabError::Refused`] when it is refused; the session is then as before.
    pub async fn change(&self, change: SessionChange) -> Result<(), LabError> {
        self.command(|reply| Command::Change(change, reply)).await?
    }

    /// Sends a re-INVITE with a body of the test's own making and returns the answer, acknowledged. The phone's session
    /// stays as it was.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn reinvite_with(&self, body: Bytes) -> Result<Response, LabError> {
        self.command(|reply| Command::Ask(Method::Invite, Some(body), reply)).await?
    }

    /// Sends any other request inside of the dialog and returns the answer.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn ask(&self, method: Method) -> Result<Response, LabError> {
        self.command(|reply| Command::Ask(method, None, reply)).await?
    }

    /// The next request of this dialog, complete but for its Via, for a test to send by other means. The phone counts it as
    /// sent.
    ///
    /// # Errors
    /// When the call is over.
    pub async fn draft(&self, method: Method) -> Result<Request, LabError> {
        self.command(|reply| Command::Draft(method, reply)).await
    }

    /// Hangs up and waits until the other side has confirmed.
    ///
    /// # Errors
    /// When the BYE is refused or not answered; the call is over all the same.
    pub async fn hang_up(&self) -> Result<(), LabError> {
        self.command(Command::HangUp).await?
    }

    /// Waits until the call is over.
    ///
    /// # Errors
    /// [`LabError::TimedOut`] when it goes on.
    pub async fn ended(&self, limit: Duration) -> Result<CallEnd, LabError> {
        let mut end = self.end.clone();
        let waiting = end.wait_for(Option::is_some);
        let ended = timeout(limit, waiting).await.map_err(|_| LabError::TimedOut("the end of the call"))?;
        ended.ok().and_then(|end| *end).ok_or(LabError::Closed)
    }

    /// Whether the call is up.
    pub fn is_up(&self) -> bool {
        self.end.borrow().is_none()
    }

    /// What was sent and heard so far.
    pub fn media(&self) -> MediaReport {
        self.media.report()
    }

    /// Plays another tone from now on.
    pub fn play(&self, frequency: f64) {
        self.media.set_tone(frequency);
    }

    /// Sends until the roll-over counter of this phone's stream has this value, some packets at most 2^15 apart.
    pub fn advance_to_roc(&self, roc: u32) {
        self.media.advance_to_roc(roc);
    }

    /// Loses each packet of this number from now on, as a bad network between this phone and Cordon would; 0 loses none.
    pub fn lose_every(&self, number: u64) {
        self.media.lose_every(number);
    }

    /// Each packet of this number arrives from a thief's socket from now on, and not from this phone. The socket must not
    /// block.
    pub fn rob_every(&self, number: u64, thief: Arc<UdpSocket>) {
        self.media.rob_every(number, thief);
    }

    /// Forgets the tone heard so far, so that the next one has to be heard anew.
    pub fn forget_tone(&self) {
        self.media.forget_tone();
    }

    /// Waits until this tone is heard.
    ///
    /// # Errors
    /// [`LabError::TimedOut`] when it is not.
    pub async fn hear(&self, frequency: f64, limit: Duration) -> Result<(), LabError> {
        self.media.wait_for_tone(frequency, limit).await
    }

    /// Waits until so many authenticated packets have come since the call began.
    ///
    /// # Errors
    /// [`LabError::TimedOut`] when they do not.
    pub async fn receive(&self, packets: u64, limit: Duration) -> Result<(), LabError> {
        self.media.wait_for_packets(packets, limit).await
    }

    async fn command<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, LabError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).await.map_err(|_| LabError::Closed)?;
        answer.await.map_err(|_| LabError::Closed)
    }
}

type Reply<T> = oneshot::Sender<Result<T, LabError>>;

enum Command {
    Change(SessionChange, Reply<()>),
    Ask(Method, Option<Bytes>, Reply<Response>),
    Draft(Method, oneshot::Sender<Request>),
    HangUp(Reply<()>),
}

/// The call's own task.
struct Task {
    line: Arc<Line>,
    dialog: Dialog,
    negotiation: Negotiation,
    inputs: mpsc::Receiver<DialogInput>,
    ended: watch::Sender<Option<CallEnd>>,
    /// The last ACK sent for a 2xx.
    ack: Option<Request>,
    /// Whether an INVITE of ours waits for its answer: the peer's is then a glare.
    has_open_invite: bool,
    /// Whether the next ACK must carry the answer to an offer of ours.
    awaits_answer: bool,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        while self.ended.borrow().is_none() {
            tokio::select! {
                input = self.inputs.recv() => match input {
                    Some(input) => self.take(input),
                    None => self.end(CallEnd::PeerHungUp),
                },
                command = queue.recv() => match command {
                    Some(Command::Change(change, reply)) => {
                        let outcome = self.change(change).await;
                        let _ = reply.send(outcome); // whoever asked may be gone
                    }
                    Some(Command::Ask(method, body, reply)) => {
                        let outcome = self.ask_about(method, body).await;
                        let _ = reply.send(outcome);
                    }
                    Some(Command::Draft(method, reply)) => {
                        let _ = reply.send(self.dialog.request(method));
                    }
                    Some(Command::HangUp(reply)) => {
                        let outcome = self.hang_up().await;
                        let _ = reply.send(outcome);
                    }
                    None => {
                        // The handle was dropped; how the BYE is answered interests nobody.
                        let _ = self.hang_up().await;
                    }
                },
            }
        }
        self.line.stop_listening(&self.dialog.call_id);
    }

    async fn change(&mut self, change: SessionChange) -> Result<(), LabError> {
        let offer = self.negotiation.offer(change);
        let response = self.invite(offer).await?;
        if !response.status.is_success() {
            self.negotiation.forget_offer();
            return Err(refused("re-INVITE", &response));
        }
        self.negotiation.take_answer(&response.body)
    }

    async fn ask_about(&mut self, method: Method, body: Option<Bytes>) -> Result<Response, LabError> {
        match (method, body) {
            (Method::Invite, Some(body)) => self.invite(body).await,
            (method, _) => {
                let request = self.dialog.request(method);
                self.ask(request).await
            }
        }
    }

    /// A re-INVITE with its ACK.
    async fn invite(&mut self, offer: Bytes) -> Result<Response, LabError> {
        let mut request = self.dialog.request(Method::Invite);
        request.contacts = Contacts::one(self.line.contact()?);
        request.set_body("application/sdp", offer);
        let cseq = request.cseq;
        self.has_open_invite = true;
        let response = self.ask(request).await;
        self.has_open_invite = false;
        let response = response?;
        if response.status.is_success() {
            self.dialog.refresh_target(&response.contacts);
            self.ack = Some(self.line.send_ack(self.dialog.ack(cseq))?);
        }
        Ok(response)
    }

    async fn hang_up(&mut self) -> Result<(), LabError> {
        let request = self.dialog.request(Method::Bye);
        self.negotiation.media.set_sending(false);
        let response = self.ask(request).await;
        self.end(CallEnd::HungUp);
        let response = response?;
        if response.status.is_success() { Ok(()) } else { Err(refused("BYE", &response)) }
    }

    /// Sends a request and serves the dialog until its final answer comes.
    async fn ask(&mut self, request: Request) -> Result<Response, LabError> {
        let mut asked = self.line.start(request)?;
        loop {
            tokio::select! {
                response = asked.next(ANSWER_TIME) => {
                    let response = response?;
                    if response.status.is_final() {
                        return Ok(response);
                    }
                }
                input = self.inputs.recv() => match input {
                    Some(input) => self.take(input),
                    None => return Err(LabError::Closed),
                },
            }
        }
    }

    fn take(&mut self, input: DialogInput) {
        match input {
            DialogInput::StrayAnswer => {
                if let Some(ack) = &self.ack {
                    // When it is lost again, the answer comes again.
                    let _ = self.line.send_ack(ack.clone());
                }
            }
            DialogInput::Request(request) if !self.dialog.is_of(&request) => {
                if request.method != Method::Ack {
                    self.line.respond(&request, StatusCode::CALL_DOES_NOT_EXIST);
                }
            }
            DialogInput::Request(request) => match request.method {
                Method::Ack => self.take_ack(&request),
                Method::Invite => self.take_invite(&request),
                Method::Bye => {
                    self.line.respond(&request, StatusCode::OK);
                    self.end(CallEnd::PeerHungUp);
                }
                Method::Options => self.line.respond(&request, StatusCode::OK),
                Method::Cancel => self.line.respond(&request, StatusCode::CALL_DOES_NOT_EXIST),
                _ => self.line.respond(&request, StatusCode::METHOD_NOT_ALLOWED),
            },
        }
    }

    fn take_ack(&mut self, request: &Request) {
        if std::mem::take(&mut self.awaits_answer) && self.negotiation.take_answer(&request.body).is_err() {
            self.negotiation.forget_offer();
        }
    }

    fn take_invite(&mut self, request: &Request) {
        if self.has_open_invite {
            return self.line.respond(request, StatusCode::REQUEST_PENDING);
        }
        self.dialog.refresh_target(&request.contacts);
        let body = if request.body.is_empty() {
            self.awaits_answer = true;
            Some(self.negotiation.offer(SessionChange::resume()))
        } else {
            self.negotiation.answer(&request.body)
        };
        let (Some(body), Ok(contact)) = (body, self.line.contact()) else {
            return self.line.respond(request, StatusCode::NOT_ACCEPTABLE_HERE);
        };
        let mut response = Response::to(request, StatusCode::OK);
        response.contacts = Contacts::one(contact);
        response.set_body("application/sdp", body);
        // An answer that is lost with its connection is asked for again.
        let _ = self.line.send(response.into());
    }

    fn end(&mut self, end: CallEnd) {
        self.negotiation.media.set_sending(false);
        self.ended.send_if_modified(|ended| ended.is_none() && ended.replace(end).is_none());
    }
}

const MAX_COMMANDS: usize = 8; // whoever drives a call waits for each
const ANSWER_TIME: Duration = Duration::from_secs(33); // RFC 3261 Timer F, and a second for the scheduler
