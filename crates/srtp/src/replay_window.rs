//! Which indexes have been seen.

/// A sliding window over the highest index and the `64 * WORDS - 1` below it (RFC 3711 §3.3.2).
#[derive(Clone)]
pub(crate) struct ReplayWindow<const WORDS: usize> {
    /// Highest committed index; moves only in `commit`.
    highest: u64,
    /// One bit per index, at the index modulo the window's size.
    seen: [u64; WORDS],
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    /// Indexes a window remembers.
    const SIZE: u64 = 64 * WORDS as u64;

    /// A window that has seen `first` and nothing else.
    pub(crate) fn starting_at(first: u64) -> Self {
        let mut window = Self { highest: first, seen: [0; WORDS] };
        window.mark(first);
        window
    }

    /// A window in which `highest` and everything below it counts as seen.
    pub(crate) fn closed_at(highest: u64) -> Self {
        Self { highest, seen: [u64::MAX; WORDS] }
    }

    /// The highest index seen.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `index` is known not to have been seen.
    pub(crate) fn is_fresh(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        self.highest - index < Self::SIZE && self.word(index) & bit(index) == 0
    }

    /// Marks an index that [`ReplayWindow::is_fresh`]; says whether it is the new highest.
    pub(crate) fn commit(&mut self, index: u64) -> bool {
        let is_newest = index > self.highest;
        if is_newest {
            if index - self.highest >= Self::SIZE {
                self.seen = [0; WORDS];
            } else {
                (self.highest + 1..index).for_each(|skipped| self.unmark(skipped));
            }
            self.highest = index;
        }
        self.mark(index);
        is_newest
    }

    fn word(&self, index: u64) -> u64 {
        self.seen.get(Self::place(index)).copied().unwrap_or(u64::MAX)
    }

    fn mark(&mut self, index: u64) {
        if let Some(word) = self.seen.get_mut(Self::place(index)) {
            *word |= bit(index);
        }
    }

    fn unmark(&mut self, index: u64) {
        if let Some(word) = self.seen.get_mut(Self::place(index)) {
            *word &= !bit(index);
        }
    }

    fn place(index: u64) -> usize {
        (index % Self::SIZE / 64) as usize
    }
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_index_is_fresh_once() {
        let mut window = ReplayWindow::<16>::starting_at(5000);
        assert!(!window.is_fresh(5000));
        assert!(window.is_fresh(5003));
        assert!(window.commit(5003));
        assert!(window.is_fresh(5001));
        assert!(!window.commit(5001));
        assert!(!window.is_fresh(5001));
        assert!(window.is_fresh(5002));
    }

    #[test]
    fn the_window_holds_1024_indexes() {
        let mut window = ReplayWindow::<16>::starting_at(0);
        window.commit(10_000);
        assert!(window.is_fresh(10_000 - 1023));
        assert!(!window.is_fresh(10_000 - 1024));
    }

    #[test]
    fn below_a_closed_window_nothing_is_fresh_and_above_it_everything() {
        for step in [1, 7, 1023, 1024, 5000] {
            let mut window = ReplayWindow::<16>::closed_at(5000);
            assert!((0..=5000).all(|index| !window.is_fresh(index)));
            assert!(window.commit(5000 + step));
            assert!((0..=5000).all(|index| !window.is_fresh(index)));
            let lowest = 5000 + step - step.min(1023);
            assert!((lowest + 1..5000 + step).all(|index| window.is_fresh(index)));
        }
    }

    proptest::proptest! {
        #[test]
        fn the_window_agrees_with_a_set(steps in proptest::collection::vec(0_u64..6000, 1..400)) {
            let mut window = ReplayWindow::<16>::starting_at(steps[0]);
            let mut seen = HashSet::from([steps[0]]);
            let mut highest = steps[0];
            for index in steps {
                let expected = index > highest || (highest - index < 1024 && !seen.contains(&index));
                assert_eq!(window.is_fresh(index), expected);
                if expected {
                    assert_eq!(window.commit(index), index > highest);
                    seen.insert(index);
                    highest = highest.max(index);
                }
            }
            assert_eq!(window.highest(), highest);
        }
    }
}
