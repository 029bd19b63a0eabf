//! Whether both sides of an answered call are heard. One that is not, although nobody is on hold, is told of: one-way audio
//! is what users complain about first. A call in which nobody is heard for minutes asks both peers whether it still is one.

use std::time::{Duration, Instant};

use crate::call::Call;
use crate::event::{Event, Silence};
use crate::media::{End, MediaRequest, StreamStatistics};
use crate::switchboard::Switchboard;

/// What is known of who is heard.
#[derive(Default)]
pub(crate) struct Listening {
    /// When to ask the relay next.
    at: Option<Instant>,
    a: Hearing,
    b: Hearing,
    /// When both peers were last asked whether they still know the call.
    probed: Option<Instant>,
}

/// One side.
#[derive(Clone, Copy, Default)]
struct Hearing {
    /// It was told of, and has not been heard since.
    is_silent: bool,
    silences: u32,
}

impl Listening {
    /// The call was answered: from now on both sides have something to say.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.at = Some(now + HEARD_WITHIN);
    }

    /// The call is over.
    pub(crate) fn stop(&mut self) {
        self.at = None;
    }

    /// When the relay is to be asked.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.at
    }

    /// How often an end fell silent.
    pub(crate) fn silences(&self, end: End) -> u32 {
        match end {
            End::A => self.a.silences,
            End::B => self.b.silences,
        }
    }

    /// Whoever is silent from here on falls silent anew.
    fn forget_silences(&mut self) {
        (self.a.is_silent, self.b.is_silent) = (false, false);
    }

    fn end_mut(&mut self, end: End) -> &mut Hearing {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }
}

impl Call {
    /// Asks the relay who is heard.
    pub(crate) fn ask_who_is_heard(&mut self, now: Instant, board: &mut Switchboard) {
        let Some(stream) = self.stream else { return self.listening.stop() };
        board.media.push_back(MediaRequest::Query { stream });
        // Comes again should the question get lost.
        self.listening.at = Some(now + HEARD_WITHIN);
    }

    /// Looks who is heard. On hold nobody is listened for, not even the side that holds: it may play music, and most phones
    /// play none.
    pub(crate) fn listen(&mut self, now: Instant, board: &mut Switchboard, statistics: &StreamStatistics) {
        self.listening.at = Some(now + HEARD_WITHIN);
        let Some(conversed) = self.conversed_since(statistics) else {
            return self.listening.forget_silences();
        };
        let heard = [End::A, End::B].map(|end| {
            let last = statistics.end(end).last_heard;
            (end, last.map_or(conversed, |last| last.max(conversed)))
        });
        let is_silent = |since: Instant| now.saturating_duration_since(since) >= HEARD_WITHIN;
        let mut newly_silent = None;
        for (end, since) in heard {
            let hearing = self.listening.end_mut(end);
            let was_silent = std::mem::replace(&mut hearing.is_silent, is_silent(since));
            if hearing.is_silent && !was_silent {
                hearing.silences = hearing.silences.saturating_add(1);
                newly_silent = Some(end);
            }
        }
        let heard = heard.map(|(_, since)| since);
        if let Some(end) = newly_silent {
            let is_anybody_heard = heard.iter().any(|since| !is_silent(*since));
            let silence =
                if is_anybody_heard { Silence::OneWay(self.leg(end).side()) } else { Silence::Both };
            board.events.push_back(Event::MediaSilent { call: self.name, silence });
        }
        self.listening.at = Some(next_look(now, heard));
        let [one, two] = heard;
        self.probe_when_nobody_is_heard(now, board, one.max(two));
    }

    /// Since when both peers may speak and be heard; `None` while either description says otherwise (RFC 3264 §5.1, §8.4).
    fn conversed_since(&self, statistics: &StreamStatistics) -> Option<Instant> {
        let [a, b] = [End::A, End::B].map(|end| statistics.end(end).heard_from);
        Some(a?.max(b?).max(self.answered?))
    }

    /// A call of which nothing has been heard for minutes may be one that both peers have forgotten. Only they can tell.
    fn probe_when_nobody_is_heard(&mut self, now: Instant, board: &mut Switchboard, silent_since: Instant) {
        let since = self.listening.probed.map_or(silent_since, |probed| probed.max(silent_since));
        if now.saturating_duration_since(since) < MEDIA_TIMEOUT {
            return;
        }
        self.listening.probed = Some(now);
        for end in [End::A, End::B] {
            match self.leg_mut(end).is_reachable(now, board) {
                true => self.probe(now, board, end),
                false => self.lose(now, board, end),
            }
        }
    }
}

/// When the first end that is heard could have fallen silent; not at once, for the relay's figures are a little old.
fn next_look(now: Instant, heard: [Instant; 2]) -> Instant {
    let could_be_silent = heard.iter().map(|since| *since + HEARD_WITHIN).filter(|at| *at > now).min();
    could_be_silent.unwrap_or(now + HEARD_WITHIN).max(now + LOOK_AGAIN)
}

/// Phones that suppress silence say something at least this often (comfort noise, a breath); people wait as long before they
/// say that they hear nothing.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_secs(15);
/// A silence is told of within 20 s, and a thousand calls ask 200 times a second at most.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Longer than any silence in which two people talk.
pub(crate) const MEDIA_TIMEOUT: Duration = Duration::from_secs(300);
