use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use cordon_rtp::{KeyMaterial, PayloadType, Suite};
use cordon_sdp::{
    AudioLine, Codec, CryptoAttribute, Description, Direction, LineOut, LocalCrypto, Media, MediaKind,
    Protocol, RejectedLine, Session, Text,
};

use crate::phone::media::{MediaEnd, Remote};
use crate::{LabError, RocChange, SsrcChange, random};

/// The phone's side of offer and answer for one call: its keys, its address, and what was agreed.
pub(crate) struct Negotiation {
    pub(crate) media: Arc<MediaEnd>,
    ip: IpAddr,
    suites: Vec<Suite>,
    /// One key for each suite, in their order.
    keys: Vec<KeyMaterial>,
    /// Fresh keys that stand in an offer; they count once it is answered.
    offered_keys: Option<Vec<KeyMaterial>>,
    session_id: u64,
    version: u64,
    /// Our direction as last written; what is sent follows from it.
    direction: Direction,
    /// Applied with the next completed exchange.
    change: SessionChange,
    /// The lines of the session as the peer ordered them, when it made the first offer.
    lines: Vec<Option<RejectedLine>>,
}

/// What a phone changes with a re-INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// The direction to offer.
    pub direction: Direction,
    /// Whether to write `c=0.0.0.0`, as old phones hold.
    pub zero_address: bool,
    /// Whether to take fresh keys.
    pub new_key: bool,
    /// What happens to the SSRC.
    pub ssrc: SsrcChange,
    /// What happens to the roll-over counter.
    pub roc: RocChange,
}

impl SessionChange {
    /// Hold with `a=sendonly`.
    pub fn hold() -> Self {
        SessionChange { direction: Direction::SendOnly, ..Self::resume() }
    }

    /// Hold with `a=inactive`.
    pub fn inactive() -> Self {
        SessionChange { direction: Direction::Inactive, ..Self::resume() }
    }

    /// Hold with `c=0.0.0.0`.
    pub fn zero_address() -> Self {
        SessionChange { zero_address: true, ..Self::resume() }
    }

    /// Both directions, nothing else changed.
    pub fn resume() -> Self {
        SessionChange {
            direction: Direction::SendRecv,
            zero_address: false,
            new_key: false,
            ssrc: SsrcChange::Same,
            roc: RocChange::Kept,
        }
    }
}

impl Negotiation {
    pub(crate) async fn new(ip: IpAddr, suites: &[Suite], tone: f64) -> Result<Self, LabError> {
        Ok(Negotiation {
            media: Arc::new(MediaEnd::bind(ip, tone).await?),
            ip,
            suites: suites.to_vec(),
            keys: make_keys(suites),
            offered_keys: None,
            session_id: random::number() >> 2, // some peers read it as a signed number
            version: 0,
            direction: Direction::SendRecv,
            change: SessionChange::resume(),
            lines: Vec::new(),
        })
    }

    /// Our offer: the codecs and suites of the phone, with what is to change.
    pub(crate) fn offer(&mut self, change: SessionChange) -> Bytes {
        self.offered_keys = change.new_key.then(|| make_keys(&self.suites));
        self.change = change;
        let keys = self.offered_keys.as_ref().unwrap_or(&self.keys);
        let crypto = (1..).zip(keys).map(|(tag, key)| LocalCrypto::offering(tag, key)).collect();
        let mut line = AudioLine::new(Protocol::RtpSavp, self.media.port());
        (line.codecs, line.packet_time, line.direction, line.crypto) =
            (codecs(), Some(20), change.direction, crypto);
        self.version += 1;
        self.describe(line, change.zero_address)
    }

