//! The three base times of RFC 3261 and what is derived from them (17.1.1.1, table 4).

use std::time::Duration;

/// T1, T2 and T4; every lettered timer but C is a multiple of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round-trip time.
    pub t1: Duration,
    /// Longest interval between retransmissions of a non-INVITE request or an INVITE response.
    pub t2: Duration,
    /// Longest time a message stays in the network.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Timers {
    /// 64*T1: Timers B, F, H, J, L and M, and how long a cancelled INVITE may still be answered.
    pub fn give_up(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D: how long a failed INVITE still absorbs retransmitted responses; zero over a reliable transport.
    pub(crate) fn timer_d(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.give_up().max(TIMER_D_MINIMUM) }
    }

    /// Timers I and K: how long an answered transaction still absorbs what the network had kept back.
    pub(crate) fn linger(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.t4 }
    }

    /// Timer J: how long an answered non-INVITE request still answers its retransmissions.
    pub(crate) fn timer_j(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.give_up() }
    }

    /// The next interval of Timers E and G: doubled, but never above T2.
    pub(crate) fn back_off(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }
}

/// Timer C (16.6 step 11): how long an INVITE may ring without a new provisional response; longer than three minutes.
pub const TIMER_C: Duration = Duration::from_secs(181);

/// RFC 3261 §17.1.1.2: Timer D is at least 32 seconds over an unreliable transport.
const TIMER_D_MINIMUM: Duration = Duration::from_secs(32);

/// How long the layer above may leave a request without any response before the layer forgets it. Far above
/// Timer C, whose firing on the other leg always brings an answer: reaching this is our own mistake, not a peer's.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_d_i_j_and_k_are_zero_over_a_reliable_transport() {
        let timers = Timers::default();
        assert_eq!(timers.timer_d(true), Duration::ZERO);
        assert_eq!(timers.linger(true), Duration::ZERO);
        assert_eq!(timers.timer_j(true), Duration::ZERO);
    }

    #[test]
    fn timer_d_is_at_least_32_seconds_over_udp() {
        let quick = Timers { t1: Duration::from_millis(10), ..Timers::default() };
        assert_eq!(quick.timer_d(false), Duration::from_secs(32));
    }

    #[test]
    fn intervals_double_up_to_t2() {
        let timers = Timers::default();
        let mut interval = timers.t1;
        let mut seen = vec![];
        for _ in 0..5 {
            seen.push(interval.as_millis());
            interval = timers.back_off(interval);
        }
        assert_eq!(seen, [500, 1000, 2000, 4000, 4000]);
    }
}
