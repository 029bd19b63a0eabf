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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Message, ParseError> {
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\n\
             Call-ID: c\r\nCSeq: 1 OPTIONS\r\n{header}\r\nContent-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text), Framing::Stream)
    }

    fn refused(header: &str) -> (u16, &'static str) {
        let error = read(header).expect_err(header);
        (error.status().code(), error.reason())
    }

    #[test]
    fn hops_that_are_not_0_to_255_are_400_and_not_a_fresh_count() {
        for (hops, left) in [("0", 0), ("0070", 70), ("255", 255)] {
            let Ok(Message::Request(request)) = read(&format!("Max-Forwards: {hops}")) else {
                panic!("{hops}")
            };
            assert_eq!(request.max_forwards, Some(left));
        }
        for hops in ["", "256", "7x", "-1", "+7", "7 0", "7;x", "99999999999999999999"] {
            let refused = refused(&format!("Max-Forwards: {hops}"));
            assert_eq!(refused, (400, "Max-Forwards is not 0 to 255"), "{hops}");
        }
        assert_eq!(refused("Max-Forwards: 7\r\nMax-Forwards: 7"), (400, "Max-Forwards stands twice"));
    }

    #[test]
    fn headers_of_one_value_stand_once() {
        for (name, compact) in [
            ("Content-Disposition", "Content-Disposition"),
            ("Date", "Date"),
            ("Event", "o"),
            ("Expires", "Expires"),
            ("Join", "Join"),
            ("Min-Expires", "Min-Expires"),
            ("Min-SE", "Min-SE"),
            ("RAck", "RAck"),
            ("Refer-Sub", "Refer-Sub"),
            ("Refer-To", "r"),
            ("Referred-By", "b"),
            ("Replaces", "Replaces"),
            ("RSeq", "RSeq"),
            ("Session-Expires", "x"),
            ("SIP-If-Match", "SIP-If-Match"),
            ("Subscription-State", "subscription-state"),
            ("Target-Dialog", "Target-Dialog"),
        ] {
            let value = if name == "Date" { "Sat, 13 Nov 2010 23:29:00 GMT" } else { "1" };
            assert!(read(&format!("{name}: {value}")).is_ok(), "{name}");
            let twice = refused(&format!("{name}: {value}\r\n{compact}: {value}"));
            assert_eq!(twice, (400, "a header of one value stands twice"), "{name}");
        }
        assert!(read("Supported: a\r\nSupported: b").is_ok());
    }
}
