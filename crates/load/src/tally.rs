//! What became of the packets that were sent.

use std::time::Duration;

use crate::delays::Delays;

/// What became of the packets that were sent while it was measured.
#[derive(Clone, Default)]
pub struct Tally {
    /// Packets of voice that the system took.
    pub sent: u64,
    /// Packets of voice that it did not take: they are not the relay's loss.
    pub unsent: u64,
    /// Those of the sent that came to the other phone of their call, decrypted, word for word.
    pub right: u64,
    /// Packets that came behind a later one of their stream, or twice.
    pub out_of_order: u64,
    /// Packets that opened and said something else than the other phone of the call had said.
    pub foreign: u64,
    /// Packets that did not open with the key of the leg whose port they came from, or came from no leg's port.
    pub unopened: u64,
    /// How long the generator was in the system to send them. On the loopback this holds the receiver's half of the kernel.
    pub sending: Duration,
    /// Forged packets that the system took.
    pub forged: u64,
    /// From a packet's sealing to its arrival.
    pub delays: Delays,
    /// From when a packet was due to when the generator had time for it: where these are long the generator is at its
    /// own limit, not the relay.
    pub lateness: Delays,
}

impl Tally {
    /// Sent and not heard.
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.right)
    }

    /// The share of what was sent that was lost, 0 to 1.
    pub fn loss(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.lost() as f64 / self.sent as f64 }
    }

    /// Packets that a relay must never deliver.
    pub fn wrong(&self) -> u64 {
        self.out_of_order + self.foreign + self.unopened
    }
}
