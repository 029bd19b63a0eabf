//! What is turned away when signalling cannot keep up: the least important first, and only as much as it takes.
//!
//! The measure is how long messages wait, not how busy the processor is (RFC 6357 §5): a short burst fills a queue and
//! empties it again, an overload never lets it run empty. So the shortest wait within an interval counts, as in CoDel
//! (RFC 8289 §3).

mod pbx;
mod priority;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

pub use pbx::{PbxLoad, PbxPace};
pub use priority::{Priority, priority};

/// Watches the waits and decides, request by request, what is shed.
#[derive(Clone, Debug)]
pub struct Overload {
    /// Where the wait shall settle.
    target: Duration,
    /// When the interval under way began; none before the first message.
    begun: Option<Instant>,
    /// The shortest wait of the interval under way.
    shortest: Option<Duration>,
    /// How many messages were taken in it.
    taken: u64,
    /// How many were left when the last one was taken.
    left: u64,
    /// Since when something waits and nothing has been taken.
    stands_since: Option<Instant>,
    /// The shortest wait of the interval before.
    before: Duration,
    /// What a message that came at its end had before it.
    to_come_before: Duration,
    /// Intervals above the target, one after the other, up to the last one.
    bad: u32,
    /// Sheddable requests of the interval under way, by priority.
    arrived: [u32; Priority::COUNT],
    /// Of a million sheddable requests so many are taken.
    admitted: u32,
    /// Of a million requests of each priority so many are shed.
    shed: [u32; Priority::COUNT],
    /// What is owed to each priority: at a million one more is shed. Spreads them evenly, without dice.
    owed: [u32; Priority::COUNT],
}

impl Overload {
    /// Nothing has waited yet.
    pub fn new() -> Self {
        Self::with_target(TARGET)
    }

    fn with_target(target: Duration) -> Self {
        Self {
            target,
            begun: None,
            shortest: None,
            taken: 0,
            left: 0,
            stands_since: None,
            before: Duration::ZERO,
            to_come_before: Duration::ZERO,
            bad: 0,
            arrived: [0; Priority::COUNT],
            admitted: ALL,
            shed: [0; Priority::COUNT],
            owed: [0; Priority::COUNT],
        }
    }

    /// A message was taken from the queue after it had waited for `delay`, and so many were left. One that leaves the queue
    /// empty has met no overload, however long it waited: whoever takes them came late, and has caught up (RFC 8289 §5.6).
    pub fn waited(&mut self, now: Instant, delay: Duration, left: usize) {
        self.turn(now);
        self.taken = self.taken.saturating_add(1);
        self.left = u64::try_from(left).unwrap_or(u64::MAX);
        self.stands_since = (left > 0).then_some(now);
        let delay = if left == 0 { Duration::ZERO } else { delay };
        self.shortest = Some(self.shortest.map_or(delay, |shortest| shortest.min(delay)));
    }

    /// Whether a request that has just arrived is to be shed. `None` never is.
    pub fn sheds(&mut self, now: Instant, priority: Option<Priority>) -> bool {
        self.turn(now);
        let is_shed = priority.is_some_and(|priority| self.is_due(priority));
        if !is_shed {
            self.stands_since.get_or_insert(now);
        }
        is_shed
    }

    /// Counts a sheddable request, and whether its priority owes one.
    fn is_due(&mut self, priority: Priority) -> bool {
        let at = priority.index();
        let (Some(arrived), Some(owed), Some(&part)) =
            (self.arrived.get_mut(at), self.owed.get_mut(at), self.shed.get(at))
        else {
            return false;
        };
        *arrived = arrived.saturating_add(1);
        *owed = owed.saturating_add(part);
        let is_shed = *owed >= ALL;
        if is_shed {
            *owed -= ALL;
        }
        is_shed
    }

    /// True while anything is being shed.
    pub fn is_shedding(&self) -> bool {
        self.admitted < ALL
    }

    /// The shortest wait of the last whole interval.
    pub fn delay(&self) -> Duration {
        self.before
    }

    /// Ends the intervals that are over.
    fn turn(&mut self, now: Instant) {
        let begun = *self.begun.get_or_insert(now);
        let passed = now.saturating_duration_since(begun).as_millis() / INTERVAL.as_millis();
        if passed == 0 {
            return;
        }
        self.begun = Some(now);
        // In intervals without a message nothing has waited. Where something waits and nobody came to see it, the process
        // itself may have stood still: that says as much as one interval.
        let count = if self.stands_since.is_some() { 1 } else { passed.min(QUIET) };
        for _ in 0..count {
            self.judge(now);
        }
    }