    /// Takes the answer to our offer.
    pub(crate) fn take_answer(&mut self, body: &[u8]) -> Result<(), LabError> {
        let session = Session::parse(body).map_err(|_| LabError::Misbehaved("the answer is no SDP"))?;
        let media = session
            .media
            .iter()
            .find(|media| media.kind == MediaKind::Audio && !media.is_rejected())
            .ok_or(LabError::Misbehaved("the answer refuses audio"))?;
        if !media.protocol.is_secure() {
            return Err(LabError::Misbehaved("the answer is not SRTP"));
        }
        let mut crypto = media.usable_crypto();
        let (Some(chosen), None) = (crypto.next(), crypto.next()) else {
            return Err(LabError::Misbehaved("the answer does not have exactly one usable crypto line"));
        };
        if let Some(keys) = self.offered_keys.take() {
            self.keys = keys;
        }
        self.direction = self.change.direction;
        let local = usize::try_from(chosen.tag)
            .ok()
            .and_then(|tag| self.keys.get(tag.checked_sub(1)?))
            .filter(|key| key.suite() == chosen.suite)
            .ok_or(LabError::Misbehaved("the answer takes a crypto line that was not offered"))?;
        self.media.set_local(local, self.change.ssrc, self.change.roc);
        self.apply(&session, media, chosen);
        Ok(())
    }

    /// The offer was refused: the session is what it was.
    pub(crate) fn forget_offer(&mut self) {
        self.offered_keys = None;
    }

    /// Answers an offer; `None` when nothing in it is acceptable.
    pub(crate) fn answer(&mut self, body: &[u8]) -> Option<Bytes> {
        let session = Session::parse(body).ok()?;
        let (place, media, chosen) = session.media.iter().enumerate().find_map(|(place, media)| {
            let is_candidate =
                media.kind == MediaKind::Audio && media.protocol.is_secure() && !media.is_rejected();
            let chosen = media.usable_crypto().find(|line| self.suites.contains(&line.suite))?;
            is_candidate.then_some((place, media, chosen))
        })?;
        let codecs: Vec<_> = media
            .codecs()
            .into_iter()
            .filter(|codec| codecs().iter().any(|ours| is_same(ours, codec)))
            .collect();
        if !codecs.iter().any(Codec::carries_audio) {
            return None;
        }
        self.lines = session
            .media
            .iter()
            .enumerate()
            .map(|(at, other)| (at != place).then(|| RejectedLine::of(other)))
            .collect();
        self.direction = media.direction(&session).reversed();
        let key = self.keys.iter().find(|key| key.suite() == chosen.suite)?;
        self.media.set_local(key, SsrcChange::Same, RocChange::Kept);
        self.apply(&session, media, chosen);
        let mut line = AudioLine::new(media.protocol.clone(), self.media.port());
        (line.codecs, line.packet_time, line.direction) = (codecs, Some(20), self.direction);
        line.crypto = vec![LocalCrypto { tag: chosen.tag, spelling: Text::clone(&chosen.spelling), key }];
        self.version += 1;
        Some(self.describe(line, false))
    }

    fn apply(&self, session: &Session, media: &Media, chosen: &CryptoAttribute) {
        let (rtp, rtcp) = (media.rtp(session), media.rtcp(session));
        self.media.set_remote(&Remote { rtp, rtcp, key: &chosen.key });
        self.media.set_sending(self.direction.sends() && media.direction(session).receives());
    }

    fn describe(&self, audio: AudioLine<'_>, zero_address: bool) -> Bytes {
        let address = if zero_address { Ipv4Addr::UNSPECIFIED.into() } else { self.ip };
        let mut audio = Some(audio);
        let mut lines: Vec<_> = self
            .lines
            .iter()
            .filter_map(|rejected| match rejected {
                Some(rejected) => Some(LineOut::Rejected(rejected.clone())),
                None => audio.take().map(LineOut::Audio),
            })
            .collect();
        lines.extend(audio.map(LineOut::Audio));
        Description { session_id: self.session_id, version: self.version, address, lines }.write()
    }
}

fn make_keys(suites: &[Suite]) -> Vec<KeyMaterial> {
    suites.iter().map(|suite| KeyMaterial::generate(*suite, random::fill)).collect()
}

fn is_same(ours: &Codec, theirs: &Codec) -> bool {
    theirs.is(ours.name.as_str(), ours.clock_rate)
}

/// What a lab phone speaks.
fn codecs() -> Vec<Codec> {
    let mut events = Codec::new(PayloadType(101), "telephone-event", 8_000);
    events.fmtp = Some("0-16".into());
    vec![Codec::new(PayloadType(0), "PCMU", 8_000), events]
}
