//! Joins the call engine's wishes to the relay threads: plain values in, plain values out.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use cordon_call::{CallKey, Interface, MediaAddress, MediaReply, MediaRequest, Side};
use cordon_media::{Command, EngineError, MediaEngine, PortPair, RelayEvent};
use cordon_policy::media::PlainReason;
use cordon_srtp::Plain;
use tracing::{error, warn};

use crate::media_watch::MediaWatch;
use crate::metrics::Metrics;

/// The media engine as the call engine sees it.
pub(crate) struct MediaBridge {
    engine: MediaEngine,
    /// By interface number: what is written into SDP, which NAT may make differ from what is bound.
    advertised: Vec<IpAddr>,
    replies: VecDeque<MediaReply>,
    watch: MediaWatch,
}

impl MediaBridge {
    /// `advertised` is by interface number, as the engine's own list.
    pub(crate) fn new(engine: MediaEngine, advertised: Vec<IpAddr>, metrics: Arc<Metrics>) -> Self {
        for (number, address) in advertised.iter().enumerate() {
            if let Ok(number) = u8::try_from(number) {
                engine.advertise(number, *address);
            }
        }
        Self { engine, advertised, replies: VecDeque::new(), watch: MediaWatch::new(metrics) }
    }

    /// False when a media thread has ended.
    pub(crate) fn is_alive(&self) -> bool {
        self.engine.is_alive()
    }

    /// Once a second: brings the figures of the threads into the metrics, and where they are due those of streams.
    pub(crate) fn read_figures(&mut self, now: Instant, metrics: &Metrics) {
        let io = self.engine.io_figures();
        metrics.unsent_are(io.unsent);
        metrics.io.are(io, self.engine.strays());
        self.watch.read_when_due(now, || self.engine.snapshot());
    }

    /// Carries out one wish; what it answers comes from [`MediaBridge::poll_reply`].
    pub(crate) fn handle_request(&mut self, request: MediaRequest) {
        match request {
            MediaRequest::Open { call, a, b, sides } => self.open(call, [a, b], sides),
            MediaRequest::Set { stream, end, setup } => {
                let command = Command::Set {
                    stream: cordon_media::StreamId(stream.0),
                    end: relay_end(end),
                    setup: relay_setup(*setup),
                };
                match self.engine.command(command) {
                    Ok(()) => {}
                    // A peer has named an address the call could not see through: the call's to refuse, nobody's to be woken for.
                    Err(EngineError::LoopRefused) => {
                        self.replies.push_back(MediaReply::LoopRefused { stream, end });
                    }
                    // What the two legs have agreed on is not where the media is.
                    Err(
                        error @ (EngineError::Ended
                        | EngineError::Overloaded
                        | EngineError::UnknownStream
                        | EngineError::OpenedByReserve),
                    ) => {
                        error!(stream = stream.0, %error, "media setting not taken: a call has no media");
                        self.replies.push_back(MediaReply::Lost { stream });
                    }
                }
            }
            MediaRequest::Close { stream } => self.close(stream),
            MediaRequest::Query { stream } => {
                let statistics = self.engine.statistics(cordon_media::StreamId(stream.0)).unwrap_or_default();
                self.replies
                    .push_back(MediaReply::Counted { stream, statistics: call_statistics(&statistics) });
            }
        }
    }

    /// Takes what a relay thread tells.
    pub(crate) fn handle_relay(&mut self, event: RelayEvent) {
        match event {
            RelayEvent::Closed { stream, statistics } => {
                self.watch.closed(stream, &statistics);
                self.replies.push_back(MediaReply::Closed {
                    stream: cordon_call::StreamId(stream.0),
                    statistics: call_statistics(&statistics),
                });
            }
            RelayEvent::KeyNearlySpent { stream, end } => {
                self.replies.push_back(MediaReply::KeyNearlySpent {
                    stream: cordon_call::StreamId(stream.0),
                    end: call_end(end),
                })
            }
            RelayEvent::CommandRefused { stream, error } => {
                error!(stream = stream.0, %error, "media command refused: a call has no media");
                self.replies.push_back(MediaReply::Lost { stream: cordon_call::StreamId(stream.0) });
            }
            // The answer to the command has told of the loop already.
            RelayEvent::FirstAuthenticated { .. } | RelayEvent::LoopRefused { .. } => {}
        }
    }

    /// The next answer for the call engine.
    pub(crate) fn poll_reply(&mut self) -> Option<MediaReply> {
        self.replies.pop_front()
    }

