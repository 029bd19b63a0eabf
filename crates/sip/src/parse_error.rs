use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::head::name_and_value;
use crate::header_name::Known;
use crate::index::{MAX_HEAD, MAX_LINE};
use crate::parser::MAX_VIAS;
use crate::rule::{Fault, Rule};
use crate::{HeaderName, NameAddr, StatusCode, Warning};

/// A message that breaks the grammar or a limit: which rule, which status says so, and the answer to send.
#[derive(Clone, PartialEq, Eq)]
pub struct ParseError {
    fault: Fault,
    /// What was read of the message, for the reply only.
    message: Bytes,
}

impl ParseError {
    pub(crate) fn new(fault: Fault, message: Bytes) -> ParseError {
        ParseError { fault, message }
    }

    /// The rule that was broken.
    pub fn rule(&self) -> Rule {
        self.fault.rule
    }

    /// The status to answer: 400, 505 or 513.
    pub fn status(&self) -> StatusCode {
        self.fault.rule.status()
    }

    /// How it was broken, without a word of what the peer wrote.
    pub fn reason(&self) -> &'static str {
        self.fault.reason
    }

    /// The answer, made of the Via, From, To, Call-ID and CSeq that could be found, as they were written.
    ///
    /// `None` for a response, for an ACK, and where no Via tells who asks.
    pub fn reply(&self) -> Option<ErrorReply> {
        ErrorReply::to(&self.message, self.fault)
    }
}

impl fmt::Debug for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParseError({}, {:?})", self.status(), self.fault.reason)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fault.reason)
    }
}

impl std::error::Error for ParseError {}

/// The answer to a request that could not be parsed: its own headers are sent back as written, which a
/// [`crate::Response`] with its well-formed fields could not do. Its lines are whole and free of control characters,
/// whatever the request was like.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorReply {
    status: StatusCode,
    /// Start line and headers, but for Content-Length and the empty line.
    head: Bytes,
}

impl ErrorReply {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The same answer with a warning that tells more than the status.
    pub fn with_warning(mut self, warning: &Warning) -> ErrorReply {
        let warning = warning.to_text();
        let mut head =
            BytesMut::with_capacity(self.head.len().saturating_add(warning.len()).saturating_add(11));
        head.put_slice(&self.head);
        put_header(&mut head, Known::WARNING, warning.as_str());
        self.head = head.freeze();
        self
    }

    /// The bytes to send.
    pub fn write(&self) -> Bytes {
        [self.head.as_ref(), b"Content-Length: 0\r\n\r\n"].concat().into()
    }

    fn to(message: &[u8], fault: Fault) -> Option<ErrorReply> {
        let read = message.get(..MAX_HEAD).unwrap_or(message);
        let mut lines = logical_lines(read);
        let start = lines.next()?;
        let method = start.split(' ').next()?;
        let is_answerable = HeaderName::parse(method).is_ok() && method != "ACK";
        if !is_answerable {
            return None;
        }
        let status = fault.rule.status();
        let mut head = BytesMut::with_capacity(512);
        head.put_slice(format!("SIP/2.0 {status} {}\r\n", fault.reason).as_bytes());
        let mut seen: Vec<Known> = Vec::new();
        let mut tag_seed = FNV_OFFSET;
        for line in lines {
            let Ok((name, value)) = name_and_value(&line) else {
                continue;
            };
            let Some(known) = Known::find(name.as_bytes()).filter(|known| is_echoed(*known)) else {
                continue;
            };
            let is_doubled = known != Known::VIA && seen.contains(&known);
            if is_doubled || value.len() > MAX_ECHO || head.len().saturating_add(value.len()) > MAX_ECHOES {
                continue;
            }
            if seen.len() >= MAX_ECHOED {
                break;
            }
            seen.push(known);
            if known != Known::TO {
                tag_seed = value
                    .bytes()
                    .fold(tag_seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
                put_header(&mut head, known, value);
            } else if NameAddr::parse(value).is_ok_and(|to| to.tag().is_none()) {
                // RFC 3261 §8.2.6.2 and §8.2.7: the same tag for each retransmission, without any state.
                put_header(&mut head, known, &format!("{value};tag={tag_seed:016x}"));
            } else {
                put_header(&mut head, known, value);
            }
        }
        seen.contains(&Known::VIA).then(|| ErrorReply { status, head: head.freeze() })
    }
}

impl fmt::Debug for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorReply({}, {} bytes)", self.status, self.head.len())
    }
}

/// What an answer repeats of its request (RFC 3261 §8.2.6.2).
fn is_echoed(known: Known) -> bool {
    matches!(known, Known::VIA | Known::FROM | Known::TO | Known::CALL_ID | Known::CSEQ)
}

/// A header of the reply; a control character becomes a space, so that who reads the reply is not made to stumble.
fn put_header(out: &mut BytesMut, known: Known, value: &str) {
    out.put_slice(known.as_str().as_bytes());
    out.put_slice(b": ");
    for byte in value.bytes() {
        out.put_u8(if byte.is_ascii_control() { b' ' } else { byte });
    }
    out.put_slice(b"\r\n");
}

/// Lines up to the empty one, folds joined, whatever ends them: here the grammar is already broken. A last line
/// without its end is left out, for it may be cut.
fn logical_lines(head: &[u8]) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(head).into_owned();
    let complete = text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    for line in complete.lines() {
        if line.is_empty() {
            break;
        }
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.into_iter()
}

/// As many Vias as a message may have, and the four others.
const MAX_ECHOED: usize = MAX_VIAS + 4;

/// A value that is sent back keeps its line readable, with its name and our tag.
const MAX_ECHO: usize = MAX_LINE - 64;

/// What is sent back leaves room for the status line and a warning in a head that can be read.
const MAX_ECHOES: usize = MAX_HEAD - 1024;

// FNV-1a, which need not resist anybody: a To tag of a stateless 400 protects nothing.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Framing, Message};

    fn error(text: &'static str) -> ParseError {
        Message::parse(Bytes::from_static(text.as_bytes()), Framing::Datagram).unwrap_err()
    }

    #[test]
    fn the_reply_repeats_what_could_be_read() {
        let error = error(
            "INVITE sip:b@h SIP/2.0\r\nv: SIP/2.0/TLS a;branch=z9hG4bK1\r\nt: <sip:b@h>\r\nf: \"x <sip:a@h>;tag=1\r\n\
             CSeq: 1 INVITE\r\nCall-ID: c\r\n\r\n",
        );
        let reply = error.reply().unwrap();
        let text = String::from_utf8(reply.write().to_vec()).unwrap();
        assert!(text.starts_with(
            "SIP/2.0 400 a quoted string is not closed\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\n"
        ));
        assert!(text.contains("To: <sip:b@h>;tag="));
        assert!(text.contains("From: \"x <sip:a@h>;tag=1\r\n"));
        assert!(text.ends_with("Content-Length: 0\r\n\r\n"));
    }

    #[test]
    fn responses_and_acks_get_no_reply() {
        assert!(error("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS a\r\n\r\n").reply().is_none());
        assert!(error("ACK sip:b@h SIP/2.0\r\nVia: SIP/2.0/TLS a\r\n\r\n").reply().is_none());
        assert!(error("INVITE sip:b@h SIP/2.0\r\n\r\n").reply().is_none());
    }

    #[test]
    fn display_and_debug_tell_the_rule_only() {
        let error = error("INVITE sip:jane@h SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nCSeq: 1 INVITE\r\n\r\n");
        assert!(!format!("{error:?} {error}").contains("jane"));
        assert_eq!(error.status().code(), 400);
    }
}
