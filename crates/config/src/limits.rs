//! `[limits]`: how much of everything there may be at once.

use crate::finding::Findings;
use crate::section::Section;

/// Bounds a site may lower, never raise: the defaults are what Cordon was measured and built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls. Half as many again, at least 32, are kept free for emergencies.
    pub calls: usize,
    /// Registrations, those of phones whose connection is gone included.
    pub registrations: usize,
    /// TLS connections of all phones.
    pub connections: usize,
    /// TLS connections of one address, or one /64 of IPv6.
    pub connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: MOST_CALLS,
            registrations: MOST_REGISTRATIONS,
            connections: MOST_CONNECTIONS,
            connections_per_address: MOST_OF_ADDRESS,
        }
    }
}

impl Limits {
    pub(crate) fn read(section: Option<Section<'_>>, findings: &mut Findings<'_>) -> Self {
        let Some(mut section) = section else { return Self::default() };
        let mut read =
            |key, most| section.optional_count(findings, key, 1..=most).map_or(most, |written| written.value);
        let limits = Self {
            calls: read("calls", MOST_CALLS),
            registrations: read("registrations", MOST_REGISTRATIONS),
            connections: read("connections", MOST_CONNECTIONS),
            connections_per_address: read("connections_per_address", MOST_OF_ADDRESS),
        };
        section.finish(findings);
        limits
    }
}

/// At four ports, two legs and two dialogs each some tens of megabytes.
const MOST_CALLS: usize = 4_096;

/// 10,000 phones with two lines each: the largest site Cordon is built for, at about 1 kB a registration.
const MOST_REGISTRATIONS: usize = 20_000;

/// At 24 kB each some 400 MB.
const MOST_CONNECTIONS: usize = 16_384;

/// Phones of a branch behind one NAT.
const MOST_OF_ADDRESS: usize = 4_096;
