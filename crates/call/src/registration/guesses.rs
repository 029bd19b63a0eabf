//! Accounts whose password is being guessed: after some wrong answers, connections that are not registered with one wait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cordon_policy::request::LOCK_SECONDS;

use super::phone::Account;

/// Wrong answers to challenges, by account. An address is never locked: behind one stand many phones.
#[derive(Default)]
pub(super) struct Guesses {
    table: BTreeMap<Account, Guessed>,
    by_end: BTreeSet<(Instant, Account)>,
}

/// One account with wrong answers, or with proofs on their way.
#[derive(Clone, Copy)]
struct Guessed {
    /// Proofs that the PBX has and has not judged yet.
    asked: u32,
    /// Wrong answers since the last lock.
    wrong: u32,
    /// So far; each is twice as long as the one before.
    locks: u32,
    locked_until: Option<Instant>,
    /// When it is forgotten.
    end: Instant,
}

impl Guesses {
    /// How long this account is still locked.
    pub(super) fn locked_for(&self, now: Instant, account: Account) -> Option<Duration> {
        let until = self.table.get(&account)?.locked_until?;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Whether as many proofs are wrong or on their way as may be wrong: one more could be one too many.
    pub(super) fn is_full(&self, account: Account) -> bool {
        let guessed = self.table.get(&account);
        guessed.is_some_and(|guessed| guessed.asked.saturating_add(guessed.wrong) >= WRONG_ANSWERS)
    }

    /// A proof goes to the PBX.
    pub(super) fn asked(&mut self, now: Instant, account: Account) {
        self.change(now, account, |guessed| guessed.asked = guessed.asked.saturating_add(1));
    }

    /// The PBX did not say whether a proof was right.
    pub(super) fn unjudged(&mut self, now: Instant, account: Account) {
        if self.table.contains_key(&account) {
            self.change(now, account, |guessed| guessed.asked = guessed.asked.saturating_sub(1));
        }
    }

    /// A wrong answer. Tells for how long the account is locked, when this one was one too many. What was under way when an
    /// account was locked counts no more.
    pub(super) fn wrong(&mut self, now: Instant, account: Account) -> Option<Duration> {
        self.unjudged(now, account);
        if self.locked_for(now, account).is_some() {
            return None;
        }
        let guessed = self.change(now, account, |guessed| guessed.wrong += 1);
        if guessed.wrong < WRONG_ANSWERS {
            return None;
        }
        let lasts = lasts(guessed.locks);
        self.change(now, account, |guessed| {
            let until = now.checked_add(lasts).unwrap_or(now);
            guessed.wrong = 0;
            guessed.locks = guessed.locks.saturating_add(1);
            guessed.locked_until = Some(until);
            guessed.end = until.checked_add(REMEMBERED).unwrap_or(until);
        });
        Some(lasts)
    }

    /// Somebody who was not registered with this account has proved to know its password.
    pub(super) fn right(&mut self, account: Account) {
        self.take(account);
    }

    /// When the next account may be forgotten.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.by_end.first().map(|(end, _)| *end)
    }

    /// Forgets what is long ago.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.next_end().is_some_and(|end| end <= now) {
            self.forget_first();
        }
    }

    /// Changes what is known of an account, and keeps it for a while longer if there is anything to keep.
    fn change(&mut self, now: Instant, account: Account, change: impl FnOnce(&mut Guessed)) -> Guessed {
        let mut guessed = self.take(account).unwrap_or(Guessed {
            asked: 0,
            wrong: 0,
            locks: 0,
            locked_until: None,
            end: now,
        });
        guessed.end = guessed.end.max(now.checked_add(WINDOW).unwrap_or(now));
        change(&mut guessed);
        if guessed.asked > 0 || guessed.wrong > 0 || guessed.locks > 0 {
            self.put(account, guessed);
        }
        guessed
    }

    fn take(&mut self, account: Account) -> Option<Guessed> {
        let guessed = self.table.remove(&account)?;
        self.by_end.remove(&(guessed.end, account));
        Some(guessed)
    }

    /// A full table gives up what ends first: an account with some wrong answers long before a locked one.
    fn put(&mut self, account: Account, guessed: Guessed) {
        if self.table.len() >= MAX_ACCOUNTS {
            self.forget_first();
        }
        self.by_end.insert((guessed.end, account));
        self.table.insert(account, guessed);
    }

    fn forget_first(&mut self) {
        if let Some((_, account)) = self.by_end.pop_first() {
            self.table.remove(&account);
        }
    }
}

