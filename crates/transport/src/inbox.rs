//! The queue between the wires and signalling.
//!
//! One queue, so that the events of a flow keep their order; three lanes lead into it, each with places of its own, so
//! that strangers cannot take those of phones nor phones those of the PBX. A flow has a few places of its lane at most:
//! the flood of one phone waits in its own connection, and then in that phone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cordon_policy::overload::{Overload, PbxLoad, PbxPace, Priority};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::event::TransportEvent;

/// Where events come in.
#[derive(Debug)]
pub(crate) struct Inbox {
    sender: mpsc::Sender<Queued>,
    lanes: Arc<Lanes>,
    /// What the reports of strangers may not take of their lane.
    reserve: usize,
    pub(crate) congestion: Arc<Congestion>,
}

/// Where signalling takes them. Dropped, everything that waits to come in ends.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Queued>,
    lanes: Arc<Lanes>,
    congestion: Arc<Congestion>,
}

/// Who an event is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Connections on which nobody is registered.
    Stranger,
    /// Phones that are registered or call.
    Phone,
    /// The PBX.
    Pbx,
}

/// How long messages wait, here and at the PBX, and what is shed for it.
#[derive(Debug)]
pub(crate) struct Congestion {
    overload: Mutex<Overload>,
    pbx: Mutex<PbxLoad>,
    shed: [AtomicU64; Priority::COUNT],
}

#[derive(Debug)]
struct Lanes {
    stranger: Arc<Semaphore>,
    phone: Arc<Semaphore>,
    pbx: Arc<Semaphore>,
}

#[derive(Debug)]
struct Queued {
    event: TransportEvent,
    /// When it was read from its connection.
    received: Instant,
    _places: [Option<OwnedSemaphorePermit>; 2],
}

/// An inbox for `bound` events: a quarter of strangers, half of phones, a quarter of the PBX.
pub(crate) fn inbox(bound: usize) -> (Inbox, Events) {
    let quarter = (bound / 4).max(1);
    let lanes = Arc::new(Lanes {
        stranger: Arc::new(Semaphore::new(quarter)),
        phone: Arc::new(Semaphore::new(2 * quarter)),
        pbx: Arc::new(Semaphore::new(quarter)),
    });
    let (sender, receiver) = mpsc::channel(4 * quarter);
    let congestion = Arc::new(Congestion {
        overload: Mutex::new(Overload::new()),
        pbx: Mutex::new(PbxLoad::new()),
        shed: [const { AtomicU64::new(0) }; Priority::COUNT],
    });
    let inbox = Inbox {
        sender,
        lanes: Arc::clone(&lanes),
        reserve: quarter / 2,
        congestion: Arc::clone(&congestion),
    };
    (inbox, Events { receiver, lanes, congestion })
}

impl Inbox {
    /// Puts an event into the queue once its lane has a place, and its flow one of `turns`. False when nobody listens any
    /// more.
    pub(crate) async fn put(
        &self,
        lane: Lane,
        turns: Option<&Arc<Semaphore>>,
        received: Instant,
        event: TransportEvent,
    ) -> bool {
        let turn = match turns {
            Some(turns) => Arc::clone(turns).acquire_owned().await.ok(),
            None => None,
        };
        let Ok(place) = Arc::clone(self.lanes.of(lane)).acquire_owned().await else { return false };
        // There are as many places in all lanes as in the queue.
        self.sender.try_send(Queued { event, received, _places: [turn, Some(place)] }).is_ok()
    }

    /// Puts in what strangers can cause in any number, while half of their lane is free. Waits for nothing.
    pub(crate) fn try_put(&self, event: TransportEvent) -> bool {
        let lane = &self.lanes.stranger;
        if lane.available_permits() <= self.reserve {
            return false;
        }
        let Ok(place) = Arc::clone(lane).try_acquire_owned() else { return false };
        let queued = Queued { event, received: Instant::now(), _places: [None, Some(place)] };
        self.sender.try_send(queued).is_ok()
    }
}

impl Events {
    /// The next event; `None` when the wires are gone.
    pub async fn recv(&mut self) -> Option<TransportEvent> {
        let queued = self.receiver.recv().await?;
        Some(self.taken(queued))
    }

    /// The next event if there is one.
    pub fn try_recv(&mut self) -> Option<TransportEvent> {
        let queued = self.receiver.try_recv().ok()?;
        Some(self.taken(queued))
    }

