//! `[media]`: the ports of media, and the threads that relay it.

use std::ops::RangeInclusive;
use std::thread::available_parallelism;

use crate::finding::Findings;
use crate::section::{Located, Section};
use crate::value;

/// What all media shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// UDP ports of media, on each media address.
    pub ports: RangeInclusive<u16>,
    /// How datagrams come in and go out.
    pub io: MediaIo,
    /// Threads that relay it: one per processor unless the file says otherwise.
    pub threads: usize,
    /// Whether each of them stays on one processor.
    pub pinned: bool,
    /// Whether a busy one lets packets gather for half a millisecond.
    pub nap: bool,
}

/// How datagrams of media come in and go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaIo {
    /// Steered where the process may, else a socket per port.
    Auto,
    /// A socket per port: needs no rights.
    PerPort,
    /// One socket for all ports of a thread, which a program in the kernel steers datagrams to.
    Steered,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            ports: FIRST_PORT..=LAST_PORT,
            io: MediaIo::PerPort,
            threads: available_parallelism().map_or(1, usize::from).min(MOST_THREADS),
            pinned: false,
            nap: true,
        }
    }
}

impl Media {
    /// The section, and where its ports are written.
    pub(crate) fn read(section: Option<Section<'_>>, findings: &mut Findings<'_>) -> Located<Self> {
        let default = Self::default();
        let Some(mut section) = section else { return Located { value: default, span: 0..0 } };
        let span = section.span();
        let ports = section.optional(findings, "ports", value::ports);
        let words = [("auto", MediaIo::Auto), ("per-port", MediaIo::PerPort), ("steered", MediaIo::Steered)];
        let io = section.optional(findings, "io", |text| value::choice(text, &words));
        let threads = section.optional_count(findings, "threads", 1..=MOST_THREADS);
        let pinned = section.optional_flag(findings, "pinned");
        let nap = section.optional_flag(findings, "nap");
        section.finish(findings);
        let span = ports.as_ref().map_or(span, |ports| ports.span.clone());
        let media = Self {
            ports: ports.map_or(default.ports, |ports| ports.value),
            io: io.map_or(default.io, |io| io.value),
            threads: threads.map_or(default.threads, |threads| threads.value),
            pinned: pinned.unwrap_or(default.pinned),
            nap: nap.unwrap_or(default.nap),
        };
        Located { value: media, span }
    }
}

const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 29_999;
/// More than any machine that a location stands on has processors.
const MOST_THREADS: usize = 256;
