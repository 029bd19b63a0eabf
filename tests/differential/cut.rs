//! Where Cordon cuts a stream, asked of its own framer: what a test has to wait for.

use cordon_sip::{Frame, Framer, Message, Method, ParseError};

/// The messages in some bytes and what is behind them.
pub(crate) struct Cut {
    pub(crate) messages: Vec<Result<Message, ParseError>>,
    pub(crate) end: End,
}

/// What is behind the last message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing: the next message may begin.
    Whole,
    /// The beginning of one more: the stream waits for the rest of it.
    Waiting,
    /// Nobody knows where the next message begins.
    Broken,
}

impl Cut {
    pub(crate) fn of(bytes: &[u8]) -> Cut {
        let mut framer = Framer::default();
        framer.push(bytes);
        let mut messages = Vec::new();
        let end = loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(framed))) => messages.push(framed.parse()),
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) if framer.is_within_message() => break End::Waiting,
                Ok(None) => break End::Whole,
                Err(_) => break End::Broken,
            }
        };
        Cut { messages, end }
    }

    /// How many final answers they have a right to.
    pub(crate) fn finals(&self) -> usize {
        let is_answered = |message: &&Result<Message, ParseError>| match message {
            Ok(Message::Request(request)) => request.method != Method::Ack,
            Ok(Message::Response(_)) => false,
            Err(error) => error.reply().is_some(),
        };
        self.messages.iter().filter(is_answered).count()
    }

    /// How many of them may be forwarded.
    pub(crate) fn readable(&self) -> usize {
        self.messages.iter().filter(|message| message.is_ok()).count()
    }
}