    fn open(&mut self, call: CallKey, [a, b]: [Interface; 2], sides: [Side; 2]) {
        let reply = match self.engine.reserve(a.0, b.0) {
            Ok(reserved) => {
                self.watch.opened(reserved.stream, sides);
                MediaReply::Ready {
                    call,
                    stream: cordon_call::StreamId(reserved.stream.0),
                    a: self.advertise(reserved.a),
                    b: self.advertise(reserved.b),
                }
            }
            Err(error) => {
                warn!(%error, "no media ports for a call");
                MediaReply::NoPorts { call }
            }
        };
        self.replies.push_back(reply);
    }

    fn close(&mut self, stream: cordon_call::StreamId) {
        let relay_stream = cordon_media::StreamId(stream.0);
        let last = self.engine.statistics(relay_stream).unwrap_or_default();
        if let Err(error) = self.engine.close(relay_stream) {
            error!(stream = stream.0, %error, "media stream not closed by its thread");
            self.watch.closed(relay_stream, &last);
            self.replies.push_back(MediaReply::Closed { stream, statistics: call_statistics(&last) });
        }
    }

    /// A pair's addresses as peers see them.
    fn advertise(&self, pair: PortPair) -> MediaAddress {
        let address = self.advertised.get(usize::from(pair.interface)).copied().unwrap_or(pair.rtp.ip());
        MediaAddress {
            rtp: SocketAddr::new(address, pair.rtp.port()),
            rtcp: SocketAddr::new(address, pair.rtcp.port()),
        }
    }
}

fn relay_setup(setup: cordon_call::EndSetup) -> cordon_media::EndSetup {
    let cordon_call::EndSetup {
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
    cordon_media::EndSetup {
        protection: match protection {
            cordon_call::Protection::Secure { local, remote, remote_mki_len } => {
                cordon_media::Protection::Secure {
                    local,
                    remote: match remote_mki_len {
                        0 => remote,
                        length => Box::new(remote.with_mki(length)),
                    },
                }
            }
            cordon_call::Protection::Plain(permit) => {
                cordon_media::Protection::Plain(Plain::by_permit(match permit.reason() {
                    PlainReason::Trunk => cordon_srtp::PlainReason::Trunk,
                    PlainReason::Lab => cordon_srtp::PlainReason::Lab,
                    PlainReason::Emergency => cordon_srtp::PlainReason::Emergency,
                }))
            }
        },
        local_changed,
        remote_changed: remote_changed.map(|change| match change {
            cordon_call::AddressChange::Changed => cordon_media::AddressChange::Changed,
            cordon_call::AddressChange::Same => cordon_media::AddressChange::Same,
        }),
        renegotiated,
        remote_rtp,
        remote_rtcp,
        mux,
        before_proof: match before_proof {
            cordon_call::Before::SendToSdp => cordon_media::Before::SendToSdp,
            cordon_call::Before::HoldUntilProven => cordon_media::Before::HoldUntilProven,
        },
        codecs,
        receive,
        send,
    }
}

fn relay_end(end: cordon_call::End) -> cordon_media::End {
    match end {
        cordon_call::End::A => cordon_media::End::A,
        cordon_call::End::B => cordon_media::End::B,
    }
}

fn call_end(end: cordon_media::End) -> cordon_call::End {
    match end {
        cordon_media::End::A => cordon_call::End::A,
        cordon_media::End::B => cordon_call::End::B,
    }
}

fn call_statistics(statistics: &cordon_media::StreamStatistics) -> cordon_call::StreamStatistics {
    let end = |of: &cordon_media::EndStatistics| cordon_call::EndStatistics {
        opened: of.opened,
        opened_bytes: of.opened_bytes,
        sealed: of.sealed,
        sealed_bytes: of.sealed_bytes,
        refused: of.refused.total(),
        forged: of.refused.forged,
        replayed: of.refused.replayed,
        foreign: of.refused.foreign,
        no_media: of.stun + of.dtls + of.other,
        rekeys: u64::from(of.rekeys),
        moves: of.moves,
        last_authenticated: of.last_authenticated,
        last_heard: of.last_heard,
        heard_from: of.heard_from,
        arrived: of.arrived,
        reported: of.reported,
        round_trip: of.round_trip,
    };
    cordon_call::StreamStatistics { a: end(&statistics.a), b: end(&statistics.b) }
}
