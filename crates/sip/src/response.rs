use std::fmt;

use bytes::Bytes;

use crate::{CallId, Contacts, HeaderName, Headers, Method, NameAddr, Request, StatusCode, Text, Via};

/// A response. Past the parser every field is there and well formed.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase, which may be empty.
    pub reason: Text,
    /// The way it takes, ours first; at least one in a parsed response.
    pub via: Vec<Via>,
    /// Who asked.
    pub from: NameAddr,
    /// Who was asked, with the tag of who answered.
    pub to: NameAddr,
    /// Which dialog or registration it belongs to.
    pub call_id: CallId,
    /// The sequence number of the request.
    pub cseq: u32,
    /// The method of the request.
    pub cseq_method: Method,
    /// The Contact headers.
    pub contacts: Contacts,
    /// The Record-Route headers.
    pub record_route: Vec<NameAddr>,
    /// Every other header, in order.
    pub headers: Headers,
    /// The Content-Type.
    pub content_type: Option<Text>,
    /// The body, untouched.
    pub body: Bytes,
}

impl Response {
    /// The answer to `request` with the usual phrase (RFC 3261 §8.2.6.2): Via, From, To, Call-ID, CSeq and Timestamp
    /// copied. Anything but 100 needs a To tag: see [`Response::with_to_tag`].
    pub fn to(request: &Request, status: StatusCode) -> Response {
        let mut headers = Headers::new();
        if status == StatusCode::TRYING
            && let Some(timestamp) = request.headers.get(&HeaderName::TIMESTAMP)
        {
            headers.push(HeaderName::TIMESTAMP, timestamp);
        }
        Response {
            status,
            reason: Text::from_static(status.phrase()),
            via: request.via.clone(),
            from: request.from.clone(),
            to: request.to.clone(),
            call_id: request.call_id.clone(),
            cseq: request.cseq,
            cseq_method: request.method.clone(),
            contacts: Contacts::default(),
            record_route: Vec::new(),
            headers,
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// The same response with this To tag, unless the request already carried one.
    pub fn with_to_tag(mut self, tag: impl Into<Text>) -> Response {
        if self.to.tag().is_none() {
            self.to.params.set("tag", Some(tag.into()));
        }
        self
    }

    /// The same response with another phrase.
    pub fn with_reason(mut self, reason: impl Into<Text>) -> Response {
        self.reason = reason.into();
        self
    }

    /// The same response with one more header.
    pub fn with_header(mut self, name: HeaderName, value: impl Into<Text>) -> Response {
        self.headers.push(name, value);
        self
    }

    /// The top Via's branch, which names the transaction.
    pub fn branch(&self) -> Option<&Text> {
        self.via.first().and_then(Via::branch)
    }

    /// Gives it a body.
    pub fn set_body(&mut self, content_type: impl Into<Text>, body: impl Into<Bytes>) {
        self.content_type = Some(content_type.into());
        self.body = body.into();
    }

    /// The first header of this name among those without a field of their own.
    pub fn header(&self, name: &HeaderName) -> Option<&Text> {
        self.headers.get(name)
    }

    /// The bytes to send: typed headers first, the others in their order, Content-Length computed.
    pub fn write(&self) -> Bytes {
        crate::writer::write_response(self)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("call", &self.call_id)
            .field("cseq", &self.cseq)
            .field("cseq_method", &self.cseq_method)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}
