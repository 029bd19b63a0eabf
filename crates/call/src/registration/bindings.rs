//! Which phone is reached over which flow, and until when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cordon_sip::{FlowId, NameAddr};

use super::phone::{Account, BindingId};
use super::upstream::UpstreamKey;

/// Every phone the PBX has granted a binding.
#[derive(Default)]
pub(super) struct Bindings {
    table: BTreeMap<BindingId, Binding>,
    by_flow: BTreeMap<FlowId, BTreeSet<BindingId>>,
    by_account: BTreeMap<Account, BTreeSet<BindingId>>,
    by_end: BTreeSet<(Instant, BindingId)>,
}

/// One phone's registration tied to its flow.
pub(super) struct Binding {
    pub(super) account: Account,
    /// By which the PBX knows it.
    pub(super) names: UpstreamKey,
    /// Whose password proved it, where that is another name.
    pub(super) proved_by: Option<Account>,
    /// As the phone wrote it: where the PBX's requests are sent on, over the flow and never to its address.
    pub(super) contact: NameAddr,
    /// `None` between the loss of a flow and the phone's next REGISTER.
    pub(super) flow: Option<FlowId>,
    /// The flow it moved here from, while that one has not said that it is gone.
    pub(super) moved_from: Option<FlowId>,
    /// As the phone was told.
    pub(super) granted_until: Instant,
    /// As long as the PBX has the contact; never sooner than the phone was told.
    pub(super) kept_until: Instant,
}

impl Binding {
    /// What is left of its life, in seconds.
    pub(super) fn seconds_left(&self, now: Instant) -> u32 {
        u32::try_from(self.granted_until.saturating_duration_since(now).as_secs()).unwrap_or(u32::MAX)
    }

    /// When it is taken away.
    fn end(&self) -> Instant {
        self.kept_until.checked_add(LATE).unwrap_or(self.kept_until)
    }
}

impl Bindings {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.table.len()
    }

    /// Whether another binding fits, into `most` of all, on this flow and beside the account's other phones.
    pub(super) fn has_room(&self, most: usize, flow: FlowId, account: Account, id: BindingId) -> bool {
        let on_flow = self.on_flow(flow);
        on_flow.is_some_and(|ids| ids.contains(&id))
            || ((self.table.contains_key(&id)
                || (self.table.len() < most && self.connected(account) < MAX_BINDINGS_PER_ACCOUNT))
                && on_flow.map_or(0, BTreeSet::len) < MAX_BINDINGS_PER_FLOW)
    }

    /// Puts a binding in place of the phone's earlier one and returns the flow that one was on. An account that has as many as
    /// it may loses the one that nobody has been behind for longest.
    pub(super) fn put(&mut self, id: BindingId, mut binding: Binding) -> Option<FlowId> {
        let earlier = self.remove(id);
        let before = earlier.as_ref().and_then(|earlier| earlier.flow);
        binding.moved_from = match before == binding.flow {
            true => earlier.and_then(|earlier| earlier.moved_from),
            false => before,
        };
        self.make_room(binding.account);
        if let Some(flow) = binding.flow {
            self.by_flow.entry(flow).or_default().insert(id);
        }
        self.by_account.entry(binding.account).or_default().insert(id);
        self.by_end.insert((binding.end(), id));
        self.table.insert(id, binding);
        before
    }

    pub(super) fn remove(&mut self, id: BindingId) -> Option<Binding> {
        let binding = self.table.remove(&id)?;
        self.by_end.remove(&(binding.end(), id));
        if let Some(flow) = binding.flow {
            leave(&mut self.by_flow, &flow, id);
        }
        leave(&mut self.by_account, &binding.account, id);
        Some(binding)
    }

    pub(super) fn get(&self, id: BindingId) -> Option<&Binding> {
        self.table.get(&id)
    }

    /// A binding that has not expired.
    pub(super) fn live(&self, now: Instant, id: BindingId) -> Option<&Binding> {
        self.table.get(&id).filter(|binding| binding.end() > now)
    }

    /// The bindings of this flow that have not expired.
    pub(super) fn live_on(
        &self,
        now: Instant,
        flow: FlowId,
    ) -> impl Iterator<Item = (BindingId, &Binding)> + use<'_> {
        let ids = self.on_flow(flow).into_iter().flatten();
        ids.filter_map(move |id| Some((*id, self.live(now, *id)?)))
    }

    /// The bindings of this account, at most [`MAX_BINDINGS_PER_ACCOUNT`].
    pub(super) fn of_account(&self, account: Account) -> impl Iterator<Item = BindingId> + use<'_> {
        self.by_account.get(&account).into_iter().flatten().copied()
    }

    /// The phone on this flow that is registered with this account.
    pub(super) fn live_of(&self, now: Instant, flow: FlowId, account: Account) -> Option<BindingId> {
        let is_here = |id: &BindingId| self.live(now, *id).is_some_and(|binding| binding.flow == Some(flow));
        self.of_account(account).find(is_here)
    }

    /// The flow is gone: its phones keep their bindings, without a way to them. Returns them.
    pub(super) fn detach(&mut self, flow: FlowId) -> BTreeSet<BindingId> {
        let ids = self.by_flow.remove(&flow).unwrap_or_default();
        for id in &ids {
            if let Some(binding) = self.table.get_mut(id) {
                binding.flow = None;
            }
        }
        ids
    }

    /// When the next binding expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.by_end.first().map(|(at, _)| *at)
    }

    /// Removes the next binding that has expired at `now`.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<(BindingId, Binding)> {
        let (at, id) = *self.by_end.first()?;
        if at > now {
            return None;
        }
        self.remove(id).map(|binding| (id, binding))
    }

    /// Everything there is, to be compared with what there is later.
    #[cfg(test)]
    pub(super) fn picture(&self) -> Vec<(BindingId, Account, String, Option<FlowId>, Instant)> {
        let line = |(id, binding): (&BindingId, &Binding)| {
            let contact = binding.contact.to_text().as_str().to_owned();
            (*id, binding.account, contact, binding.flow, binding.granted_until)
        };
        self.table.iter().map(line).collect()
    }

    fn connected(&self, account: Account) -> usize {
        let has_flow = |id: &BindingId| self.get(*id).is_some_and(|binding| binding.flow.is_some());
        self.of_account(account).filter(has_flow).count()
    }

    fn make_room(&mut self, account: Account) {
        if self.of_account(account).count() < MAX_BINDINGS_PER_ACCOUNT {
            return;
        }
        let left = self.of_account(account).filter_map(|id| Some((id, self.get(id)?)));
        let left =
            left.filter(|(_, binding)| binding.flow.is_none()).min_by_key(|(_, binding)| binding.end());
        if let Some((id, _)) = left {
            self.remove(id);
        }
    }

    fn on_flow(&self, flow: FlowId) -> Option<&BTreeSet<BindingId>> {
        self.by_flow.get(&flow)
    }
}

fn leave<K: Ord>(index: &mut BTreeMap<K, BTreeSet<BindingId>>, key: &K, id: BindingId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

/// A phone that refreshes at the last moment is not thrown out while its REGISTER is on the way.
const LATE: Duration = Duration::from_secs(10);

/// An attendant console or a gateway of analogue lines carries some hundred lines over one connection.
const MAX_BINDINGS_PER_FLOW: usize = 1_024;

/// A line that a whole ward shares rings on some dozens of phones.
const MAX_BINDINGS_PER_ACCOUNT: usize = 64;
