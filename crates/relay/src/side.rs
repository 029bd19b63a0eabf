//! One end of a stream: its protection, its permits, where it is reached, and what it counted.

use std::net::SocketAddr;
use std::time::Instant;

use cordon_rtp::report::Echo;
use cordon_rtp::{AudioCodecs, KeyMaterial, PacketBuf, PacketIndex};
use cordon_srtp::{
    AddressChange, Inbound, OpenError, RtcpPacket, RtpPacket, SourceId, SrtcpPacket, SrtpPacket,
};

use crate::arrivals::{Arrivals, Packet};
use crate::generator::Generator;
use crate::latch::Latch;
use crate::our_keys::OurKeys;
use crate::place::Component;
use crate::plain::PlainEnd;
use crate::reports::Reports;
use crate::rewrite::Rewrite;
use crate::{Before, EndSetup, EndStatistics, Local, LocalPort, Protection};

/// One end of a stream.
pub(crate) struct Side {
    pub(crate) local: Local,
    setup: Option<Setup>,
    /// The state of a protection that policy let go, for when it comes back: recordings are no newer for that.
    parked: Option<Box<Secure>>,
    /// What the sources of the other end are called toward this one.
    pub(crate) toward: Rewrite,
    pub(crate) statistics: EndStatistics,
    pub(crate) arrivals: Arrivals,
    pub(crate) reports: Reports,
    /// Said that our key, or the peer's, is nearly spent; once per key.
    is_local_spent_said: bool,
    is_remote_spent_said: bool,
    /// The session changed since a new life of the peer's sources was last seen.
    has_changed: bool,
    /// The newest life of the peer's sources; lives are counted over all of them.
    newest_life: Option<u32>,
    /// What is added to the lives that the protection in force counts: they are newer than all under the one before.
    lives_before: u32,
}

/// What signalling last said about an end.
struct Setup {
    protected: Protected,
    rtp: Latch,
    rtcp: Latch,
    mux: bool,
    before_proof: Before,
    codecs: AudioCodecs,
    receive: bool,
    send: bool,
}

/// The protection of an end, with its running state.
enum Protected {
    Secure(Box<Secure>),
    Plain(Box<PlainEnd>),
}

/// What a description of the peer brought.
struct Negotiated {
    change: AddressChange,
    renegotiated: bool,
    has_moved: bool,
}

/// The keys of a description: ours, and the peer's.
struct Keys {
    local: KeyMaterial,
    remote: KeyMaterial,
}

/// SRTP in both directions of one end.
struct Secure {
    inbound: Inbound,
    ours: OurKeys,
    remote: KeyMaterial,
}

impl Side {
    pub(crate) fn new(local: Local) -> Side {
        Side {
            local,
            setup: None,
            parked: None,
            toward: Rewrite::new(),
            statistics: EndStatistics::default(),
            arrivals: Arrivals::default(),
            reports: Reports::default(),
            is_local_spent_said: false,
            is_remote_spent_said: false,
            has_changed: false,
            newest_life: None,
            lives_before: 0,
        }
    }

    /// Takes what signalling says from now on; whatever is said again as before keeps its running state.
    pub(crate) fn apply(&mut self, now: Instant, setup: EndSetup, generator: &mut Generator) {
        let EndSetup {
            protection,
            local_changed,
            remote_changed,
            renegotiated,
            remote_rtp,
            remote_rtcp,
            mux,
            before_proof,
            codecs,
            receive,
            send,
        } = setup;
        let (mut rtp, mut rtcp, known) = match self.setup.take() {
            Some(Setup { rtp, rtcp, protected, .. }) => {
                self.has_changed = true;
                (rtp, rtcp, Some(protected))
            }
            None => (Latch::new(remote_rtp), Latch::new(remote_rtcp), None),
        };
        let has_moved = rtp.signalled() != remote_rtp;
        rtp.signal(remote_rtp);
        rtcp.signal(remote_rtcp);
        if local_changed {
            self.toward.renew(generator);
        }
        let change = match remote_changed {
            Some(change) => change,
            None if has_moved => AddressChange::Changed,
            None => AddressChange::Same,
        };
        let negotiated = Negotiated { change, renegotiated, has_moved };
        let protected = self.protect(now, protection, known, negotiated, generator);
        let heard_from = self.statistics.heard_from.unwrap_or(now);
        self.statistics.heard_from = receive.then_some(heard_from);
        self.setup = Some(Setup { protected, rtp, rtcp, mux, before_proof, codecs, receive, send });
    }

