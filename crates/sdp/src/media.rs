use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::codec::SaidOfFormats;
use crate::session::write_line;
use crate::{Attribute, Codec, Connection, CryptoAttribute, CryptoLine, SdpError, Session, Text};

/// One media line with everything that belongs to it.
pub struct Media {
    /// What kind of media.
    pub kind: MediaKind,
    /// The UDP port; 0 means the line is refused or closed (RFC 3264 §6, §8.2).
    pub port: u16,
    /// The number of ports, 1 unless written as `port/count`.
    pub port_count: u16,
    /// The transport protocol, which is where SRTP is asked for.
    pub protocol: Protocol,
    /// Formats in order of preference; payload types for the RTP protocols.
    pub formats: Vec<Text>,
    /// The line's own `c=`; without one the session's counts, see [`Media::address`].
    pub connection: Option<Connection>,
    /// `b=` values, verbatim.
    pub bandwidth: Vec<Text>,
    /// `a=` lines except the crypto lines.
    pub attributes: Vec<Attribute>,
    /// The `a=crypto` lines in their order, used ones and skipped ones.
    pub crypto: Vec<CryptoLine>,
}

/// The first word of a media line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of RFC 8866 §8.2.1")]
pub enum MediaKind {
    Audio,
    Video,
    Image,
    Text,
    Application,
    Message,
    Other(Text),
}

/// The transport protocol of a media line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Plain RTP (RFC 3551).
    RtpAvp,
    /// Plain RTP with feedback (RFC 4585).
    RtpAvpf,
    /// SRTP (RFC 3711).
    RtpSavp,
    /// SRTP with feedback (RFC 5124).
    RtpSavpf,
    /// DTLS-SRTP (RFC 5764).
    UdpTlsRtpSavp,
    /// DTLS-SRTP with feedback.
    UdpTlsRtpSavpf,
    /// Fax over UDP (T.38).
    Udptl,
    /// Anything else, as written.
    Other(Text),
}

