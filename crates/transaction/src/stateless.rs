//! Answers that need no transaction: the layer's own refusals, the same for every retransmission.

use std::hash::{DefaultHasher, Hash, Hasher};

use cordon_sip::{Method, Request, Response, StatusCode, Text};

/// The answer to a request no transaction is made for; `None` for an ACK, which is never answered.
pub(crate) fn answer(request: &Request, status: StatusCode) -> Option<Response> {
    match request.method {
        Method::Ack => None,
        _ => Some(with_tag(request, status, tag(request))),
    }
}

/// The answer to a CANCEL that matched, with the To tag the INVITE's responses carry (9.2).
pub(crate) fn cancel_ok(request: &Request, to_tag: Option<Text>) -> Response {
    with_tag(request, StatusCode::OK, to_tag.unwrap_or_else(|| tag(request)))
}

fn with_tag(request: &Request, status: StatusCode, tag: Text) -> Response {
    Response::to(request, status).with_to_tag(tag)
}

/// RFC 3261 §8.2.7: without state the To tag must be the same for the same request. It guards nothing.
pub(crate) fn tag(request: &Request) -> Text {
    let mut hasher = DefaultHasher::new();
    request.call_id.as_str().hash(&mut hasher);
    request.cseq.hash(&mut hasher);
    request.branch().hash(&mut hasher);
    Text::from(format!("{:016x}", hasher.finish()))
}
