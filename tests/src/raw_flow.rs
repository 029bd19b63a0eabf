//! A registered phone's connection on which a test says whatever bytes it wants, and hears what comes back as it is.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustls::ClientConfig;

use crate::wire::{Answer, Wire};

/// One connection.
pub struct RawFlow {
    /// What it speaks through.
    pub wire: Wire,
    local: SocketAddr,
}

impl RawFlow {
    /// Connects from an address of the location and makes the TLS handshake.
    pub fn connect(tls: &Arc<ClientConfig>, door: SocketAddr, from: IpAddr) -> Result<RawFlow> {
        let wire = Wire::open_at(tls.clone(), door, from)?;
        let local = wire.local()?;
        Ok(RawFlow { wire, local })
    }

    /// The address it speaks from.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends a request of the test's own and returns the final answer to it; answers to others are passed over.
    pub fn ask(&mut self, request: &str, call_id: &str, limit: Duration) -> Result<Answer> {
        self.wire.send(request.as_bytes())?;
        loop {
            let answer =
                self.wire.answer(limit).with_context(|| format!("{call_id} waits for its answer"))?;
            let answer =
                answer.with_context(|| format!("the connection is closed before {call_id} is answered"))?;
            if answer.header("Call-ID") == Some(call_id) && answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    /// A request of a well-behaved phone on this flow; `more` is further header lines.
    pub fn request(&self, method: &str, uri: &str, aor: &str, call_id: &str, more: &str) -> String {
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS {};branch=z9hG4bK{call_id};rport\r\nMax-Forwards: 70\r\n\
             From: <{aor}>;tag=own\r\nTo: <{}>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n",
            self.local,
            if method == "REGISTER" { aor } else { uri },
        )
    }

    /// Registers this address of record on the flow, where the PBX asks for no password, and returns the PBX's answer.
    pub fn register(&mut self, aor: &str, limit: Duration) -> Result<Answer> {
        let (user, domain) = aor.trim_start_matches("sip:").split_once('@').context("a user and a domain")?;
        let call_id = format!("register-{}", self.local.port());
        let contact = format!("Contact: <sip:{user}@{};transport=tls>;expires=600\r\n", self.local);
        let request = self.request("REGISTER", &format!("sip:{domain}"), aor, &call_id, &contact);
        let answer = self.ask(&request, &call_id, limit)?;
        ensure!(answer.status == 200, "the PBX registers everybody: {}", answer.text);
        Ok(answer)
    }
}
