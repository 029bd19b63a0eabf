//! What is remembered about the sources of one direction.

use cordon_rtp::{PacketIndex, Ssrc, Timestamp};

use crate::candidate::Count;
use crate::error::OpenError;
use crate::floor::{Floors, Left, RtpFloor};
use crate::media_clock::MediaClock;
use crate::packet::SourceId;
use crate::replay_window::ReplayWindow;

/// One SSRC the peer has proven to use.
pub(crate) struct Source {
    pub(crate) ssrc: Ssrc,
    /// Grows when the peer starts over under this SSRC.
    epoch: u32,
    rtp: Option<Stream<16>>,
    rtcp: Option<Stream<4>>,
    /// The media clock under the key its RTP was heard with.
    clock: MediaClock,
    /// The source started over under its key, and its reports were not heard since.
    pub(crate) awaits_reports: bool,
    /// When it was heard last, counted in packets.
    heard: u64,
}

/// The packets of one source in one protocol.
pub(crate) struct Stream<const WORDS: usize> {
    pub(crate) window: ReplayWindow<WORDS>,
    /// The key under which the last packet came.
    pub(crate) generation: u32,
    /// The negotiation after which the last packet came.
    negotiation: u32,
}

/// An authenticated packet, to be remembered.
#[derive(Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) ssrc: Ssrc,
    pub(crate) index: u64,
    pub(crate) count: Count,
    /// Whether it came under the key in force, not under the one before.
    pub(crate) is_current: bool,
    /// The key it came under, and the first that is in force.
    pub(crate) generation: u32,
    pub(crate) oldest_live: u32,
    pub(crate) negotiation: u32,
    /// The epoch that begins if this packet begins one.
    pub(crate) epoch: u32,
}

/// What was heard of a source's RTP under one key: its stream, or the floor it left.
#[derive(Clone, Copy)]
pub(crate) enum Past<'s> {
    Stream(&'s Stream<16>, &'s MediaClock),
    Floor(&'s RtpFloor),
}

/// The sources of one direction, at most [`MAX_SOURCES`], and the floors of those that were more.
pub(crate) struct Sources {
    entries: Vec<Source>,
    floors: Floors,
    heard: u64,
}

