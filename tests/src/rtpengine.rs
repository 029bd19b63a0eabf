//! Debian's rtpengine in user space, as a relay that can be loaded.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_load::{LoadError, OpenCall, OpenLeg, Relay, Usage, call_keys, on_processors};
use cordon_rtp::{KeyMaterial, PayloadType, Suite};
use cordon_sdp::{AudioLine, Codec, Description, LineOut, LocalCrypto, Protocol, Session};

use crate::ng::{Ng, Value};
use crate::program::Program;

/// A running rtpengine without its kernel module, on the loopback.
pub struct Rtpengine {
    program: Program,
    ng: Ng,
}

impl Rtpengine {
    /// Starts it with one thread for media, on this processor if one is named.
    pub fn start(processor: Option<usize>) -> Result<Self> {
        // It takes four sockets for each call, and does not raise its limit itself.
        let mut command = Command::new("prlimit");
        command.args(["--nofile=20000", "rtpengine", "--config-file=none", "--foreground", "--log-stderr"]);
        command.args(["--log-level=4", "--table=-1", "--num-threads=1", "--interface=127.0.0.1"]);
        command.args(["--port-min=10000", "--port-max=32767", "--timeout=3600", "--silent-timeout=3600"]);
        command.arg(format!("--listen-ng={CONTROL}"));
        let start = || Program::start("rtpengine", command).map_err(io::Error::other);
        let program = match processor {
            Some(processor) => on_processors(&[processor], start)?,
            None => start()?,
        };
        let ng = Ng::new(CONTROL)?;
        let mut relay = Self { program, ng };
        relay.await_pong()?;
        Ok(relay)
    }

    /// It says that it is ready at a level that would have it speak of every call too.
    fn await_pong(&mut self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        while self.ng.ask([("command", "ping".into())]).is_err() {
            ensure!(Instant::now() < until, "rtpengine answers: {}", self.program.text());
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(())
    }

    fn open_call(&mut self, call: u32, suites: [Suite; 2], phones: [SocketAddr; 2]) -> Result<OpenCall> {
        let [a, b] = call_keys(u64::from(self.program.pid()), call, suites).map(|keys| keys.phone);
        let [at_a, at_b] = phones;
        let call = format!("call-{call}");
        // It adds suites of its own to what is offered; the answer takes the one wanted on that leg.
        let offered = self.tell("offer", &call, &described(at_a, 1, &a))?;
        let to_b = Line::read(&offered, suites[1])?;
        let answered = self.tell("answer", &call, &described(at_b, to_b.tag, &b))?;
        let to_a = Line::read(&answered, suites[0])?;
        Ok([
            OpenLeg { relay: to_a.port, sends: a, hears: to_a.key },
            OpenLeg { relay: to_b.port, sends: b, hears: to_b.key },
        ])
    }

    fn tell(&mut self, command: &str, call: &str, description: &[u8]) -> Result<Vec<u8>> {
        let question = [
            ("command", command.into()),
            ("call-id", call.into()),
            ("from-tag", "a".into()),
            ("to-tag", "b".into()),
            ("ICE", "remove".into()),
            ("DTLS", "off".into()),
            ("SDES", Value::List(vec!["pad".into()])),
            ("transport-protocol", "RTP/SAVP".into()),
            ("sdp", description.into()),
        ];
        // An offer has no tag of the callee yet.
        let question = question.into_iter().filter(|(key, _)| *key != "to-tag" || command == "answer");
        let mut answer = self.ng.ask(question)?;
        match answer.remove("sdp") {
            Some(Value::Bytes(description)) => Ok(description),
            _ => anyhow::bail!("the answer has a description"),
        }
    }
}

impl Relay for Rtpengine {
    fn near(&self) -> IpAddr {
        CONTROL.ip()
    }

    fn open(
        &mut self,
        calls: u32,
        suites: [Suite; 2],
        phones: [SocketAddr; 2],
    ) -> Result<Vec<OpenCall>, LoadError> {
        (0..calls)
            .map(|call| self.open_call(call, suites, phones))
            .collect::<Result<_>>()
            .map_err(|error| LoadError::Refused(format!("{error:#}")))
    }

    fn usage(&mut self) -> Result<Usage, LoadError> {
        Usage::of(self.program.pid())
    }
}

/// What a phone at this address offers or answers: G.711 under this key.
fn described(phone: SocketAddr, tag: u32, key: &KeyMaterial) -> Vec<u8> {
    let mut line = AudioLine::new(Protocol::RtpSavp, phone.port());
    line.codecs.push(Codec::new(PayloadType(0), "PCMU", 8_000));
    line.crypto.push(LocalCrypto::offering(tag, key));
    let lines = vec![LineOut::Audio(line)];
    Description { session_id: 1, version: 1, address: phone.ip(), lines }.write().to_vec()
}

/// What rtpengine says of one of its legs.
struct Line {
    port: SocketAddr,
    tag: u32,
    key: KeyMaterial,
}

impl Line {
    /// Its port, and its key for this suite.
    fn read(description: &[u8], suite: Suite) -> Result<Self> {
        let session = Session::parse(description).context("a description")?;
        let media = session.media.first().context("a media line")?;
        let port = media.rtp(&session).context("an address")?;
        let crypto = media.usable_crypto().find(|line| line.suite == suite).context("a key for the suite")?;
        Ok(Self { port, tag: crypto.tag, key: crypto.key.hand_to_relay() })
    }
}

const CONTROL: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2223));
