use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use cordon_sdp::{MediaKind, Session};
use cordon_sip::{HeaderValue, MediaType, Message, Text};

/// What the lab's PBX and phones sent and received, in the order of time. It holds no key, number or address.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<Step>>>);

/// One message on its way.
#[derive(Clone, Debug)]
pub struct Step {
    /// When the lab sent or received it.
    pub at: Instant,
    /// Who saw it: the name of a phone, or of the PBX.
    pub witness: Arc<str>,
    /// Whether the witness sent it (or received it).
    pub sent: bool,
    /// On the PBX: whether the message travels on the caller's side of it (or on the callee's).
    pub on_callers_side: bool,
    /// The message: its method, or its status and the method that asked.
    pub what: String,
    /// What its body offers or agrees to; empty without a body.
    pub media: String,
}

impl Trace {
    /// Everything so far, by time.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        steps.sort_by_key(|step| step.at);
        steps
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn note(&self, witness: &Arc<str>, sent: bool, on_callers_side: bool, message: &Message) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() < MAX_STEPS {
            let (what, media) = summary(message);
            steps.push(Step {
                at: Instant::now(),
                witness: witness.clone(),
                sent,
                on_callers_side,
                what,
                media,
            });
        }
    }
}

/// `INVITE` and `RTP/SAVP sendrecv AES_CM_128_HMAC_SHA1_80 key ***`
fn summary(message: &Message) -> (String, String) {
    let (what, content_type, body) = match message {
        Message::Request(request) => {
            (request.method.as_str().to_owned(), &request.content_type, &request.body)
        }
        Message::Response(response) => {
            let what = format!("{} ({})", response.status.code(), response.cseq_method.as_str());
            (what, &response.content_type, &response.body)
        }
    };
    if body.is_empty() || !content_type.as_ref().is_some_and(is_sdp) {
        return (what, String::new());
    }
    let media =
        Session::parse(body).map_or_else(|_| "unreadable SDP".to_owned(), |session| describe(&session));
    (what, media)
}

fn describe(session: &Session) -> String {
    let lines = session.media.iter().map(|media| {
        let kind = match &media.kind {
            MediaKind::Other(_) => "other",
            known => known.as_str(),
        };
        if media.is_rejected() {
            return format!("{kind} refused");
        }
        let mut line = format!("{kind} {} {}", media.protocol.as_str(), media.direction(session).name());
        let mut crypto = media.usable_crypto();
        if let Some(first) = crypto.next() {
            line.push_str(&format!(" {} key ***", first.suite.name()));
        }
        match crypto.count() {
            0 => line,
            1 => format!("{line} or one more suite"),
            more => format!("{line} or {more} more suites"),
        }
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn is_sdp(content_type: &Text) -> bool {
    MediaType::read(content_type).is_ok_and(|kind| kind.is("application/sdp"))
}

const MAX_STEPS: usize = 10_000; // a long demo; the rest is not worth its memory
