//! What a source leaves behind where it made room or went on under another key.

use cordon_rtp::{PacketIndex, Ssrc};

use crate::media_clock::MediaClock;

/// Up to here, nothing of one source is heard again under one key.
pub(crate) struct Floor {
    ssrc: Ssrc,
    /// The key under which it was heard.
    generation: u32,
    rtp: Option<RtpFloor>,
    /// Highest authenticated SRTCP index.
    rtcp: Option<u64>,
}

/// The floor of a source's RTP packets.
#[derive(Clone, Copy)]
pub(crate) struct RtpFloor {
    /// Highest authenticated index.
    pub(crate) highest: PacketIndex,
    /// The negotiation after which the last packet came.
    pub(crate) negotiation: u32,
    pub(crate) clock: MediaClock,
}

/// The floors of one direction, at most [`MAX_FLOORS`].
///
/// Those of the keys in force stay. Those of former keys are there for a peer that comes back to one of them, and make
/// room in the order in which the keys were left.
pub(crate) struct Floors {
    list: Vec<Floor>,
}

impl Floors {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new() }
    }

    pub(crate) fn rtp(&self, ssrc: Ssrc, generation: u32) -> Option<&RtpFloor> {
        self.find(ssrc, generation)?.rtp.as_ref()
    }

    pub(crate) fn rtcp(&self, ssrc: Ssrc, generation: u32) -> Option<u64> {
        self.find(ssrc, generation)?.rtcp
    }

    /// Whether a source could leave its floors here; `oldest_live` is the first generation whose key is in force.
    pub(crate) fn has_room(&self, oldest_live: u32) -> bool {
        let staying = self.list.iter().filter(|floor| floor.generation >= oldest_live).count();
        staying + FLOORS_OF_A_SOURCE <= MAX_FLOORS
    }

    pub(crate) fn leave_rtp(&mut self, ssrc: Ssrc, generation: u32, rtp: RtpFloor) {
        self.entry(ssrc, generation).rtp = Some(rtp);
    }

    pub(crate) fn leave_rtcp(&mut self, ssrc: Ssrc, generation: u32, highest: u64) {
        self.entry(ssrc, generation).rtcp = Some(highest);
    }

    /// Takes the floor of a source that is heard again under this key.
    pub(crate) fn take_rtp(&mut self, ssrc: Ssrc, generation: u32) -> Option<RtpFloor> {
        let taken = self.find_mut(ssrc, generation)?.rtp.take();
        self.forget_empty();
        taken
    }

    /// The same for SRTCP.
    pub(crate) fn take_rtcp(&mut self, ssrc: Ssrc, generation: u32) -> Option<u64> {
        let taken = self.find_mut(ssrc, generation)?.rtcp.take();
        self.forget_empty();
        taken
    }

    /// The key that was `from` is in force again as `to`.
    pub(crate) fn rename_generation(&mut self, from: u32, to: u32) {
        self.list.iter_mut().filter(|floor| floor.generation == from).for_each(|floor| floor.generation = to);
    }

    fn find(&self, ssrc: Ssrc, generation: u32) -> Option<&Floor> {
        self.list.iter().find(|floor| floor.ssrc == ssrc && floor.generation == generation)
    }

    fn find_mut(&mut self, ssrc: Ssrc, generation: u32) -> Option<&mut Floor> {
        self.list.iter_mut().find(|floor| floor.ssrc == ssrc && floor.generation == generation)
    }

    fn entry(&mut self, ssrc: Ssrc, generation: u32) -> &mut Floor {
        let known = self.list.iter().position(|floor| floor.ssrc == ssrc && floor.generation == generation);
        let place = known.unwrap_or_else(|| {
            if self.list.len() >= MAX_FLOORS {
                let oldest = self.list.iter().map(|floor| floor.generation).min();
                self.list.retain(|floor| Some(floor.generation) != oldest);
            }
            self.list.push(Floor { ssrc, generation, rtp: None, rtcp: None });
            self.list.len() - 1
        });
        self.list.get_mut(place).expect("the place was found or just made")
    }

    fn forget_empty(&mut self) {
        self.list.retain(|floor| floor.rtp.is_some() || floor.rtcp.is_some());
    }
}

/// Floors in one direction: with them, 71 sources can be told apart under one key, where a call has two or three.
pub(crate) const MAX_FLOORS: usize = 64;
/// Its RTP and its RTCP may have been heard last under different keys.
const FLOORS_OF_A_SOURCE: usize = 2;
