//! The media of one leg: its description, its keys, and what is agreed with its peer.
//!
//! A change is drafted first and becomes the agreement only with [`LegMedia::commit`]: a refused re-INVITE leaves the
//! session as it was (RFC 3261 §14.1).

use std::net::SocketAddr;

use bytes::Bytes;
use cordon_policy::media::{
    self, AnsweredMedia, Current, LegRules, MediaRule, OfferedKey, OfferedMedia, OurOffer,
};
use cordon_policy::{Permit, Refusal};
use cordon_rtp::{KeyMaterial, Suite};
use cordon_sdp::{
    AudioLine, Description, Direction, LineOut, LocalCrypto, MediaKind, Protocol, RejectedLine, Session,
};

use crate::content::{Content, OurLine, Shape};
use crate::local_keys::LocalKeys;
use crate::media::{AddressChange, Before, EndSetup, MediaAddress, Protection};
use crate::peer::{Peer, PeerProtection};
use crate::wire::Entropy;

/// The media of one leg.
pub(crate) struct LegMedia {
    /// Ours; the same for the life of the leg.
    local: MediaAddress,
    session_id: u64,
    /// Grows by one with each change (RFC 3264 §8).
    version: u64,
    /// What the version stands for.
    written: Option<Shape>,
    /// One per media line of the dialog; ours to keep, the peer's to forget (RFC 3264 §8).
    lines: Vec<RejectedLine>,
    /// Which of them lives.
    audio: usize,
    keys: LocalKeys,
    /// The newest name a set of our keys got; one that was drafted and came to nothing has used its name up.
    generation: u32,
    /// What both sides agreed on last.
    agreed: Option<Peer>,
    /// What we last said that was agreed on.
    said: Option<Content>,
    /// What the exchange under way would change.
    draft: Draft,
    /// What the relay knows.
    told: Option<Told>,
    /// Descriptions the peer has given so far.
    descriptions: u64,
    /// How often our own key changed after the first.
    pub(crate) local_rekeys: u64,
}

impl LegMedia {
    /// A leg with ports and nothing agreed yet.
    pub(crate) fn new(local: MediaAddress, entropy: &mut (dyn Entropy + Send)) -> LegMedia {
        let mut id = [0u8; 4];
        entropy.fill(&mut id);
        LegMedia {
            local,
            session_id: u64::from(u32::from_be_bytes(id)),
            version: 1,
            written: None,
            lines: Vec::new(),
            audio: 0,
            keys: LocalKeys::default(),
            generation: 0,
            agreed: None,
            said: None,
            draft: Draft::default(),
            told: None,
            descriptions: 0,
            local_rekeys: 0,
        }
    }

    /// Our RTP address toward this peer.
    pub(crate) fn local_rtp(&self) -> SocketAddr {
        self.local.rtp
    }

    /// The suite in use.
    pub(crate) fn suite(&self) -> Option<Suite> {
        self.peer().and_then(Peer::suite)
    }

    /// Where the peer of the draft, else of the agreement, wants RTP.
    pub(crate) fn remote_rtp(&self) -> Option<SocketAddr> {
        self.peer().and_then(|peer| peer.rtp)
    }

    /// Which way the peer's last description lets media go.
    pub(crate) fn peer_direction(&self) -> Option<Direction> {
        self.peer().map(|peer| peer.direction)
    }

    /// Asks policy for an offer of this leg's peer: a beginning, or a change that may not drop protection.
    pub(crate) fn admit_offer(
        &self,
        rules: &LegRules,
        offer: &Session,
    ) -> Result<Permit<OfferedMedia>, Refusal> {
        // A leg without agreement may have shown its key already: before a challenge, say.
        let own_keys = self.keys.all();
        let is_secure = self.agreed.as_ref().is_some_and(|agreed| agreed.suite().is_some());
        media::admit_reoffer(rules, &Current { is_secure, own_keys: &own_keys }, offer)
    }

