//! Packets toward the wire: encrypted and tagged, and no index sealed twice under one key.

use cordon_rtp::{KeyMaterial, RtpHeader, Ssrc, rtcp};

use crate::error::SealError;
use crate::packet::{RtcpPacket, RtpPacket, SrtcpPacket, SrtpPacket};
use crate::replay_window::ReplayWindow;
use crate::session_keys::SessionKeys;

/// Seals what one leg sends under its local key.
///
/// A new local key is a new `Outbound`, with new SSRCs in the packets that go through it; one that comes back must go on in
/// the `Outbound` it had.
pub struct Outbound {
    keys: SessionKeys,
    /// At most [`MAX_OUTBOUND_SOURCES`].
    sources: Vec<Sealed>,
    /// SSRCs that made room in `sources`, at most [`MAX_RETIRED`]; they stay unusable while this key lives.
    retired: Vec<Ssrc>,
    sealed_rtp: u64,
    sealed_rtcp: u64,
}

/// What was sealed for one outbound SSRC.
struct Sealed {
    ssrc: Ssrc,
    /// Which indexes were used; `None` until the first RTP packet.
    window: Option<ReplayWindow<16>>,
    next_rtcp: u32,
    /// Packets sealed under the key when this source was last used.
    last_used: u64,
}

impl Outbound {
    /// Derives the session keys of `key`, which must never have protected a packet elsewhere.
    pub fn new(key: &KeyMaterial) -> Self {
        Self {
            keys: SessionKeys::derive(key),
            // The one that nearly every call has, so that its first packet allocates nothing.
            sources: Vec::with_capacity(1),
            retired: Vec::new(),
            sealed_rtp: 0,
            sealed_rtcp: 0,
        }
    }

    /// Seals an RTP packet in place under the index it carries.
    ///
    /// Packets may come out of order within 1,024 indexes, but each index is sealed once: a second packet under the
    /// same index would show whoever listens the XOR of both.
    pub fn seal_rtp<'b>(&mut self, packet: RtpPacket<'b>) -> Result<SrtpPacket<'b>, SealError> {
        if self.sealed_rtp >= self.keys.max_srtp {
            return Err(SealError::Lifetime);
        }
        let index = packet.index();
        let buf = packet.into_buf();
        let header = RtpHeader::parse_protected(buf.as_slice()).ok_or(SealError::Malformed)?;
        let (ssrc, header_len) = (header.ssrc(), header.header_len());
        if header.seq() != index.seq() {
            return Err(SealError::Malformed);
        }
        let clock = self.clock();
        let Self { keys, sources, retired, .. } = self;
        let source = source_for(sources, retired, ssrc, clock)?;
        let number = index.as_u64();
        match &mut source.window {
            Some(window) if !window.is_fresh(number) => return Err(SealError::IndexUsed),
            Some(window) => {
                window.commit(number);
            }
            None => source.window = Some(ReplayWindow::starting_at(number)),
        }
        // Marked before it is sealed: should sealing fail halfway, the index is lost, not used twice.
        keys.rtp.seal(buf, header_len, ssrc, index)?;
        self.sealed_rtp += 1;
        Ok(SrtpPacket::received(buf))
    }

    /// Seals a compound RTCP packet in place under the next SRTCP index of its sender.
    pub fn seal_rtcp<'b>(&mut self, packet: RtcpPacket<'b>) -> Result<SrtcpPacket<'b>, SealError> {
        if self.sealed_rtcp >= self.keys.max_srtcp {
            return Err(SealError::Lifetime);
        }
        let buf = packet.into_buf();
        let ssrc = rtcp::sender(buf.as_slice()).ok_or(SealError::Malformed)?;
        let clock = self.clock();
        let Self { keys, sources, retired, .. } = self;
        let source = source_for(sources, retired, ssrc, clock)?;
        let index = source.next_rtcp;
        source.next_rtcp = index.checked_add(1).filter(|next| *next <= 1 << 31).ok_or(SealError::Lifetime)?;
        keys.rtcp.seal(buf, ssrc, index)?;
        self.sealed_rtcp += 1;
        Ok(SrtcpPacket::received(buf))
    }

    /// Goes on under another suite with the same key bytes: AES-CM draws the same key stream for either length of its tag,
    /// so what was sealed under the one stays sealed under the other.
    pub fn take_suite(&mut self, key: &KeyMaterial) {
        self.keys = SessionKeys::derive(key);
    }

    /// Packets that may still be sealed before the key must change, in the protocol that has fewer left.
    pub fn remaining(&self) -> u64 {
        let [rtp, rtcp] = self.keys.remaining(self.sealed_rtp, self.sealed_rtcp);
        if self.retired.len() >= MAX_RETIRED { 0 } else { rtp.min(rtcp) }
    }

    /// Whether it is time to replace the key.
    pub fn is_nearly_spent(&self) -> bool {
        self.retired.len() >= MAX_RETIRED || self.keys.are_nearly_spent(self.sealed_rtp, self.sealed_rtcp)
    }

    /// RTP packets sealed under this key.
    pub fn sealed_rtp(&self) -> u64 {
        self.sealed_rtp
    }

    /// RTCP packets sealed under this key.
    pub fn sealed_rtcp(&self) -> u64 {
        self.sealed_rtcp
    }

    fn clock(&self) -> u64 {
        self.sealed_rtp + self.sealed_rtcp
    }
}

/// The entry of `ssrc`, made when there is none; the one unused for longest makes room and is retired for good.
fn source_for<'s>(
    sources: &'s mut Vec<Sealed>,
    retired: &mut Vec<Ssrc>,
    ssrc: Ssrc,
    clock: u64,
) -> Result<&'s mut Sealed, SealError> {
    let known = sources.iter().position(|source| source.ssrc == ssrc);
    let place = match known {
        Some(place) => place,
        None => {
            if retired.contains(&ssrc) {
                return Err(SealError::TooManySources);
            }
            if sources.len() >= MAX_OUTBOUND_SOURCES {
                if retired.len() >= MAX_RETIRED {
                    return Err(SealError::TooManySources);
                }
                let unused = (0..sources.len()).min_by_key(|place| sources.get(*place).map(|s| s.last_used));
                let leaving = sources.swap_remove(unused.ok_or(SealError::TooManySources)?);
                retired.push(leaving.ssrc);
            }
            sources.push(Sealed { ssrc, window: None, next_rtcp: 0, last_used: clock });
            sources.len() - 1
        }
    };
    let source = sources.get_mut(place).ok_or(SealError::TooManySources)?;
    source.last_used = clock;
    Ok(source)
}

/// Outbound SSRCs in use at once: as many as one direction may receive.
const MAX_OUTBOUND_SOURCES: usize = 8;
/// Outbound SSRCs a key remembers after use. A peer that restarts its index this often gets a new local key.
const MAX_RETIRED: usize = 24;