/// Which way media flows, seen from who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of RFC 3264 §5.1")]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Media {
    /// Whether the line is refused or closed: port 0.
    pub fn is_rejected(&self) -> bool {
        self.port == 0
    }

    /// The `c=` line that counts here: the line's own, else the session's.
    pub fn effective_connection<'a>(&'a self, session: &'a Session) -> Option<&'a Connection> {
        self.connection.as_ref().or(session.connection.as_ref())
    }

    /// The literal address media goes to; `None` when there is no `c=` or it holds a host name.
    pub fn address(&self, session: &Session) -> Option<IpAddr> {
        self.effective_connection(session).and_then(Connection::ip)
    }

    /// Where the writer wants RTP; `None` for a rejected line or without a literal address.
    pub fn rtp(&self, session: &Session) -> Option<SocketAddr> {
        if self.is_rejected() { None } else { Some(SocketAddr::new(self.address(session)?, self.port)) }
    }

    /// Where the writer wants RTCP when it is not multiplexed: `a=rtcp` (RFC 3605), else the port above RTP.
    pub fn rtcp(&self, session: &Session) -> Option<SocketAddr> {
        let rtp = self.rtp(session)?;
        let Some(value) = self.attribute("rtcp") else {
            return rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
        };
        let (port, address) = value.split_once(' ').unwrap_or((value, ""));
        let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
        let ip = if address.trim().is_empty() { rtp.ip() } else { Connection::parse(address)?.ip()? };
        Some(SocketAddr::new(ip, port))
    }

    /// Whether the writer offers RTP and RTCP on one port (RFC 5761).
    pub fn has_rtcp_mux(&self) -> bool {
        self.has_property("rtcp-mux")
    }

    /// The direction, with the old hold folded in: an address of 0.0.0.0 wants to receive nothing (RFC 3264 §8.4).
    pub fn direction(&self, session: &Session) -> Direction {
        let stated = Direction::ALL
            .into_iter()
            .find(|direction| self.has_property(direction.name()))
            .or_else(|| Direction::ALL.into_iter().find(|direction| session.has_property(direction.name())))
            .unwrap_or(Direction::SendRecv);
        if self.effective_connection(session).is_some_and(Connection::is_hold) {
            stated.without_receiving()
        } else {
            stated
        }
    }

    /// The codecs in order of preference, static payload types without `a=rtpmap` included. Formats that name no codec
    /// are left out, and so is every copy of one: what is said of it once would be written for each. A protocol that is
    /// not RTP has none.
    pub fn codecs(&self) -> Vec<Codec> {
        if !self.protocol.is_rtp() {
            return Vec::new();
        }
        let said = SaidOfFormats::of(&self.attributes);
        let mut met = 0_u128;
        let mut is_new = |codec: &Codec| {
            let bit = 1_u128.checked_shl(codec.payload_type.0.into()).unwrap_or_default();
            let is_new = met & bit == 0;
            met |= bit;
            is_new
        };
        let codecs = self.formats.iter().filter_map(|format| Codec::resolve(format.as_str(), &said));
        codecs.filter(|codec| is_new(codec)).collect()
    }

    /// The crypto lines that can be used, in order.
    pub fn usable_crypto(&self) -> impl Iterator<Item = &CryptoAttribute> {
        self.crypto.iter().filter_map(CryptoLine::usable)
    }

    /// The value of the first attribute of this name at this line.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| attribute.value_of(name))
    }

    /// Whether an attribute of this name stands at this line.
    pub fn has_property(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == name)
    }

    /// Milliseconds of media per packet, when stated and sane (`a=ptime`).
    pub fn packet_time(&self) -> Option<u16> {
        self.attribute("ptime")?.trim().parse().ok().filter(|time| *time > 0)
    }

    /// The most milliseconds of media per packet, when stated and sane (`a=maxptime`).
    pub fn maximum_packet_time(&self) -> Option<u16> {
        self.attribute("maxptime")?.trim().parse().ok().filter(|time| *time > 0)
    }

    /// Reads what follows `m=`.
    pub(crate) fn parse(value: &str) -> Result<Media, SdpError> {
        let mut words = value.split_ascii_whitespace();
        let kind = MediaKind::parse(words.next().ok_or(SdpError::Media)?);
        let (port, port_count) = parse_port(words.next().ok_or(SdpError::Media)?).ok_or(SdpError::Media)?;
        let protocol = Protocol::parse(words.next().ok_or(SdpError::Media)?);
        let mut formats = Vec::new();
        for format in words {
            if formats.len() == Session::MAX_FORMATS {
                return Err(SdpError::TooManyFormats);
            }
            formats.push(format.into());
        }
        if formats.is_empty() && port != 0 {
            return Err(SdpError::Media);
        }
        Ok(Media {
            kind,
            port,
            port_count,
            protocol,
            formats,
            connection: None,
            bandwidth: Vec::new(),
            attributes: Vec::new(),
            crypto: Vec::new(),
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"m=");
        out.extend_from_slice(self.kind.as_str().as_bytes());
        out.extend_from_slice(format!(" {}", self.port).as_bytes());
        if self.port_count != 1 {
            out.extend_from_slice(format!("/{}", self.port_count).as_bytes());
        }
        out.push(b' ');
        out.extend_from_slice(self.protocol.as_str().as_bytes());
        for format in &self.formats {
            out.push(b' ');
            out.extend_from_slice(format.as_bytes());
        }
        if self.formats.is_empty() {
            out.extend_from_slice(b" 0"); // a refused line of a peer that named no format; others insist on one
        }
        out.extend_from_slice(b"\r\n");
        if let Some(connection) = &self.connection {
            out.extend_from_slice(b"c=");
            connection.write(out);
            out.extend_from_slice(b"\r\n");
        }
        for bandwidth in &self.bandwidth {
            write_line(b'b', bandwidth.as_str(), out);
        }
        for attribute in &self.attributes {
            attribute.write(out);
        }
        for line in self.usable_crypto() {
            line.write(out);
        }
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("kind", &self.kind)
            .field("protocol", &self.protocol)
            .field("rejected", &self.is_rejected())
            .field("formats", &self.formats.len())
            .field("crypto", &self.crypto)
            .finish_non_exhaustive()
    }
}