    /// The protection from now on, with the running state of what stays.
    fn protect(
        &mut self,
        now: Instant,
        protection: Protection,
        known: Option<Protected>,
        negotiated: Negotiated,
        generator: &mut Generator,
    ) -> Protected {
        let Negotiated { change, renegotiated, has_moved } = negotiated;
        match (protection, known) {
            (Protection::Secure { local, remote }, known) => {
                let was_secure = matches!(known, Some(Protected::Secure(_)));
                let state = match known {
                    Some(Protected::Secure(secure)) => Some(secure),
                    Some(Protected::Plain(_)) | None => self.parked.take(),
                };
                if !was_secure {
                    self.begin_protection();
                }
                match state {
                    Some(mut secure) => {
                        let keys = Keys { local: *local, remote: *remote };
                        self.change_keys(now, &mut secure, keys, change, generator);
                        if renegotiated || !was_secure {
                            secure.inbound.renegotiated(now, change);
                        }
                        Protected::Secure(secure)
                    }
                    None => Protected::Secure(Box::new(Secure::new(*local, *remote))),
                }
            }
            (Protection::Plain(_), Some(Protected::Plain(mut plain))) => {
                if has_moved || renegotiated {
                    plain.described_anew();
                }
                Protected::Plain(plain)
            }
            (Protection::Plain(permit), known) => {
                self.begin_protection();
                if let Some(Protected::Secure(secure)) = known {
                    self.parked = Some(secure);
                }
                Protected::Plain(Box::new(PlainEnd::new(permit)))
            }
        }
    }

    /// What was said so far was said in another form: sources begin anew under other names.
    fn begin_protection(&mut self) {
        self.toward.begin_key();
        if let Some(newest) = self.newest_life.take() {
            self.lives_before = newest.saturating_add(1);
        }
    }

    /// Replaces the keys that differ. The comparison decides, not what signalling believes: a key that is the
    /// same must go on counting where it is, and one that differs must not.
    fn change_keys(
        &mut self,
        now: Instant,
        secure: &mut Secure,
        keys: Keys,
        change: AddressChange,
        generator: &mut Generator,
    ) {
        let Keys { local, remote } = keys;
        if secure.ours.take(local) {
            self.toward.begin_key();
            self.is_local_spent_said = false;
            self.statistics.rekeys = self.statistics.rekeys.saturating_add(1);
        }
        secure.inbound.rekey(now, &remote, change);
        if !secure.remote.is_same_as(&remote) {
            secure.remote = remote;
            self.is_remote_spent_said = false;
            self.toward.renew_rolled_over(generator);
            self.statistics.rekeys = self.statistics.rekeys.saturating_add(1);
        }
    }

