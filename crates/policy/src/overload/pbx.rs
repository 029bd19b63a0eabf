//! What is turned away when the PBX cannot keep up: a call that is not taken at once is better told so at once.
//!
//! The queue of the PBX cannot be seen, but the time to its first word can: 100 (Trying), a challenge, an answer. What is
//! more than its quickest word of late took was spent waiting there, and is treated like a wait of our own.

use std::time::{Duration, Instant};

use super::{Overload, Priority};

/// Watches the first words of the PBX and decides, request by request, what is shed.
#[derive(Clone, Debug)]
pub struct PbxLoad {
    overload: Overload,
    /// The quickest first word of the stretch under way, and of the one before.
    quickest: [Option<Duration>; 2],
    stretch_begun: Option<Instant>,
}

/// What was seen of the PBX since it was last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PbxPace {
    /// The quickest of the first words that came, from the request on.
    pub quickest: Option<Duration>,
    /// How many requests wait for their first word now.
    pub waiting: usize,
}

impl PbxLoad {
    /// Nothing is known of the PBX yet.
    pub fn new() -> Self {
        Self { overload: Overload::with_target(TARGET), quickest: [None; 2], stretch_begun: None }
    }

    /// The PBX has said something, or was asked.
    pub fn paced(&mut self, now: Instant, pace: PbxPace) {
        if let Some(quickest) = pace.quickest {
            self.learn(now, quickest);
            let waited = quickest.saturating_sub(self.usual().unwrap_or_default());
            self.overload.waited(now, waited, pace.waiting);
        }
        let is_new = pace.quickest.is_some() || self.overload.stands_since.is_none();
        if pace.waiting == 0 {
            self.overload.stands_since = None;
        } else if is_new {
            // Before that nobody has waited longer than usual.
            self.overload.stands_since = self.usual().and_then(|usual| now.checked_add(usual));
        }
    }

    /// Whether a request that has just arrived is to be shed. Only what begins something at the PBX is.
    pub fn sheds(&mut self, now: Instant, priority: Option<Priority>) -> bool {
        self.overload.turn(now);
        let goes_on = |priority: &Priority| match priority {
            Priority::Stranger | Priority::Probe => false,
            Priority::Register | Priority::Invite => true,
            // Few, and without them the PBX reaches nobody.
            Priority::Refresh => false,
        };
        priority.filter(goes_on).is_some_and(|priority| self.overload.is_due(priority))
    }

    /// By how much the first words of the last whole interval came later than usual, the quickest of them.
    pub fn delay(&self) -> Duration {
        self.overload.delay()
    }

    /// What the PBX takes when nobody waits, its way included; `None` before its first word.
    fn usual(&self) -> Option<Duration> {
        self.quickest.iter().flatten().min().copied()
    }

    fn learn(&mut self, now: Instant, word: Duration) {
        let begun = *self.stretch_begun.get_or_insert(now);
        if now.saturating_duration_since(begun) >= STRETCH {
            self.stretch_begun = Some(now);
            self.quickest = [None, self.quickest[0]];
        }
        let [current, _] = &mut self.quickest;
        *current = Some(current.map_or(word, |quickest| quickest.min(word)));
    }
}

impl Default for PbxLoad {
    fn default() -> Self {
        Self::new()
    }
}

/// A call is set up with three words of the PBX: together they stay below half a second.
const TARGET: Duration = Duration::from_millis(100);

