//! What policy hands out when it says yes.

use std::ops::Deref;

/// Proof that policy has looked at `T` and found nothing against it.
///
/// Only this crate makes one; a step that must not happen unasked takes a permit as its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a permit that nobody asks for protects nothing"]
pub struct Permit<T>(T);

impl<T> Permit<T> {
    pub(crate) fn grant(value: T) -> Self {
        Permit(value)
    }

    /// Gives up the proof and keeps the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Permit<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
