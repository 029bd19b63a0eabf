//! Session descriptions as phones and the PBX of these tests write them.

use bytes::Bytes;
use cordon_rtp::KeyMaterial;
use cordon_sdp::{AudioLine, CryptoAttribute, Description, LineOut, LocalCrypto, Protocol, Session};

/// A description with one audio line, and whatever else is put beside it.
#[derive(Clone)]
pub struct Sdp {
    /// The connection address.
    pub ip: String,
    /// The RTP port.
    pub port: u16,
    /// The transport protocol of the audio line.
    pub profile: &'static str,
    /// `a=crypto` values.
    pub crypto: Vec<String>,
    /// Payload types with their rtpmap.
    pub codecs: Vec<(u8, &'static str)>,
    /// The direction attribute.
    pub direction: &'static str,
    /// The version in the origin line.
    pub version: u32,
    /// Whole media sections before the audio line.
    pub before: String,
    /// Whole media sections, or further attributes, after it.
    pub after: String,
}

impl Sdp {
    /// A phone of the location.
    pub fn phone() -> Sdp {
        Sdp {
            ip: "10.1.0.77".to_owned(),
            port: 4000,
            profile: "RTP/SAVP",
            crypto: vec![line(1, 'A')],
            codecs: vec![(0, "PCMU/8000"), (8, "PCMA/8000"), (101, "telephone-event/8000")],
            direction: "sendrecv",
            version: 1,
            before: String::new(),
            after: String::new(),
        }
    }

    /// The PBX.
    pub fn pbx() -> Sdp {
        Sdp { ip: "10.0.0.2".to_owned(), port: 7000, crypto: vec![line(1, 'B')], ..Sdp::phone() }
    }

    /// The same with a change, as a new version.
    pub fn with(mut self, change: impl FnOnce(&mut Sdp)) -> Sdp {
        change(&mut self);
        self.version += 1;
        self
    }

    /// As it goes into a body.
    pub fn bytes(&self) -> Bytes {
        let Sdp { ip, port, profile, crypto, codecs, direction, version, before, after } = self;
        let mut text =
            format!("v=0\r\no=- 77 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n{before}");
        text += &format!("m=audio {port} {profile}");
        for (number, _) in codecs {
            text += &format!(" {number}");
        }
        text += "\r\n";
        for (number, codec) in codecs {
            text += &format!("a=rtpmap:{number} {codec}\r\n");
        }
        for line in crypto {
            text += &format!("a=crypto:{line}\r\n");
        }
        text += &format!("a={direction}\r\n{after}");
        text.into()
    }
}

/// A crypto line of the usual suite whose key is this letter throughout.
pub fn line(tag: u32, letter: char) -> String {
    format!("{tag} AES_CM_128_HMAC_SHA1_80 inline:{}", letter.to_string().repeat(40))
}

/// A crypto line of a suite with 44 key bytes, beginning with this letter.
pub fn long_line(tag: u32, suite: &str, letter: char) -> String {
    format!("{tag} {suite} inline:{}A=", letter.to_string().repeat(58))
}

/// A crypto line with a key that is known.
pub fn line_of(tag: u32, key: &KeyMaterial) -> String {
    let written = Description {
        session_id: 1,
        version: 1,
        address: [192, 0, 2, 1].into(),
        lines: vec![LineOut::Audio(AudioLine {
            crypto: vec![LocalCrypto::offering(tag, key)],
            ..AudioLine::new(Protocol::RtpSavp, 4000)
        })],
    };
    let text = String::from_utf8(written.write().to_vec()).expect("a description is text");
    let line = text.lines().find_map(|line| line.strip_prefix("a=crypto:"));
    line.expect("the key was written").to_owned()
}

/// A description of ours, as its receiver reads it.
pub fn read(body: &Bytes) -> Session {
    Session::parse(body).expect("our own descriptions can be read")
}

/// The only crypto line of the audio line at this index.
pub fn key_line(session: &Session, index: usize) -> &CryptoAttribute {
    let lines: Vec<&CryptoAttribute> = session.media[index].usable_crypto().collect();
    assert_eq!(lines.len(), 1, "exactly one key line");
    lines[0]
}
