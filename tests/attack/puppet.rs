//! A phone that says what its test puts into its mouth, and proves its password where that is asked for.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::handset;
use cordon_tests::kamailio::{DOMAIN, password};
use cordon_tests::wire::{Answer, Wire};

use crate::site::Site;

/// One TLS connection, and the number that is used on it.
pub(crate) struct Puppet {
    pub(crate) wire: Wire,
    pub(crate) number: String,
    pub(crate) local: SocketAddr,
}

impl Puppet {
    /// Connects from an address of the location; nothing is registered.
    pub(crate) fn connect(site: &Site, number: &str, from: &str) -> Result<Self> {
        let wire = Wire::open(&site.authority, from)?;
        Ok(Self { local: wire.local()?, wire, number: number.to_owned() })
    }

    /// Connects and registers.
    pub(crate) fn register(site: &Site, number: &str, from: &str) -> Result<Self> {
        let mut puppet = Self::connect(site, number, from)?;
        let request = puppet.registration("first");
        let answer = puppet.ask_with_proof(&request)?;
        ensure!(answer.status == 200, "{number} registers: {}", answer.text);
        Ok(puppet)
    }

    /// A REGISTER of its own number.
    pub(crate) fn registration(&self, mark: &str) -> String {
        let Self { number, local, .. } = self;
        let contact = format!("Contact: <sip:{number}@{local};transport=tls>\r\nExpires: 120\r\n");
        self.text("REGISTER", &format!("sip:{DOMAIN}"), mark, &contact, "")
            .replace(&format!("To: <sip:{DOMAIN}>"), &format!("To: <sip:{number}@{DOMAIN}>"))
    }

    /// An INVITE with an offer that can be met.
    pub(crate) fn invitation(&self, callee: &str, mark: &str, more: &str) -> String {
        let Self { number, local, .. } = self;
        let head = format!(
            "Contact: <sip:{number}@{local};transport=tls>\r\nContent-Type: application/sdp\r\n{more}"
        );
        self.text("INVITE", &format!("sip:{callee}@{DOMAIN}"), mark, &head, &offer(&local.ip().to_string()))
    }

    /// A request in its name, told apart by `mark`; `more` are header lines.
    pub(crate) fn text(&self, method: &str, uri: &str, mark: &str, more: &str, body: &str) -> String {
        let Self { number, local, .. } = self;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bK{mark};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@{DOMAIN}>;tag=t{mark}\r\nTo: <{uri}>\r\nCall-ID: {mark}\r\nCSeq: 1 {method}\r\n\
             {more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Says a request and returns the final answer to it; a failed INVITE is acknowledged.
    pub(crate) fn ask(&mut self, request: &str) -> Result<Answer> {
        self.wire.send(request.as_bytes())?;
        let answer = self.answer_to(request)?;
        if request.starts_with("INVITE ") && answer.status >= 300 {
            self.wire.send(acknowledgement(request, &answer).as_bytes())?;
        }
        Ok(answer)
    }

    /// Waits for the final answer to a request that was said.
    pub(crate) fn answer_to(&mut self, request: &str) -> Result<Answer> {
        let (branch, cseq) = (branch(request), value(request, "CSeq"));
        loop {
            let answer = self.wire.answer(LIMIT)?.context("the connection stays open")?;
            let is_it =
                answer.text.contains(&format!("branch={branch}")) && answer.header("CSeq") == Some(cseq);
            if is_it && answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    /// As [`Puppet::ask`], and meets the challenge with the right password.
    pub(crate) fn ask_with_proof(&mut self, request: &str) -> Result<Answer> {
        let challenged = self.ask(request)?;
        let proven = self.prove(request, &challenged, &password(&self.number))?;
        self.ask(&proven)
    }

    /// The same request again with the proof that was asked for, made with this password.
    pub(crate) fn prove(&self, request: &str, challenged: &Answer, password: &str) -> Result<String> {
        let (asked, given) = match challenged.status {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => anyhow::bail!("it is challenged: {}", challenged.text),
        };
        let challenge = challenged.header(asked).context("a challenge is there")?;
        let (method, uri) = (word(request, 0), word(request, 1));
        let value = handset::digest(challenge, &self.number, password, method, uri)?;
        Ok(with_proof(request, given, &value))
    }
}

/// The next request of the same transaction's name: a new branch, the next number, and a proof.
pub(crate) fn with_proof(request: &str, name: &str, value: &str) -> String {
    let branch = branch(request).to_owned();
    again(request).replacen(
        &format!("branch={branch}p;rport\r\n"),
        &format!("branch={branch}p;rport\r\n{name}: {value}\r\n"),
        1,
    )
}

/// The same request in a transaction of its own, with the next number.
pub(crate) fn again(request: &str) -> String {
    let (branch, cseq) = (branch(request), value(request, "CSeq"));
    let (number, method) = cseq.split_once(' ').unwrap_or(("1", ""));
    let next = number.parse::<u32>().unwrap_or(1) + 1;
    request.replacen(&format!("branch={branch};"), &format!("branch={branch}p;"), 1).replacen(
        &format!("CSeq: {cseq}"),
        &format!("CSeq: {next} {method}"),
        1,
    )
}

/// The ACK of a failed INVITE, in its transaction, or of a 2xx, at the contact it names.
pub(crate) fn acknowledgement(invite: &str, answer: &Answer) -> String {
    let contact = answer.header("Contact").unwrap_or_default().trim_matches(['<', '>']);
    let contact = contact.split('>').next().unwrap_or_default();
    let uri = if answer.status < 300 { contact } else { word(invite, 1) };
    let via = value(invite, "Via");
    let via = if answer.status < 300 { via.replacen("z9hG4bK", "z9hG4bKack", 1) } else { via.to_owned() };
    let number = value(invite, "CSeq").split(' ').next().unwrap_or("1");
    format!(
        "ACK {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} ACK\r\n\
         Content-Length: 0\r\n\r\n",
        value(invite, "From"),
        answer.header("To").unwrap_or_default(),
        value(invite, "Call-ID"),
    )
}

/// A request within the dialog that this INVITE and this answer made, by the caller.
pub(crate) fn in_dialog(method: &str, invite: &str, answer: &Answer) -> String {
    let number = value(invite, "CSeq").split(' ').next().and_then(|number| number.parse::<u32>().ok());
    let ack = acknowledgement(invite, answer);
    ack.replacen("ACK ", &format!("{method} "), 1)
        .replacen("z9hG4bKack", &format!("z9hG4bK{method}"), 1)
        .replacen(
            &format!("CSeq: {} ACK", number.unwrap_or(1)),
            &format!("CSeq: {} {method}", number.unwrap_or(1) + 1),
            1,
        )
}

/// The value of the first header of this name.
pub(crate) fn value<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default()
}

/// A word of the request line.
fn word(request: &str, index: usize) -> &str {
    request.split(' ').nth(index).unwrap_or_default()
}

fn branch(request: &str) -> &str {
    let (_, rest) = request.split_once("branch=").unwrap_or_default();
    rest.split([';', '\r', ',']).next().unwrap_or_default()
}

/// A description that a phone at this address could send; nobody listens on its port.
pub(crate) fn offer(address: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio 39000 RTP/SAVP 0\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n"
    )
}

const LIMIT: Duration = Duration::from_secs(20);
