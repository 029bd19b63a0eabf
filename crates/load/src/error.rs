//! Why a load could not be made.

use std::io;

/// Why a load could not be made or measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system refused something.
    #[error("{step}: {error}")]
    System {
        /// What was tried.
        step: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// The relay did not do what was asked of it.
    #[error("the relay refuses: {0}")]
    Refused(String),
    /// What the relay said is not what was asked for.
    #[error("the relay said something unexpected")]
    Unexpected,
}

impl LoadError {
    /// For `map_err`: what was tried when the system refused.
    pub fn at(step: &'static str) -> impl FnOnce(io::Error) -> LoadError {
        move |error| LoadError::System { step, error }
    }
}
