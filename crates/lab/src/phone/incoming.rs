use std::sync::Arc;

use cordon_sip::{Contacts, Method, Request, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};

use crate::phone::call::LabCall;
use crate::phone::dialog::Dialog;
use crate::phone::line::{DialogInput, Line};
use crate::phone::negotiation::{Negotiation, SessionChange};
use crate::{LabError, random};

/// A call that has come in and waits to be taken.
pub struct IncomingCall {
    line: Arc<Line>,
    invite: Request,
    tag: String,
    inputs: mpsc::Receiver<DialogInput>,
}

impl IncomingCall {
    pub(crate) fn ring(line: Arc<Line>, invite: Request) -> IncomingCall {
        let inputs = line.listen(&invite.call_id);
        let call = IncomingCall { line, invite, tag: random::token(), inputs };
        call.respond(StatusCode::RINGING);
        call
    }

    /// Whether the caller sent no offer and waits for ours (late offer).
    pub fn is_late_offer(&self) -> bool {
        self.invite.body.is_empty()
    }

    /// The INVITE as it came.
    pub fn invite(&self) -> &Request {
        &self.invite
    }

    /// Takes the call.
    ///
    /// # Errors
    /// When the offer cannot be met (answered 488), the caller has given up (answered 487) or never acknowledges.
    pub async fn answer(mut self) -> Result<LabCall, LabError> {
        let config = self.line.config();
        let mut negotiation = Negotiation::new(config.ip, &config.suites, config.tone).await?;
        let is_late = self.is_late_offer();
        let body = if is_late {
            Some(negotiation.offer(SessionChange::resume()))
        } else {
            negotiation.answer(&self.invite.body)
        };
        let Some(body) = body else {
            self.refuse(488).await?;
            return Err(LabError::Misbehaved("the offer cannot be met"));
        };
        let mut response = Response::to(&self.invite, StatusCode::OK).with_to_tag(self.tag.as_str());
        response.contacts = Contacts::one(self.line.contact()?);
        response.record_route = self.invite.record_route.clone();
        response.set_body("application/sdp", body);
        let ack = self.send_until_acknowledged(&response).await?;
        if is_late {
            negotiation.take_answer(&ack.body)?;
        }
        let dialog = Dialog::of_callee(&self.invite, &self.tag);
        Ok(LabCall::start(self.line, dialog, negotiation, self.inputs, None))
    }

    /// Refuses the call and waits for the acknowledgement.
    ///
    /// # Errors
    /// When the acknowledgement does not come.
    pub async fn refuse(mut self, status: u16) -> Result<(), LabError> {
        let status = StatusCode::new(status).unwrap_or(StatusCode::BUSY_HERE);
        let response = Response::to(&self.invite, status).with_to_tag(self.tag.as_str());
        let outcome = self.send_until_acknowledged(&response).await;
        self.line.stop_listening(&self.invite.call_id);
        outcome.map(drop)
    }

    /// Waits until the caller gives up; the INVITE is then answered 487.
    ///
    /// # Errors
    /// When the caller does not.
    pub async fn cancelled(mut self, limit: Duration) -> Result<(), LabError> {
        let waiting = async {
            loop {
                match self.inputs.recv().await {
                    Some(DialogInput::Request(request)) if request.method == Method::Cancel => {
                        return Some(*request);
                    }
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        let cancel = timeout(limit, waiting).await.map_err(|_| LabError::TimedOut("the CANCEL"))?;
        self.line.respond(&cancel.ok_or(LabError::Closed)?, StatusCode::OK);
        self.refuse(487).await
    }

    /// Sends a final answer until its ACK comes (RFC 3261 §13.3.1.4, §17.2.1).
    async fn send_until_acknowledged(&mut self, response: &Response) -> Result<Request, LabError> {
        let mut pause = Duration::from_millis(500);
        for _ in 0..MAX_TRANSMISSIONS {
            self.line.send(response.clone().into())?;
            match timeout(pause, self.next_ack(response)).await {
                Ok(outcome) => return outcome,
                Err(_) => pause = (pause * 2).min(Duration::from_secs(4)),
            }
        }
        Err(LabError::TimedOut("the ACK"))
    }

    async fn next_ack(&mut self, response: &Response) -> Result<Request, LabError> {
        loop {
            match self.inputs.recv().await.ok_or(LabError::Closed)? {
                DialogInput::Request(request) => match request.method {
                    Method::Ack => return Ok(*request),
                    // Too late: the final answer is out.
                    Method::Cancel => self.line.respond(&request, StatusCode::OK),
                    Method::Invite => self.line.send(response.clone().into())?,
                    Method::Bye => {
                        self.line.respond(&request, StatusCode::OK);
                        self.line.stop_listening(&self.invite.call_id);
                        return Err(LabError::Misbehaved("the caller hung up before the acknowledgement"));
                    }
                    _ => self.line.respond(&request, StatusCode::METHOD_NOT_ALLOWED),
                },
                DialogInput::StrayAnswer => {}
            }
        }
    }

    fn respond(&self, status: StatusCode) {
        let mut response = Response::to(&self.invite, status).with_to_tag(self.tag.as_str());
        if let Ok(contact) = self.line.contact() {
            response.contacts = Contacts::one(contact);
        }
        response.record_route = self.invite.record_route.clone();
        // A lost provisional answer is lost: the final one follows.
        let _ = self.line.send(response.into());
    }
}

const MAX_TRANSMISSIONS: u32 = 11; // 64*T1 in all
