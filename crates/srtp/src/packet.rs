//! The packets as states of one buffer: what a value may be used for is its type.
//!
//! ```text
//!  socket -> SrtpPacket  -- Inbound::open_rtp -->  RtpPacket  -- Outbound::seal_rtp -->  SrtpPacket  -> socket
//!            SrtcpPacket -- Inbound::open_rtcp --> RtcpPacket -- Outbound::seal_rtcp --> SrtcpPacket
//! ```

use std::fmt;

use cordon_rtp::{PacketBuf, PacketIndex, PayloadType, Roc, RtpHeader, RtpHeaderMut, Ssrc, Timestamp, rtcp};

use crate::error::OpenError;
use crate::plain::{Plain, PlainPacket};

/// One run of packets whose indexes only make sense together.
///
/// A peer that starts to count anew, with another key or after a renegotiation, continues under its SSRC but not in its
/// epoch; what is sealed for the other side must then not follow its indexes, or keystream would be used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId {
    /// The SSRC the peer uses.
    pub ssrc: Ssrc,
    /// Grows whenever any source of the peer begins or starts over: higher than all before is a source in a new life.
    pub epoch: u32,
}

/// A datagram taken for SRTP: just received and unproven, or sealed and ready to send.
pub struct SrtpPacket<'b> {
    buf: &'b mut PacketBuf,
}

/// A datagram taken for SRTCP: just received and unproven, or sealed and ready to send.
pub struct SrtcpPacket<'b> {
    buf: &'b mut PacketBuf,
}

/// An authenticated and decrypted RTP packet, or one permitted to be plain.
pub struct RtpPacket<'b> {
    buf: &'b mut PacketBuf,
    source: SourceId,
    index: PacketIndex,
    is_newest: bool,
}

/// An authenticated and decrypted compound RTCP packet, or one permitted to be plain.
pub struct RtcpPacket<'b> {
    buf: &'b mut PacketBuf,
    source: SourceId,
}

impl<'b> SrtpPacket<'b> {
    /// Whatever a socket received.
    pub fn received(buf: &'b mut PacketBuf) -> Self {
        Self { buf }
    }

    /// The bytes to send.
    pub fn as_slice(&self) -> &[u8] {
        self.buf.as_slice()
    }

    pub(crate) fn into_buf(self) -> &'b mut PacketBuf {
        self.buf
    }
}

impl<'b> SrtcpPacket<'b> {
    /// Whatever a socket received.
    pub fn received(buf: &'b mut PacketBuf) -> Self {
        Self { buf }
    }

    /// The bytes to send.
    pub fn as_slice(&self) -> &[u8] {
        self.buf.as_slice()
    }

    pub(crate) fn into_buf(self) -> &'b mut PacketBuf {
        self.buf
    }
}

impl<'b> RtpPacket<'b> {
    pub(crate) fn new(buf: &'b mut PacketBuf, source: SourceId, index: PacketIndex, is_newest: bool) -> Self {
        Self { buf, source, index, is_newest }
    }

    /// A packet that came in clear by permit, as the first of its source: its index has ROC 0.
    ///
    /// Whoever relays a stream in clear counts its wraps and gives the index on with [`RtpPacket::rewritten`].
    pub fn plain(buf: &'b mut PacketBuf, permit: Plain) -> Result<Self, OpenError> {
        let _ = permit;
        let header = RtpHeader::parse(buf.as_slice()).ok_or(OpenError::Malformed)?;
        let source = SourceId { ssrc: header.ssrc(), epoch: 0 };
        let index = PacketIndex::new(Roc(0), header.seq());
        Ok(Self { buf, source, index, is_newest: true })
    }

    /// A packet that we make ourselves, as a phone does; its sequence number is set to that of `index`.
    pub fn originate(buf: &'b mut PacketBuf, index: PacketIndex) -> Result<Self, OpenError> {
        RtpHeaderMut::parse(buf.as_mut_slice()).ok_or(OpenError::Malformed)?.set_seq(index.seq());
        let header = RtpHeader::parse(buf.as_slice()).ok_or(OpenError::Malformed)?;
        let source = SourceId { ssrc: header.ssrc(), epoch: 0 };
        Ok(Self { buf, source, index, is_newest: true })
    }

