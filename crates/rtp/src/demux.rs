//! What a datagram on a media port is.

/// The protocols that may share a media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RTP, or SRTP around it.
    Rtp,
    /// RTCP, or SRTCP around it.
    Rtcp,
    /// STUN, as ICE and keep-alives send it.
    Stun,
    /// DTLS.
    Dtls,
    /// Anything else, ZRTP among it, and the empty datagram.
    Other,
}

/// Tells by the first two bytes what `datagram` is (RFC 5764 §5.1.2, RFC 5761 §4).
pub fn demux(datagram: &[u8]) -> Kind {
    let &[first, ref rest @ ..] = datagram else { return Kind::Other };
    match (first, rest.first()) {
        (0..=3, _) => Kind::Stun,
        (20..=63, _) => Kind::Dtls,
        // RTP payload types 64 to 95 with the marker bit are where RTCP packet types stand.
        (128..=191, Some(192..=223)) => Kind::Rtcp,
        (128..=191, Some(_)) => Kind::Rtp,
        (_, _) => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_is_told_by_its_first_bytes() {
        assert_eq!(demux(&[0x80, 0x00]), Kind::Rtp);
        assert_eq!(demux(&[0x80, 0x80]), Kind::Rtp);
        assert_eq!(demux(&[0x80, 0xe5]), Kind::Rtp);
        assert_eq!(demux(&[0x81, 200]), Kind::Rtcp);
        assert_eq!(demux(&[0xb0, 207]), Kind::Rtcp);
        assert_eq!(demux(&[0x00, 0x01]), Kind::Stun);
        assert_eq!(demux(&[22, 0xfe]), Kind::Dtls);
        assert_eq!(demux(&[0x10, 0x00]), Kind::Other);
        assert_eq!(demux(&[0x80]), Kind::Other);
        assert_eq!(demux(&[]), Kind::Other);
    }
}
