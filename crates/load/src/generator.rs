//! Both phones of every call: they speak when it is time, and listen all the time.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use cordon_rtp::PacketBuf;
use cordon_steer::BATCH;

use crate::error::LoadError;
use crate::forger::Forger;
use crate::leg::{Heard, Leg};
use crate::lines::Lines;
use crate::load::Load;
use crate::pace::packets_before;
use crate::relay::{OpenCall, Relay};
use crate::tally::Tally;

/// Both phones of every call. It never sleeps while it speaks, so it wants a processor of its own.
pub struct Generator {
    lines: Lines,
    legs: Legs,
    begin: Instant,
}

impl Generator {
    /// Opens the phones' sockets and has the relay set up so many calls.
    pub fn call(relay: &mut dyn Relay, calls: u32, load: &Load) -> Result<Generator, LoadError> {
        let lines = Lines::open(relay.near())?;
        let open = relay.open(calls, load.suites, lines.phones()?)?;
        Ok(Generator { lines, legs: Legs::new(open), begin: Instant::now() })
    }

    /// The relay's ports from the call of this number on.
    pub fn ports_from(&self, call: u32) -> Vec<SocketAddr> {
        let legs = self.legs.all.iter().skip(call as usize * 2);
        legs.map(|leg| leg.relay).collect()
    }

    /// Speaks the load on the first of the calls, calls `mark` when measuring begins and when everything is said, and tells
    /// what became of the packets in between.
    pub fn speak(
        mut self,
        load: &Load,
        mut forger: Option<&mut Forger>,
        mut mark: impl FnMut() -> Result<(), LoadError>,
    ) -> Result<Tally, LoadError> {
        let mut speech = Speech::new(load, self.legs.all.len(), self.begin.elapsed());
        let mut measuring = None;
        while speech.next < speech.measured.end {
            if measuring.is_none() && speech.is_measured(speech.next) {
                mark()?;
                measuring = Some(self.begin.elapsed());
            }
            self.say_what_is_due(&mut speech);
            // Nothing is forged before: what the first forged packets cost and leave behind is measured too.
            if let Some((forger, begin)) = forger.as_mut().zip(measuring) {
                speech.tally.forged += forger.forge(self.begin.elapsed() - begin);
            }
            self.listen(&mut speech);
        }
        mark()?;
        self.listen_to_the_end(&mut speech);
        Ok(speech.tally)
    }

    fn say_what_is_due(&mut self, speech: &mut Speech) {
        let now = self.begin.elapsed();
        let is_measured = speech.is_measured(speech.next);
        for _ in 0..BATCH {
            // What is measured does not leave together with what is not.
            if speech.is_measured(speech.next) != is_measured {
                break;
            }
            let Some(late) = speech.lateness(now) else { break };
            let Some(leg) = self.legs.all.get_mut(speech.speaker()) else { break };
            let Some(buf) = self.lines.next(leg.side(), leg.relay) else { break };
            leg.speak(now, buf);
            speech.next += 1;
            if is_measured {
                speech.tally.lateness.note(late);
            }
        }
        let sending = Instant::now();
        let departed = self.lines.send();
        if is_measured {
            // Most of the time nothing is due: what it takes to find that out is no packet's.
            speech.tally.sending += if departed.sent > 0 { sending.elapsed() } else { Duration::ZERO };
            speech.tally.sent += departed.sent;
            speech.tally.unsent += departed.unsent;
        }
    }

    /// Whether anything arrived that is measured.
    fn listen(&mut self, speech: &mut Speech) -> bool {
        let before = speech.tally.right;
        let Self { lines, legs, begin } = self;
        lines.receive(|arrived, from, buf| speech.note(arrived - *begin, legs.hear(arrived, from, buf)));
        speech.tally.right > before
    }

    /// Listens until everything is there, or nothing has come for a while.
    fn listen_to_the_end(&mut self, speech: &mut Speech) {
        let mut patience = Instant::now() + SILENCE;
        while speech.tally.lost() > 0 && Instant::now() < patience {
            if self.listen(speech) {
                patience = Instant::now() + SILENCE;
            }
        }
    }
}

/// One load while it is spoken. Times count from the generator's beginning, packets over all streams.
struct Speech {
    load: Load,
    /// Legs that speak: as many as there are streams, unless there are fewer that speak for all.
    legs: u64,
    /// When the first packet was due, so that the next is due as the pace says.
    start: Duration,
    /// The next packet to be said.
    next: u64,
    measured: Range<u64>,
    tally: Tally,
}

impl Speech {
    fn new(load: &Load, legs: usize, start: Duration) -> Speech {
        let before = |time| packets_before(time, load.streams());
        let legs = (legs as u64).min(u64::from(load.streams())).max(1);
        let measured = before(load.settling)..before(load.settling + load.length);
        Speech { load: *load, legs, start, next: 0, measured, tally: Tally::default() }
    }

    fn is_measured(&self, packet: u64) -> bool {
        self.measured.contains(&packet)
    }

    /// Whose turn it is.
    fn speaker(&self) -> usize {
        usize::try_from(self.next % self.legs).unwrap_or(usize::MAX)
    }

    /// How late the next packet is; `None` before it is due. Whoever was kept from speaking for long goes on from there: to
    /// make up for all of it at once would be a flood that no phone makes.
    fn lateness(&mut self, now: Duration) -> Option<Duration> {
        let due = self.start + self.load.pace.due(self.next, self.load.streams());
        let late = now.checked_sub(due)?;
        if late > MADE_UP_FOR {
            self.start += late;
        }
        Some(late)
    }

    fn note(&mut self, now: Duration, heard: Heard) {
        match heard {
            Heard::Right(voice) => {
                let packet = voice.number * self.legs + u64::from(voice.speaker);
                if self.is_measured(packet) {
                    self.tally.right += 1;
                    self.tally.delays.note(now.saturating_sub(voice.left));
                }
            }
            Heard::OutOfOrder => self.tally.out_of_order += 1,
            Heard::Foreign => self.tally.foreign += 1,
            Heard::Unopened => self.tally.unopened += 1,
        }
    }
}

/// The legs of all calls, found by the relay's port.
struct Legs {
    all: Vec<Leg>,
    /// For each port of the relay the position of its leg, and one more; 0 is no leg.
    by_port: Vec<u32>,
}

impl Legs {
    fn new(calls: Vec<OpenCall>) -> Legs {
        let all: Vec<Leg> =
            (0..).zip(calls.into_iter().flatten()).map(|(number, open)| Leg::new(number, open)).collect();
        let mut by_port = vec![0; PORTS];
        for (number, leg) in (1..).zip(&all) {
            if let Some(place) = by_port.get_mut(usize::from(leg.relay.port())) {
                *place = number;
            }
        }
        Legs { all, by_port }
    }

    fn hear(&mut self, now: Instant, from: SocketAddr, buf: &mut PacketBuf) -> Heard {
        let place = self.by_port.get(usize::from(from.port())).copied().unwrap_or(0);
        let leg = place.checked_sub(1).and_then(|place| self.all.get_mut(place as usize));
        match leg.filter(|leg| leg.relay == from) {
            Some(leg) => leg.hear(now, buf),
            None => Heard::Unopened,
        }
    }
}

const PORTS: usize = 1 << 16;
/// Five packets of a stream: what a jitter buffer takes at once.
const MADE_UP_FOR: Duration = Duration::from_millis(100);
/// How long nothing must have come before the rest counts as lost.
const SILENCE: Duration = Duration::from_secs(2);
