//! The connections that are there, by their names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use cordon_sip::FlowId;
use tokio::sync::Notify;

use crate::admission::PlaceName;
use crate::event::CloseReason;
use crate::transport::SendError;
use crate::write_queue::WriteQueue;

/// Bounded by `Admission`: no entry is made without a place there, but for the one connection of the PBX link.
#[derive(Debug, Default)]
pub(crate) struct FlowTable {
    flows: Mutex<BTreeMap<FlowId, Entry>>,
    emptied: Notify,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// A phone's.
    Handset {
        /// Its location.
        location: usize,
        /// Its place among the connections.
        place: PlaceName,
    },
    /// The PBX opened it.
    PbxInbound,
    /// We opened it to the PBX.
    PbxLink,
}

#[derive(Debug)]
struct Entry {
    side: Side,
    peer: SocketAddr,
    queue: WriteQueue,
}

impl FlowTable {
    /// The connection can be sent to from now on.
    pub(crate) fn add(&self, flow: FlowId, side: Side, peer: SocketAddr, queue: WriteQueue) {
        self.flows().insert(flow, Entry { side, peer, queue });
    }

    /// It cannot any more.
    pub(crate) fn remove(&self, flow: FlowId) {
        let mut flows = self.flows();
        flows.remove(&flow);
        if flows.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    pub(crate) fn send_to_handset(&self, flow: FlowId, bytes: Bytes) -> Result<(), SendError> {
        match self.flows().get(&flow) {
            Some(Entry { side: Side::Handset { .. }, queue, .. }) => queue.push(bytes),
            Some(Entry { side: Side::PbxInbound | Side::PbxLink, .. }) | None => Err(SendError::Gone),
        }
    }

    pub(crate) fn send_to_pbx(&self, flow: FlowId, bytes: Bytes) -> Result<(), SendError> {
        match self.flows().get(&flow) {
            Some(Entry { side: Side::PbxInbound | Side::PbxLink, queue, .. }) => queue.push(bytes),
            Some(Entry { side: Side::Handset { .. }, .. }) | None => Err(SendError::Gone),
        }
    }

    pub(crate) fn close(&self, flow: FlowId, reason: CloseReason) {
        if let Some(entry) = self.flows().get(&flow) {
            entry.queue.close(reason);
        }
    }

    pub(crate) fn close_all(&self, reason: CloseReason) {
        self.close_where(reason, |_, _| true);
    }

    pub(crate) fn close_where(&self, reason: CloseReason, chosen: impl Fn(Side, SocketAddr) -> bool) {
        for entry in self.flows().values().filter(|entry| chosen(entry.side, entry.peer)) {
            entry.queue.close(reason);
        }
    }

    /// Where a phone's connection stands; `None` when it is gone.
    pub(crate) fn place_of(&self, flow: FlowId) -> Option<PlaceName> {
        match self.flows().get(&flow)?.side {
            Side::Handset { place, .. } => Some(place),
            Side::PbxInbound | Side::PbxLink => None,
        }
    }

    pub(crate) fn handset_count(&self) -> usize {
        self.flows().values().filter(|entry| matches!(entry.side, Side::Handset { .. })).count()
    }

    /// Resolves when no connection is left.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.flows().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn flows(&self) -> MutexGuard<'_, BTreeMap<FlowId, Entry>> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_of_one_side_never_leaves_on_a_connection_of_the_other() {
        let table = FlowTable::default();
        let peer = "127.0.0.1:5061".parse().unwrap();
        let handset = Side::Handset { location: 0, place: PlaceName(1) };
        table.add(FlowId(1), handset, peer, WriteQueue::new(64));
        table.add(FlowId(2), Side::PbxLink, peer, WriteQueue::new(64));

        assert_eq!(table.send_to_handset(FlowId(1), Bytes::new()), Ok(()));
        assert_eq!(table.send_to_pbx(FlowId(2), Bytes::new()), Ok(()));
        assert_eq!(table.send_to_handset(FlowId(2), Bytes::new()), Err(SendError::Gone));
        assert_eq!(table.send_to_pbx(FlowId(1), Bytes::new()), Err(SendError::Gone));
    }
}