    /// Asks policy for the answer to our last offer.
    pub(crate) fn admit_answer(
        &self,
        rules: &LegRules,
        answer: &Session,
    ) -> Result<Permit<AnsweredMedia>, Refusal> {
        let written = self.written.as_ref().ok_or(Refusal::AnswerMismatch)?;
        let keys: Vec<OfferedKey<'_>> = written
            .crypto
            .iter()
            .filter_map(|line| {
                let key = self.draft.keys.as_ref().unwrap_or(&self.keys).existing(line.suite)?;
                Some(OfferedKey { tag: line.tag, suite: line.suite, key })
            })
            .collect();
        let offer =
            OurOffer { lines: written.lines, line: written.audio, protocol: &written.protocol, keys: &keys };
        media::admit_answer(rules, &offer, answer)
    }

    /// Drafts what the peer offered; the answer is ours to write.
    pub(crate) fn take_offer(
        &mut self,
        permit: Permit<OfferedMedia>,
        offer: Session,
    ) -> Result<Content, Refusal> {
        // As many as offered, even where a peer forgets lines it had (RFC 3264 §6): phones take no answer with more.
        let lines: Vec<RejectedLine> = offer.media.iter().map(RejectedLine::of).collect();
        let audio = permit.line;
        let content = Content::of(&permit, &offer);
        let peer = Peer { description: self.next_description(), ..Peer::of(permit, offer)? };
        // RFC 4568 §7.1.4: a new transport address is a new endpoint, and both directions take new keys.
        let has_moved = match (self.told.as_ref().and_then(|told| told.rtp), peer.rtp) {
            (Some(before), Some(now)) => before != now,
            _ => false,
        };
        let keys = has_moved.then(|| self.renewed_keys());
        self.draft = Draft { peer: Some(peer), lines: Some((lines, audio)), keys };
        Ok(content)
    }

    /// Drafts what the peer answered to our offer.
    pub(crate) fn take_answer(
        &mut self,
        permit: Permit<AnsweredMedia>,
        answer: Session,
    ) -> Result<Content, Refusal> {
        let content = Content::of(&permit, &answer);
        // RTP and RTCP share a port only where we offered it, which we do not.
        let description = self.next_description();
        self.draft.peer = Some(Peer { description, mux: false, ..Peer::of(permit, answer)? });
        Ok(content)
    }

    /// Our answer to the drafted offer: the same profile, tag and spelling, and exactly one key.
    pub(crate) fn write_answer(
        &mut self,
        content: &Content,
        entropy: &mut (dyn Entropy + Send),
    ) -> Option<Bytes> {
        let peer = self.draft.peer.as_ref()?;
        let crypto = match &peer.protection {
            PeerProtection::Secure { tag, spelling, key, .. } => {
                vec![OurLine { tag: *tag, spelling: spelling.clone(), suite: key.suite() }]
            }
            PeerProtection::Plain(_) => Vec::new(),
        };
        let (protocol, mux) = (peer.protocol.clone(), peer.mux);
        Some(self.write(content, protocol, mux, crypto, entropy))
    }

    /// Our offer: the suite in use first, then the others this leg accepts, each with its one key.
    pub(crate) fn write_offer(
        &mut self,
        rules: &LegRules,
        content: &Content,
        entropy: &mut (dyn Entropy + Send),
    ) -> Bytes {
        self.draft = Draft::default();
        self.write_lines(rules, content, entropy)
    }

    /// An offer of our own within a session: what was agreed, with new keys where asked.
    pub(crate) fn write_refresh(
        &mut self,
        rules: &LegRules,
        renews_keys: bool,
        entropy: &mut (dyn Entropy + Send),
    ) -> Option<Bytes> {
        let content = self.said.clone()?;
        self.draft = Draft { keys: renews_keys.then(|| self.renewed_keys()), ..Draft::default() };
        Some(self.write_lines(rules, &content, entropy))
    }

    fn write_lines(
        &mut self,
        rules: &LegRules,
        content: &Content,
        entropy: &mut (dyn Entropy + Send),
    ) -> Bytes {
        let agreed = self.agreed.as_ref();
        // What is protected stays so, even where the rule would let RTP pass.
        let is_secure = match rules.media {
            MediaRule::Srtp => true,
            MediaRule::Rtp(_) => agreed.is_some_and(|peer| peer.suite().is_some()),
        };
        let first = if is_secure { Protocol::RtpSavp } else { Protocol::RtpAvp };
        let protocol = agreed.map_or(first, |peer| peer.protocol.clone());
        let crypto = if is_secure { self.lines_to_offer(rules) } else { Vec::new() };
        if self.lines.is_empty() {
            let line =
                RejectedLine { kind: MediaKind::Audio, protocol: protocol.clone(), format: "0".into() };
            self.lines.push(line);
        }
        self.write(content, protocol, false, crypto, entropy)
    }