impl Sources {
    pub(crate) fn new() -> Self {
        // The one that nearly every call has, so that its first packet allocates nothing.
        Self { entries: Vec::with_capacity(1), floors: Floors::new(), heard: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn find(&self, ssrc: Ssrc) -> Option<&Source> {
        self.entries.iter().find(|source| source.ssrc == ssrc)
    }

    /// What was heard of a source's RTP under one key.
    pub(crate) fn past(&self, ssrc: Ssrc, generation: u32) -> Option<Past<'_>> {
        self.past_of(self.find(ssrc), ssrc, generation)
    }

    /// The same where [`Sources::find`] has answered already.
    pub(crate) fn past_of<'s>(
        &'s self,
        source: Option<&'s Source>,
        ssrc: Ssrc,
        generation: u32,
    ) -> Option<Past<'s>> {
        let live = source.and_then(|source| Some((source.rtp.as_ref()?, &source.clock)));
        match live {
            Some((stream, clock)) if stream.generation == generation => Some(Past::Stream(stream, clock)),
            _ => self.floors.rtp(ssrc, generation).map(Past::Floor),
        }
    }

    /// Below and at this SRTCP index nothing of a source is heard again under one key.
    pub(crate) fn rtcp_floor(&self, ssrc: Ssrc, generation: u32) -> Option<u64> {
        self.floors.rtcp(ssrc, generation)
    }

    /// Whether a source that is not known yet would find a place.
    pub(crate) fn has_room(&self, oldest_live: u32) -> bool {
        self.entries.len() < MAX_SOURCES || self.floors.has_room(oldest_live)
    }

    /// The key that was `from` is in force again as `to`.
    pub(crate) fn rename_generation(&mut self, from: u32, to: u32) {
        for source in &mut self.entries {
            let rtp = source.rtp.as_mut().map(|stream| &mut stream.generation);
            let rtcp = source.rtcp.as_mut().map(|stream| &mut stream.generation);
            rtp.into_iter().chain(rtcp).filter(|known| **known == from).for_each(|known| *known = to);
        }
        self.floors.rename_generation(from, to);
    }

    /// Remembers an RTP packet; answers whose it is, and whether it is the newest of its source.
    pub(crate) fn commit_rtp(
        &mut self,
        heard: Heard,
        timestamp: Timestamp,
    ) -> Result<(SourceId, bool), OpenError> {
        let place = self.place(heard)?;
        let source = self.entries.get_mut(place).ok_or(OpenError::TooManySources)?;
        let is_elsewhere = source.rtp.as_ref().is_none_or(|stream| stream.generation != heard.generation);
        let floor = if is_elsewhere {
            source.leave_rtp(&mut self.floors, heard.oldest_live)?;
            self.floors.take_rtp(heard.ssrc, heard.generation)
        } else {
            None
        };
        let is_newest = source.commit_rtp(heard, floor);
        source.clock.show(timestamp);
        Ok((source.id(), is_newest))
    }

    /// Remembers an RTCP packet; answers whose it is.
    pub(crate) fn commit_rtcp(&mut self, heard: Heard) -> Result<SourceId, OpenError> {
        let place = self.place(heard)?;
        let source = self.entries.get_mut(place).ok_or(OpenError::TooManySources)?;
        let is_elsewhere = source.rtcp.as_ref().is_none_or(|stream| stream.generation != heard.generation);
        let floor = if is_elsewhere {
            source.leave_rtcp(&mut self.floors, heard.oldest_live)?;
            self.floors.take_rtcp(heard.ssrc, heard.generation)
        } else {
            None
        };
        source.commit_rtcp(heard, floor);
        Ok(source.id())
    }

    /// Where the source of an authenticated packet is remembered. When all places are taken, one that was never heard
    /// under a key in force makes room, or else the one that was not heard for longest; its floors stay.
    fn place(&mut self, heard: Heard) -> Result<usize, OpenError> {
        self.heard += 1;
        if let Some(place) = self.entries.iter().position(|source| source.ssrc == heard.ssrc) {
            if let Some(source) = self.entries.get_mut(place) {
                source.heard = self.heard;
            }
            return Ok(place);
        }
        if !self.has_room(heard.oldest_live) {
            return Err(OpenError::TooManySources);
        }
        if self.entries.len() >= MAX_SOURCES {
            let leaving = (0..self.entries.len()).min_by_key(|place| {
                self.entries
                    .get(*place)
                    .map(|source| (source.newest_generation() >= heard.oldest_live, source.heard))
            });
            let leaving = leaving.ok_or(OpenError::TooManySources)?;
            if let Some(source) = self.entries.get(leaving) {
                source.leave_rtp(&mut self.floors, heard.oldest_live)?;
                source.leave_rtcp(&mut self.floors, heard.oldest_live)?;
            }
            self.entries.swap_remove(leaving);
        }
        self.entries.push(Source {
            ssrc: heard.ssrc,
            epoch: heard.epoch,
            rtp: None,
            rtcp: None,
            clock: MediaClock::default(),
            awaits_reports: false,
            heard: self.heard,
        });
        Ok(self.entries.len() - 1)
    }
}

impl Source {
    /// The RTP stream, under whichever key it was heard last.
    pub(crate) fn stream(&self) -> Option<&Stream<16>> {
        self.rtp.as_ref()
    }

    /// The RTCP stream, under whichever key it was heard last.
    pub(crate) fn reports(&self) -> Option<&Stream<4>> {
        self.rtcp.as_ref()
    }

    fn id(&self) -> SourceId {
        SourceId { ssrc: self.ssrc, epoch: self.epoch }
    }

    fn newest_generation(&self) -> u32 {
        let rtp = self.rtp.as_ref().map_or(0, |stream| stream.generation);
        let rtcp = self.rtcp.as_ref().map_or(0, |stream| stream.generation);
        rtp.max(rtcp)
    }

    fn leave_rtp(&self, floors: &mut Floors, oldest_live: u32) -> Result<(), OpenError> {
        let Some(stream) = &self.rtp else { return Ok(()) };
        let Stream { generation, negotiation, .. } = *stream;
        let floor = RtpFloor { highest: stream.highest(), negotiation, clock: self.clock.clone() };
        floors.leave_rtp(Left { ssrc: self.ssrc, generation, oldest_live }, floor)
    }

