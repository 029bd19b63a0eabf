//! Media in clear: only where a rule permits it, and never without the reason at hand.

use cordon_rtp::PacketBuf;

/// Why a stream may be in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlainReason {
    /// The leg is a trunk whose operator accepted unsecured media.
    Trunk,
    /// The site runs in profile `lab`.
    Lab,
    /// The call is to an emergency number.
    Emergency,
}

/// The permit for one stream in clear; whoever sends or takes media in clear must show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    reason: PlainReason,
}

impl Plain {
    /// Makes the permit. Only the layer that has policy's own permit for this stream in hand may call this.
    pub const fn by_permit(reason: PlainReason) -> Self {
        Self { reason }
    }

    /// Why this stream is in clear.
    pub const fn reason(self) -> PlainReason {
        self.reason
    }
}

/// A packet in clear, on its way to a peer that was permitted to get it so.
#[derive(Debug)]
pub struct PlainPacket<'b> {
    buf: &'b mut PacketBuf,
}

impl<'b> PlainPacket<'b> {
    pub(crate) fn new(buf: &'b mut PacketBuf) -> Self {
        Self { buf }
    }

    /// The bytes to send.
    pub fn as_slice(&self) -> &[u8] {
        self.buf.as_slice()
    }
}
