use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use memchr::{memchr, memchr2};

use crate::attribute::Parsed;
use crate::connection::write_ip;
use crate::{Attribute, Connection, CryptoLine, Media, SdpError, Text};

/// A session description as a peer sent it.
///
/// What nothing here needs is read and dropped: `i= u= e= p=` (people), `r= z=` (schedules), `k=` (RFC 8866 §5.12
/// wants it discarded) and keys at session level, where RFC 4568 §5 allows none.
pub struct Session {
    /// The `o=` line.
    pub origin: Origin,
    /// The `s=` line; some phones leave it out, then it is empty.
    pub name: Text,
    /// The `c=` line before the first media line.
    pub connection: Option<Connection>,
    /// `b=` values of the form `kind:number`, verbatim.
    pub bandwidth: Vec<Text>,
    /// `t=` values of the form `start stop`, verbatim; some phones write none.
    pub timing: Vec<Text>,
    /// `a=` lines before the first media line.
    pub attributes: Vec<Attribute>,
    /// The media lines in their order, at most [`Session::MAX_MEDIA`].
    pub media: Vec<Media>,
}

/// Who made a session description, and which edition of it this is (RFC 8866 §5.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name; `-` in ours.
    pub username: Text,
    /// Session identifier, digits as written: phones exceed 64 bits here.
    pub session_id: Text,
    /// Version, digits as written; grows by one with each change (RFC 3264 §8).
    pub version: Text,
    /// Address of the maker.
    pub address: Connection,
}

impl Session {
    /// Longest body read. It is the longest SIP message taken at all.
    pub const MAX_BODY: usize = 64 * 1024;
    /// Most media lines kept: audio, video, image and a second pair of each fit, more is no phone.
    pub const MAX_MEDIA: usize = 8;
    /// Most attributes at the session or one media line; ICE-laden softphones write about sixty.
    pub const MAX_ATTRIBUTES: usize = 256;
    /// Most formats in one media line: RTP has 128 payload types (RFC 3550 §5.1).
    pub const MAX_FORMATS: usize = 128;

    /// Reads a body. Lines may end with CRLF or LF; blank lines and unknown line types are passed over; `t=` and `s=`
    /// may be missing.
    ///
    /// # Errors
    /// [`SdpError`] names what is wrong and the SIP status to answer.
    pub fn parse(body: &[u8]) -> Result<Session, SdpError> {
        if body.len() > Self::MAX_BODY {
            return Err(SdpError::TooLong);
        }
        let text = std::str::from_utf8(body).map_err(|_| SdpError::NotUtf8)?;
        let mut lines = Lines { rest: text };
        match lines.next_line()? {
            Some(('v', version)) if version.trim_end() == "0" => {}
            _ => return Err(SdpError::Version),
        }
        let mut draft = Draft::default();
        while let Some((kind, value)) = lines.next_line()? {
            draft.take_line(kind, value)?;
        }
        draft.finish()
    }

    /// Writes the description in canonical order. Crypto lines that were skipped while parsing are not written.
    pub fn write(&self) -> Bytes {
        let mut out = Vec::with_capacity(FIRST_CAPACITY);
        out.extend_from_slice(b"v=0\r\n");
        self.origin.write(&mut out);
        write_line(b's', if self.name.as_str().is_empty() { "-" } else { self.name.as_str() }, &mut out);
        if let Some(connection) = &self.connection {
            out.extend_from_slice(b"c=");
            connection.write(&mut out);
            out.extend_from_slice(b"\r\n");
        }
        for bandwidth in &self.bandwidth {
            write_line(b'b', bandwidth.as_str(), &mut out);
        }
        if self.timing.is_empty() {
            write_line(b't', "0 0", &mut out);
        }
        for timing in &self.timing {
            write_line(b't', timing.as_str(), &mut out);
        }
        for attribute in &self.attributes {
            attribute.write(&mut out);
        }
        for media in &self.media {
            media.write(&mut out);
        }
        out.into()
    }

    /// The value of the first session-level attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| attribute.value_of(name))
    }

    pub(crate) fn has_property(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == name)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("connection", &self.connection)
            .field("media", &self.media)
            .finish_non_exhaustive()
    }
}

impl Origin {
    /// Our own origin: user name `-`, numbers and address as given.
    pub fn new(session_id: u64, version: u64, address: IpAddr) -> Self {
        Origin {
            username: "-".into(),
            session_id: session_id.to_string().into(),
            version: version.to_string().into(),
            address: address.into(),
        }
    }

