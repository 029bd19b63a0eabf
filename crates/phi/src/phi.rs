//! The wrapper itself.

use std::fmt;
use std::hash::Hash;

use crate::{Pseudonym, Reason};

/// Keeps a value that tells who called whom out of logs, errors and panics.
///
/// `Debug` and `Display` print [`Phi::pseudonym`]; neither has a form that prints the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps `value`; from here on it prints as a pseudonym.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the purpose named by `reason`.
    ///
    /// The reason is not recorded: it makes every opening readable in review and findable by a search.
    pub fn reveal(&self, reason: Reason) -> &T {
        let _ = reason;
        &self.0
    }

    /// The value itself, for the purpose named by `reason`.
    pub fn into_revealed(self, reason: Reason) -> T {
        let _ = reason;
        self.0
    }
}

impl<T: Hash> Phi<T> {
    /// The name this value goes by in logs until the process ends.
    pub fn pseudonym(&self) -> Pseudonym {
        Pseudonym::of(&self.0)
    }
}

impl<T> From<T> for Phi<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Hash> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.pseudonym(), f)
    }
}

impl<T: Hash> fmt::Display for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.pseudonym(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_shows_the_value() {
        let number = Phi::new(String::from("+15551230000"));
        for shown in
            [format!("{number:?}"), format!("{number}"), format!("{number:#?}"), format!("{number:>40}")]
        {
            assert!(!shown.contains("555"), "{shown}");
            assert!(shown.trim_start().starts_with("phi:"), "{shown}");
        }
    }

    #[test]
    fn equal_values_share_a_pseudonym_and_different_ones_do_not() {
        assert_eq!(Phi::new("alice").pseudonym(), Phi::new("alice").pseudonym());
        assert_ne!(Phi::new("alice").pseudonym(), Phi::new("bob").pseudonym());
    }

    #[test]
    fn the_value_comes_back_unchanged() {
        let name = Phi::new(String::from("alice"));
        assert_eq!(name.reveal(Reason::Test), "alice");
        assert_eq!(name.into_revealed(Reason::Test), "alice");
    }
}