    /// Moves the admitted part so that the wait settles at its target: by how far it is off, and by where it is going
    /// (RFC 8033 §4.2). What waits already is worked off without a further cut.
    fn judge(&mut self, now: Instant) {
        // Where nothing was taken, what will be taken next has waited at least since then.
        let standing = self.stands_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let (shortest, to_come) = match self.shortest.take() {
            Some(Duration::ZERO) => (Duration::ZERO, Duration::ZERO),
            Some(shortest) => (shortest.min(self.to_come()), self.to_come()),
            None => (standing, standing),
        };
        self.taken = 0;
        let off = micros(shortest) - micros(self.target);
        let going = micros(to_come) - micros(self.to_come_before);
        self.bad = if off > 0 { self.bad.saturating_add(1) } else { 0 };
        // Less than that may be a loop that was not given the processor for once.
        let has_begun = self.admitted < ALL || self.bad >= PATIENCE;
        let most = if has_begun { MOST_CUT } else { 0 };
        let most = if going <= -WORKED_OFF { most.min(0) } else { most };
        let cut = (off + PER_CHANGE * going).clamp(-MOST_GROWTH, most);
        let admitted = i64::from(self.admitted) * (i64::from(ALL) - cut) / i64::from(ALL);
        self.admitted = u32::try_from(admitted).unwrap_or(ALL).clamp(LEAST, ALL);
        self.before = shortest;
        self.to_come_before = to_come;
        self.share();
    }

    /// How long a message that comes now will wait, as far as the last interval tells. What was taken tells of the time when
    /// it came: where less has been let in since, the wait is over sooner than it was long (RFC 8033 §4.2).
    fn to_come(&self) -> Duration {
        let interval = u64::try_from(INTERVAL.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.left.saturating_mul(interval) / self.taken.max(1))
    }

    /// Spreads what has to be shed over the priorities, from the least important on.
    fn share(&mut self) {
        let arrived = std::mem::take(&mut self.arrived);
        let all: u64 = arrived.iter().copied().map(u64::from).sum();
        if self.admitted >= ALL {
            self.shed = [0; Priority::COUNT];
            self.owed = [0; Priority::COUNT];
        }
        if all == 0 {
            return;
        }
        let mut left = all * u64::from(ALL - self.admitted);
        for (count, part) in arrived.into_iter().zip(&mut self.shed) {
            let whole = u64::from(count) * u64::from(ALL);
            let here = left.min(whole);
            left -= here;
            // A priority that nobody asked for is shed with those below it, should somebody begin.
            let of_million =
                if count == 0 { u64::from(left > 0) * u64::from(ALL) } else { here / u64::from(count) };
            *part = u32::try_from(of_million).unwrap_or(ALL);
        }
    }
}

impl Default for Overload {
    fn default() -> Self {
        Self::new()
    }
}

/// When a phone that was shed may come back, in seconds: one of [`RETRY_AFTER`], so that a fleet does not come back
/// together (RFC 6357 §5.4). `dice` is any number that differs from phone to phone.
pub fn retry_after(dice: u64) -> u32 {
    let (earliest, latest) = (*RETRY_AFTER.start(), *RETRY_AFTER.end());
    let later = dice % u64::from(latest - earliest + 1);
    u32::try_from(later).map_or(latest, |later| earliest + later)
}

/// The seconds after which what was shed may come back.
pub const RETRY_AFTER: RangeInclusive<u32> = 5..=30;

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).min(LONGEST)
}

/// A million: the whole.
const ALL: u32 = 1_000_000;

/// A phone shows a call as slow from some hundred milliseconds on; a loop that is well waits less than one.
const TARGET: Duration = Duration::from_millis(50);

/// RFC 8289 §4.3: some times what a request and its answer take.
const INTERVAL: Duration = Duration::from_millis(100);

/// Intervals above the target before anything is shed: a second. On a machine with busy neighbours a loop that has little
/// to do comes late, and catches up.
const PATIENCE: u32 = 10;

/// In each interval the admitted part loses a millionth for each microsecond above the target, and so many for each by
/// which the wait has grown: half of what would stop the growth at once, as the measure comes an interval late.
const PER_CHANGE: i64 = 5;

/// In microseconds: a wait that falls by so much in an interval, half of what passes, is gone soon. Cut further meanwhile, and
/// there is nothing left to do once it is.
const WORKED_OFF: i64 = 40_000;

/// In millionths of the admitted part.
const MOST_CUT: i64 = 500_000;
const MOST_GROWTH: i64 = 100_000;

/// A minute in microseconds: longer waits mean nothing more, and sums of them stay far from overflow.
const LONGEST: i64 = 60_000_000;

/// So much is always tried: else nobody would notice that the overload is over.
const LEAST: u32 = ALL / 100;