    fn parse(value: &str) -> Option<Origin> {
        let mut words = value.splitn(4, ' ');
        let (username, session_id, version) = (words.next()?, words.next()?, words.next()?);
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if username.is_empty() || !is_number(session_id) || !is_number(version) {
            return None;
        }
        let address = Connection::parse(words.next()?)?;
        Some(Origin {
            username: username.into(),
            session_id: session_id.into(),
            version: version.into(),
            address,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"o=");
        for word in [&self.username, &self.session_id, &self.version] {
            out.extend_from_slice(word.as_bytes());
            out.push(b' ');
        }
        match self.address.ip() {
            Some(ip) => write_ip(ip, out),
            None => self.address.write(out),
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What has been read so far, line by line.
#[derive(Default)]
struct Draft {
    origin: Option<Origin>,
    name: Option<Text>,
    connection: Option<Connection>,
    bandwidth: Vec<Text>,
    timing: Vec<Text>,
    attributes: Vec<Attribute>,
    media: Vec<Media>,
}

impl Draft {
    fn take_line(&mut self, kind: char, value: &str) -> Result<(), SdpError> {
        match kind {
            'm' => {
                if self.media.len() == Session::MAX_MEDIA {
                    return Err(SdpError::TooManyMedia);
                }
                self.media.push(Media::parse(value)?);
            }
            'c' => {
                let connection = Connection::parse(value).ok_or(SdpError::Connection)?;
                let place = self.media.last_mut().map_or(&mut self.connection, |media| &mut media.connection);
                place.get_or_insert(connection);
            }
            'b' if is_bandwidth(value) => {
                let place = self.media.last_mut().map_or(&mut self.bandwidth, |media| &mut media.bandwidth);
                push_bounded(place, value.into())?;
            }
            'a' => self.take_attribute(value)?,
            'o' if self.origin.is_none() && self.media.is_empty() => {
                self.origin = Some(Origin::parse(value).ok_or(SdpError::Origin)?);
            }
            's' if self.media.is_empty() => {
                self.name.get_or_insert_with(|| value.into());
            }
            't' if self.media.is_empty() && is_timing(value) => push_bounded(&mut self.timing, value.into())?,
            'v' | 'o' => return Err(SdpError::Line), // a second session glued to the first
            _ => {}
        }
        Ok(())
    }

    fn take_attribute(&mut self, value: &str) -> Result<(), SdpError> {
        let parsed = Attribute::parse(value);
        match (parsed, self.media.last_mut()) {
            (Parsed::Plain(attribute), Some(media)) => push_bounded(&mut media.attributes, attribute),
            (Parsed::Plain(attribute), None) => push_bounded(&mut self.attributes, attribute),
            (Parsed::Crypto(value), Some(media)) => {
                let line = CryptoLine::parse(value, &media.crypto);
                push_bounded(&mut media.crypto, line)
            }
            (Parsed::Crypto(_), None) | (Parsed::Dropped, _) => Ok(()),
        }
    }

    fn finish(self) -> Result<Session, SdpError> {
        let Draft { origin, name, connection, bandwidth, timing, attributes, media } = self;
        Ok(Session {
            origin: origin.ok_or(SdpError::Origin)?,
            name: name.unwrap_or_else(|| "".into()),
            connection,
            bandwidth,
            timing,
            attributes,
            media,
        })
    }
}

/// `AS:64` (RFC 8866 §5.8). Others are dropped: a strict peer would refuse the whole body for them.
fn is_bandwidth(value: &str) -> bool {
    let Some((kind, number)) = value.split_once(':') else { return false };
    !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && is_u64(number)
}

/// `0 0` (RFC 8866 §5.9).
fn is_timing(value: &str) -> bool {
    value.split_once(' ').is_some_and(|(start, stop)| is_u64(start) && is_u64(stop))
}

/// Digits, few enough for 64 bits.
fn is_u64(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn push_bounded<T>(list: &mut Vec<T>, item: T) -> Result<(), SdpError> {
    if list.len() >= Session::MAX_ATTRIBUTES {
        return Err(SdpError::TooManyAttributes);
    }
    list.push(item);
    Ok(())
}

struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Lines<'a> {
    /// The next line that is not blank, as its letter and its value.
    fn next_line(&mut self) -> Result<Option<(char, &'a str)>, SdpError> {
        while !self.rest.is_empty() {
            let line = self.take_line();
            if line.is_empty() {
                continue;
            }
            // A bare CR or NUL inside a line would be a line end or a text end for somebody else.
            if memchr2(b'\r', 0, line.as_bytes()).is_some() {
                return Err(SdpError::Line);
            }
            return match (line.as_bytes(), line.get(2..)) {
                ([kind @ b'a'..=b'z', b'=', ..], Some(value)) => Ok(Some((char::from(*kind), value))),
                _ => Err(SdpError::Line),
            };
        }
        Ok(None)
    }

    /// Everything up to the next line end, without it.
    fn take_line(&mut self) -> &'a str {
        let text = self.rest;
        let (line, rest) = match memchr(b'\n', text.as_bytes()) {
            Some(end) => (text.get(..end), text.get(end + 1..)),
            None => (Some(text), None),
        };
        self.rest = rest.unwrap_or_default();
        let line = line.expect("a line feed is a character of its own");
        line.strip_suffix('\r').unwrap_or(line)
    }
}

pub(crate) fn write_line(kind: u8, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&[kind, b'=']);
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Room for a usual description, so that no half-written key is left behind by a growing buffer.
pub(crate) const FIRST_CAPACITY: usize = 4096;