/// How long the lock after this many others lasts.
fn lasts(locks: u32) -> Duration {
    let (first, longest) = (*LOCK_SECONDS.start(), *LOCK_SECONDS.end());
    let doubled = first.saturating_mul(2u32.saturating_pow(locks));
    Duration::from_secs(doubled.min(longest).into())
}

/// A person mistypes a password twice or three times and a phone repeats it a few times more; a guesser needs thousands.
const WRONG_ANSWERS: u32 = 10;

/// Wrong answers count together while none is longer ago than this.
const WINDOW: Duration = Duration::from_secs(600);

/// So long after a lock the next one is still longer than it.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Every account of the largest site could be under guess at once twice over, in some hundred bytes each.
const MAX_ACCOUNTS: usize = 20_000;

#[cfg(test)]
mod tests {
    use cordon_sip::Text;

    use super::*;

    fn account(n: usize) -> Account {
        Account::of_username(&Text::from(n.to_string()), &Text::from("mx.example.org"))
    }

    fn locks(guesses: &mut Guesses, now: Instant, account: Account) -> Vec<u64> {
        (0..10).filter_map(|_| guesses.wrong(now, account)).map(|lasts| lasts.as_secs()).collect()
    }

    #[test]
    fn each_lock_is_twice_as_long_as_the_one_before_up_to_a_quarter_of_an_hour() {
        let (mut guesses, mut now) = (Guesses::default(), Instant::now());
        for lasts in [60, 120, 240, 480, 900, 900] {
            assert_eq!(locks(&mut guesses, now, account(1)), [lasts]);
            assert_eq!(guesses.locked_for(now, account(1)), Some(Duration::from_secs(lasts)));
            assert_eq!(guesses.wrong(now, account(1)), None, "what was under way counts no more");
            now += Duration::from_secs(lasts);
            assert_eq!(guesses.locked_for(now, account(1)), None);
        }
    }

    #[test]
    fn wrong_answers_are_forgotten_after_ten_minutes_and_locks_after_an_hour() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..9 {
            guesses.wrong(now, account(1));
        }
        guesses.expire(now + Duration::from_secs(600));
        assert_eq!(guesses.wrong(now + Duration::from_secs(600), account(1)), None);

        assert_eq!(locks(&mut guesses, now, account(2)), [60]);
        guesses.expire(now + Duration::from_secs(3_659));
        assert_eq!(locks(&mut guesses, now + Duration::from_secs(3_659), account(2)), [120]);
        guesses.expire(now + Duration::from_secs(20_000));
        assert_eq!(locks(&mut guesses, now + Duration::from_secs(20_000), account(2)), [60]);
        guesses.expire(now + Duration::from_secs(40_000));
        assert_eq!(guesses.next_end(), None);
    }

    #[test]
    fn proofs_on_their_way_count_until_they_are_judged() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        (0..7).for_each(|_| guesses.asked(now, account(1)));
        (0..3).for_each(|_| _ = guesses.wrong(now, account(2)));
        assert!(!guesses.is_full(account(1)));
        (0..3).for_each(|_| guesses.asked(now, account(1)));
        assert!(guesses.is_full(account(1)));
        assert_eq!(guesses.wrong(now, account(1)), None);
        assert!(guesses.is_full(account(1)), "one is wrong now, nine are on their way");
        (0..9).for_each(|_| guesses.unjudged(now, account(1)));
        assert!(!guesses.is_full(account(1)));
        guesses.right(account(1));
        guesses.right(account(2));
        assert_eq!((guesses.table.len(), guesses.by_end.len()), (0, 0));
        guesses.asked(now, account(3));
        guesses.unjudged(now, account(3));
        guesses.unjudged(now, account(3));
        assert_eq!(guesses.next_end(), None, "nothing is kept of a proof that led to nothing");
    }

    #[test]
    fn a_flood_of_accounts_takes_no_lock_away() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        assert_eq!(locks(&mut guesses, now, account(0)), [60]);
        for n in 1..=MAX_ACCOUNTS {
            guesses.wrong(now, account(n));
        }
        assert_eq!((guesses.table.len(), guesses.by_end.len()), (MAX_ACCOUNTS, MAX_ACCOUNTS));
        assert!(guesses.locked_for(now, account(0)).is_some());
    }
}
