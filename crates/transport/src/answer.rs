//! The one answer that plain SIP gets, and what is shed.

use std::hash::BuildHasher;
use std::net::SocketAddr;

use bytes::Bytes;
use cordon_policy::{Door, Refusal, overload};
use cordon_sip::{HeaderName, HeaderValue, Method, Request, Response, RetryAfter, StatusCode, Text, Warning};

use crate::flow::with_source;

/// Makes refusals that need no memory of the request. The tag is the same for every copy of one request and cannot be
/// foreseen (RFC 3261 §8.2.7).
#[derive(Debug, Default)]
pub(crate) struct Answerer {
    tags: std::hash::RandomState,
}

impl Answerer {
    /// The refusal of `request`, which was `length` bytes long; `None` where nothing may be answered: an ACK, or an answer
    /// that would be more than [`MAX_GROWTH`] longer than the request.
    pub(crate) fn refuse(
        &self,
        request: Request,
        length: usize,
        refusal: Refusal,
        peer: SocketAddr,
        door: &Door<'_>,
    ) -> Option<Bytes> {
        if request.method == Method::Ack {
            return None;
        }
        let cordon_sip::Message::Request(request) = with_source(request.into(), peer) else { return None };
        let hash = self.tags.hash_one((request.call_id.as_str(), request.cseq, peer));
        let tag = format!("{hash:016x}");
        let status = StatusCode::new(refusal.status())?;
        let bare = Response::to(&request, status).with_to_tag(tag);
        let retry_after = match refusal {
            Refusal::Overloaded => Some(overload::retry_after(hash)),
            _ => refusal.retry_after(),
        };
        let bare = match retry_after {
            Some(seconds) => bare.with_header(HeaderName::RETRY_AFTER, RetryAfter::new(seconds).to_text()),
            None => bare,
        };
        let bound = length.saturating_add(MAX_GROWTH);
        let (code, text) = refusal.warning(door);
        [text.as_str(), refusal.code()].into_iter().find_map(|text| {
            let warning = Warning::new(code, Text::from(door.host), Text::from(text)).to_text();
            let bytes = bare.clone().with_header(HeaderName::WARNING, warning).write();
            (bytes.len() <= bound).then_some(bytes)
        })
    }
}

/// An answer is at most so much longer than its request, so that nobody gains by making us shout at somebody else.
const MAX_GROWTH: usize = 256;

#[cfg(test)]
mod tests {
    use cordon_sip::{Framing, Message};

    use super::*;

    const DOOR: Door<'static> = Door { host: "sip.clinic.example.org", port: 5061 };

    #[test]
    fn the_refusal_names_code_and_place_and_stays_small() {
        let request = request("REGISTER", "");
        let length = request.write().len();

        let bytes = refuse(request, length).unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();

        assert!(text.starts_with("SIP/2.0 480 "), "{text}");
        assert!(text.contains("Warning: 399 sip.clinic.example.org \"CD-TRANSPORT-01"), "{text}");
        assert!(text.contains("sip.clinic.example.org:5061"), "{text}");
        assert!(text.contains("Retry-After: "), "{text}");
        assert!(bytes.len() <= length + MAX_GROWTH);
    }

    #[test]
    fn an_ack_is_never_answered() {
        assert_eq!(refuse(request("ACK", ""), 10_000), None);
    }

    #[test]
    fn a_request_sent_twice_gets_the_same_tag() {
        let answerer = Answerer::default();
        let peer = "10.1.0.9:5060".parse().unwrap();
        let answer =
            || answerer.refuse(request("OPTIONS", ""), 9_999, Refusal::PlainUdp, peer, &DOOR).unwrap();

        assert_eq!(answer(), answer());
    }

    #[test]
    fn an_answer_that_would_be_too_long_loses_its_words_and_then_itself() {
        let request = request("REGISTER", "");
        let full = refuse(request.clone(), 9_999).unwrap().len();

        let shorter = refuse(request.clone(), full - MAX_GROWTH - 1).unwrap();

        assert!(shorter.len() < full);
        assert!(std::str::from_utf8(&shorter).unwrap().contains("\"CD-TRANSPORT-01\""));
        assert_eq!(refuse(request, 10), None);
    }

    fn refuse(request: Request, length: usize) -> Option<Bytes> {
        let peer = "10.1.0.9:5060".parse().unwrap();
        Answerer::default().refuse(request, length, Refusal::PlainUdp, peer, &DOOR)
    }

    fn request(method: &str, more: &str) -> Request {
        let text = format!(
            "{method} sip:mx.example.org SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.9:5060;branch=z9hG4bK1;rport\r\n\
             From: <sip:100@mx.example.org>;tag=a\r\nTo: <sip:100@mx.example.org>\r\nCall-ID: c@10.1.0.9\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
        );
        match Message::parse(Bytes::from(text), Framing::Stream).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request was written"),
        }
    }
}
