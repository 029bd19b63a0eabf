use bytes::{BufMut, BytesMut};

use crate::Text;
use crate::grammar::{Malformed, is_lws, is_token, number, quoted, trim, unquote_pairs, write_quoted};

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

    /// Reads one value: `warn-code SP warn-agent SP quoted-string`, the agent a host with or without port, or a token.
    ///
    /// # Errors
    /// When the code is not three digits, the agent is neither, or the text is not one quoted string.
    pub fn parse(value: impl Into<Text>) -> Result<Warning, Malformed> {
        let value = value.into();
        let (code, rest) = trim(value.as_str()).split_once(is_lws).ok_or(MALFORMED)?;
        let (agent, rest) = trim(rest).split_once(is_lws).ok_or(MALFORMED)?;
        let (raw, tail) = quoted(trim(rest))?;
        let code = number(code, 999).filter(|number| *number >= 100 && code.len() == 3);
        let code = code.and_then(|code| u16::try_from(code).ok()).ok_or(MALFORMED)?;
        if !tail.is_empty() || !is_agent(agent) {
            return Err(MALFORMED);
        }
        let text = unquote_pairs(raw).map_or_else(|| value.part(raw), Text::from);
        Ok(Warning { code, agent: value.part(agent), text })
    }

    /// The value of the header.
    pub fn to_text(&self) -> Text {
        let mut out = BytesMut::new();
        self.write_to(&mut out);
        Text::from_utf8(out.freeze()).expect("a warning is written from texts")
    }

    /// Appends the value of the header.
    pub fn write_to(&self, out: &mut BytesMut) {
        let agent = self.agent.as_str();
        let agent = if is_agent(agent) { agent } else { "-" };
        out.put_slice(format!("{:03} {agent} ", self.code).as_bytes());
        write_quoted(out, self.text.as_str());
    }
}

fn is_agent(agent: &str) -> bool {
    let is_host = agent.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    !agent.is_empty() && (is_host || is_token(agent))
}

const MALFORMED: Malformed = Malformed("a warning is not code, agent and quoted text");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_round_trips_through_its_quotes() {
        let warning = Warning::new(399, "sbc.example.org:5061", "say \"SRTP\" \\ TLS");
        assert_eq!(warning.to_text(), r#"399 sbc.example.org:5061 "say \"SRTP\" \\ TLS""#);
        assert_eq!(Warning::parse(warning.to_text()), Ok(warning));
    }

    #[test]
    fn a_warning_cannot_break_out_of_its_line() {
        let text = Warning::new(399, "a b", "x\r\nVia: y").to_text();
        assert_eq!(text, "399 - \"x  Via: y\"");
    }

    #[test]
    fn malformed_warnings_are_refused() {
        for text in [
            "",
            "399",
            "1812 h \"x\"",
            "99 h \"x\"",
            "0399 h \"x\"",
            "399 h x",
            "399 h \"x",
            "399 h \"x\" y",
            "399 a@b \"x\"",
        ] {
            assert!(Warning::parse(text).is_err(), "{text}");
        }
    }
}
