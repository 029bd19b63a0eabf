//! How long the PBX takes for its first word.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cordon_policy::overload::PbxPace;
use cordon_transaction::ClientId;

/// Requests that the PBX itself answers, each until its first word: 100 (Trying), a challenge, or all it has to say.
#[derive(Default)]
pub(crate) struct FirstWords {
    /// When each was sent; bounded by the transactions there can be.
    asked: BTreeMap<ClientId, Instant>,
    quickest: Option<Duration>,
    has_news: bool,
}

impl FirstWords {
    /// A request is on its way to the PBX.
    pub(crate) fn asked(&mut self, now: Instant, client: ClientId) {
        self.asked.insert(client, now);
        self.has_news = true;
    }

    /// A response came, the first or a later one.
    pub(crate) fn heard(&mut self, now: Instant, client: ClientId) {
        let Some(asked) = self.asked.remove(&client) else { return };
        let word = now.saturating_duration_since(asked);
        self.quickest = Some(self.quickest.map_or(word, |quickest| quickest.min(word)));
        self.has_news = true;
    }

    /// No word comes any more.
    pub(crate) fn lost(&mut self, client: ClientId) {
        self.has_news |= self.asked.remove(&client).is_some();
    }

    /// What has changed since this was asked last.
    pub(crate) fn poll(&mut self) -> Option<PbxPace> {
        let quickest = self.quickest.take();
        std::mem::take(&mut self.has_news).then_some(PbxPace { quickest, waiting: self.asked.len() })
    }

    /// How many requests wait.
    pub(crate) fn count(&self) -> usize {
        self.asked.len()
    }
}
