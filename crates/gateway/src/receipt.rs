//! What is kept of a call, and how it is printed: what protected each leg, and how its media did. `docs/media.md` explains it.

use std::fmt;

use cordon_call::{EndStatistics, LegReceipt, Receipt, Side};
use cordon_policy::connection::{TlsFacts, TlsVersion};
use cordon_rtp::{Arrived, Micros, Rating, Reported, RoundTrip};
use cordon_srtp::Provider;

use crate::metrics::side;

/// A call's receipt as it is kept: the core's, with the TLS of the PBX connection filled in.
#[derive(Clone, Debug)]
pub struct CallReceipt {
    /// What the call core says.
    pub receipt: Receipt,
    /// The connection to the PBX when the call ended; `None` where the lab chose UDP or TCP.
    pub pbx_tls: Option<TlsFacts>,
    /// Who computed the ciphers of the media.
    pub ciphers: Provider,
}

impl CallReceipt {
    /// Both legs, caller first, each with the TLS it ran over.
    pub fn legs(&self) -> [LegLine; 2] {
        self.receipt.legs.each_ref().map(|leg| LegLine {
            side: leg.side,
            tls: leg.tls.or_else(|| {
                let tls = self.pbx_tls.filter(|_| leg.side == Side::Pbx)?;
                Some((tls.version, tls.suite))
            }),
            suite: leg.suite.map(cordon_rtp::Suite::name),
            // The relay counts both: keys of ours and of the peer.
            rekeys: leg.media.rekeys,
            media: leg.media,
        })
    }

    /// How the media of both legs did, caller first.
    pub fn media(&self) -> [MediaLine; 2] {
        let [a, b] = &self.receipt.legs;
        [MediaLine::of(a, b), MediaLine::of(b, a)]
    }
}

/// One leg of a receipt, ready to be printed.
#[derive(Clone, Debug)]
pub struct LegLine {
    /// Which side it was on.
    pub side: Side,
    /// TLS version and cipher suite.
    pub tls: Option<(TlsVersion, &'static str)>,
    /// The SRTP suite; `None` when no media was agreed, or plain by permit.
    pub suite: Option<&'static str>,
    /// Keys replaced on this leg, ours and the peer's.
    pub rekeys: u64,
    /// Packets.
    pub media: EndStatistics,
}

impl fmt::Display for LegLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, suite) = self.tls.map_or(("no TLS", "-"), |(version, suite)| (version.name(), suite));
        write!(
            out,
            "{}: {version} {suite}, {}, {} opened, {} sealed, {} refused, {} re-keys",
            side(self.side),
            self.suite.unwrap_or("no SRTP"),
            self.media.opened,
            self.media.sealed,
            self.media.refused,
            self.rekeys
        )
    }
}

/// How the media of one leg did: what came from its peer, as measured here, and what went to it, as the peer reports.
#[derive(Clone, Debug)]
pub struct MediaLine {
    /// The figures of the leg.
    pub media: EndStatistics,
    /// How speech sounded where it came from the peer.
    pub from: Option<Rating>,
    /// How the other side sounded to the peer.
    pub to: Option<Rating>,
    /// How often nothing was heard of the peer for 15 s although it was not on hold.
    pub silences: u32,
}

impl MediaLine {
    fn of(leg: &LegReceipt, other: &LegReceipt) -> Self {
        let EndStatistics { arrived, reported, round_trip, .. } = leg.media;
        let round_trips = [round_trip, other.media.round_trip];
        Self {
            media: leg.media,
            from: arrived.rating(round_trip),
            to: reported.rating(other.media.arrived.coding, round_trips),
            silences: leg.silences,
        }
    }
}