    /// Opens an RTP packet of this end's peer; what does not open is counted.
    pub(crate) fn open_rtp<'b>(&mut self, arrival: Arrival, buf: &'b mut PacketBuf) -> Option<Opened<'b>> {
        let Arrival { now, source: from, component } = arrival;
        let refused = &mut self.statistics.refused;
        let Some(setup) = &mut self.setup else {
            refused.no_permit += 1;
            return None;
        };
        let signalled = setup.signalled(component);
        let bytes = buf.len();
        let opened = match &mut setup.protected {
            Protected::Secure(secure) => {
                secure.inbound.open_rtp(now, SrtpPacket::received(buf)).map(|packet| {
                    let (source, index, is_newest) = (packet.source(), packet.index(), packet.is_newest());
                    Opened { packet, source, index, is_newest }
                })
            }
            Protected::Plain(plain) => match RtpPacket::plain(buf, plain.permit) {
                Ok(_) if !plain.admits_rtp(now, from, signalled) => {
                    refused.foreign += 1;
                    return None;
                }
                parsed => match parsed.and_then(|packet| plain.place(packet)) {
                    Err(OpenError::Replayed) => {
                        self.statistics.arrived.duplicates += 1;
                        return None;
                    }
                    placed => placed,
                },
            },
        };
        let mut opened = opened.map_err(|error| refused.count(error)).ok()?;
        opened.source.epoch = opened.source.epoch.saturating_add(self.lives_before);
        if opened.is_newest && setup.learn(component, from) {
            self.statistics.moves += 1;
        }
        let (timestamp, codec) = (opened.packet.timestamp(), setup.codecs.find(opened.packet.payload_type()));
        let packet = Packet { source: opened.source, index: opened.index, timestamp, codec };
        self.arrivals.note(now, packet, &mut self.statistics.arrived);
        self.statistics.opened += 1;
        self.statistics.opened_bytes += bytes as u64;
        self.statistics.last_authenticated = Some(now);
        self.statistics.last_heard = Some(now);
        Some(opened)
    }

    /// Opens an RTCP packet of this end's peer; the compound is in `buf` then. What does not open is counted.
    /// Its port is learned, but not its host: RTCP is too rare to tell a fresh packet from a delayed copy.
    pub(crate) fn open_rtcp(&mut self, arrival: Arrival, buf: &mut PacketBuf) -> Option<()> {
        let Arrival { now, source: from, component } = arrival;
        let Some(setup) = &mut self.setup else {
            self.statistics.refused.no_permit += 1;
            return None;
        };
        if !setup.takes_rtcp_on(component) {
            self.statistics.other += 1;
            return None;
        }
        let signalled = setup.signalled(component);
        let bytes = buf.len();
        let opened = match &mut setup.protected {
            Protected::Secure(secure) => {
                secure.inbound.open_rtcp(now, SrtcpPacket::received(buf)).map(|_| true)
            }
            Protected::Plain(plain) => match RtcpPacket::plain(buf, plain.permit) {
                Ok(_) if !plain.admits_rtcp(now, from, signalled) => {
                    self.statistics.refused.foreign += 1;
                    return None;
                }
                parsed => parsed.map(|_| false),
            },
        };
        let is_proven = opened.map_err(|error| self.statistics.refused.count(error)).ok()?;
        if is_proven && component == Component::Rtcp && setup.rtp.is_on_host(from) {
            setup.learn(component, from);
        }
        self.statistics.rtcp_opened += 1;
        self.statistics.opened_bytes += bytes as u64;
        self.statistics.last_authenticated = Some(now);
        Some(())
    }

    /// Notes the life a source of the peer is in. A new one after a change of the session, under an SSRC that is new or
    /// started over, is the sign of a peer that made its session anew, and it may have forgotten what it received from
    /// us too.
    pub(crate) fn note_life(&mut self, source: SourceId, generator: &mut Generator) {
        if self.newest_life.is_some_and(|newest| source.epoch <= newest) {
            return;
        }
        self.newest_life = Some(source.epoch);
        if std::mem::take(&mut self.has_changed) {
            self.toward.renew_rolled_over(generator);
        }
    }

    /// The peer echoes the stamp of a report that was sent to it.
    pub(crate) fn note_echo(&mut self, now: Instant, echo: Echo) {
        let known = self.statistics.round_trip;
        self.statistics.round_trip = self.reports.note_echo(now, echo, known).or(known);
    }

    /// Whether what the peer of this end sends may be forwarded.
    pub(crate) fn may_receive(&self) -> bool {
        self.setup.as_ref().is_some_and(|setup| setup.receive)
    }

    /// Whether anything may be sent to the peer of this end.
    pub(crate) fn may_send(&self) -> bool {
        self.setup.as_ref().is_some_and(|setup| setup.send)
    }

    /// From which port to which address something for this end leaves now.
    pub(crate) fn route(&self, component: Component) -> Option<(LocalPort, SocketAddr)> {
        let setup = self.setup.as_ref()?;
        let (port, latch) = match component {
            Component::Rtcp if !setup.mux => (self.local.rtcp, &setup.rtcp),
            Component::Rtp | Component::Rtcp => (self.local.rtp, &setup.rtp),
        };
        Some((port, latch.target(setup.before_proof)?))
    }

    /// Makes a packet fit for this end's peer: sealed, or plain where the permit says so. The only two ways out.
    pub(crate) fn seal_rtp(&mut self, packet: RtpPacket<'_>) -> Option<()> {
        let bytes = match &mut self.setup.as_mut()?.protected {
            Protected::Secure(secure) => secure.ours.outbound().seal_rtp(packet).ok()?.as_slice().len(),
            Protected::Plain(plain) => packet.into_plain(plain.permit).as_slice().len(),
        };
        self.statistics.sealed += 1;
        self.statistics.sealed_bytes += bytes as u64;
        Some(())
    }

    /// The same for RTCP.
    pub(crate) fn seal_rtcp(&mut self, packet: RtcpPacket<'_>) -> Option<()> {
        let bytes = match &mut self.setup.as_mut()?.protected {
            Protected::Secure(secure) => secure.ours.outbound().seal_rtcp(packet).ok()?.as_slice().len(),
            Protected::Plain(plain) => packet.into_plain(plain.permit).as_slice().len(),
        };
        self.statistics.sealed_bytes += bytes as u64;
        self.statistics.rtcp_sealed += 1;
        Some(())
    }

    /// Whether it is time to say that a key of this end must be replaced; true once per key.
    pub(crate) fn says_nearly_spent(&mut self) -> bool {
        let Some(Setup { protected: Protected::Secure(secure), .. }) = &self.setup else { return false };
        let is_local_due = !self.is_local_spent_said && secure.ours.is_nearly_spent();
        let is_remote_due = !self.is_remote_spent_said && secure.inbound.is_nearly_spent();
        self.is_local_spent_said |= is_local_due;
        self.is_remote_spent_said |= is_remote_due;
        is_local_due || is_remote_due
    }
}

