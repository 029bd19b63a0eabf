use std::fmt;

use bytes::Bytes;

use crate::{CallId, Contacts, HeaderName, Headers, Method, NameAddr, Response, Text, Uri, Via};

/// A request. Past the parser every field is there and well formed; nobody asks again.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The way back, the nearest hop first; at least one in a parsed request.
    pub via: Vec<Via>,
    /// Who asks.
    pub from: NameAddr,
    /// Who is asked, logically.
    pub to: NameAddr,
    /// Which dialog or registration it belongs to.
    pub call_id: CallId,
    /// The sequence number, below 2^31; the method of the CSeq is [`Request::method`].
    pub cseq: u32,
    /// Hops left; absent in RFC 2543 requests.
    pub max_forwards: Option<u8>,
    /// The Contact headers.
    pub contacts: Contacts,
    /// The Route headers, the next hop first.
    pub route: Vec<NameAddr>,
    /// The Record-Route headers.
    pub record_route: Vec<NameAddr>,
    /// Every other header, in order.
    pub headers: Headers,
    /// The Content-Type.
    pub content_type: Option<Text>,
    /// The body, untouched.
    pub body: Bytes,
}

impl Request {
    /// A request of our own, with the usual 70 hops, without Via, Contact, other headers and body.
    pub fn new(
        method: Method,
        uri: Uri,
        from: NameAddr,
        to: NameAddr,
        call_id: CallId,
        cseq: u32,
    ) -> Request {
        Request {
            method,
            uri,
            via: Vec::new(),
            from,
            to,
            call_id,
            cseq,
            max_forwards: Some(INITIAL_MAX_FORWARDS),
            contacts: Contacts::default(),
            route: Vec::new(),
            record_route: Vec::new(),
            headers: Headers::new(),
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// The top Via's branch, which names the transaction.
    pub fn branch(&self) -> Option<&Text> {
        self.via.first().and_then(Via::branch)
    }

    /// The first header of this name among those without a field of their own.
    pub fn header(&self, name: &HeaderName) -> Option<&Text> {
        self.headers.get(name)
    }

    /// Gives it a body.
    pub fn set_body(&mut self, content_type: impl Into<Text>, body: impl Into<Bytes>) {
        self.content_type = Some(content_type.into());
        self.body = body.into();
    }

    /// The CANCEL for this request (RFC 3261 §9.1): same Request-URI, Call-ID, To, From, Route, CSeq number and
    /// top Via.
    pub fn cancel(&self) -> Request {
        self.hop_by_hop(Method::Cancel, self.to.clone())
    }

    /// The ACK for a final response other than 2xx (RFC 3261 §17.1.1.3): as [`Request::cancel`], with the
    /// response's To.
    pub fn ack_for_failure(&self, response: &Response) -> Request {
        self.hop_by_hop(Method::Ack, response.to.clone())
    }

    /// A copy without the body, in buffers of its own: what waits for an answer keeps neither the message it came in nor the
    /// keys in its description.
    pub fn detached_head(&self) -> Request {
        let addresses = |list: &[NameAddr]| list.iter().map(NameAddr::detached).collect();
        Request {
            method: self.method.detached(),
            uri: self.uri.detached(),
            via: self.via.iter().map(Via::detached).collect(),
            from: self.from.detached(),
            to: self.to.detached(),
            call_id: CallId::new(self.call_id.text().detached()),
            cseq: self.cseq,
            max_forwards: self.max_forwards,
            contacts: match &self.contacts {
                Contacts::Star => Contacts::Star,
                Contacts::List(list) => Contacts::List(addresses(list)),
            },
            route: addresses(&self.route),
            record_route: addresses(&self.record_route),
            headers: self.headers.detached(),
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// The bytes to send: typed headers first, the others in their order, Content-Length computed.
    pub fn write(&self) -> Bytes {
        crate::writer::write_request(self)
    }

    fn hop_by_hop(&self, method: Method, to: NameAddr) -> Request {
        let mut request =
            Request::new(method, self.uri.clone(), self.from.clone(), to, self.call_id.clone(), self.cseq);
        request.via = self.via.first().cloned().into_iter().collect();
        request.route = self.route.clone();
        request
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("call", &self.call_id)
            .field("cseq", &self.cseq)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// RFC 3261 §8.1.1.6.
const INITIAL_MAX_FORWARDS: u8 = 70;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Framing, Host, Message, StatusCode};

    fn invite() -> Request {
        let address = |text: &str| NameAddr::parse(text).unwrap();
        let mut request = Request::new(
            Method::Invite,
            Uri::parse("sip:bob@b.example").unwrap(),
            address("<sip:alice@a.example>;tag=a"),
            address("<sip:bob@b.example>"),
            CallId::new("c1"),
            7,
        );
        request.via = vec![
            Via::new("TLS", Host::parse("one.example").unwrap(), None, "z9hG4bK1"),
            Via::new("TLS", Host::parse("two.example").unwrap(), None, "z9hG4bK2"),
        ];
        request.route = vec![address("<sip:p.example;lr>")];
        request.set_body("application/sdp", &b"v=0\r\n"[..]);
        request
    }

    #[test]
    fn a_detached_head_says_the_same_and_holds_nothing_of_the_message() {
        let mut invite = invite();
        invite.headers.push(HeaderName::parse("X-Odd").unwrap(), "1");
        let message = invite.write();
        let Message::Request(read) = Message::parse(message.clone(), Framing::Stream).unwrap() else {
            panic!("a request");
        };
        let head = read.detached_head();
        drop(read);
        assert!(message.is_unique(), "nobody else holds the buffer");
        assert!(head.body.is_empty() && head.content_type.is_none());
        invite.set_body("application/sdp", Bytes::new());
        invite.content_type = None;
        assert_eq!(head.write(), invite.write());
    }

    #[test]
    fn a_cancel_repeats_the_request_and_its_top_via_only() {
        let cancel = invite().cancel();
        assert_eq!((cancel.method, cancel.cseq, cancel.via.len()), (Method::Cancel, 7, 1));
        assert_eq!(cancel.route, invite().route);
        assert_eq!(cancel.to.tag(), None);
        assert!(cancel.body.is_empty());
    }

    #[test]
    fn an_ack_for_a_failure_takes_the_to_of_the_response() {
        let response = Response::to(&invite(), StatusCode::BUSY_HERE).with_to_tag("b");
        let ack = invite().ack_for_failure(&response);
        assert_eq!(ack.method, Method::Ack);
        assert_eq!(ack.to.tag().unwrap(), &"b");
        assert_eq!(ack.branch().unwrap(), &"z9hG4bK1");
    }

    #[test]
    fn debug_tells_method_and_lengths_only() {
        let printed = format!("{:?}", invite());
        for secret in ["alice", "bob", "example", "c1", "v=0"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(printed.contains("INVITE"));
    }
}
