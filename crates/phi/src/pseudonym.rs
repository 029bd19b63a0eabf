//! The name under which a protected value appears in logs.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::OnceLock;

/// A short name for one protected value, the same for the life of the process and unrelated in the next.
///
/// Keyed, because numbers are few: without the key anyone could hash every extension and compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(u32);

impl Pseudonym {
    /// The pseudonym of `value` in this process.
    pub(crate) fn of<T: Hash + ?Sized>(value: &T) -> Self {
        static KEY: OnceLock<RandomState> = OnceLock::new();
        let hash = KEY.get_or_init(RandomState::new).hash_one(value);
        // Half of the hash is enough to follow a call and keeps log lines short.
        Self((hash >> 32) as u32)
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "phi:{:08x}", self.0)
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_eight_hex_digits_behind_its_prefix() {
        let shown = Pseudonym::of("alice").to_string();
        let digits = shown.strip_prefix("phi:").expect("every pseudonym starts with phi:");
        assert_eq!(digits.len(), 8);
        assert!(digits.chars().all(|digit| digit.is_ascii_hexdigit()));
    }
}