/// Intervals after which silence has undone every cut: from 1 % at 5 % a time.
const QUIET: u128 = 100;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn nothing_is_shed_while_messages_wait_less_than_50_ms() {
        let mut site = Site::new(1_000);
        for _ in 0..10 {
            site.second(&[(Priority::Stranger, 400), (Priority::Invite, 500)]);
        }

        assert_eq!(site.shed, [0; Priority::COUNT]);
        assert!(!site.overload.is_shedding());
    }

    #[test]
    fn a_burst_that_is_worked_off_sheds_nothing() {
        let mut overload = Overload::new();
        let start = Instant::now();
        for n in 0..500 {
            // 500 messages at once, 1 ms each: the last one waits half a second, and then the queue is empty.
            overload.waited(
                start + Duration::from_millis(n),
                Duration::from_millis(n),
                499 - usize::try_from(n).unwrap(),
            );
        }
        for n in 500..1_000 {
            overload.waited(start + Duration::from_millis(n), Duration::ZERO, 0);
        }

        let invite = Some(Priority::Invite);
        assert!(!overload.sheds(start + Duration::from_millis(1_500), invite));
    }

    #[test]
    fn a_loop_that_comes_round_late_and_catches_up_sheds_nothing() {
        let mut overload = Overload::new();
        let start = Instant::now();
        for round in 0..100 {
            let now = start + Duration::from_millis(120) * round;
            for left in (0..5).rev() {
                assert!(!overload.sheds(now, Some(Priority::Stranger)));
                overload.waited(now, Duration::from_millis(110), left);
            }
        }
    }

    #[test]
    fn less_than_a_second_of_waiting_sheds_nothing() {
        let mut overload = Overload::new();
        let start = Instant::now();
        for n in 0..2_000 {
            let now = start + Duration::from_millis(n);
            let is_bad = (400..1_300).contains(&n);
            overload.waited(now, Duration::from_millis(if is_bad { 300 } else { 1 }), 300);
            assert!(!overload.sheds(now, Some(Priority::Stranger)));
        }
    }

    #[test]
    fn twice_and_five_times_what_can_be_done_leave_nine_tenths_of_it_done() {
        for factor in [2, 5, 20] {
            let mut site = Site::new(1_000);
            for _ in 0..60 {
                site.second(&[(Priority::Invite, factor * 1_000)]);
            }

            // From the first second on, and while what came before the first cut is worked off.
            assert!(site.done.iter().all(|done| *done >= 900), "{factor} times: {:?} of 1,000", site.done);
            assert!(
                site.longest_after(10) < Duration::from_millis(400),
                "{factor}: {:?}",
                site.longest_after(10)
            );
        }
    }

    #[test]
    fn strangers_go_before_probes_and_probes_before_calls() {
        let mut site = Site::new(1_000);
        for _ in 0..30 {
            site.second(&[
                (Priority::Stranger, 1_000),
                (Priority::Probe, 400),
                (Priority::Register, 200),
                (Priority::Invite, 200),
                (Priority::Refresh, 200),
            ]);
        }

        let [stranger, probe, register, invite, refresh] = site.shed_in_last(10);
        assert!(stranger > 9_000, "{stranger} of 10,000 strangers");
        assert!(probe < 2_000, "{probe} of 4,000 probes, where strangers were enough");
        assert_eq!((register, invite, refresh), (0, 0, 0));
    }

    #[test]
    fn what_may_never_be_shed_is_not_shed_at_the_worst_of_times() {
        let mut overload = Overload::new();
        let start = Instant::now();
        for n in 0..10_000 {
            let now = start + Duration::from_millis(n);
            overload.waited(now, Duration::from_secs(1), 100);
            overload.sheds(now, Some(Priority::Refresh));
            assert!(!overload.sheds(now, None));
        }
        assert!(overload.is_shedding());
    }

    #[test]
    fn after_an_overload_everything_is_taken_again_within_ten_seconds() {
        let mut site = Site::new(1_000);
        for _ in 0..20 {
            site.second(&[(Priority::Invite, 10_000)]);
        }
        for _ in 0..10 {
            site.second(&[(Priority::Invite, 500)]);
        }
        let before = site.shed;
        site.second(&[(Priority::Invite, 500)]);

        assert_eq!(site.shed, before);
        assert!(!site.overload.is_shedding());
    }

    #[test]
    fn an_interval_in_which_nothing_was_taken_from_the_queue_is_not_taken_for_a_rest() {
        let mut overload = Overload::new();
        let start = Instant::now();
        for n in 0..3_000 {
            let now = start + Duration::from_millis(n);
            // A loop that comes round every 300 ms only.
            if n % 300 == 0 {
                overload.waited(now, Duration::from_millis(300), 30);
            }
            overload.sheds(now, Some(Priority::Invite));
            overload.sheds(now, None);
        }

        assert!(overload.is_shedding());
    }

    #[test]
    fn requests_are_shed_once_nothing_was_taken_for_a_second() {
        let mut overload = Overload::new();
        let start = Instant::now();
        let is_shed = |overload: &mut Overload, n: u64| {
            overload.sheds(start + Duration::from_millis(20 * n), Some(Priority::Stranger))
        };

        assert!(!(0..50).any(|n| is_shed(&mut overload, n)));
        assert!((50..100).filter(|&n| is_shed(&mut overload, n)).count() > 30);
    }

    #[test]
    fn a_process_that_stood_still_with_messages_in_its_queue_sheds_nothing_when_it_goes_on() {
        let mut overload = Overload::new();
        let start = Instant::now();
        overload.sheds(start, Some(Priority::Stranger));

        let later = start + Duration::from_secs(3);
        assert!(!overload.sheds(later, Some(Priority::Stranger)));
        overload.waited(later, Duration::from_secs(3), 1);
        overload.waited(later, Duration::ZERO, 0);
        for n in 0..100 {
            assert!(!overload.sheds(later + Duration::from_millis(10 * n), Some(Priority::Stranger)));
            overload.waited(later + Duration::from_millis(10 * n), Duration::ZERO, 0);
        }
    }

    #[test]
    fn silence_ends_an_overload() {
        let mut overload = Overload::new();
        let start = Instant::now();
        for n in 0..5_000 {
            overload.sheds(start + Duration::from_millis(n), Some(Priority::Invite));
            overload.waited(
                start + Duration::from_millis(n),
                Duration::from_millis(n),
                usize::from(n < 4_999) * 512,
            );
        }
        assert!(overload.is_shedding());

        assert!(!overload.sheds(start + Duration::from_secs(60), Some(Priority::Invite)));
    }

    #[test]
    fn phones_that_were_shed_are_spread_over_5_to_30_seconds() {
        let seconds: std::collections::BTreeSet<u32> = (0..1_000).map(retry_after).collect();

        assert_eq!(seconds, (5..=30).collect());
    }

    /// What may wait in the queue.
    const LANE: usize = 512;

    /// A signalling loop that does so many messages a second, one after the other, in virtual time.
    struct Site {
        overload: Overload,
        each: Duration,
        now: Instant,
        /// When what is being done will be done.
        busy_until: Instant,
        queue: VecDeque<(Instant, Priority)>,
        shed: [u32; Priority::COUNT],
        by_second: Vec<[u32; Priority::COUNT]>,
        done: Vec<u32>,
        longest: Vec<Duration>,
    }

    impl Site {
        fn new(per_second: u32) -> Self {
            let now = Instant::now();
            Self {
                overload: Overload::new(),
                each: Duration::from_secs(1) / per_second,
                now,
                busy_until: now,
                queue: VecDeque::new(),
                shed: [0; Priority::COUNT],
                by_second: Vec::new(),
                done: Vec::new(),
                longest: Vec::new(),
            }
        }

        /// One second of so many requests of each priority, evenly spread.
        fn second(&mut self, load: &[(Priority, u32)]) {
            let (begun, shed_before) = (self.now, self.shed);
            let mut arrivals: Vec<(Instant, Priority)> = load
                .iter()
                .flat_map(|&(priority, count)| {
                    (0..count).map(move |n| (begun + Duration::from_secs(1) * n / count, priority))
                })
                .collect();
            arrivals.sort();
            self.done.push(0);
            self.longest.push(Duration::ZERO);
            for (at, priority) in arrivals {
                self.work_until(at);
                if self.queue.len() >= LANE {
                    continue; // a full lane holds the reader, and the reader its phone
                }
                match self.overload.sheds(at, Some(priority)) {
                    true => self.shed[priority.index()] += 1,
                    false => self.queue.push_back((at, priority)),
                }
            }
            self.now = begun + Duration::from_secs(1);
            self.work_until(self.now);
            self.by_second.push(std::array::from_fn(|n| self.shed[n] - shed_before[n]));
        }

        fn work_until(&mut self, now: Instant) {
            while let Some(&(arrived, _)) = self.queue.front() {
                let begins = self.busy_until.max(arrived);
                if begins >= now {
                    return;
                }
                self.queue.pop_front();
                let delay = begins - arrived;
                let left = self.queue.iter().filter(|(at, _)| *at <= begins).count();
                self.overload.waited(begins, delay, left);
                self.busy_until = begins + self.each;
                *self.done.last_mut().unwrap() += 1;
                let longest = self.longest.last_mut().unwrap();
                *longest = delay.max(*longest);
            }
        }

        fn longest_after(&self, second: usize) -> Duration {
            self.longest[second..].iter().copied().max().unwrap()
        }

        fn shed_in_last(&self, seconds: usize) -> [u32; Priority::COUNT] {
            let last = &self.by_second[self.by_second.len() - seconds..];
            std::array::from_fn(|n| last.iter().map(|shed| shed[n]).sum())
        }
    }
}
