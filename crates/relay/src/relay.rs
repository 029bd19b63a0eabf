//! The relay: commands in, one datagram in, at most one transmit out, events out.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use cordon_rtp::PacketBuf;

use crate::generator::Generator;
use crate::place::{Component, Place};
use crate::port_table::PortTable;
use crate::stream::Stream;
use crate::{Command, CommandError, End, EndSetup, Local, LocalPort, RelayEvent, StreamId, StreamStatistics};

/// Owns the audio streams of one relay thread.
///
/// ```text
/// handle_command(now, command)                     signalling wishes something
/// handle_datagram(now, at, from, buf) -> Transmit  a datagram arrived; what is to be sent is in the same buffer
/// poll_event() -> RelayEvent                       signalling should know
/// ```
pub struct Relay {
    flows: PortTable<Place>,
    /// Each stream by itself: so the table grows without moving them, and what one needed goes with it.
    slots: Vec<Option<Box<Stream>>>,
    free: Vec<u32>,
    by_id: BTreeMap<StreamId, u32>,
    generator: Generator,
    events: VecDeque<RelayEvent>,
    /// Datagrams on ports no stream has.
    strays: u64,
}

/// Send what the buffer holds now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// The port of ours it leaves from.
    pub from: LocalPort,
    /// Where it goes.
    pub to: SocketAddr,
}

impl Relay {
    /// A relay without streams. The seed must be random and used for one relay only: SSRCs and first indexes
    /// come from it.
    pub fn new(seed: [u8; 32]) -> Relay {
        Relay {
            flows: PortTable::default(),
            slots: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            generator: Generator::new(seed),
            events: VecDeque::new(),
            strays: 0,
        }
    }

    /// Carries out a wish of signalling; what cannot be done comes back as [`RelayEvent::CommandRefused`].
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        let (stream, done) = match command {
            Command::Open { stream, a, b } => (stream, self.open(stream, a, b)),
            Command::Set { stream, end, setup } => (stream, self.set(now, stream, end, setup)),
            Command::Close { stream } => (stream, self.close(stream)),
        };
        if let Err(error) = done {
            self.refuse(stream, error);
        }
    }

    /// Tells that a command about a stream was not carried out: for a driver that could not do its own part of it.
    pub fn refuse(&mut self, stream: StreamId, error: CommandError) {
        self.events.push_back(RelayEvent::CommandRefused { stream, error });
    }

    /// Takes a datagram that arrived `at` a port of ours; the answer is to be sent from the same buffer.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        at: LocalPort,
        from: SocketAddr,
        buf: &mut PacketBuf,
    ) -> Option<Transmit> {
        let found = self.flows.find(at).and_then(|place| {
            let slot = usize::try_from(place.slot).ok()?;
            Some((place, self.slots.get_mut(slot)?.as_mut()?))
        });
        let Some((place, stream)) = found else {
            self.strays += 1;
            return None;
        };
        let outcome = stream.handle_datagram(now, place, from, buf, &mut self.generator);
        if outcome.is_first {
            self.events.push_back(RelayEvent::FirstAuthenticated { stream: stream.id, end: place.end });
        }
        for end in outcome.nearly_spent.into_iter().flatten() {
            self.events.push_back(RelayEvent::KeyNearlySpent { stream: stream.id, end });
        }
        outcome.transmit
    }

    /// What signalling should know next.
    pub fn poll_event(&mut self) -> Option<RelayEvent> {
        self.events.pop_front()
    }

    /// The figures of a stream so far.
    pub fn statistics(&self, stream: StreamId) -> Option<StreamStatistics> {
        let slot = usize::try_from(*self.by_id.get(&stream)?).ok()?;
        Some(self.slots.get(slot)?.as_ref()?.statistics())
    }

    /// The figures of every stream, in the order of their ids.
    pub fn all_statistics(&self) -> impl Iterator<Item = (StreamId, StreamStatistics)> + '_ {
        self.by_id.iter().filter_map(|(id, slot)| {
            let slot = usize::try_from(*slot).ok()?;
            Some((*id, self.slots.get(slot)?.as_ref()?.statistics()))
        })
    }

    /// Streams open now.
    pub fn streams(&self) -> usize {
        self.by_id.len()
    }

    /// Datagrams that arrived on a port no stream has.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    fn open(&mut self, stream: StreamId, a: Local, b: Local) -> Result<(), CommandError> {
        if self.by_id.contains_key(&stream) {
            return Err(CommandError::StreamInUse);
        }
        if self.by_id.len() >= MAX_STREAMS {
            return Err(CommandError::TooManyStreams);
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).map_err(|_| CommandError::TooManyStreams)?;
                self.slots.push(None);
                slot
            }
        };
        if let Err(error) = self.claim_ports(slot, a, b) {
            self.free.push(slot);
            return Err(error);
        }
        let opened = Stream::new(stream, a, b);
        if let Some(place) = self.slot_mut(slot) {
            *place = Some(Box::new(opened));
        }
        self.by_id.insert(stream, slot);
        Ok(())
    }

    /// All four ports or none.
    fn claim_ports(&mut self, slot: u32, a: Local, b: Local) -> Result<(), CommandError> {
        let wanted = [
            (a.rtp, End::A, Component::Rtp),
            (a.rtcp, End::A, Component::Rtcp),
            (b.rtp, End::B, Component::Rtp),
            (b.rtcp, End::B, Component::Rtcp),
        ];
        for (claimed, (port, end, component)) in wanted.iter().enumerate() {
            if self.flows.find(*port).is_some() {
                for (port, ..) in wanted.iter().take(claimed) {
                    self.flows.remove(*port);
                }
                return Err(CommandError::PortInUse);
            }
            self.flows.insert(*port, Place { slot, end: *end, component: *component });
        }
        Ok(())
    }

    fn set(&mut self, now: Instant, stream: StreamId, end: End, setup: EndSetup) -> Result<(), CommandError> {
        let slot = *self.by_id.get(&stream).ok_or(CommandError::UnknownStream)?;
        let slot = usize::try_from(slot).map_err(|_| CommandError::UnknownStream)?;
        let stream = self.slots.get_mut(slot).and_then(Option::as_mut).ok_or(CommandError::UnknownStream)?;
        stream.apply(now, end, setup, &mut self.generator);
        Ok(())
    }

    fn close(&mut self, id: StreamId) -> Result<(), CommandError> {
        let slot = self.by_id.remove(&id).ok_or(CommandError::UnknownStream)?;
        let stream = self.slot_mut(slot).and_then(Option::take).ok_or(CommandError::UnknownStream)?;
        for local in stream.locals() {
            self.flows.remove(local.rtp);
            self.flows.remove(local.rtcp);
        }
        self.free.push(slot);
        let statistics = Box::new(stream.statistics());
        self.events.push_back(RelayEvent::Closed { stream: id, statistics });
        Ok(())
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut Option<Box<Stream>>> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }
}

/// Streams of one relay: four ports each, so one interface's 65,536 ports are used up before this is.
const MAX_STREAMS: usize = 16_384;
