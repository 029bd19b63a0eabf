//! One audio stream: two ends, and the way of a packet from one to the other.

use std::net::SocketAddr;
use std::time::Instant;

use cordon_rtp::report::{self, Stamp, Statement};
use cordon_rtp::{Kind, PacketBuf, demux};
use cordon_srtp::RtcpPacket;

use crate::generator::Generator;
use crate::place::{Component, Place};
use crate::rtcp;
use crate::side::{Arrival, Side};
use crate::{End, EndSetup, Local, StreamId, StreamStatistics, Transmit};

/// One audio stream of a call.
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    a: Side,
    b: Side,
}

/// What became of a datagram.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) transmit: Option<Transmit>,
    /// The end the packet came from was authenticated for the first time.
    pub(crate) is_first: bool,
    /// A key of the end the packet came from, or of the one it left by, has few packets left; said once per key.
    pub(crate) nearly_spent: [Option<End>; 2],
}

impl Stream {
    pub(crate) fn new(id: StreamId, a: Local, b: Local) -> Stream {
        Stream { id, a: Side::new(a), b: Side::new(b) }
    }

    pub(crate) fn apply(&mut self, now: Instant, end: End, setup: EndSetup, generator: &mut Generator) {
        match end {
            End::A => self.a.apply(now, setup, generator),
            End::B => self.b.apply(now, setup, generator),
        }
    }

    /// The whole way of a datagram: tell what it is, open, follow the address, ask for the permits, rename, seal.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        place: Place,
        source: SocketAddr,
        buf: &mut PacketBuf,
        generator: &mut Generator,
    ) -> Outcome {
        let (from, to) = match place.end {
            End::A => (&mut self.a, &mut self.b),
            End::B => (&mut self.b, &mut self.a),
        };
        let arrival = Arrival { now, source, component: place.component };
        let was_proven = from.statistics.last_authenticated.is_some();
        let transmit = match (demux(buf.as_slice()), place.component) {
            (Kind::Rtp, Component::Rtp) => forward_rtp(from, to, arrival, buf, generator),
            (Kind::Rtcp, _) => forward_rtcp(from, to, arrival, buf, generator),
            (Kind::Stun, _) => {
                from.statistics.stun += 1;
                None
            }
            (Kind::Dtls, _) => {
                from.statistics.dtls += 1;
                None
            }
            (Kind::Rtp, Component::Rtcp) | (Kind::Other, _) => {
                from.statistics.other += 1;
                None
            }
        };
        let is_first = !was_proven && from.statistics.last_authenticated.is_some();
        let nearly_spent = [
            from.says_nearly_spent().then_some(place.end),
            to.says_nearly_spent().then_some(place.end.other()),
        ];
        Outcome { transmit, is_first, nearly_spent }
    }

    pub(crate) fn statistics(&self) -> StreamStatistics {
        StreamStatistics { a: self.a.statistics, b: self.b.statistics }
    }

    pub(crate) fn locals(&self) -> [Local; 2] {
        [self.a.local, self.b.local]
    }
}

fn forward_rtp(
    from: &mut Side,
    to: &mut Side,
    arrival: Arrival,
    buf: &mut PacketBuf,
    generator: &mut Generator,
) -> Option<Transmit> {
    let opened = from.open_rtp(arrival, buf)?;
    from.note_life(opened.source, generator);
    if !(from.may_receive() && to.may_send()) {
        from.statistics.refused.no_permit += 1;
        to.toward.withhold(opened.source);
        return None;
    }
    let Some((port, target)) = to.route(Component::Rtp) else {
        from.statistics.refused.not_proven += 1;
        to.toward.withhold(opened.source);
        return None;
    };
    let octets = opened.packet.payload().len();
    let name = to.toward.rename(opened.source, opened.index, opened.packet.timestamp(), generator);
    let Some(name) = name else {
        from.statistics.refused.too_old += 1;
        return None;
    };
    if to.seal_rtp(opened.packet.rewritten(name.ssrc, name.index, name.timestamp)).is_none() {
        from.statistics.refused.unsealed += 1;
        return None;
    }
    to.toward.note_sent(name.ssrc, octets);
    Some(Transmit { from: port, to: target })
}

/// RTCP crosses while at least one direction is open: the end that only listens still reports (RFC 3264 §5.1).
fn forward_rtcp(
    from: &mut Side,
    to: &mut Side,
    arrival: Arrival,
    buf: &mut PacketBuf,
    generator: &mut Generator,
) -> Option<Transmit> {
    from.open_rtcp(arrival, buf)?;
    let stamps = take_reports(from, to, arrival.now, buf.as_slice());
    let has_onward = from.may_receive() && to.may_send();
    let has_backward = to.may_receive() && from.may_send();
    if !(has_onward || has_backward) {
        from.statistics.refused.no_permit += 1;
        return None;
    }
    let Some((port, target)) = to.route(Component::Rtcp) else {
        from.statistics.refused.not_proven += 1;
        return None;
    };
    let translated = rtcp::translate(buf.as_mut_slice(), &mut to.toward, &from.toward, generator);
    // What crosses is our own report by now: under our SSRCs, about our streams.
    let Some(packet) = translated.ok().and_then(|()| RtcpPacket::originate(buf).ok()) else {
        from.statistics.refused.malformed += 1;
        return None;
    };
    if to.seal_rtcp(packet).is_none() {
        from.statistics.refused.unsealed += 1;
        return None;
    }
    for stamp in stamps.into_iter().flatten() {
        to.reports.note_sent(arrival.now, stamp);
    }
    Some(Transmit { from: port, to: target })
}

/// Takes down what the peer of `from` reports about what it was sent, and answers the stamps by which the other peer will
/// name this report: those of its clock as a sender and as a receiver.
fn take_reports(from: &mut Side, to: &Side, now: Instant, compound: &[u8]) -> [Option<Stamp>; 2] {
    let mut stamps = [None; 2];
    let clock_rate = to.arrivals.clock_rate();
    report::read(compound, |statement| match statement {
        Statement::Stamped(stamp) => {
            stamps.rotate_right(1);
            stamps[0] = Some(stamp);
        }
        Statement::Echoed(echo) => from.note_echo(now, echo),
        Statement::Received(block) => {
            from.note_echo(now, block.echo);
            if let Some((given, told)) = from.toward.told(block.source) {
                told.note(block, given, clock_rate, &mut from.statistics.reported);
            }
        }
    });
    stamps
}

#[cfg(test)]
mod tests {
    use cordon_rtp::AudioCodecs;

    use crate::arrivals::Arrivals;
    use crate::reports::Reports;
    use crate::{EndStatistics, StreamStatistics};

    #[test]
    fn what_is_measured_of_a_stream_takes_less_than_a_kilobyte_and_a_half() {
        let measuring = size_of::<Arrivals>() + size_of::<Reports>() + size_of::<AudioCodecs>();
        let both = 2 * (measuring + size_of::<EndStatistics>());
        assert!(both <= 1536, "{both} bytes, of which {} are copied out", size_of::<StreamStatistics>());
    }
}
