//! One torture message and what becomes of it.

use anyhow::{Context, Result, ensure};

/// A message by its RFC name, and what Cordon has to do with it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) section: &'static str,
    pub(crate) message: Vec<u8>,
    /// Who is registered on the flow: the user the message's From names, so that the message itself is judged.
    pub(crate) account: &'static str,
    /// The final answers.
    pub(crate) answers: Vec<u16>,
    /// Whether the flow ends behind it: nobody knows where the next message begins.
    pub(crate) ends_flow: bool,
    /// Answers that were on their way when the flow ended are not waited for.
    pub(crate) answers_are_lost: bool,
    /// Method and Request-URI of what the PBX is asked for it.
    pub(crate) asked: Vec<(&'static str, &'static str)>,
}

impl Case {
    /// A message that is neither answered nor reaches the PBX.
    pub(crate) fn new(name: &'static str, section: &'static str, message: &[u8]) -> Case {
        Case {
            name,
            section,
            message: message.to_vec(),
            account: "caller",
            answers: Vec::new(),
            ends_flow: false,
            answers_are_lost: false,
            asked: Vec::new(),
        }
    }

    pub(crate) fn from(mut self, account: &'static str) -> Case {
        self.account = account;
        self
    }

    pub(crate) fn answered(mut self, status: u16) -> Case {
        self.answers.push(status);
        self
    }

    pub(crate) fn asks(mut self, method: &'static str, uri: &'static str) -> Case {
        self.asked.push((method, uri));
        self
    }

    pub(crate) fn ends_flow(mut self) -> Case {
        self.ends_flow = true;
        self
    }

    pub(crate) fn breaks_off(mut self) -> Case {
        (self.ends_flow, self.answers_are_lost) = (true, true);
        self
    }

    pub(crate) fn sorted_answers(&self) -> Vec<u16> {
        let mut answers = self.answers.clone();
        answers.sort_unstable();
        answers
    }

    /// The same head over an offer that a phone of this site would make: what no rule of media stands against.
    pub(crate) fn with_keys(mut self, name: &'static str) -> Result<Case> {
        self.name = name;
        let end = self.message.windows(4).position(|window| window == b"\r\n\r\n").context("a head ends")?;
        let head = std::str::from_utf8(&self.message[..end])?;
        let mut lines = Vec::new();
        for line in head.split("\r\n") {
            let name = line.split(':').next().unwrap_or_default().trim();
            let is_length = name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l");
            lines.push(if is_length { format!("{name}: {}", KEYED_OFFER.len()) } else { line.to_owned() });
        }
        ensure!(
            lines.iter().any(|line| line.ends_with(&format!(": {}", KEYED_OFFER.len()))),
            "it had a length"
        );
        self.message = format!("{}\r\n\r\n{KEYED_OFFER}", lines.join("\r\n")).into_bytes();
        Ok(self)
    }
}

const KEYED_OFFER: &str = "v=0\r\no=- 1 1 IN IP4 10.1.0.11\r\ns=-\r\nc=IN IP4 10.1.0.11\r\nt=0 0\r\n\
    m=audio 40000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
