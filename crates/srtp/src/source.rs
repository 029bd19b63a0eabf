//! What is remembered about the sources of one direction.

use cordon_rtp::{PacketIndex, Ssrc, Timestamp};

use crate::clock_span::ClockSpan;
use crate::error::OpenError;
use crate::packet::SourceId;
use crate::replay_window::ReplayWindow;

/// One SSRC the peer has proven to use; kept for the whole call, because an SSRC that leaves may return.
pub(crate) struct Source {
    pub(crate) ssrc: Ssrc,
    /// Grows when the peer starts over under this SSRC.
    pub(crate) epoch: u32,
    pub(crate) rtp: Option<Stream<16>>,
    pub(crate) rtcp: Option<Stream<4>>,
    /// The media clock under the key in use, since the source last started over.
    pub(crate) clock: Option<ClockSpan>,
    /// The media clock under the key in use before that: what shows such a reading is a recording.
    pub(crate) spent_clock: Option<ClockSpan>,
    /// The source started over under its key, and its reports were not heard since.
    pub(crate) awaits_reports: bool,
}

/// The packets of one source in one protocol.
pub(crate) struct Stream<const WORDS: usize> {
    pub(crate) window: ReplayWindow<WORDS>,
    /// The key under which the last packet came.
    pub(crate) generation: u32,
    /// The negotiation after which the last packet came.
    pub(crate) negotiation: u32,
}

/// The sources of one direction, at most [`MAX_SOURCES`].
pub(crate) struct Sources {
    entries: [Option<Source>; MAX_SOURCES],
}

impl Source {
    pub(crate) fn id(&self) -> SourceId {
        SourceId { ssrc: self.ssrc, epoch: self.epoch }
    }

    /// Whether a recorded packet may carry this reading of the media clock.
    pub(crate) fn has_shown(&self, timestamp: Timestamp) -> bool {
        self.clock.is_some_and(|clock| clock.covers(timestamp)) || self.is_spent(timestamp)
    }

    /// Whether only a packet of before the source started over can carry this reading.
    pub(crate) fn is_spent(&self, timestamp: Timestamp) -> bool {
        self.spent_clock.is_some_and(|clock| clock.covers(timestamp))
    }

    /// Takes the reading of an authenticated packet.
    pub(crate) fn show(&mut self, timestamp: Timestamp) {
        match &mut self.clock {
            Some(clock) => clock.extend(timestamp),
            None => self.clock = Some(ClockSpan::starting_at(timestamp)),
        }
    }

    /// The source starts over under its key: what its clock showed so far is spent.
    pub(crate) fn spend_clock(&mut self) {
        match (&mut self.spent_clock, self.clock.take()) {
            (Some(spent), Some(clock)) => spent.merge(clock),
            (None, clock) => self.spent_clock = clock,
            (Some(_), None) => {}
        }
    }

    /// The source is heard under another key: nothing that was recorded before authenticates any more.
    pub(crate) fn forget_clock(&mut self) {
        (self.clock, self.spent_clock) = (None, None);
    }

    fn generation(&self) -> u32 {
        let rtp = self.rtp.as_ref().map_or(0, |stream| stream.generation);
        let rtcp = self.rtcp.as_ref().map_or(0, |stream| stream.generation);
        rtp.max(rtcp)
    }
}

impl Stream<16> {
    /// The highest authenticated index.
    pub(crate) fn highest(&self) -> PacketIndex {
        PacketIndex::from_u64(self.window.highest()).unwrap_or(PacketIndex::MAX)
    }
}

impl Sources {
    pub(crate) fn new() -> Self {
        Self { entries: [const { None }; MAX_SOURCES] }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    pub(crate) fn find(&self, ssrc: Ssrc) -> Option<&Source> {
        self.entries.iter().flatten().find(|source| source.ssrc == ssrc)
    }

    /// Whether a source that is not known yet would find a place.
    pub(crate) fn has_room(&self, oldest_live: u32) -> bool {
        self.entries.iter().any(|entry| entry.as_ref().is_none_or(|source| source.generation() < oldest_live))
    }

    /// The entry of `ssrc`; a new one starts in `epoch`. Call only when a packet of it has authenticated.
    ///
    /// When all places are taken, a source that was never heard under a key still in force makes room: its recorded
    /// packets authenticate no more, so nothing of it can be replayed.
    pub(crate) fn entry(
        &mut self,
        ssrc: Ssrc,
        epoch: u32,
        oldest_live: u32,
    ) -> Result<&mut Source, OpenError> {
        let known =
            self.entries.iter().position(|entry| entry.as_ref().is_some_and(|source| source.ssrc == ssrc));
        let place = known
            .or_else(|| self.entries.iter().position(Option::is_none))
            .or_else(|| self.stalest(oldest_live))
            .ok_or(OpenError::TooManySources)?;
        let entry = self.entries.get_mut(place).ok_or(OpenError::TooManySources)?;
        if known.is_none() {
            *entry = None;
        }
        Ok(entry.get_or_insert(Source {
            ssrc,
            epoch,
            rtp: None,
            rtcp: None,
            clock: None,
            spent_clock: None,
            awaits_reports: false,
        }))
    }

    fn stalest(&self, oldest_live: u32) -> Option<usize> {
        let stale = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(place, entry)| Some((place, entry.as_ref()?.generation())));
        stale
            .filter(|(_, generation)| *generation < oldest_live)
            .min_by_key(|(_, generation)| *generation)
            .map(|(place, _)| place)
    }
}

/// Sources in one direction: a phone has one, a transfer or music on hold brings another; a flood brings no more.
const MAX_SOURCES: usize = 8;
