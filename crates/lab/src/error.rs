use std::io;

use thiserror::Error;

/// What went wrong in the lab. It is a lab: messages are for the person at the terminal.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LabError {
    /// A socket or file.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up or was refused.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Nothing came in time.
    #[error("{0} did not come in time")]
    TimedOut(&'static str),
    /// The connection is gone.
    #[error("the connection is closed")]
    Closed,
    /// The other side refused.
    #[error("{what} was answered {status}{}", in_brackets(.warnings))]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The status of the answer.
        status: u16,
        /// Its Warning headers.
        warnings: Vec<String>,
    },
    /// The other side sent what makes no sense.
    #[error("the other side misbehaved: {0}")]
    Misbehaved(&'static str),
}

impl LabError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> LabError {
        move |source| LabError::Io { what, source }
    }

    /// The status of a refusal, when it is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            LabError::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The Warning headers of a refusal, when it is one.
    pub fn warnings(&self) -> &[String] {
        match self {
            LabError::Refused { warnings, .. } => warnings,
            _ => &[],
        }
    }
}

fn in_brackets(warnings: &[String]) -> String {
    if warnings.is_empty() { String::new() } else { format!(" ({})", warnings.join(", ")) }
}
