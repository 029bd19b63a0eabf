use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::framed::Framed;
use crate::index::{Index, MAX_HEAD};
use crate::message::MAX_BODY;
use crate::rule::{Fault, Rule};
use crate::{ErrorReply, ParseError, StatusCode};

/// Cuts a stream of bytes into messages and keep-alives (RFC 3261 section 18.3, RFC 5626 section 3.5.1).
///
/// Push what was read, then take frames until there is none. The same bytes give the same frames however they
/// were split. After an error the stream cannot be trusted to begin anywhere: every further call repeats it.
pub struct Framer {
    limits: FramerLimits,
    buffer: BytesMut,
    /// The head of the coming message, as far as it is there.
    index: Index,
    /// Length of the coming message, once its head is complete.
    expected: Option<usize>,
    /// A CRLF stood before this point and it is not yet known whether a second one follows.
    crlf_pending: bool,
    failed: Option<FrameError>,
}

/// What a framer accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramerLimits {
    /// The largest head, at most [`MAX_HEAD`]; beyond it the error is a 513.
    pub head: usize,
    /// The largest body, at most [`MAX_BODY`]; beyond it the error is a 513.
    pub body: usize,
    /// Whether we send pings on this stream, so that each CRLF is a pong and is reported at once.
    pub expect_pongs: bool,
}

/// One thing a peer sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// A whole message, as long as its Content-Length says; no byte of another is in it or shares its memory.
    Message(Framed),
    /// CRLF CRLF: the peer asks whether we live; the answer is CRLF.
    Ping,
    /// A single CRLF: the answer to a ping, or an empty line before a message.
    Pong,
}

/// The stream cannot be cut further. The flow answers [`FrameError::reply`], if there is one, and closes.
#[derive(Clone, PartialEq, Eq)]
pub struct FrameError(ParseError);

impl Framer {
    /// A framer at the start of a stream.
    pub fn new(limits: FramerLimits) -> Framer {
        Framer {
            limits,
            buffer: BytesMut::new(),
            index: Index::new(),
            expected: None,
            crlf_pending: false,
            failed: None,
        }
    }

    /// Adds bytes as they were read. The buffer stays below one message plus one read as long as frames are
    /// taken until there is none.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// When the head is not lines ended by CRLF, Content-Length is missing, doubled or no number, or a limit is passed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.cut().map_err(|fault| {
            let head = self.buffer.get(..MAX_HEAD).unwrap_or(&self.buffer);
            let error = FrameError(ParseError::new(fault, Bytes::copy_from_slice(head)));
            self.buffer = BytesMut::new();
            self.index = Index::new();
            self.failed = Some(error.clone());
            error
        })
    }

    /// Whether a message has begun and is not complete: the time for it is running.
    pub fn is_within_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn cut(&mut self) -> Result<Option<Frame>, Fault> {
        if self.expected.is_none() {
            if let Some(frame) = self.take_line_ends() {
                return Ok(Some(frame));
            }
            self.expected = self.find_message()?;
        }
        let Some(length) = self.expected.filter(|length| self.buffer.len() >= *length) else {
            return Ok(None);
        };
        let message = Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default());
        self.buffer.advance(length);
        self.expected = None;
        if self.buffer.is_empty() {
            // Thousands of phones are silent most of the time: none of them keeps a buffer meanwhile.
            self.buffer = BytesMut::new();
        }
        Ok(Some(Frame::Message(Framed::stream(message, std::mem::take(&mut self.index)))))
    }

    /// Empty lines between messages: two together are a ping, one alone a pong.
    fn take_line_ends(&mut self) -> Option<Frame> {
        while self.index.is_fresh() && self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
            if self.limits.expect_pongs {
                return Some(Frame::Pong);
            }
            if std::mem::replace(&mut self.crlf_pending, true) {
                self.crlf_pending = false;
                return Some(Frame::Ping);
            }
        }
        let begins_otherwise = !self.buffer.is_empty() && self.buffer.as_ref() != b"\r";
        (begins_otherwise && std::mem::take(&mut self.crlf_pending)).then_some(Frame::Pong)
    }

    /// The length of the message at the front, once its head is there.
    fn find_message(&mut self) -> Result<Option<usize>, Fault> {
        if !self.index.scan(&self.buffer, self.limits.head)? {
            return Ok(None);
        }
        let body = self.index.length().required()?;
        if body > self.limits.body {
            return Err(Fault::new(Rule::BodySize, "the body is larger than the limit"));
        }
        Ok(self.index.body_start().and_then(|start| start.checked_add(body)))
    }
}

impl Default for Framer {
    fn default() -> Framer {
        Framer::new(FramerLimits::default())
    }
}

impl Default for FramerLimits {
    fn default() -> FramerLimits {
        FramerLimits { head: MAX_HEAD, body: MAX_BODY, expect_pongs: false }
    }
}

impl Frame {
    /// The frame one UDP datagram is: a message without the empty lines before it, or a keep-alive.
    pub fn datagram(mut datagram: Bytes) -> Frame {
        let mut empty_lines = 0;
        while datagram.starts_with(b"\r\n") {
            datagram.advance(2);
            empty_lines += 1;
        }
        match (datagram.is_empty(), empty_lines) {
            (false, _) => Frame::Message(Framed::datagram(datagram)),
            (true, 0 | 1) => Frame::Pong,
            (true, _) => Frame::Ping,
        }
    }
}

impl FrameError {
    /// The rule that was broken.
    pub fn rule(&self) -> Rule {
        self.0.rule()
    }

    /// The status to answer: 400 or 513.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// How it was broken, without a word of what the peer wrote.
    pub fn reason(&self) -> &'static str {
        self.0.reason()
    }

    /// The answer before the flow is closed; `None` where there is nobody to answer.
    pub fn reply(&self) -> Option<ErrorReply> {
        self.0.reply()
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framer({} bytes waiting)", self.buffer.len())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Message(framed) => write!(f, "Message({} bytes)", framed.bytes().len()),
            Frame::Ping => f.write_str("Ping"),
            Frame::Pong => f.write_str("Pong"),
        }
    }
}

impl fmt::Debug for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameError({}, {:?})", self.0.status(), self.0.reason())
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for FrameError {}
