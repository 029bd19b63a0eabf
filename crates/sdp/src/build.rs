use std::net::IpAddr;

use bytes::Bytes;
use cordon_rtp::{KeyMaterial, Suite};

use crate::connection::write_ip;
use crate::crypto::write_key;
use crate::session::FIRST_CAPACITY;
use crate::{Codec, Direction, Media, MediaKind, Origin, Protocol, Text};

/// An offer or answer of ours. It is written from its parts only, so nothing a peer wrote passes unless it was put
/// here on purpose.
///
/// ```
/// # use cordon_sdp::{AudioLine, Codec, Description, Direction, LineOut, Protocol, Session};
/// # use cordon_rtp::PayloadType;
/// let pcmu = Codec::new(PayloadType(0), "PCMU", 8000);
/// let line = AudioLine { codecs: vec![pcmu], ..AudioLine::new(Protocol::RtpSavp, 20_000) };
/// let offer = Description { session_id: 7, version: 1, address: [192, 0, 2, 1].into(), lines: vec![LineOut::Audio(line)] };
/// let read = Session::parse(&offer.write()).unwrap();
/// assert_eq!(read.media[0].direction(&read), Direction::SendRecv);
/// ```
#[derive(Debug)]
pub struct Description<'a> {
    /// Our session id, the same for the life of the leg.
    pub session_id: u64,
    /// Grows by one whenever anything else here changes (RFC 3264 §8).
    pub version: u64,
    /// Where the peer sends media and whose session this is.
    pub address: IpAddr,
    /// One line per media line of the dialog, in its order; their number never shrinks (RFC 3264 §8).
    pub lines: Vec<LineOut<'a>>,
}

/// A media line of ours.
#[derive(Debug)]
pub enum LineOut<'a> {
    /// The audio line that lives.
    Audio(AudioLine<'a>),
    /// A line we refuse or have closed.
    Rejected(RejectedLine),
}

/// An audio line of ours.
#[derive(Debug)]
pub struct AudioLine<'a> {
    /// RTP/SAVP and its kin; echo the offer's in an answer (RFC 5124 §4).
    pub protocol: Protocol,
    /// Our RTP port; RTCP is one above it unless multiplexed.
    pub port: u16,
    /// Codecs in order of preference.
    pub codecs: Vec<Codec>,
    /// The direction as seen from us.
    pub direction: Direction,
    /// `a=ptime` in milliseconds.
    pub packet_time: Option<u16>,
    /// `a=maxptime` in milliseconds.
    pub maximum_packet_time: Option<u16>,
    /// Whether RTP and RTCP share the port (RFC 5761); in an answer only when it was offered.
    pub rtcp_mux: bool,
    /// Crypto lines: several in an offer, exactly one in an answer, none on a plain line.
    pub crypto: Vec<LocalCrypto<'a>>,
}

/// A crypto line of ours: always a bare key, without lifetime, MKI or parameters.
pub struct LocalCrypto<'a> {
    /// The tag; an answer echoes the offer's.
    pub tag: u32,
    /// The suite's name as it is to be written; an answer echoes the offer's spelling.
    pub spelling: Text,
    /// The key we send with.
    pub key: &'a KeyMaterial,
}

/// A media line with port 0: the protocol and first format of the line it answers (RFC 3264 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedLine {
    /// Kind of the line it answers.
    pub kind: MediaKind,
    /// Protocol of the line it answers.
    pub protocol: Protocol,
    /// First format of the line it answers.
    pub format: Text,
}

impl Description<'_> {
    /// The body's bytes. They hold keys: hand them to the writer of the message and keep no copy.
    pub fn write(&self) -> Bytes {
        let mut out = Vec::with_capacity(FIRST_CAPACITY);
        out.extend_from_slice(b"v=0\r\n");
        Origin::new(self.session_id, self.version, self.address).write(&mut out);
        out.extend_from_slice(b"s=-\r\nc=");
        write_ip(self.address, &mut out);
        out.extend_from_slice(b"\r\nt=0 0\r\n");
        for line in &self.lines {
            match line {
                LineOut::Audio(line) => line.write(&mut out),
                LineOut::Rejected(line) => line.write(&mut out),
            }
        }
        out.into()
    }
}

impl AudioLine<'_> {
    /// A line without codecs and keys, sending and receiving, to be filled in.
    pub fn new(protocol: Protocol, port: u16) -> Self {
        AudioLine {
            protocol,
            port,
            codecs: Vec::new(),
            direction: Direction::SendRecv,
            packet_time: None,
            maximum_packet_time: None,
            rtcp_mux: false,
            crypto: Vec::new(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("m=audio {} {}", self.port, self.protocol.as_str()).as_bytes());
        for codec in &self.codecs {
            out.extend_from_slice(format!(" {}", codec.payload_type.0).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        for codec in &self.codecs {
            codec.write(out);
        }
        if let Some(time) = self.packet_time {
            out.extend_from_slice(format!("a=ptime:{time}\r\n").as_bytes());
        }
        if let Some(time) = self.maximum_packet_time {
            out.extend_from_slice(format!("a=maxptime:{time}\r\n").as_bytes());
        }
        if self.rtcp_mux {
            out.extend_from_slice(b"a=rtcp-mux\r\n");
        }
        for line in &self.crypto {
            write_key(line.tag, line.spelling.as_str(), line.key, out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("a={}\r\n", self.direction.name()).as_bytes());
    }
}

impl<'a> LocalCrypto<'a> {
    /// A line of an offer: the suite by its registered name.
    pub fn offering(tag: u32, key: &'a KeyMaterial) -> Self {
        let suite: Suite = key.suite();
        LocalCrypto { tag, spelling: suite.name().into(), key }
    }
}

impl std::fmt::Debug for LocalCrypto<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCrypto")
            .field("tag", &self.tag)
            .field("suite", &self.key.suite())
            .finish_non_exhaustive()
    }
}

impl RejectedLine {
    /// The refusal of this line.
    pub fn of(media: &Media) -> Self {
        let Media { kind, protocol, formats, .. } = media;
        let format = formats.first().cloned().unwrap_or_else(|| "0".into());
        RejectedLine { kind: kind.clone(), protocol: protocol.clone(), format }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let RejectedLine { kind, protocol, format } = self;
        let line = format!("m={} 0 {} {}\r\n", kind.as_str(), protocol.as_str(), format.as_str());
        out.extend_from_slice(line.as_bytes());
    }
}
