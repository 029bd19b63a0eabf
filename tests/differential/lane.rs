//! One phone among several: it says its share of the messages, each once the one before it is settled.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cordon_sip::Message;
use cordon_tests::kamailio::DOMAIN;
use cordon_tests::raw_flow::RawFlow;
use cordon_tests::reading_pbx::serial;
use cordon_tests::wire::Answer;
use rustls::ClientConfig;

use crate::cut::{Cut, End};
use crate::mutator::{self, Mutated};
use crate::originals::{ORIGINALS, Original};

/// A phone and what it has learned.
pub(crate) struct Lane {
    tls: Arc<ClientConfig>,
    door: SocketAddr,
    from: IpAddr,
    user: String,
    flow: Option<RawFlow>,
    said: usize,
    pub(crate) ledger: Ledger,
}

/// What became of the messages of a lane.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By the number the PBX gave it: what a phone said that came through.
    pub(crate) forwarded: Vec<(u64, Mutated)>,
    /// Numbers of requests that are not mutated: registrations and probes.
    pub(crate) own: Vec<u64>,
    /// Messages that Cordon answered by itself or dropped.
    pub(crate) refused: usize,
    /// Messages that a busy Cordon turned away.
    pub(crate) shed: usize,
    /// Messages that were never complete or could not be cut.
    pub(crate) uncut: usize,
    /// Forwarded or not, no answer of the PBX came back: the stream broke behind them, or an INVITE was over by its own
    /// Expires (RFC 3261 §13.3.1) before the PBX had answered.
    pub(crate) uncertain: Vec<Mutated>,
    /// What went wrong.
    pub(crate) faults: Vec<String>,
}

impl Lane {
    pub(crate) fn new(tls: Arc<ClientConfig>, door: SocketAddr, from: IpAddr, user: String) -> Lane {
        Lane { tls, door, from, user, flow: None, said: 0, ledger: Ledger::default() }
    }

