use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::head::{Fault, name_and_value};
use crate::parser::MAX_HEAD;
use crate::writer::put_line_safe;
use crate::{HeaderName, NameAddr, StatusCode};

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

    /// The status to answer: 400, 505 or 513.
    pub fn status(&self) -> StatusCode {
        self.fault.status
    }

    /// The rule that was broken, without a word of what the peer wrote.
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
        write!(f, "ParseError({}, {:?})", self.fault.status, self.fault.reason)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fault.reason)
    }
}

impl std::error::Error for ParseError {}

/// The answer to a request that could not be parsed: its own headers are sent back as written, which a
/// [`crate::Response`] with its well-formed fields could not do.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorReply {
    status: StatusCode,
    bytes: Bytes,
}

impl ErrorReply {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The bytes to send.
    pub fn write(&self) -> Bytes {
        self.bytes.clone()
    }

    fn to(message: &[u8], fault: Fault) -> Option<ErrorReply> {
        let head = message.get(..MAX_HEAD).unwrap_or(message);
        let mut lines = logical_lines(head);
        let start = lines.next()?;
        let method = start.split(' ').next()?;
        let is_answerable = HeaderName::parse(method).is_ok() && method != "ACK";
        if !is_answerable {
            return None;
        }
        let mut out = BytesMut::with_capacity(512);
        out.put_slice(format!("SIP/2.0 {} {}\r\n", fault.status, fault.reason).as_bytes());
        let mut seen = Vec::new();
        let mut tag_seed = FNV_OFFSET;
        for line in lines {
            let Ok((name, value)) = name_and_value(&line) else {
                continue;
            };
            let Some(name @ ("Via" | "From" | "To" | "Call-ID" | "CSeq")) = HeaderName::known(name) else {
                continue;
            };
            if name != "Via" && seen.contains(&name) {
                continue;
            }
            if seen.len() >= MAX_ECHOED {
                break;
            }
            seen.push(name);
            if name != "To" {
                tag_seed = value
                    .bytes()
                    .fold(tag_seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
            }
            out.put_slice(name.as_bytes());
            out.put_slice(b": ");
            put_line_safe(&mut out, value.as_bytes());
            if name == "To" && NameAddr::parse(value).is_ok_and(|to| to.tag().is_none()) {
                // RFC 3261 §8.2.6.2 and §8.2.7: the same tag for each retransmission, without any state.
                out.put_slice(format!(";tag={tag_seed:016x}").as_bytes());
            }
            out.put_slice(b"\r\n");
        }
        out.put_slice(b"Content-Length: 0\r\n\r\n");
        seen.contains(&"Via").then(|| ErrorReply { status: fault.status, bytes: out.freeze() })
    }
}

impl fmt::Debug for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorReply({}, {} bytes)", self.status, self.bytes.len())
    }
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

/// 70 Vias and the four others: no reply is longer than a head may be.
const MAX_ECHOED: usize = 74;

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
