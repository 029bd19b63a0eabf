//! Answers that need no transaction: the layer's own refusals, the same for every retransmission.

use std::hash::{DefaultHasher, Hash, Hasher};

use cordon_sip::{Request, Response, StatusCode, Text};

/// The answer to a CANCEL that matched, with the To tag the INVITE's responses carry (9.2).
pub(crate) fn cancel_ok(request: &Request, to_tag: Option<Text>) -> Response {
    Response::to(request, StatusCode::OK).with_to_tag(to_tag.unwrap_or_else(|| tag(request)))
}

/// RFC 3261 §8.2.7: without state the To tag must be the same for the same request. It guards nothing.
pub(crate) fn tag(request: &Request) -> Text {
    let mut hasher = DefaultHasher::new();
    request.call_id.as_str().hash(&mut hasher);
    request.cseq.hash(&mut hasher);
    request.branch().hash(&mut hasher);
    Text::from(format!("{:016x}", hasher.finish()))
}
