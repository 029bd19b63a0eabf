//! The SSRCs an end's packets leave under.

use cordon_rtp::Ssrc;

use crate::generator::Generator;

/// SSRCs without repetition: those of the sources themselves under the first key, and fresh ones, of which an odd
/// step visits all 2^32 before the first comes back.
pub(crate) struct Names {
    last: u32,
    step: u32,
    /// Keys there have been.
    keys: u32,
    /// Names given under the key in use, at most [`MAX_NAMES`].
    given: Vec<Ssrc>,
}

impl Names {
    pub(crate) fn new(generator: &mut Generator) -> Names {
        let (last, step) = (generator.next_u32(), generator.next_u32() | 1);
        Names { last, step, keys: 0, given: Vec::with_capacity(1) }
    }

    pub(crate) fn begin_key(&mut self) {
        self.keys = self.keys.saturating_add(1);
        self.given.clear();
    }

    pub(crate) fn are_left(&self) -> bool {
        self.given.len() < MAX_NAMES
    }

    /// The name of a source that has none under this key.
    pub(crate) fn name_for(&mut self, ssrc: Ssrc) -> Option<Ssrc> {
        let may_keep = self.keys <= 1 && ssrc != NOBODY && !self.is_given(ssrc);
        if may_keep { self.give(ssrc) } else { self.fresh() }
    }

    pub(crate) fn fresh(&mut self) -> Option<Ssrc> {
        loop {
            self.last = self.last.wrapping_add(self.step);
            let name = Ssrc(self.last);
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