impl MediaKind {
    fn parse(word: &str) -> MediaKind {
        match word {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            "image" => MediaKind::Image,
            "text" => MediaKind::Text,
            "application" => MediaKind::Application,
            "message" => MediaKind::Message,
            other => MediaKind::Other(other.into()),
        }
    }

    /// The word as written in a media line.
    pub fn as_str(&self) -> &str {
        match self {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
            MediaKind::Image => "image",
            MediaKind::Text => "text",
            MediaKind::Application => "application",
            MediaKind::Message => "message",
            MediaKind::Other(text) => text.as_str(),
        }
    }
}

impl Protocol {
    fn parse(word: &str) -> Protocol {
        let known = [
            Protocol::RtpAvp,
            Protocol::RtpAvpf,
            Protocol::RtpSavp,
            Protocol::RtpSavpf,
            Protocol::UdpTlsRtpSavp,
            Protocol::UdpTlsRtpSavpf,
            Protocol::Udptl,
        ];
        known
            .into_iter()
            .find(|protocol| protocol.as_str().eq_ignore_ascii_case(word))
            .unwrap_or_else(|| Protocol::Other(word.into()))
    }

    /// The protocol as written in a media line.
    pub fn as_str(&self) -> &str {
        match self {
            Protocol::RtpAvp => "RTP/AVP",
            Protocol::RtpAvpf => "RTP/AVPF",
            Protocol::RtpSavp => "RTP/SAVP",
            Protocol::RtpSavpf => "RTP/SAVPF",
            Protocol::UdpTlsRtpSavp => "UDP/TLS/RTP/SAVP",
            Protocol::UdpTlsRtpSavpf => "UDP/TLS/RTP/SAVPF",
            Protocol::Udptl => "udptl",
            Protocol::Other(text) => text.as_str(),
        }
    }

    /// SRTP keyed by `a=crypto`: RTP/SAVP or RTP/SAVPF.
    pub fn is_secure(&self) -> bool {
        matches!(self, Protocol::RtpSavp | Protocol::RtpSavpf)
    }

    /// Plain RTP: RTP/AVP or RTP/AVPF.
    pub fn is_plain(&self) -> bool {
        matches!(self, Protocol::RtpAvp | Protocol::RtpAvpf)
    }

    /// Whether formats are RTP payload types.
    pub fn is_rtp(&self) -> bool {
        match self {
            Protocol::RtpAvp
            | Protocol::RtpAvpf
            | Protocol::RtpSavp
            | Protocol::RtpSavpf
            | Protocol::UdpTlsRtpSavp
            | Protocol::UdpTlsRtpSavpf => true,
            Protocol::Udptl | Protocol::Other(_) => false,
        }
    }
}

impl Direction {
    const ALL: [Direction; 4] =
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same media seen from the other end: what one sends the other receives (RFC 3264 §6.1).
    pub fn reversed(self) -> Direction {
        Direction::of(self.receives(), self.sends())
    }

    /// The direction of somebody who sends, receives, both or neither.
    pub fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    fn without_receiving(self) -> Direction {
        Direction::of(self.sends(), false)
    }
}

/// `49170` or `49170/2`.
fn parse_port(word: &str) -> Option<(u16, u16)> {
    let (port, count) = word.split_once('/').unwrap_or((word, "1"));
    let count = count.parse().ok().filter(|count| *count > 0)?;
    Some((port.parse().ok()?, count))
}
