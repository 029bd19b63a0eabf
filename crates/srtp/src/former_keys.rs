//! Keys the peer has left, and may come back to.

use crate::session_keys::KeyMark;

/// The keys of one direction that were heard and left, at most [`MAX_FORMER_KEYS`], the one left longest ago first.
///
/// A PBX that holds a call gives it to its music and then gives it back, with the key it had: what was recorded under
/// that key must not be heard as new. Of a key only what tells it again is kept, and how much it was used.
pub(crate) struct FormerKeys {
    list: Vec<FormerKey>,
}

/// What is remembered of one key.
pub(crate) struct FormerKey {
    pub(crate) mark: KeyMark,
    /// The number under which its sources and floors are known.
    pub(crate) generation: u32,
    pub(crate) opened_rtp: u64,
    pub(crate) opened_rtcp: u64,
}

impl FormerKeys {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// Remembers a key that was left.
    pub(crate) fn park(&mut self, key: FormerKey) {
        if self.list.len() >= MAX_FORMER_KEYS {
            self.list.remove(0);
        }
        self.list.push(key);
    }

    /// Takes out the key with this mark: it is in force again.
    pub(crate) fn take(&mut self, mark: &KeyMark) -> Option<FormerKey> {
        let place = self.list.iter().position(|former| former.mark == *mark)?;
        Some(self.list.remove(place))
    }
}

/// Keys remembered in one direction: a call that is held five times by a PBX whose music has a new key at each hold
/// leaves six. A peer that comes back to a key it left longer ago is heard as under a new one.
const MAX_FORMER_KEYS: usize = 16;
