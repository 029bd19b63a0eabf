//! What a connection has begun and may have to prove.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use cordon_sip::{HeaderName, Request};

/// The last requests of one connection that were taken. The PBX asks most of them for a proof, and they come again with it
/// (RFC 3261 §22): shed then, what was done for them would be lost.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    marks: VecDeque<u64>,
}

impl Begun {
    /// A request was taken.
    pub(crate) fn taken(&mut self, request: &Request) {
        if self.marks.len() >= MOST {
            self.marks.pop_front();
        }
        self.marks.push_back(mark(request));
    }

    /// Whether this request is one of them with a proof. Of each that was taken, once.
    pub(crate) fn goes_on_with(&mut self, request: &Request) -> bool {
        if !has_credentials(request) {
            return false;
        }
        let mark = mark(request);
        let at = self.marks.iter().position(|begun| *begun == mark);
        at.and_then(|at| self.marks.remove(at)).is_some()
    }
}

/// Whether the request carries the proof of a password.
pub(crate) fn has_credentials(request: &Request) -> bool {
    request.headers.has(&HeaderName::AUTHORIZATION) || request.headers.has(&HeaderName::PROXY_AUTHORIZATION)
}

/// The same for both halves. Two that fall together do no harm: they are of one phone.
fn mark(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.method.as_str().hash(&mut hasher);
    request.call_id.as_str().hash(&mut hasher);
    request.from.tag().map(|tag| tag.as_str()).hash(&mut hasher);
    hasher.finish()
}

/// Requests of one phone that wait for a challenge at a time: as many as may wait for signalling.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use cordon_sip::{Framing, Message};

    use super::*;

    #[test]
    fn a_request_that_was_taken_comes_again_with_its_proof_once() {
        let mut begun = Begun::default();
        begun.taken(&request("INVITE", "a", ""));

        assert!(begun.goes_on_with(&request("INVITE", "a", PROOF)));
        assert!(!begun.goes_on_with(&request("INVITE", "a", PROOF)));
    }

    #[test]
    fn nothing_else_goes_on_with_it() {
        let mut begun = Begun::default();
        begun.taken(&request("INVITE", "a", ""));

        assert!(!begun.goes_on_with(&request("INVITE", "a", "")));
        assert!(!begun.goes_on_with(&request("INVITE", "b", PROOF)));
        assert!(!begun.goes_on_with(&request("REGISTER", "a", PROOF)));
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let mut begun = Begun::default();
        for n in 0..=MOST {
            begun.taken(&request("INVITE", &n.to_string(), ""));
        }

        assert_eq!(begun.marks.len(), MOST);
        assert!(!begun.goes_on_with(&request("INVITE", "0", PROOF)));
        assert!(begun.goes_on_with(&request("INVITE", "1", PROOF)));
    }

    #[test]
    fn credentials_are_noticed_in_both_headers() {
        assert!(has_credentials(&request("REGISTER", "a", "Authorization: Digest username=\"x\"\r\n")));
        assert!(has_credentials(&request("INVITE", "a", PROOF)));
        assert!(!has_credentials(&request("REGISTER", "a", "")));
    }

    const PROOF: &str = "Proxy-Authorization: Digest username=\"100\"\r\n";

    fn request(method: &str, call: &str, more: &str) -> Request {
        let text = format!(
            "{method} sip:200@mx.example.org SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.0.9:5061;branch=z9hG4bK1\r\n\
             From: <sip:100@mx.example.org>;tag=a\r\nTo: <sip:200@mx.example.org>\r\nCall-ID: {call}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
        );
        let Ok(Message::Request(request)) = Message::parse(text.into(), Framing::Stream) else {
            panic!("a request was written")
        };
        request
    }
}