    /// The SSRC in the packet.
    pub fn ssrc(&self) -> Ssrc {
        self.header().map_or(self.source.ssrc, |header| header.ssrc())
    }

    /// The index in the packet's stream, which counts the wraps that its sequence number does not show.
    pub fn index(&self) -> PacketIndex {
        self.index
    }

    /// The run of packets this one was received in.
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// Whether this is the highest index of its source so far. Only such a packet may tell where a peer is: an older
    /// one could be a genuine packet that somebody recorded and sends first from elsewhere.
    pub fn is_newest(&self) -> bool {
        self.is_newest
    }

    /// The media clock.
    pub fn timestamp(&self) -> Timestamp {
        self.header().map_or(Timestamp(0), |header| header.timestamp())
    }

    /// The codec number.
    pub fn payload_type(&self) -> PayloadType {
        self.header().map_or(PayloadType(0), |header| header.payload_type())
    }

    /// The marker bit.
    pub fn marker(&self) -> bool {
        self.header().is_some_and(|header| header.marker())
    }

    /// The payload without padding; empty when the packet's padding is wrong.
    pub fn payload(&self) -> &[u8] {
        RtpHeader::parse(self.buf.as_slice()).map_or(&[], |header| header.payload())
    }

    /// The same packet as part of another stream: SSRC, sequence number and clock are written in place.
    pub fn rewritten(mut self, ssrc: Ssrc, index: PacketIndex, timestamp: Timestamp) -> Self {
        if let Some(mut header) = RtpHeaderMut::parse(self.buf.as_mut_slice()) {
            header.set_ssrc(ssrc);
            header.set_seq(index.seq());
            header.set_timestamp(timestamp);
        }
        self.index = index;
        self
    }

    /// The packet in clear, for a peer that was permitted to get it so.
    pub fn into_plain(self, permit: Plain) -> PlainPacket<'b> {
        let _ = permit;
        PlainPacket::new(self.buf)
    }

    pub(crate) fn into_buf(self) -> &'b mut PacketBuf {
        self.buf
    }

    fn header(&self) -> Option<RtpHeader<'_>> {
        RtpHeader::parse_protected(self.buf.as_slice())
    }
}

impl<'b> RtcpPacket<'b> {
    pub(crate) fn new(buf: &'b mut PacketBuf, source: SourceId) -> Self {
        Self { buf, source }
    }

    /// A compound packet that came in clear by permit.
    pub fn plain(buf: &'b mut PacketBuf, permit: Plain) -> Result<Self, OpenError> {
        let _ = permit;
        Self::originate(buf)
    }

    /// A compound packet that we make ourselves, as a phone does.
    pub fn originate(buf: &'b mut PacketBuf) -> Result<Self, OpenError> {
        let ssrc = rtcp::sender(buf.as_slice()).ok_or(OpenError::Malformed)?;
        Ok(Self { buf, source: SourceId { ssrc, epoch: 0 } })
    }

    /// Who sent it, as it was received.
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// The compound packet.
    pub fn as_slice(&self) -> &[u8] {
        self.buf.as_slice()
    }

    /// The same compound packet with the numbers `rewrite` answers; refused when it is not what RFC 3550 describes.
    pub fn rewritten(self, rewrite: &mut impl rtcp::Rewrite) -> Result<Self, OpenError> {
        rtcp::rewrite(self.buf.as_mut_slice(), rewrite).map_err(|rtcp::Malformed| OpenError::Malformed)?;
        Ok(self)
    }

    /// The packet in clear, for a peer that was permitted to get it so.
    pub fn into_plain(self, permit: Plain) -> PlainPacket<'b> {
        let _ = permit;
        PlainPacket::new(self.buf)
    }

    pub(crate) fn into_buf(self) -> &'b mut PacketBuf {
        self.buf
    }
}

impl fmt::Debug for SrtpPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtpPacket({} bytes)", self.buf.len())
    }
}

impl fmt::Debug for SrtcpPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtcpPacket({} bytes)", self.buf.len())
    }
}

impl fmt::Debug for RtpPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtpPacket({:?}, {:?}, {} bytes)", self.source, self.index, self.buf.len())
    }
}

impl fmt::Debug for RtcpPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtcpPacket({:?}, {} bytes)", self.source, self.buf.len())
    }
}