impl Secure {
    fn new(local: KeyMaterial, remote: KeyMaterial) -> Secure {
        Secure { inbound: Inbound::new(&remote), ours: OurKeys::new(local), remote }
    }
}

/// A packet that came out of an end: authenticated, or plain by permit.
pub(crate) struct Opened<'b> {
    pub(crate) packet: RtpPacket<'b>,
    pub(crate) source: SourceId,
    pub(crate) index: PacketIndex,
    pub(crate) is_newest: bool,
}

/// When, from where and on which port a datagram arrived.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) now: Instant,
    pub(crate) source: SocketAddr,
    pub(crate) component: Component,
}

impl Setup {
    /// Whether RTCP is expected on this port.
    fn takes_rtcp_on(&self, component: Component) -> bool {
        match component {
            Component::Rtp => self.mux,
            Component::Rtcp => true,
        }
    }

    /// Where the session description says this component is received.
    fn signalled(&self, component: Component) -> SocketAddr {
        match component {
            Component::Rtp => self.rtp.signalled(),
            Component::Rtcp => self.rtcp.signalled(),
        }
    }

    /// Follows an authenticated packet that moved the highest index; true when the address changed.
    fn learn(&mut self, component: Component, from: SocketAddr) -> bool {
        match component {
            Component::Rtp => self.rtp.learn(from),
            Component::Rtcp => self.rtcp.learn(from),
        }
    }
}
