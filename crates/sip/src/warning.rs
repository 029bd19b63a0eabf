use bytes::{BufMut, BytesMut};

use crate::Text;
use crate::grammar::{is_token, number, quoted, unquote_pairs, write_quoted};

/// One Warning: what was wrong, for the person in front of the phone (RFC 3261 section 20.43).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// 300 to 399; 399 is for everything without a code.
    pub code: u16,
    /// Who warns: a host or a pseudonym.
    pub agent: Text,
    /// The text to show.
    pub text: Text,
}

impl Warning {
    /// A warning. An `agent` that is not a host or token is replaced by `-` when written.
    pub fn new(code: u16, agent: impl Into<Text>, text: impl Into<Text>) -> Warning {
        Warning { code, agent: agent.into(), text: text.into() }
    }

    /// Reads one value; `None` when it is malformed.
    pub fn parse(value: &Text) -> Option<Warning> {
        let (code, rest) = value.as_str().split_once(' ')?;
        let (agent, rest) = rest.trim_start().split_once(' ')?;
        let (raw, tail) = quoted(rest.trim_start()).ok()?;
        let code = u16::try_from(number(code, 999)?).ok().filter(|code| *code >= 100)?;
        tail.trim().is_empty().then(|| Warning {
            code,
            agent: value.part(agent),
            text: unquote_pairs(raw).map_or_else(|| value.part(raw), Text::from),
        })
    }

    /// The value of the header.
    pub fn to_text(&self) -> Text {
        let agent = self.agent.as_str();
        let is_host = agent.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
        let agent = if !agent.is_empty() && (is_host || is_token(agent)) { agent } else { "-" };
        let mut out = BytesMut::new();
        out.put_slice(format!("{:03} {agent} ", self.code).as_bytes());
        write_quoted(&mut out, self.text.as_str());
        Text::from_utf8(out.freeze()).expect("a warning is written from texts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_round_trips_through_its_quotes() {
        let warning = Warning::new(399, "sbc.example.org:5061", "say \"SRTP\" \\ TLS");
        assert_eq!(warning.to_text(), r#"399 sbc.example.org:5061 "say \"SRTP\" \\ TLS""#);
        assert_eq!(Warning::parse(&warning.to_text()), Some(warning));
    }

    #[test]
    fn a_warning_cannot_break_out_of_its_line() {
        let text = Warning::new(399, "a b", "x\r\nVia: y").to_text();
        assert_eq!(text, "399 - \"x  Via: y\"");
    }

    #[test]
    fn malformed_warnings_are_none() {
        for text in ["", "399", "1812 h \"x\"", "399 h x", "399 h \"x", "399 h \"x\" y"] {
            assert_eq!(Warning::parse(&Text::from(text)), None, "{text}");
        }
    }
}
