//! What is asked of a relay.

use std::time::Duration;

use cordon_rtp::Suite;

use crate::pace::Pace;

/// What is asked of a relay: so many calls at once, for so long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Calls, each of two streams.
    pub calls: u32,
    /// The suites of a call's two legs.
    pub suites: [Suite; 2],
    /// How the packets lie in time.
    pub pace: Pace,
    /// How long the calls speak before anything is measured: addresses are learned, naps begun, and a relay that gives a
    /// steady phone a socket of its own has done so and caught up with what waited meanwhile.
    pub settling: Duration,
    /// How long is measured.
    pub length: Duration,
}

impl Load {
    /// As many calls, evenly spaced, with suites that differ so that no packet can be passed on as it came.
    pub fn of_calls(calls: u32) -> Load {
        Load {
            calls,
            suites: [Suite::AesCm128HmacSha1_80, Suite::AesCm256HmacSha1_80],
            pace: Pace::Even,
            settling: SETTLING,
            length: Duration::from_secs(10),
        }
    }

    /// Directions of media: two a call.
    pub fn streams(&self) -> u32 {
        self.calls.saturating_mul(2)
    }
}

/// Packets a second of one stream: voice in pieces of 20 ms.
pub const STREAM_RATE: u32 = 50;
/// Cordon connects a socket to a phone after a second of its packets, all calls of a load at once; two more to catch up.
const SETTLING: Duration = Duration::from_secs(3);