    fn taken(&self, queued: Queued) -> TransportEvent {
        let now = Instant::now();
        let delay = now.saturating_duration_since(queued.received);
        self.congestion.overload().waited(now, delay, self.receiver.len());
        queued.event
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        for lane in [&self.lanes.stranger, &self.lanes.phone, &self.lanes.pbx] {
            lane.close();
        }
    }
}

impl Congestion {
    /// Whether a request that has just been read is to be shed; if so it is counted.
    pub(crate) fn sheds(&self, now: Instant, priority: Option<Priority>) -> bool {
        let is_shed = self.pbx().sheds(now, priority) || self.overload().sheds(now, priority);
        if let Some(counter) = priority.and_then(|priority| self.shed.get(priority.index()))
            && is_shed
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        is_shed
    }

    /// What was shed since the start, in the order of [`Priority::ALL`].
    pub(crate) fn shed(&self) -> [u64; Priority::COUNT] {
        self.shed.each_ref().map(|counter| counter.load(Ordering::Relaxed))
    }

    /// The shortest wait of the last 100 ms that were looked at.
    pub(crate) fn delay(&self) -> Duration {
        self.overload().delay()
    }

    /// The PBX has said something, or was asked.
    pub(crate) fn pbx_paced(&self, now: Instant, pace: PbxPace) {
        self.pbx().paced(now, pace);
    }

    /// By how much the first words of the PBX come later than usual.
    pub(crate) fn pbx_delay(&self) -> Duration {
        self.pbx().delay()
    }

    fn pbx(&self) -> MutexGuard<'_, PbxLoad> {
        self.pbx.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn overload(&self) -> MutexGuard<'_, Overload> {
        self.overload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn of(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Stranger => &self.stranger,
            Lane::Phone => &self.phone,
            Lane::Pbx => &self.pbx,
        }
    }
}

/// Events of one phone that may wait at a time: a whole call set-up, at a fraction of a millisecond each.
pub(crate) const TURNS: usize = 16;

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use cordon_sip::FlowId;

    use super::*;
    use crate::event::CloseReason;

    #[tokio::test]
    async fn strangers_that_fill_their_lane_leave_room_for_phones_and_the_pbx() {
        let (inbox, mut events) = inbox(16);
        for n in 0..4 {
            assert!(inbox.put(Lane::Stranger, None, Instant::now(), event(n)).await);
        }

        assert!(waits(inbox.put(Lane::Stranger, None, Instant::now(), event(4))));
        assert!(inbox.put(Lane::Phone, None, Instant::now(), event(5)).await);
        assert!(inbox.put(Lane::Pbx, None, Instant::now(), event(6)).await);
        assert!(events.recv().await.is_some());
        assert!(inbox.put(Lane::Stranger, None, Instant::now(), event(7)).await);
    }

    #[tokio::test]
    async fn one_phone_that_floods_leaves_the_lane_to_the_others() {
        let (inbox, mut events) = inbox(400);
        let (flood, other) = (Arc::new(Semaphore::new(TURNS)), Arc::new(Semaphore::new(TURNS)));
        for n in 0..16 {
            assert!(inbox.put(Lane::Phone, Some(&flood), Instant::now(), event(n)).await);
        }

        assert!(waits(inbox.put(Lane::Phone, Some(&flood), Instant::now(), event(16))));
        assert!(inbox.put(Lane::Phone, Some(&other), Instant::now(), event(17)).await);
        assert!(events.recv().await.is_some());
        assert!(inbox.put(Lane::Phone, Some(&flood), Instant::now(), event(18)).await);
    }

    #[tokio::test]
    async fn reports_of_strangers_leave_half_of_their_lane_free() {
        let (inbox, _events) = inbox(32);

        let taken = (0..8).filter(|&n| inbox.try_put(event(n))).count();

        assert_eq!(taken, 4);
        assert!(inbox.put(Lane::Stranger, None, Instant::now(), event(9)).await);
    }

    #[tokio::test]
    async fn whoever_waits_learns_that_nobody_listens_any_more() {
        let (inbox, events) = inbox(4);
        assert!(inbox.put(Lane::Phone, None, Instant::now(), event(0)).await);
        assert!(inbox.put(Lane::Phone, None, Instant::now(), event(1)).await);
        let waiting = inbox.put(Lane::Phone, None, Instant::now(), event(2));
        drop(events);

        assert!(!waiting.await);
    }

    fn event(flow: u64) -> TransportEvent {
        TransportEvent::PbxFlowClosed { flow: FlowId(flow), reason: CloseReason::Asked }
    }

    fn waits(work: impl Future<Output = bool>) -> bool {
        pin!(work).poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending
    }
}
