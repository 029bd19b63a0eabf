//! Answers: whether what came back keeps what was offered.

use cordon_rtp::{KeyMaterial, Suite};
use cordon_sdp::{CryptoAttribute, CryptoLine, Media, MediaKind, Protocol, Session};

use super::{LegRules, MediaRule, PlainMedia, Protection, SecureMedia, Stream, address, is_echo, keys};
use crate::Permit;
use crate::refusal::Refusal;

/// A key line of an offer of ours.
pub struct OfferedKey<'a> {
    /// Its tag.
    pub tag: u32,
    /// Its suite.
    pub suite: Suite,
    /// What we seal with if it is chosen.
    pub key: &'a KeyMaterial,
}

/// What an answer is measured by.
pub struct OurOffer<'a> {
    /// How many media lines our offer had.
    pub lines: usize,
    /// Which of them is the stream.
    pub line: usize,
    /// Its profile.
    pub protocol: &'a Protocol,
    /// Its key lines; empty where RTP was offered.
    pub keys: &'a [OfferedKey<'a>],
}

/// Takes an answer to an offer of ours.
///
/// # Errors
/// The rule the answer breaks; the call cannot go on with it. Nothing of the offer is softened to make it fit.
pub fn admit_answer(
    rules: &LegRules,
    offer: &OurOffer<'_>,
    answer: &Session,
) -> Result<Permit<Stream>, Refusal> {
    if answer.media.len() != offer.lines {
        return Err(Refusal::AnswerMismatch);
    }
    let media = answer.media.get(offer.line).ok_or(Refusal::AnswerMismatch)?;
    if media.kind != MediaKind::Audio {
        return Err(Refusal::AnswerMismatch);
    }
    if media.is_rejected() {
        return Err(Refusal::AudioMissing);
    }
    let protection = match offer.keys.is_empty() {
        true => admit_plain(rules, media)?,
        false => Protection::Secure(admit_key(offer, media)?),
    };
    let codecs = rules.codecs.admit(media.codecs())?;
    let remote = address::admit(&rules.networks, media, answer)?;
    if !protection.is_secure() && remote.is_some_and(|remote| !remote.is_inside) {
        return Err(Refusal::MediaAddressForeign);
    }
    Ok(Permit::grant(Stream {
        line: offer.line,
        protocol: media.protocol.clone(),
        protection,
        codecs,
        direction: media.direction(answer),
        remote,
        mux: media.has_rtcp_mux(),
    }))
}

/// RTP was offered: the answer is RTP, and the leg is one where that is allowed.
fn admit_plain(rules: &LegRules, media: &Media) -> Result<Protection, Refusal> {
    match (&media.protocol, rules.media) {
        (Protocol::RtpAvp | Protocol::RtpAvpf, MediaRule::Rtp(reason)) => {
            Ok(Protection::Plain(Permit::grant(PlainMedia { reason })))
        }
        (Protocol::RtpAvp | Protocol::RtpAvpf, MediaRule::Srtp) => Err(Refusal::AnswerUnprotected),
        (
            Protocol::RtpSavp
            | Protocol::RtpSavpf
            | Protocol::UdpTlsRtpSavp
            | Protocol::UdpTlsRtpSavpf
            | Protocol::Udptl
            | Protocol::Other(_),
            _,
        ) => Err(Refusal::AnswerMixesProfiles),
    }
}

/// SRTP was offered: exactly one key line, one of ours in tag and suite, and not our key.
fn admit_key(offer: &OurOffer<'_>, media: &Media) -> Result<Permit<SecureMedia>, Refusal> {
    match &media.protocol {
        Protocol::RtpSavp | Protocol::RtpSavpf if offer.protocol.is_secure() => {}
        // The answer to RTP/AVP with keys is RTP/AVP with keys (RFC 8643 §3.2).
        Protocol::RtpAvp | Protocol::RtpAvpf if offer.protocol.is_plain() => {}
        Protocol::RtpAvp | Protocol::RtpAvpf if media.crypto.is_empty() => {
            return Err(Refusal::AnswerUnprotected);
        }
        Protocol::RtpSavp
        | Protocol::RtpSavpf
        | Protocol::RtpAvp
        | Protocol::RtpAvpf
        | Protocol::UdpTlsRtpSavp
        | Protocol::UdpTlsRtpSavpf
        | Protocol::Udptl
        | Protocol::Other(_) => return Err(Refusal::AnswerMixesProfiles),
    }
    let attribute = match media.crypto.as_slice() {
        [] => return Err(Refusal::AnswerUnprotected),
        [CryptoLine::Usable(attribute)] => attribute,
        [CryptoLine::Skipped { why, .. }] => return Err(keys::refusal_for(*why)),
        [_, _, ..] => return Err(Refusal::AnswerKeyMismatch),
    };
    if offer.keys.iter().any(|offered| is_echo(&attribute.key, offered.key)) {
        return Err(Refusal::KeyEchoed);
    }
    match is_one_of(offer.keys, attribute) {
        true => Ok(keys::grant(0, attribute)),
        false => Err(Refusal::AnswerKeyMismatch),
    }
}

fn is_one_of(offered: &[OfferedKey<'_>], attribute: &CryptoAttribute) -> bool {
    offered.iter().any(|offered| offered.tag == attribute.tag && offered.suite == attribute.suite)
}
