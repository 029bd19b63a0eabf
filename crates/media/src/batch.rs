//! The buffers of one media thread: made once, and each datagram stays in its own from receive to send.

use std::net::{Ipv4Addr, SocketAddr};

use cordon_relay::{LocalPort, Transmit};
use cordon_rtp::PacketBuf;

/// Datagrams that are received together, relayed in place and sent together.
pub(crate) struct Batch {
    places: Box<[Datagram]>,
    /// Places in use, from the first; never more than there are.
    filled: usize,
}

/// One datagram on its way through.
pub(crate) struct Datagram {
    /// The port of ours it arrived at.
    pub(crate) at: LocalPort,
    /// Where it came from.
    pub(crate) from: SocketAddr,
    /// Where what is in the buffer goes, if anywhere.
    pub(crate) transmit: Option<Transmit>,
    pub(crate) buf: PacketBuf,
}

impl Batch {
    pub(crate) fn new() -> Batch {
        let place = || Datagram {
            at: LocalPort { interface: 0, port: 0 },
            from: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            transmit: None,
            buf: PacketBuf::new(),
        };
        Batch { places: std::iter::repeat_with(place).take(Batch::PLACES).collect(), filled: 0 }
    }

    /// Frees every place for the next turn.
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    /// The free places, next first. Follow with [`Batch::fill`].
    pub(crate) fn spare_mut(&mut self) -> &mut [Datagram] {
        self.places.get_mut(self.filled..).unwrap_or_default()
    }

    /// Says that the next `count` free places hold a datagram now.
    pub(crate) fn fill(&mut self, count: usize) {
        self.filled = self.filled.saturating_add(count).min(self.places.len());
    }

    pub(crate) fn is_full(&self) -> bool {
        self.filled == self.places.len()
    }

    /// The datagrams, in the order they were received.
    pub(crate) fn datagrams(&self) -> &[Datagram] {
        self.places.get(..self.filled).unwrap_or_default()
    }

    pub(crate) fn datagrams_mut(&mut self) -> &mut [Datagram] {
        self.places.get_mut(..self.filled).unwrap_or_default()
    }

    /// Enough to spread a waking over many datagrams, and so few that the first does not wait long for the last:
    /// a full batch takes about a third of a millisecond.
    pub(crate) const PLACES: usize = 64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_filled_place_by_place_and_never_beyond_its_last() {
        let mut batch = Batch::new();
        assert_eq!(batch.spare_mut().len(), Batch::PLACES);

        batch.fill(1);
        assert_eq!((batch.datagrams().len(), batch.spare_mut().len()), (1, Batch::PLACES - 1));
        batch.fill(usize::MAX);
        assert!(batch.is_full() && batch.spare_mut().is_empty());

        batch.clear();
        assert!(batch.datagrams_mut().is_empty());
    }
}
