//! Where a datagram belongs that arrives at a port of ours.

use crate::End;

/// Which of the two ports of an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Component {
    Rtp,
    Rtcp,
}

/// What a local port belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Position of the stream in the relay's slab.
    pub(crate) slot: u32,
    pub(crate) end: End,
    pub(crate) component: Component,
}
