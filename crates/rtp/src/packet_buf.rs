//! The buffer one datagram lives in from receive to send.

use std::fmt;

/// Most bytes of a datagram that is accepted: an Ethernet frame's worth. Voice needs a seventh of it.
pub const MAX_PACKET: usize = 1500;

/// Room behind the largest datagram: a 16-byte tag, the 4-byte SRTCP index and some to spare.
pub const TAILROOM: usize = 32;

/// One datagram and the room its tag grows into, so that open, rewrite and seal happen where it was received.
pub struct PacketBuf {
    bytes: [u8; MAX_PACKET + TAILROOM],
    /// Bytes in use; never more than `MAX_PACKET + TAILROOM`.
    len: usize,
}

impl PacketBuf {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { bytes: [0; MAX_PACKET + TAILROOM], len: 0 }
    }

    /// A buffer holding a copy of `datagram`; `None` when it is longer than [`MAX_PACKET`].
    pub fn from_slice(datagram: &[u8]) -> Option<Self> {
        let mut buf = Self::new();
        buf.spare_mut().get_mut(..datagram.len())?.copy_from_slice(datagram);
        buf.set_len(datagram.len());
        Some(buf)
    }

    /// The datagram.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The datagram, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    /// Bytes of the datagram.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no datagram.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where a socket may receive: [`MAX_PACKET`] bytes from the start, tailroom untouched. Follow with
    /// [`PacketBuf::set_len`].
    pub fn spare_mut(&mut self) -> &mut [u8] {
        self.bytes.split_at_mut(MAX_PACKET).0
    }

    /// Says how many bytes were received; more than fit count as all that fit.
    pub fn set_len(&mut self, len: usize) {
        self.len = len.min(MAX_PACKET + TAILROOM);
    }

    /// Appends `count` zero bytes and returns them; `None`, and nothing changed, when there is no room.
    pub fn grow(&mut self, count: usize) -> Option<&mut [u8]> {
        let end = self.len.checked_add(count)?;
        let added = self.bytes.get_mut(self.len..end)?;
        added.fill(0);
        self.len = end;
        Some(added)
    }

    /// Keeps the first `len` bytes; a longer `len` changes nothing.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

impl fmt::Debug for PacketBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was said stays out of logs.
        write!(f, "PacketBuf({} bytes)", self.len)
    }
}

impl Default for PacketBuf {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_datagram_still_has_its_tailroom() {
        let mut buf = PacketBuf::from_slice(&[9; MAX_PACKET]).unwrap();
        assert_eq!(buf.grow(TAILROOM).map(|added| added.len()), Some(TAILROOM));
        assert!(buf.grow(1).is_none());
        assert_eq!(buf.len(), MAX_PACKET + TAILROOM);
    }

    #[test]
    fn a_datagram_beyond_the_bound_is_not_taken() {
        assert!(PacketBuf::from_slice(&[0; MAX_PACKET + 1]).is_none());
    }

    #[test]
    fn truncate_never_uncovers_old_bytes() {
        let mut buf = PacketBuf::from_slice(&[1, 2, 3]).unwrap();
        buf.truncate(1);
        buf.truncate(3);
        assert_eq!(buf.as_slice(), [1]);
        buf.grow(2).unwrap();
        assert_eq!(buf.as_slice(), [1, 0, 0]);
    }
}
