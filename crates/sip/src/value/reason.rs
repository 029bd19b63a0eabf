use bytes::{BufMut, BytesMut};

use super::{HeaderValue, head_and_params};
use crate::grammar::{Malformed, is_token, number, quoted, unquote_pairs, write_quoted};
use crate::writer::put_line_safe;
use crate::{Params, Text};

/// Why a request was sent or a call ended, one element of the list (RFC 3326 section 2).
///
/// `reason-value = protocol *(SEMI reason-params)`, `cause = 1*DIGIT`, `text = quoted-string`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` or another token.
    pub protocol: Text,
    /// The code in the words of the protocol: a SIP status, a cause of Q.850.
    pub cause: Option<u16>,
    /// For a person, without quotes.
    pub text: Option<Text>,
    /// The other parameters.
    pub params: Params,
}

impl Reason {
    /// A reason with its code.
    pub fn new(protocol: &'static str, cause: u16) -> Reason {
        Reason {
            protocol: Text::from_static(protocol),
            cause: Some(cause),
            text: None,
            params: Params::default(),
        }
    }
}

impl HeaderValue for Reason {
    fn read(value: &Text) -> Result<Reason, Malformed> {
        let (protocol, mut params) = head_and_params(value, value.as_str())?;
        if !is_token(protocol) {
            return Err(Malformed("the protocol of a reason is not a token"));
        }
        let cause = match params.take("cause") {
            None => None,
            Some(digits) => {
                let cause = digits.as_ref().and_then(|digits| number(digits.as_str(), u64::from(u16::MAX)));
                let cause = cause.and_then(|cause| u16::try_from(cause).ok());
                Some(cause.ok_or(Malformed("the cause of a reason is not a number"))?)
            }
        };
        let text = match params.take("text") {
            None => None,
            Some(raw) => {
                let raw = raw.unwrap_or_default();
                let (content, _) =
                    quoted(raw.as_str()).map_err(|_| Malformed("the text of a reason is not quoted"))?;
                Some(unquote_pairs(content).map_or_else(|| raw.part(content), Text::from))
            }
        };
        Ok(Reason { protocol: value.part(protocol), cause, text, params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_line_safe(out, self.protocol.as_bytes());
        if let Some(cause) = self.cause {
            out.put_slice(format!(";cause={cause}").as_bytes());
        }
        if let Some(text) = &self.text {
            out.put_slice(b";text=");
            write_quoted(out, text.as_str());
        }
        self.params.write_to(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_3326_are_read() {
        for (text, out) in [
            (
                "SIP ;cause=200 ;text=\"Call completed elsewhere\"",
                "SIP;cause=200;text=\"Call completed elsewhere\"",
            ),
            ("Q.850 ;cause=16 ;text=\"Terminated\"", "Q.850;cause=16;text=\"Terminated\""),
            ("SIP ;cause=600 ;text=\"Busy Everywhere\"", "SIP;cause=600;text=\"Busy Everywhere\""),
            ("SIP ;cause=580 ;text=\"Precondition Failure\"", "SIP;cause=580;text=\"Precondition Failure\""),
            (
                "preemption;text=\"a \\\"b\\\"; c\";cause=1;x=y",
                "preemption;cause=1;text=\"a \\\"b\\\"; c\";x=y",
            ),
            ("Q.850", "Q.850"),
        ] {
            assert_eq!(written::<Reason>(text), out);
        }
        assert_eq!(Reason::new("SIP", 487).to_text(), "SIP;cause=487");
    }

    #[test]
    fn malformed_reasons_are_refused() {
        for text in [
            "",
            ";cause=1",
            "SIP;cause",
            "SIP;cause=x",
            "SIP;cause=65536",
            "SIP;text=bare",
            "SIP;text=\"a",
            "a b",
            "SIP;cause=1;cause=2",
        ] {
            assert!(Reason::parse(text).is_err(), "{text}");
        }
    }
}