    /// The answer that refuses every line of a late offer (RFC 3264 §6).
    pub(crate) fn write_nothing(&mut self, offer: Option<&Session>) -> Bytes {
        let lines: Vec<RejectedLine> = match offer {
            Some(session) => session.media.iter().map(RejectedLine::of).collect(),
            None => self.draft.lines.as_ref().map_or(&self.lines, |(lines, _)| lines).clone(),
        };
        self.version = self.version.saturating_add(1);
        let lines = lines.into_iter().map(LineOut::Rejected).collect();
        let address = self.local.rtp.ip();
        Description { session_id: self.session_id, version: self.version, address, lines }.write()
    }

    /// The exchange is over and both sides agree.
    pub(crate) fn commit(&mut self) {
        let Draft { peer, lines, keys } = std::mem::take(&mut self.draft);
        if let Some(keys) = keys {
            self.keys = keys;
        }
        if let Some((lines, audio)) = lines {
            (self.lines, self.audio) = (lines, audio);
        }
        let Some(peer) = peer else { return };
        // A suite that was left takes a new key should it come back.
        if let Some(left) =
            self.agreed.as_ref().and_then(Peer::suite).filter(|left| Some(*left) != peer.suite())
        {
            self.keys.forget(left);
        }
        self.agreed = Some(peer);
        self.said = self.last_content();
    }

    /// The exchange failed: everything is as before it.
    pub(crate) fn roll_back(&mut self) {
        self.draft = Draft::default();
    }

    /// Whether the exchange under way has brought a description of the peer.
    pub(crate) fn has_draft_of_peer(&self) -> bool {
        self.draft.peer.is_some()
    }

    /// What our last description said.
    pub(crate) fn last_content(&self) -> Option<Content> {
        self.written.as_ref().map(|shape| shape.content.clone())
    }

    /// How the relay is to treat this end, given which way the other leg's peer lets media go. `None` until both
    /// descriptions are there.
    pub(crate) fn setup(&mut self, other: Direction, before_proof: Before) -> Option<EndSetup> {
        let peer = self.draft.peer.as_ref().or(self.agreed.as_ref())?;
        let keys = self.draft.keys.as_ref().unwrap_or(&self.keys);
        let before = self.told.as_ref();
        // An unspecified address says "send me nothing", not "I am elsewhere".
        let rtp = peer.rtp.or(before.and_then(|told| told.rtp));
        let rtcp = peer.rtcp.or(before.and_then(|told| told.rtcp));
        let (protection, remote) = match &peer.protection {
            PeerProtection::Secure { key, mki, .. } => {
                let local = keys.existing(key.suite())?.hand_to_relay();
                let protection = Protection::Secure {
                    local: Box::new(local),
                    remote: Box::new(key.hand_to_relay()),
                    remote_mki_len: *mki,
                };
                (protection, Some(key.hand_to_relay()))
            }
            PeerProtection::Plain(permit) => (Protection::Plain(permit.clone()), None),
        };
        let now = Told { rtp, rtcp, remote, generation: keys.generation(), description: peer.description };
        let has_moved = before.is_some_and(|told| told.rtp.is_some() && told.rtp != now.rtp);
        let has_new_remote = before.is_some_and(|told| !told.has_same_remote(&now));
        let has_new_local =
            before.is_some_and(|told| (told.generation, told.suite()) != (now.generation, now.suite()));
        let setup = EndSetup {
            protection,
            // A peer that moved in its answer keeps our key but is another endpoint, which begins at ROC 0.
            local_changed: has_new_local || has_moved,
            remote_changed: match (has_moved, has_new_remote) {
                (true, _) => Some(AddressChange::Changed),
                (false, true) => Some(AddressChange::Same),
                (false, false) => None,
            },
            renegotiated: before.is_some_and(|told| told.description != now.description),
            remote_rtp: rtp.unwrap_or(NOWHERE),
            remote_rtcp: rtcp.unwrap_or(NOWHERE),
            mux: peer.mux,
            before_proof,
            codecs: peer.codecs,
            receive: peer.direction.sends() && other.receives(),
            send: peer.direction.receives() && other.sends() && rtp.is_some(),
        };
        self.local_rekeys += u64::from(has_new_local);
        self.told = Some(now);
        Some(setup)
    }

