//! Reading a ClientHello before the TLS library does, to say what stands against it (RFC 8446 §4.1.2).

use cordon_policy::connection::Hello;

/// What a client offers. Numbers from the IANA registries, as sent; GREASE values (RFC 8701) left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    highest_version: u16,
    suites: Vec<u16>,
    groups: Vec<u16>,
    signatures: Vec<u16>,
    has_server_name: bool,
}

/// The bytes are no ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ClientHello")]
pub struct HelloError;

impl ClientHello {
    /// Reads the first records of a connection; `None` while the hello is not complete.
    ///
    /// ```text
    /// record:    16 | version | length |  fragment of the handshake message ...
    /// handshake: 01 | length (3) | version | random (32) | session | suites | compression | extensions
    /// ```
    ///
    /// # Errors
    /// When what is there cannot become one: another record or message type, a length that does not fit, or more than
    /// [`MAX_HELLO`] bytes.
    pub fn read(records: &[u8]) -> Result<Option<Self>, HelloError> {
        let mut rest = Bytes(records);
        let mut message = Vec::new();
        loop {
            if let Some(body) = whole_message(&message)? {
                return Self::read_body(body).map(Some).ok_or(HelloError);
            }
            let Some((fragment, after)) = next_record(rest)? else { return Ok(None) };
            message.extend_from_slice(fragment);
            rest = after;
        }
    }

    /// For policy to judge.
    pub fn offer(&self) -> Hello<'_> {
        Hello {
            highest_version: self.highest_version,
            suites: &self.suites,
            groups: &self.groups,
            signatures: &self.signatures,
        }
    }

    /// Whether the client named the server it wants (SNI). The name itself is not kept.
    pub fn has_server_name(&self) -> bool {
        self.has_server_name
    }

    fn read_body(body: &[u8]) -> Option<Self> {
        let mut body = Bytes(body);
        let legacy_version = body.u16()?;
        body.take(RANDOM)?;
        body.vector8()?;
        let suites = numbers(body.vector16()?);
        body.vector8()?;
        let mut hello = Self {
            // RFC 8446 §4.2.1: without supported_versions at most TLS 1.2 is meant.
            highest_version: legacy_version.min(TLS_1_2),
            suites,
            groups: Vec::new(),
            signatures: Vec::new(),
            has_server_name: false,
        };
        if body.0.is_empty() {
            return Some(hello);
        }
        let mut extensions = Bytes(body.vector16()?);
        while !extensions.0.is_empty() {
            let kind = extensions.u16()?;
            let content = extensions.vector16()?;
            hello.note_extension(kind, Bytes(content))?;
        }
        Some(hello)
    }

    fn note_extension(&mut self, kind: u16, mut content: Bytes<'_>) -> Option<()> {
        match kind {
            SERVER_NAME => self.has_server_name = true,
            SUPPORTED_GROUPS => self.groups = numbers(content.vector16()?),
            SIGNATURE_ALGORITHMS => self.signatures = numbers(content.vector16()?),
            SUPPORTED_VERSIONS => {
                let versions = numbers(content.vector8()?);
                self.highest_version = versions.into_iter().max().unwrap_or(self.highest_version);
            }
            _ => {}
        }
        Some(())
    }
}

/// The body of the ClientHello at the start of `message`, once it is all there.
fn whole_message(message: &[u8]) -> Result<Option<&[u8]>, HelloError> {
    let mut bytes = Bytes(message);
    match bytes.u8() {
        None => return Ok(None),
        Some(CLIENT_HELLO) => {}
        Some(_) => return Err(HelloError),
    }
    let (Some(high), Some(low)) = (bytes.u8(), bytes.u16()) else { return Ok(None) };
    let length = usize::from(high) << 16 | usize::from(low);
    if length > MAX_HELLO {
        return Err(HelloError);
    }
    Ok(bytes.take(length))
}

/// The content of the first record and what follows it; `None` while it is not complete.
fn next_record(records: Bytes<'_>) -> Result<Option<(&[u8], Bytes<'_>)>, HelloError> {
    let mut rest = records;
    match rest.u8() {
        None => return Ok(None),
        Some(HANDSHAKE) => {}
        Some(_) => return Err(HelloError),
    }
    let (Some(version), Some(length)) = (rest.u16(), rest.u16()) else { return Ok(None) };
    // An empty record would let a peer keep us reading for nothing.
    if version >> 8 != 3 || length == 0 || usize::from(length) > MAX_HELLO {
        return Err(HelloError);
    }
    Ok(rest.take(length.into()).map(|fragment| (fragment, rest)))
}

