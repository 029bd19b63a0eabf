//! The 49 torture messages of RFC 4475: what is valid is read as the RFC says, what is invalid is refused with the
//! status the RFC names, and what only upper layers can judge is handed to them whole.
#![cfg(test)]

mod invalid;
#[path = "../../../../tests/conformance/torture/invalid.rs"]
mod invalid_messages;
#[path = "../../../../tests/conformance/torture/layers.rs"]
mod layer_messages;
mod layers;
mod valid;
#[path = "../../../../tests/conformance/torture/valid.rs"]
mod valid_messages;

use bytes::Bytes;
use cordon_sip::{Frame, Framer, Framing, Message, ParseError, Request, Response};

/// Reads `message` as the one datagram the RFC means it to be.
pub(crate) fn read(message: &'static [u8]) -> Result<Message, ParseError> {
    Message::parse(Bytes::from_static(message), Framing::Datagram)
}

/// Reads a request and proves that writing it and reading it again changes nothing.
pub(crate) fn request(message: &'static [u8]) -> Request {
    match read(message) {
        Ok(Message::Request(request)) => {
            assert_eq!(again(request.write()), Message::Request(request.clone()));
            request
        }
        other => panic!("not a request: {other:?}"),
    }
}

/// Reads a response and proves that writing it and reading it again changes nothing.
pub(crate) fn response(message: &'static [u8]) -> Response {
    match read(message) {
        Ok(Message::Response(response)) => {
            assert_eq!(again(response.write()), Message::Response(response.clone()));
            response
        }
        other => panic!("not a response: {other:?}"),
    }
}

/// Status and reason of a message that must be refused.
pub(crate) fn refused(message: &'static [u8]) -> (u16, &'static str) {
    let error = read(message).unwrap_err();
    (error.status().code(), error.reason())
}

fn again(bytes: Bytes) -> Message {
    let mut framer = Framer::default();
    framer.push(&bytes);
    let Ok(Some(Frame::Message(frame))) = framer.next_frame() else {
        panic!("what we write is not one frame");
    };
    frame.parse().unwrap()
}