    fn next_description(&mut self) -> u64 {
        self.descriptions += 1;
        self.descriptions
    }

    fn renewed_keys(&mut self) -> LocalKeys {
        self.generation = self.generation.wrapping_add(1);
        LocalKeys::renewed(self.generation)
    }

    fn peer(&self) -> Option<&Peer> {
        self.draft.peer.as_ref().or(self.agreed.as_ref())
    }

    /// Tags are positions in the configured list, so that a suite keeps its tag at every refresh.
    fn lines_to_offer(&self, rules: &LegRules) -> Vec<OurLine> {
        let used = self.agreed.as_ref().and_then(|peer| match &peer.protection {
            PeerProtection::Secure { key, spelling, .. } => Some((key.suite(), spelling)),
            PeerProtection::Plain(_) => None,
        });
        let mut lines: Vec<OurLine> = (1u32..)
            .zip(&rules.suites)
            .map(|(tag, suite)| {
                let spelling = used.filter(|(used, _)| used == suite).map(|(_, spelling)| spelling.clone());
                OurLine { tag, spelling: spelling.unwrap_or_else(|| suite.name().into()), suite: *suite }
            })
            .collect();
        lines.sort_by_key(|line| used.is_some_and(|(used, _)| used != line.suite));
        lines
    }

    fn write(
        &mut self,
        content: &Content,
        protocol: Protocol,
        rtcp_mux: bool,
        crypto: Vec<OurLine>,
        entropy: &mut (dyn Entropy + Send),
    ) -> Bytes {
        let (lines, audio) = match &self.draft.lines {
            Some((lines, audio)) => (lines.clone(), *audio),
            None => (self.lines.clone(), self.audio),
        };
        let keys = self.draft.keys.as_mut().unwrap_or(&mut self.keys);
        for line in &crypto {
            keys.draw(line.suite, entropy);
        }
        let shape = Shape {
            content: content.clone(),
            protocol,
            lines: lines.len(),
            audio,
            rtcp_mux,
            crypto,
            generation: keys.generation(),
        };
        if self.written.as_ref().is_some_and(|written| *written != shape) {
            self.version = self.version.saturating_add(1);
        }
        let crypto = shape.crypto.iter().filter_map(|line| {
            let key = keys.existing(line.suite)?;
            Some(LocalCrypto { tag: line.tag, spelling: line.spelling.clone(), key })
        });
        let Content { codecs, direction, packet_time, maximum_packet_time } = content.clone();
        let mut live = Some(AudioLine {
            protocol: shape.protocol.clone(),
            port: self.local.rtp.port(),
            codecs,
            direction,
            packet_time,
            maximum_packet_time,
            rtcp_mux,
            crypto: crypto.collect(),
        });
        let lines =
            lines.into_iter().enumerate().map(|(index, line)| match live.take_if(|_| index == audio) {
                Some(live) => LineOut::Audio(live),
                None => LineOut::Rejected(line),
            });
        let lines = lines.collect();
        let address = self.local.rtp.ip();
        let body = Description { session_id: self.session_id, version: self.version, address, lines }.write();
        self.written = Some(shape);
        body
    }
}

/// What a change would make of the leg.
#[derive(Default)]
struct Draft {
    peer: Option<Peer>,
    /// The dialog's lines and which of them lives.
    lines: Option<(Vec<RejectedLine>, usize)>,
    /// New keys, where the change asks for them.
    keys: Option<LocalKeys>,
}

/// What the relay was last told of this end.
struct Told {
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    remote: Option<KeyMaterial>,
    generation: u32,
    description: u64,
}

impl Told {
    fn suite(&self) -> Option<Suite> {
        self.remote.as_ref().map(KeyMaterial::suite)
    }

    fn has_same_remote(&self, other: &Told) -> bool {
        match (&self.remote, &other.remote) {
            (Some(one), Some(two)) => one.is_same_as(two),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// The peer said no address yet; nothing is ever sent here.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