    /// Says the `number`-th message of all.
    pub(crate) fn say(&mut self, number: usize) -> Result<()> {
        if self.said.is_multiple_of(REFRESH) {
            self.flow = None;
        }
        self.said += 1;
        let mut flow = match self.flow.take() {
            Some(flow) => flow,
            None => self.connect()?,
        };
        let original = original(number);
        let seed = u64::try_from(number)?;
        let mutated = mutator::mutate(seed, &original.of(&self.user, &flow.local().to_string(), number));
        let cut = Cut::of(&mutated.bytes);
        let told = match cut.end {
            End::Whole => self.settle(&mut flow, number, &mutated, &cut),
            End::Waiting => self.leave_waiting(&mut flow, &mutated, &cut).map(|()| false),
            End::Broken => self.hear_out(&mut flow, &mutated, &cut).map(|()| false),
        };
        match told {
            Ok(goes_on) => self.flow = goes_on.then_some(flow),
            Err(fault) => {
                let text = String::from_utf8_lossy(&mutated.bytes).escape_debug().to_string();
                self.ledger
                    .faults
                    .push(format!("{number} ({}, {:?}): {fault:#}: {text}", original.name, mutated.changes));
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<RawFlow> {
        let mut registered = self.register();
        for _ in 0..TURNED_AWAY {
            match registered {
                Err(fault) if format!("{fault:#}").contains("CD-OVERLOAD") => registered = self.register(),
                _ => break,
            }
        }
        registered
    }

    fn register(&mut self) -> Result<RawFlow> {
        let mut flow = RawFlow::connect(&self.tls, self.door, self.from)?;
        let answer = flow.register(&format!("sip:{}@{DOMAIN}", self.user), LIMIT)?;
        self.ledger.own.push(serial(&answer).context("the PBX numbers its answers")?);
        Ok(flow)
    }

    /// A message that ends where the bytes end: all its answers, and the probe's. False when the phone is no longer
    /// registered.
    fn settle(&mut self, flow: &mut RawFlow, number: usize, mutated: &Mutated, cut: &Cut) -> Result<bool> {
        flow.wire.send(&mutated.bytes)?;
        let mut answers = Vec::new();
        while answers.len() < cut.finals() {
            answers.extend(next_final(flow)?);
        }
        let probed = self.probe(flow, number, &mut answers)?;
        ensure!(answers.len() == cut.finals(), "is answered {} times, not {}", answers.len(), cut.finals());
        let serials: Vec<u64> = answers.iter().filter_map(serial).collect();
        if serials.is_empty() && answers.iter().any(|answer| answer.status == 487) {
            self.ledger.uncertain.push(mutated.clone());
        } else if answers.iter().any(|answer| answer.status == 503) {
            self.ledger.shed += 1;
        } else if serials.is_empty() {
            self.ledger.refused += 1;
            let is_due = mutated.is_harmless && is_forwarded(original(number));
            ensure!(!is_due, "what means the same as a good message is refused: {answers:?}");
        }
        self.ledger.forwarded.extend(serials.into_iter().map(|serial| (serial, mutated.clone())));
        ensure!(probed.status == 200, "the probe is answered {}", probed.status);
        self.ledger.own.extend(serial(&probed));
        Ok(serial(&probed).is_some())
    }

    /// The answer to a question of this phone's own; answers to what came before it are collected.
    fn probe(&self, flow: &mut RawFlow, number: usize, answers: &mut Vec<Answer>) -> Result<Answer> {
        let aor = format!("sip:{}@{DOMAIN}", self.user);
        for attempt in 0..TURNED_AWAY {
            let call_id = format!("probe{number}-{attempt}");
            let probe = flow.request("OPTIONS", &format!("sip:probe@{DOMAIN}"), &aor, &call_id, "");
            flow.wire.send(probe.as_bytes())?;
            loop {
                let Some(answer) = next_final(flow)? else { continue };
                match answer.header("Call-ID") == Some(&call_id) {
                    // Cordon has to wait for a busy machine, and asks phones to come again.
                    true if answer.status == 503 => break,
                    true => return Ok(answer),
                    false => answers.push(answer),
                }
            }
        }
        bail!("no probe is taken")
    }

    /// A message that is not complete: the phone goes, and nothing of the message has been heard.
    fn leave_waiting(&mut self, flow: &mut RawFlow, mutated: &Mutated, cut: &Cut) -> Result<()> {
        flow.wire.send(&mutated.bytes)?;
        let mut answers = Vec::new();
        while answers.len() < cut.finals() {
            answers.extend(next_final(flow)?);
        }
        self.ledger.uncut += 1;
        self.ledger
            .forwarded
            .extend(answers.iter().filter_map(serial).map(|serial| (serial, mutated.clone())));
        Ok(())
    }

    /// Bytes that cannot be cut: whatever is answered, the connection ends.
    fn hear_out(&mut self, flow: &mut RawFlow, mutated: &Mutated, cut: &Cut) -> Result<()> {
        flow.wire.send(&mutated.bytes)?;
        let answers = flow.wire.answers_until_closed(LIMIT)?;
        let serials: Vec<u64> = answers.iter().filter_map(serial).collect();
        self.ledger.uncut += 1;
        if cut.readable() > serials.len() {
            self.ledger.uncertain.push(mutated.clone());
        }
        self.ledger.forwarded.extend(serials.into_iter().map(|serial| (serial, mutated.clone())));
        Ok(())
    }
}

/// The kinds take turns.
fn original(number: usize) -> &'static Original {
    // Lanes take turns, too, and each shall say every kind.
    &ORIGINALS[(number / LANES) % ORIGINALS.len()]
}

/// Whether the PBX is asked when a registered phone says this unchanged.
fn is_forwarded(original: &Original) -> bool {
    !original.name.starts_with("message") && !original.name.starts_with("bye")
}

/// The next answer, if it is a final one. The failure of an INVITE is acknowledged.
fn next_final(flow: &mut RawFlow) -> Result<Option<Answer>> {
    let answer = flow.wire.answer(LIMIT)?.context("the connection is closed")?;
    if answer.status >= 300
        && let Some(ack) = acknowledgement(&answer)
    {
        flow.wire.send(&ack)?;
    }
    Ok(Some(answer).filter(|answer| answer.status >= 200))
}

/// The ACK of an answer that is not 2xx; none for what is no INVITE or was never well formed.
fn acknowledgement(answer: &Answer) -> Option<Vec<u8>> {
    let number = answer.header("CSeq")?.strip_suffix(" INVITE")?;
    let [via, from, to, call_id] = ["Via", "From", "To", "Call-ID"].map(|name| answer.header(name));
    let ack = format!(
        "ACK sip:1002@{DOMAIN} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
         CSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
        via?, from?, to?, call_id?
    );
    let cut = Cut::of(ack.as_bytes());
    let is_whole = cut.end == End::Whole && matches!(cut.messages[..], [Ok(Message::Request(_))]);
    is_whole.then(|| ack.into_bytes())
}

/// Phones that speak at the same time.
pub(crate) const LANES: usize = 8;

/// A connection does not collect more bindings than this many messages can make.
const REFRESH: usize = 100;
/// How often a phone comes again.
const TURNED_AWAY: usize = 50;
const LIMIT: Duration = Duration::from_secs(10);
