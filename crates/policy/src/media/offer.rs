//! Offers: which stream of one may live.

use cordon_rtp::KeyMaterial;
use cordon_sdp::{Media, MediaKind, Protocol, Session};

use super::{LegRules, MediaRule, Opportunistic, PlainMedia, Protection, Stream, address, is_echo, keys};
use crate::Permit;
use crate::refusal::Refusal;

/// Chooses the one audio stream of an offer that begins a session.
///
/// A line of RTP/SAVP(F) is taken before one of RTP/AVP(F), wherever they stand: of a pair the secure one lives.
///
/// # Errors
/// The refusal that tells most about what the offer lacks.
pub fn admit_offer(rules: &LegRules, offer: &Session) -> Result<Permit<Stream>, Refusal> {
    let lines = || offer.media.iter().enumerate().filter(|(_, media)| !media.is_rejected());
    let audio = || lines().filter(|(_, media)| media.kind == MediaKind::Audio);
    let mut first_problem = None;
    for wanted in [Rank::Secure, Rank::Other] {
        for (line, media) in audio().filter(|(_, media)| Rank::of(media) == wanted) {
            match admit_line(rules, offer, line, media) {
                Ok(stream) => return Ok(Permit::grant(stream)),
                Err(refusal) => _ = first_problem.get_or_insert(refusal),
            }
        }
    }
    Err(first_problem.unwrap_or_else(|| why_no_audio(lines().map(|(_, media)| media))))
}

/// What a leg has agreed on before an offer that changes it.
pub struct Current<'a> {
    /// The stream is protected.
    pub is_secure: bool,
    /// The keys we seal with on this leg.
    pub own_keys: &'a [&'a KeyMaterial],
}

/// Chooses the one audio stream of an offer that changes a session.
///
/// # Errors
/// [`Refusal::ProtectionDropped`] where the session is protected and would no longer be; the session then stays as
/// it is (RFC 3261 §14). [`Refusal::KeyEchoed`] where the peer offers our own key. Else as [`admit_offer`].
pub fn admit_reoffer(
    rules: &LegRules,
    current: &Current<'_>,
    offer: &Session,
) -> Result<Permit<Stream>, Refusal> {
    let stream = admit_offer(rules, offer).map_err(|refusal| {
        match current.is_secure && lacks_protection(refusal) {
            true => Refusal::ProtectionDropped,
            false => refusal,
        }
    })?;
    if current.is_secure && !stream.protection.is_secure() {
        return Err(Refusal::ProtectionDropped);
    }
    let echoes = |key: &KeyMaterial| current.own_keys.iter().any(|ours| is_echo(key, ours));
    match stream.key(offer).is_some_and(|line| echoes(&line.key)) {
        true => Err(Refusal::KeyEchoed),
        false => Ok(stream),
    }
}

/// The order in which audio lines are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Secure,
    Other,
}

impl Rank {
    fn of(media: &Media) -> Rank {
        match media.protocol.is_secure() {
            true => Rank::Secure,
            false => Rank::Other,
        }
    }
}

fn admit_line(rules: &LegRules, offer: &Session, line: usize, media: &Media) -> Result<Stream, Refusal> {
    let protection = admit_protection(rules, media)?;
    let codecs = rules.codecs.admit(media.codecs())?;
    let remote = address::admit(&rules.networks, media, offer)?;
    if !protection.is_secure() && remote.is_some_and(|remote| !remote.is_inside) {
        return Err(Refusal::MediaAddressForeign);
    }
    Ok(Stream {
        line,
        protocol: media.protocol.clone(),
        protection,
        codecs,
        direction: media.direction(offer),
        remote,
        mux: media.has_rtcp_mux(),
    })
}

fn admit_protection(rules: &LegRules, media: &Media) -> Result<Protection, Refusal> {
    match &media.protocol {
        Protocol::RtpSavp | Protocol::RtpSavpf => keys::choose(rules, media).map(Protection::Secure),
        Protocol::RtpAvp | Protocol::RtpAvpf => match (rules.media, rules.opportunistic) {
            (_, Opportunistic::Upgrade) if !media.crypto.is_empty() => {
                keys::choose(rules, media).map(Protection::Secure)
            }
            // RFC 8643 §3.2: without an answer to its keys such an offer is an offer of RTP.
            (MediaRule::Rtp(reason), _) => Ok(Protection::Plain(Permit::grant(PlainMedia { reason }))),
            (MediaRule::Srtp, _) if media.crypto.is_empty() => Err(Refusal::PlainMedia),
            (MediaRule::Srtp, _) => Err(Refusal::OpportunisticMedia),
        },
        Protocol::UdpTlsRtpSavp | Protocol::UdpTlsRtpSavpf => Err(Refusal::DtlsMedia),
        Protocol::Udptl => Err(Refusal::FaxT38),
        Protocol::Other(_) => Err(Refusal::MediaUnknown),
    }
}

/// True for refusals that say: this stream is not protected at all.
fn lacks_protection(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::PlainMedia | Refusal::OpportunisticMedia | Refusal::KeysMissing)
}

/// What an offer without a single audio line in use is refused with.
fn why_no_audio<'a>(lines: impl Iterator<Item = &'a Media>) -> Refusal {
    lines
        .map(|media| match (&media.kind, &media.protocol) {
            (MediaKind::Image, _) | (_, Protocol::Udptl) => Refusal::FaxT38,
            (MediaKind::Video, _) => Refusal::VideoOnly,
            (
                MediaKind::Audio
                | MediaKind::Text
                | MediaKind::Application
                | MediaKind::Message
                | MediaKind::Other(_),
                _,
            ) => Refusal::MediaUnknown,
        })
        .next()
        .unwrap_or(Refusal::AudioMissing)
}
