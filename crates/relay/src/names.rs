//! The SSRCs an end's packets leave under.

use cordon_rtp::Ssrc;

use crate::generator::Generator;

/// SSRCs without repetition under one key: those of the sources themselves under the first, and fresh ones at random, so
/// that nobody can foresee the next.
pub(crate) struct Names {
    /// Keys there have been.
    keys: u32,
    /// Names given under the key in use, at most [`MAX_NAMES`].
    given: Vec<Ssrc>,
}

impl Names {
    pub(crate) fn new() -> Names {
        Names { keys: 0, given: Vec::with_capacity(1) }
    }

    pub(crate) fn begin_key(&mut self) {
        self.keys = self.keys.saturating_add(1);
        self.given.clear();
    }

    pub(crate) fn are_left(&self) -> bool {
        self.given.len() < MAX_NAMES
    }

    /// The name of a source that has none under this key.
    pub(crate) fn name_for(&mut self, ssrc: Ssrc, generator: &mut Generator) -> Option<Ssrc> {
        let may_keep = self.keys <= 1 && ssrc != NOBODY && !self.is_given(ssrc);
        if may_keep { self.give(ssrc) } else { self.fresh(generator) }
    }

    pub(crate) fn fresh(&mut self, generator: &mut Generator) -> Option<Ssrc> {
        loop {
            let name = Ssrc(generator.next_u32());
            if name != NOBODY && !self.is_given(name) {
                return self.give(name);
            }
        }
    }

    fn give(&mut self, name: Ssrc) -> Option<Ssrc> {
        self.are_left().then(|| self.given.push(name))?;
        Some(name)
    }

    fn is_given(&self, name: Ssrc) -> bool {
        self.given.contains(&name)
    }
}

/// Stands for no source in RTCP.
const NOBODY: Ssrc = Ssrc(0);
/// SSRCs one key is used with: as many as a receiver keeps contexts for (our own inbound engine among them).
pub(crate) const MAX_NAMES: usize = 8;
