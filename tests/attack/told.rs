//! What phones were told of refusals: the log has to name the same codes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use cordon_sip::{HeaderName, Response};

/// Filled by whoever asks, read by the oracle.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<BTreeSet<String>>>);

impl Told {
    /// Notes the codes in the warnings of an answer.
    pub(crate) fn note(&self, answer: &Response) {
        for warning in answer.headers.get_all(&HeaderName::WARNING) {
            let words =
                warning.as_str().split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
            let codes = words.filter(|word| word.starts_with("CD-")).map(str::to_owned);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(codes);
        }
    }

    /// Each code that somebody was told.
    pub(crate) fn codes(&self) -> BTreeSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