impl fmt::Display for MediaLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EndStatistics { opened_bytes, sealed_bytes, arrived, reported, round_trip, .. } = self.media;
        let EndStatistics { forged, replayed, foreign, no_media, moves, .. } = self.media;
        let Arrived { expected, lost, reordered, duplicates, jitter, highest_jitter, .. } = arrived;
        write!(out, "from {opened_bytes} bytes, {lost} of {expected} lost, {reordered} reordered, ")?;
        write!(out, "{duplicates} duplicate, {forged} forged, {replayed} replayed, {foreign} foreign, ")?;
        write!(out, "{no_media} no media, jitter {}", Milliseconds(jitter))?;
        write!(
            out,
            " (highest {}), MOS {}; ",
            Milliseconds(jitter.and(Some(highest_jitter))),
            Mos(self.from)
        )?;
        let Reported { reports, expected, lost, jitter } = reported;
        write!(out, "to {sealed_bytes} bytes, {lost} of {expected} lost by {reports} reports, ")?;
        write!(out, "jitter {}, MOS {}; ", Milliseconds(jitter), Mos(self.to))?;
        let RoundTripText(last, highest) = RoundTripText::of(round_trip);
        write!(out, "round trip {last} (highest {highest}); ")?;
        write!(out, "silent {} times, moved {moves} times", self.silences)
    }
}

struct RoundTripText(Milliseconds, Milliseconds);

impl RoundTripText {
    fn of(trip: Option<RoundTrip>) -> Self {
        Self(Milliseconds(trip.map(|trip| trip.last)), Milliseconds(trip.map(|trip| trip.highest)))
    }
}

/// What was not measured is a dash.
struct Milliseconds(Option<Micros>);

impl fmt::Display for Milliseconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(out, "{:.1} ms", 1000.0 * time.seconds()),
            None => out.write_str("-"),
        }
    }
}

struct Mos(Option<Rating>);

impl fmt::Display for Mos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rating) => write!(out, "{:.2}", rating.mos()),
            None => out.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cordon_rtp::Coding;

    use super::*;

    #[test]
    fn a_leg_is_printed_with_every_figure() {
        let mut media =
            EndStatistics { opened_bytes: 17_200, sealed_bytes: 18_000, ..EndStatistics::default() };
        (media.forged, media.replayed, media.foreign, media.no_media, media.moves) = (2, 3, 4, 6, 1);
        media.arrived = Arrived {
            expected: 100,
            lost: 5,
            reordered: 1,
            duplicates: 7,
            jitter: Some(Micros(1234)),
            highest_jitter: Micros(2500),
            coding: Some(Coding::G711),
        };
        media.reported = Reported { reports: 2, expected: 90, lost: 0, jitter: Some(Micros(500)) };
        media.round_trip = Some(RoundTrip::with(None, Duration::from_millis(8)));
        let other = leg(EndStatistics { arrived: media.arrived, ..EndStatistics::default() });
        let line = MediaLine::of(&leg(media), &other);

        // R = 93.2 - 0.024 * (20 + 2 * 1.234 + 4) - 95 * 5 / 30.1 and 93.2 - 0.024 * (20 + 1 + 4)
        assert_eq!(
            line.to_string(),
            "from 17200 bytes, 5 of 100 lost, 1 reordered, 7 duplicate, 2 forged, 3 replayed, 4 foreign, \
             6 no media, jitter 1.2 ms (highest 2.5 ms), MOS 3.90; \
             to 18000 bytes, 0 of 90 lost by 2 reports, jitter 0.5 ms, MOS 4.40; round trip 8.0 ms (highest 8.0 ms); \
             silent 1 times, moved 1 times"
        );
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let line = MediaLine::of(&leg(EndStatistics::default()), &leg(EndStatistics::default()));
        assert_eq!(
            line.to_string(),
            "from 0 bytes, 0 of 0 lost, 0 reordered, 0 duplicate, 0 forged, 0 replayed, 0 foreign, \
             0 no media, jitter - (highest -), MOS -; \
             to 0 bytes, 0 of 0 lost by 0 reports, jitter -, MOS -; round trip - (highest -); \
             silent 1 times, moved 0 times"
        );
    }

    fn leg(media: EndStatistics) -> LegReceipt {
        LegReceipt { side: Side::Handset, tls: None, suite: None, silences: 1, local_rekeys: 0, media }
    }
}