/// 16-bit numbers without GREASE; an odd last byte is left out.
fn numbers(vector: &[u8]) -> Vec<u16> {
    let mut bytes = Bytes(vector);
    std::iter::from_fn(|| bytes.u16()).filter(|&number| !is_grease(number)).collect()
}

/// RFC 8701 §2: 0x0A0A, 0x1A1A, .. 0xFAFA.
fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn u16(&mut self) -> Option<u16> {
        let (&bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(bytes))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

/// A hello with post-quantum shares and a long session ticket stays below 4 kB; one record holds 16 kB at most.
pub(crate) const MAX_HELLO: usize = 16 * 1024;

const HANDSHAKE: u8 = 0x16;
const CLIENT_HELLO: u8 = 1;
const RANDOM: usize = 32;
const TLS_1_2: u16 = 0x0303;
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SUPPORTED_VERSIONS: u16 = 43;

#[cfg(test)]
mod tests {
    use cordon_policy::Refusal;
    use cordon_policy::connection::LeafKey;

    use super::*;

    #[test]
    fn a_tls_1_1_hello_is_read_and_too_old() {
        let hello = ClientHello::read(&tls_1_1_hello()).unwrap().unwrap();

        assert_eq!(hello.offer().highest_version, 0x0302);
        assert_eq!(hello.suites, [0xc013, 0x002f]);
        assert_eq!(hello.offer().refusal(LeafKey::Ecdsa), Some(Refusal::TlsTooOld));
    }

    #[test]
    fn supported_versions_count_more_than_the_legacy_one_and_grease_not_at_all() {
        let extensions = [
            extension(SUPPORTED_VERSIONS, &[4, 0x7a, 0x7a, 0x03, 0x04]),
            extension(SUPPORTED_GROUPS, &[0, 4, 0x0a, 0x0a, 0, 0x17]),
            extension(SERVER_NAME, &[]),
        ]
        .concat();
        let hello =
            ClientHello::read(&record(&message(0x0303, &[0x13, 0x02], &extensions))).unwrap().unwrap();

        assert_eq!(hello.highest_version, 0x0304);
        assert_eq!(hello.groups, [0x17]);
        assert!(hello.has_server_name());
    }

    #[test]
    fn a_hello_in_pieces_is_waited_for_at_every_byte() {
        let whole = tls_1_1_hello();
        for end in 0..whole.len() {
            assert_eq!(ClientHello::read(&whole[..end]), Ok(None), "at {end}");
        }
        assert!(ClientHello::read(&whole).unwrap().is_some());
    }

    #[test]
    fn a_hello_spread_over_records_is_put_together() {
        let message = message(0x0303, &[0xc0, 0x2b], &[]);
        let records: Vec<u8> = message.chunks(7).flat_map(record).collect();

        assert_eq!(ClientHello::read(&records).unwrap().unwrap().suites, [0xc02b]);
    }

    #[test]
    fn lengths_that_do_not_fit_are_an_error_and_never_a_panic() {
        let whole = tls_1_1_hello();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = ClientHello::read(&bytes);
            }
        }
        assert_eq!(ClientHello::read(&[0x16, 3, 1, 0, 0]), Err(HelloError));
        assert_eq!(ClientHello::read(&[0x16, 3, 1, 0xff, 0xff]), Err(HelloError));
        assert_eq!(ClientHello::read(&record(&[1, 0xff, 0xff, 0xff])), Err(HelloError));
        assert_eq!(ClientHello::read(&record(&[2, 0, 0, 1, 0])), Err(HelloError));
    }

    fn tls_1_1_hello() -> Vec<u8> {
        record(&message(0x0302, &[0xc0, 0x13, 0x00, 0x2f], &[]))
    }

    fn message(version: u16, suites: &[u8], extensions: &[u8]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; RANDOM]);
        body.push(0);
        body.extend(u16::try_from(suites.len()).unwrap().to_be_bytes());
        body.extend(suites);
        body.extend([1, 0]);
        if !extensions.is_empty() {
            body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
            body.extend(extensions);
        }
        let mut message = vec![CLIENT_HELLO, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        message
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap();
        [&kind.to_be_bytes()[..], &length.to_be_bytes()[..], content].concat()
    }

    fn record(fragment: &[u8]) -> Vec<u8> {
        let length = u16::try_from(fragment.len()).unwrap();
        [&[HANDSHAKE, 3, 1][..], &length.to_be_bytes()[..], fragment].concat()
    }
}
