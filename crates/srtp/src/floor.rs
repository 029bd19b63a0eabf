//! What a source leaves behind where it made room or went on under another key.

use cordon_rtp::{PacketIndex, Ssrc};

use crate::error::OpenError;
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

/// Who leaves a floor.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub(crate) ssrc: Ssrc,
    /// The key under which it was heard.
    pub(crate) generation: u32,
    /// The first key that is in force.
    pub(crate) oldest_live: u32,
}

/// The floor of a source's RTP packets.
#[derive(Clone)]
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

    /// Leaves the floor of a source's RTP. Refused where only one of a key in force could make room for it.
    pub(crate) fn leave_rtp(&mut self, left: Left, rtp: RtpFloor) -> Result<(), OpenError> {
        if let Some(floor) = self.entry(left)? {
            floor.rtp = Some(rtp);
        }
        Ok(())
    }

    /// The same for SRTCP.
    pub(crate) fn leave_rtcp(&mut self, left: Left, highest: u64) -> Result<(), OpenError> {
        if let Some(floor) = self.entry(left)? {
            floor.rtcp = Some(highest);
        }
        Ok(())
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

    /// The floor of a source under a key, made when there is none; nothing where it is of a former key and all others are
    /// of keys in force.
    fn entry(&mut self, left: Left) -> Result<Option<&mut Floor>, OpenError> {
        let Left { ssrc, generation, oldest_live } = left;
        let known = self.list.iter().position(|floor| floor.ssrc == ssrc && floor.generation == generation);
        let place = match known {
            Some(place) => place,
            None => {
                if self.list.len() >= MAX_FLOORS {
                    let oldest = self.list.iter().map(|floor| floor.generation).min();
                    match oldest.filter(|oldest| *oldest < oldest_live) {
                        Some(oldest) => self.list.retain(|floor| floor.generation != oldest),
                        None if generation < oldest_live => return Ok(None),
                        None => return Err(OpenError::TooManySources),
                    }
                }
                self.list.push(Floor { ssrc, generation, rtp: None, rtcp: None });
                self.list.len() - 1
            }
        };
        Ok(self.list.get_mut(place))
    }

    fn forget_empty(&mut self) {
        self.list.retain(|floor| floor.rtp.is_some() || floor.rtcp.is_some());
    }
}

/// Floors in one direction: with them, 71 sources can be told apart under one key, where a call has two or three.
pub(crate) const MAX_FLOORS: usize = 64;
/// Its RTP and its RTCP may have been heard last under different keys.
const FLOORS_OF_A_SOURCE: usize = 2;