/// A PBX that has become slower for good is measured anew after two of them.
const STRETCH: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn twice_and_five_times_what_the_pbx_can_do_leave_nine_tenths_of_it_done() {
        for factor in [2, 5] {
            let mut pbx = Pbx::new(Duration::ZERO, 200);
            pbx.minute(factor * 200);

            assert!(pbx.done.iter().all(|done| *done >= 180), "{factor} times: {:?} of 200", pbx.done);
            assert!(pbx.longest < Duration::from_millis(500), "{factor} times: {:?}", pbx.longest);
        }
    }

    #[test]
    fn a_pbx_that_is_far_away_is_not_taken_for_an_overloaded_one() {
        for per_second in [1, 5, 100] {
            let mut pbx = Pbx::new(Duration::from_millis(1_500), 200);
            pbx.minute(per_second);

            assert_eq!(pbx.shed, 0, "at {per_second} a second");
        }
    }

    #[test]
    fn what_stays_here_and_refreshes_are_not_shed_for_the_pbx() {
        let mut load = PbxLoad::new();
        let start = Instant::now();
        let mut shed = 0;
        for n in 0..3_000 {
            let now = start + Duration::from_millis(n);
            let quickest = Some(Duration::from_millis(n));
            load.paced(now, PbxPace { quickest, waiting: 1_000 });
            assert!(!load.sheds(now, Some(Priority::Stranger)));
            assert!(!load.sheds(now, Some(Priority::Probe)));
            assert!(!load.sheds(now, Some(Priority::Refresh)));
            assert!(!load.sheds(now, None));
            shed += u32::from(load.sheds(now, Some(Priority::Invite)));
        }
        assert!(shed > 1_000, "{shed}");
    }

    #[test]
    fn a_pbx_that_says_nothing_for_a_second_is_overloaded_until_nobody_waits_any_more() {
        let mut load = PbxLoad::new();
        let start = Instant::now();
        load.paced(start, PbxPace { quickest: Some(Duration::from_millis(5)), waiting: 100 });
        let mut sheds = |from: u64| {
            let at = |n: u64| start + Duration::from_millis(from + 10 * n);
            (0..200).filter(|&n| load.sheds(at(n), Some(Priority::Invite))).count()
        };
        assert!(sheds(0) > 50);

        load.paced(start + Duration::from_secs(2), PbxPace { quickest: None, waiting: 0 });
        for n in 0..1_000 {
            load.sheds(start + Duration::from_millis(2_000 + 10 * n), Some(Priority::Invite));
        }
        assert!(!load.sheds(start + Duration::from_secs(12), Some(Priority::Invite)));
    }

    /// A PBX that is so far away and does so many requests a second, one after the other, in virtual time.
    struct Pbx {
        load: PbxLoad,
        way: Duration,
        each: Duration,
        now: Instant,
        busy_until: Instant,
        /// When each request was sent, and when its first word arrives here.
        asked: VecDeque<(Instant, Instant)>,
        done: [u32; 60],
        shed: u32,
        /// The longest first word after ten seconds, the way apart.
        longest: Duration,
    }

    impl Pbx {
        fn new(way: Duration, per_second: u32) -> Self {
            let now = Instant::now();
            let each = Duration::from_secs(1) / per_second;
            let asked = VecDeque::new();
            let longest = Duration::ZERO;
            Self {
                load: PbxLoad::new(),
                way,
                each,
                now,
                busy_until: now,
                asked,
                done: [0; 60],
                shed: 0,
                longest,
            }
        }

        fn minute(&mut self, per_second: u32) {
            let begun = self.now;
            for n in 0..60 * per_second {
                let at = begun + Duration::from_secs(1) * n / per_second;
                self.hear_until(begun, at);
                if self.load.sheds(at, Some(Priority::Invite)) {
                    self.shed += 1;
                    continue;
                }
                self.busy_until = self.busy_until.max(at) + self.each;
                self.asked.push_back((at, self.busy_until + self.way));
                self.load.paced(at, PbxPace { quickest: None, waiting: self.asked.len() });
            }
        }

        fn hear_until(&mut self, begun: Instant, now: Instant) {
            while let Some(&(asked, heard)) = self.asked.front()
                && heard <= now
            {
                self.asked.pop_front();
                let word = heard - asked;
                if heard > begun + Duration::from_secs(10) {
                    self.longest = self.longest.max(word - self.way);
                }
                self.load.paced(heard, PbxPace { quickest: Some(word), waiting: self.asked.len() });
                let second = (heard - begun).as_secs().min(59);
                self.done[usize::try_from(second).unwrap()] += 1;
            }
        }
    }
}
