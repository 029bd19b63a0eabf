use bytes::Bytes;

use crate::{CallId, ParseError, Request, Response, Text};

/// A SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// It asks.
    Request(Request),
    /// It answers.
    Response(Response),
}

/// How the bytes of a message came, which decides who says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// From a [`crate::Framer`]: Content-Length is mandatory and exact.
    Stream,
    /// One UDP datagram: Content-Length may be missing, and bytes behind the body are dropped (RFC 3261 §18.3).
    Datagram,
}

impl Message {
    /// Reads one whole message.
    ///
    /// # Errors
    /// Names the first rule broken, with the status to answer; the reply is made from what could be read.
    pub fn parse(bytes: Bytes, framing: Framing) -> Result<Message, ParseError> {
        crate::parser::parse(bytes, framing)
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &CallId {
        match self {
            Message::Request(request) => &request.call_id,
            Message::Response(response) => &response.call_id,
        }
    }

    /// The top Via's branch.
    pub fn branch(&self) -> Option<&Text> {
        match self {
            Message::Request(request) => request.branch(),
            Message::Response(response) => response.branch(),
        }
    }

    /// The bytes to send.
    pub fn write(&self) -> Bytes {
        match self {
            Message::Request(request) => request.write(),
            Message::Response(response) => response.write(),
        }
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Message {
        Message::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Message {
        Message::Response(response)
    }
}

/// The largest body taken; beyond it the answer is 513, and a stream is closed. Session descriptions are 1 to 4 kB; with its
/// head a message is still about the largest that UDP can carry, so that nothing legal there is lost.
pub const MAX_BODY: usize = 64 * 1024;