    fn leave_rtcp(&self, floors: &mut Floors, oldest_live: u32) -> Result<(), OpenError> {
        let Some(stream) = &self.rtcp else { return Ok(()) };
        let left = Left { ssrc: self.ssrc, generation: stream.generation, oldest_live };
        floors.leave_rtcp(left, stream.window.highest())
    }

    /// Takes an RTP packet in; `floor` is what was left under its key. True when it is the newest.
    fn commit_rtp(&mut self, heard: Heard, floor: Option<RtpFloor>) -> bool {
        let Heard { index, count, generation, negotiation, epoch, .. } = heard;
        if count == Count::Restarts {
            self.epoch = epoch;
        }
        let is_known_here = self.rtp.as_ref().is_some_and(|stream| stream.generation == generation);
        if let Some(floor) = &floor {
            self.clock = floor.clock.clone();
        } else if !is_known_here {
            self.clock = MediaClock::default();
        }
        let window = match (&mut self.rtp, floor) {
            (Some(stream), None) if count == Count::Continues => {
                (stream.generation, stream.negotiation) = (generation, negotiation);
                return stream.window.commit(index);
            }
            (_, Some(floor)) if index > floor.highest.as_u64() => {
                let mut window = ReplayWindow::closed_at(floor.highest.as_u64());
                window.commit(index);
                window
            }
            (_, floor) => {
                if is_known_here || floor.is_some() {
                    self.clock.spend();
                    self.awaits_reports = true;
                }
                ReplayWindow::starting_at(index)
            }
        };
        self.rtp = Some(Stream { window, generation, negotiation });
        true
    }

    fn commit_rtcp(&mut self, heard: Heard, floor: Option<u64>) {
        let Heard { index, count, is_current, generation, negotiation, .. } = heard;
        if is_current && index < FIRST_REPORTS {
            self.awaits_reports = false;
        }
        match (&mut self.rtcp, floor) {
            (Some(stream), None) if count == Count::Continues => {
                stream.window.commit(index);
            }
            (_, floor) => {
                let mut window = ReplayWindow::starting_at(index);
                if let Some(floor) = floor.filter(|floor| index > *floor) {
                    window = ReplayWindow::closed_at(floor);
                    window.commit(index);
                }
                self.rtcp = Some(Stream { window, generation, negotiation });
            }
        }
    }
}

impl Stream<16> {
    /// The highest authenticated index.
    pub(crate) fn highest(&self) -> PacketIndex {
        PacketIndex::from_u64(self.window.highest()).unwrap_or(PacketIndex::MAX)
    }
}

impl Past<'_> {
    /// The highest authenticated index.
    pub(crate) fn highest(&self) -> PacketIndex {
        match self {
            Past::Stream(stream, _) => stream.highest(),
            Past::Floor(floor) => floor.highest,
        }
    }

    /// Whether a packet at this index and reading of the clock is known not to have been heard.
    pub(crate) fn is_fresh(&self, index: PacketIndex, timestamp: Timestamp) -> bool {
        let is_fresh = match self {
            Past::Stream(stream, _) => stream.window.is_fresh(index.as_u64()),
            Past::Floor(floor) => index > floor.highest,
        };
        is_fresh && !self.clock().is_spent(timestamp)
    }

    pub(crate) fn clock(&self) -> &MediaClock {
        match self {
            Past::Stream(_, clock) => clock,
            Past::Floor(floor) => &floor.clock,
        }
    }

    /// The negotiation after which the last packet came.
    pub(crate) fn negotiation(&self) -> u32 {
        match self {
            Past::Stream(stream, _) => stream.negotiation,
            Past::Floor(floor) => floor.negotiation,
        }
    }

    /// How a packet that goes on counting stands to what was given on before. A source that is taken up from its floor
    /// begins an epoch: what its indexes were mapped to may be forgotten.
    pub(crate) fn onward(&self) -> Count {
        match self {
            Past::Stream(..) => Count::Continues,
            Past::Floor(_) => Count::Restarts,
        }
    }
}

/// Index below which the reports of a source that started over begin. Recorded ones could hold the count up by no more.
pub(crate) const FIRST_REPORTS: u64 = 16;
/// Sources in one direction: a phone has one, a transfer or music on hold brings another; a flood brings no more.
const MAX_SOURCES: usize = 8;
