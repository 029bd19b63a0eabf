use std::sync::Arc;

use bytes::Bytes;
use cordon_sip::{Contacts, HeaderName, Method, Request, Response};
use tokio::sync::mpsc;
use tokio::time::Duration;

use crate::LabError;
use crate::phone::call::LabCall;
use crate::phone::dialog::Dialog;
use crate::phone::line::{Asked, DialogInput, Line};
use crate::phone::negotiation::{Negotiation, SessionChange};
use crate::phone::{answer, refused};

/// How a call is placed.
#[derive(Clone, Debug, Default)]
pub struct Dial {
    /// Whether to send no offer and take the callee's (late offer).
    pub late_offer: bool,
    /// A body of the test's own making in place of the phone's offer.
    pub body: Option<Bytes>,
}

/// A call that has been placed and not been answered yet.
pub struct OutgoingCall {
    line: Arc<Line>,
    dial: Dial,
    asked: Asked,
    negotiation: Negotiation,
    inputs: mpsc::Receiver<DialogInput>,
    is_challenged: bool,
}

impl OutgoingCall {
    pub(crate) async fn place(line: Arc<Line>, target: &str, dial: Dial) -> Result<OutgoingCall, LabError> {
        let config = line.config();
        let mut negotiation = Negotiation::new(config.ip, &config.suites, config.tone).await?;
        let mut invite = line.request(Method::Invite, line.target(target)?)?;
        let offer = match &dial.body {
            Some(body) => Some(body.clone()),
            None => (!dial.late_offer).then(|| negotiation.offer(SessionChange::resume())),
        };
        if let Some(offer) = offer {
            invite.set_body("application/sdp", offer);
        }
        invite.headers.push(HeaderName::ALLOW, "INVITE, ACK, BYE, CANCEL, OPTIONS");
        let inputs = line.listen(&invite.call_id);
        let asked = line.start(invite)?;
        Ok(OutgoingCall { line, dial, asked, negotiation, inputs, is_challenged: false })
    }

    /// Waits until the other phone rings.
    ///
    /// # Errors
    /// [`LabError::Refused`] when it is refused instead.
    pub async fn ringing(&mut self) -> Result<(), LabError> {
        loop {
            let response = self.next().await?;
            if matches!(response.status.code(), 180..=189) {
                return Ok(());
            }
            if response.status.is_final() {
                return Err(refused("INVITE", &response));
            }
        }
    }

    /// Waits for the answer and acknowledges it.
    ///
    /// # Errors
    /// [`LabError::Refused`] when the call is refused, [`LabError::Misbehaved`] when the answer cannot be used: then the
    /// call has been ended.
    pub async fn answered(mut self) -> Result<LabCall, LabError> {
        let response = loop {
            let response = self.next().await?;
            if response.status.is_success() {
                break response;
            }
            if response.status.is_final() {
                self.line.stop_listening(&self.asked.request.call_id);
                return Err(refused("INVITE", &response));
            }
        };
        let OutgoingCall { line, dial, asked, mut negotiation, inputs, is_challenged: _ } = self;
        let dialog = Dialog::of_caller(&asked.request, &response);
        let mut ack = dialog.ack(asked.request.cseq);
        let outcome = if dial.late_offer {
            match negotiation.answer(&response.body) {
                Some(body) => {
                    ack.set_body("application/sdp", body);
                    Ok(())
                }
                None => Err(LabError::Misbehaved("the offer in the answer cannot be met")),
            }
        } else {
            negotiation.take_answer(&response.body)
        };
        let ack = line.send_ack(ack)?;
        let call = LabCall::start(line, dialog, negotiation, inputs, Some(ack));
        match outcome {
            Ok(()) => Ok(call),
            Err(error) => {
                call.hang_up().await?;
                Err(error)
            }
        }
    }

    /// Gives up, and returns the status the INVITE ends with (487 when all goes well).
    ///
    /// # Errors
    /// When the answers do not come.
    pub async fn cancel(mut self) -> Result<u16, LabError> {
        self.asked.cancel().await?;
        let status = loop {
            let response = self.asked.next(PATIENCE).await?;
            if response.status.is_final() {
                break response.status.code();
            }
        };
        self.line.stop_listening(&self.asked.request.call_id);
        Ok(status)
    }

    /// The next answer that is no challenge; the first challenge is met and the INVITE sent again.
    async fn next(&mut self) -> Result<Response, LabError> {
        loop {
            let response = self.asked.next(PATIENCE).await?;
            if !response.status.is_challenge() || self.is_challenged {
                return Ok(response);
            }
            self.is_challenged = true;
            self.asked = self.line.start(self.with_credentials(&response)?)?;
        }
    }

    /// The INVITE again: same Call-ID, same From tag, same offer, the next number (RFC 3261 §22.2).
    fn with_credentials(&self, challenge: &Response) -> Result<Request, LabError> {
        let mut invite = self.asked.request.clone();
        let (name, value) = answer(challenge, &self.line.config().account, &Method::Invite, &invite.uri)?;
        invite.via.clear();
        invite.cseq += 1;
        invite.contacts = Contacts::one(self.line.contact()?);
        invite.headers.push(name, value);
        Ok(invite)
    }
}

const PATIENCE: Duration = Duration::from_secs(35); // longer than any timer of the other side that ends a call
