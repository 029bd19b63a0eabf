//! What calls ask of the relay, and what it answers. Plain values that could cross a process boundary.
//!
//! A call needs its ports before it can write SDP, so media is asked for first ([`MediaRequest::Open`]) and the call
//! waits for [`MediaReply::Ready`]; CANCEL and timers live meanwhile. The types mirror the relay's commands: a core
//! does not depend on another core's edge.

use std::net::SocketAddr;
use std::time::Instant;

use cordon_policy::Permit;
use cordon_policy::media::PlainMedia;
use cordon_rtp::{Arrived, AudioCodecs, KeyMaterial, Reported, RoundTrip};

use crate::event::Side;

/// A call waiting for its ports, before there is a [`StreamId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub u64);

/// One audio stream of a call, named by the media engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// One of our media addresses, by the media engine's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interface(pub u8);

/// The two ends of a stream, and the two legs of a call: A made the call first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The leg of the caller.
    A,
    /// The leg of the callee.
    B,
}

impl End {
    /// The other one.
    pub fn other(self) -> End {
        match self {
            End::A => End::B,
            End::B => End::A,
        }
    }
}

/// What a call asks of the media engine.
pub enum MediaRequest {
    /// Reserve an RTP and RTCP port on each interface; answered by [`MediaReply::Ready`] or [`MediaReply::NoPorts`].
    Open {
        /// Comes back in the reply.
        call: CallKey,
        /// Toward leg A.
        a: Interface,
        /// Toward leg B.
        b: Interface,
        /// On which side leg A and leg B are, for whoever counts by side.
        sides: [Side; 2],
    },
    /// Configure one end; both ends configured, media flows. Not answered.
    Set {
        /// Which stream.
        stream: StreamId,
        /// Which end.
        end: End,
        /// How from now on.
        setup: Box<EndSetup>,
    },
    /// Give the ports back; answered by [`MediaReply::Closed`].
    Close {
        /// Which stream.
        stream: StreamId,
    },
    /// How is the media doing; answered by [`MediaReply::Counted`].
    Query {
        /// Which stream.
        stream: StreamId,
    },
}

/// How one end of a stream is protected, where its peer is, and which way media may go.
pub struct EndSetup {
    /// Keys, or the permit to go without.
    pub protection: Protection,
    /// Our key is new, or the peer is another endpoint: take new SSRCs and a first sequence below 2^15.
    pub local_changed: bool,
    /// `Some` when the peer has a new key or moved; `None` when both are as before.
    pub remote_changed: Option<AddressChange>,
    /// This carries a new description of the peer, be it word for word the last one: a peer that makes its SRTP session
    /// anew at every description counts from zero now, with the key it had.
    pub renegotiated: bool,
    /// Where the peer wants RTP; unspecified with port 0 before it said so, and then `send` is false.
    pub remote_rtp: SocketAddr,
    /// Where the peer wants RTCP; equal to `remote_rtp` with `mux`, unspecified with port 0 when it wants none.
    pub remote_rtcp: SocketAddr,
    /// RTP and RTCP share a port (RFC 5761).
    pub mux: bool,
    /// What may be sent before the peer's first authenticated packet.
    pub before_proof: Before,
    /// What the peer may send.
    pub codecs: AudioCodecs,
    /// The peer may send to us.
    pub receive: bool,
    /// We may send to the peer.
    pub send: bool,
}

/// How one end is protected.
pub enum Protection {
    /// SRTP, both directions.
    Secure {
        /// What we seal with.
        local: Box<KeyMaterial>,
        /// What we open with.
        remote: Box<KeyMaterial>,
        /// Length of the master key identifier in the peer's packets; 0 where it announced none.
        remote_mki_len: u8,
    },
    /// RTP in clear, by permit of policy only.
    Plain(Permit<PlainMedia>),
}

/// Whether a peer that re-keyed or moved has a new address (RFC 4568 §7.1.4: then its ROC starts at 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressChange {
    /// Address or port are new.
    Changed,
    /// Only the key is new.
    Same,
}

/// What may be sent before the peer's first authenticated packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The address of the SDP is inside the leg's networks or a port of ours.
    SendToSdp,
    /// It is not: nothing is sent until the peer proved where it is.
    HoldUntilProven,
}

/// What the media engine answers.
#[derive(Clone, Copy, Debug)]
pub enum MediaReply {
    /// The ports are bound.
    Ready {
        /// From the request.
        call: CallKey,
        /// Its name from now on.
        stream: StreamId,
        /// As advertised toward leg A.
        a: MediaAddress,
        /// As advertised toward leg B.
        b: MediaAddress,
    },
    /// No port is free: the call is refused.
    NoPorts {
        /// From the request.
        call: CallKey,
    },
    /// The media engine could not do what it was asked for: the call has no media, and ends.
    Lost {
        /// Which stream.
        stream: StreamId,
    },
    /// How the media is doing.
    Counted {
        /// From the request.
        stream: StreamId,
        /// Until now.
        statistics: StreamStatistics,
    },
    /// The relay did not take a setting: media would come back to the stream it left, by a way the call could not see.
    LoopRefused {
        /// From the request.
        stream: StreamId,
        /// From the request.
        end: End,
    },
    /// A key of ours comes near the end of its lifetime: the leg takes a new one by re-INVITE.
    KeyNearlySpent {
        /// Which stream.
        stream: StreamId,
        /// Toward which leg.
        end: End,
    },
    /// The ports are given back; these are the last numbers.
    Closed {
        /// From the request.
        stream: StreamId,
        /// Of the whole call.
        statistics: StreamStatistics,
    },
}

/// Our address toward one leg, as written into SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaAddress {
    /// RTP.
    pub rtp: SocketAddr,
    /// RTCP.
    pub rtcp: SocketAddr,
}

/// Both ends of a stream in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStatistics {
    /// Toward leg A.
    pub a: EndStatistics,
    /// Toward leg B.
    pub b: EndStatistics,
}

impl StreamStatistics {
    /// The numbers of one end.
    pub fn end(&self, end: End) -> &EndStatistics {
        match end {
            End::A => &self.a,
            End::B => &self.b,
        }
    }
}

/// One end of a stream in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndStatistics {
    /// Packets of the peer that authenticated (or were permitted plain).
    pub opened: u64,
    /// Bytes of them as received, RTCP included.
    pub opened_bytes: u64,
    /// Packets sent to the peer.
    pub sealed: u64,
    /// Bytes sent to the peer, RTCP included.
    pub sealed_bytes: u64,
    /// Packets dropped: forged, replayed, malformed, without permit.
    pub refused: u64,
    /// Of these, packets whose tag was wrong.
    pub forged: u64,
    /// Of these, packets seen before or too old to tell.
    pub replayed: u64,
    /// Of these, packets from an address that a plain peer may not send from.
    pub foreign: u64,
    /// Datagrams on the peer's ports that are no media: STUN, DTLS, and what nobody can tell.
    pub no_media: u64,
    /// Keys of the peer that replaced an older one.
    pub rekeys: u64,
    /// Times the peer went on from another address without signalling.
    pub moves: u32,
    /// When the peer last proved itself.
    pub last_authenticated: Option<Instant>,
    /// When the peer was last heard: RTP only, for a report is no voice.
    pub last_heard: Option<Instant>,
    /// Since when the session lets the peer be heard; `None` on hold.
    pub heard_from: Option<Instant>,
    /// What came of the packets the peer sent.
    pub arrived: Arrived,
    /// What the peer reports of the packets sent to it.
    pub reported: Reported,
    /// The way to the peer and back.
    pub round_trip: Option<RoundTrip>,
}
