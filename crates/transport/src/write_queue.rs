//! What waits to be written to one connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::event::CloseReason;
use crate::transport::SendError;

/// A bounded queue of messages with one reader, the flow's writer. Clones are the same queue.
#[derive(Debug, Clone)]
pub(crate) struct WriteQueue {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// For the writer: a message or the end has come.
    changed: Notify,
    /// For the flow: it has been closed.
    ended: Notify,
    /// For the writer: what waited is gone, stop in the middle.
    aborted: Notify,
    /// Bytes that may wait.
    bound: usize,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Bytes>,
    bytes: usize,
    closed: Option<CloseReason>,
}

enum Taken {
    Message(Bytes),
    Closed,
    Nothing,
}

impl WriteQueue {
    /// At most `bound` bytes wait, with what holds them.
    pub(crate) fn new(bound: usize) -> Self {
        let inner = Inner {
            state: Mutex::default(),
            changed: Notify::new(),
            ended: Notify::new(),
            aborted: Notify::new(),
            bound,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Adds a message. Beyond the bound everything that waits is thrown away and the connection ends: a peer that missed
    /// one message of a stream has lost its place anyway.
    pub(crate) fn push(&self, message: Bytes) -> Result<(), SendError> {
        let mut state = self.state();
        match state.closed {
            Some(CloseReason::NotRead) => return Err(SendError::NotRead),
            Some(_) => return Err(SendError::Gone),
            None => {}
        }
        let bytes = state.bytes.saturating_add(cost(&message));
        if bytes > self.inner.bound {
            drop(state);
            self.abort(CloseReason::NotRead);
            return Err(SendError::NotRead);
        }
        state.bytes = bytes;
        state.messages.push_back(message);
        drop(state);
        self.inner.changed.notify_one();
        Ok(())
    }

    /// Takes nothing more; what waits is still written.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut state = self.state();
        state.closed.get_or_insert(reason);
        drop(state);
        self.inner.changed.notify_one();
        self.inner.ended.notify_one();
    }

    /// Throws away what waits and ends the connection at once.
    pub(crate) fn abort(&self, reason: CloseReason) {
        let mut state = self.state();
        state.closed.get_or_insert(reason);
        state.messages.clear();
        state.bytes = 0;
        drop(state);
        self.inner.aborted.notify_one();
        self.inner.changed.notify_one();
        self.inner.ended.notify_one();
    }

    /// The next message; `None` once closed and empty.
    pub(crate) async fn next(&self) -> Option<Bytes> {
        loop {
            // Made before the look, so that a push between look and wait is not missed.
            let changed = self.inner.changed.notified();
            match self.take_or_closed() {
                Taken::Message(message) => return Some(message),
                Taken::Closed => return None,
                Taken::Nothing => changed.await,
            }
        }
    }

    /// Looks for message and end in one lock: a message pushed before the end is never lost.
    fn take_or_closed(&self) -> Taken {
        let mut state = self.state();
        match state.messages.pop_front() {
            Some(message) => {
                state.bytes = state.bytes.saturating_sub(cost(&message));
                Taken::Message(message)
            }
            None if state.closed.is_some() => Taken::Closed,
            None => Taken::Nothing,
        }
    }

    /// Why it was closed, if it was.
    pub(crate) fn closed(&self) -> Option<CloseReason> {
        self.state().closed
    }

    /// Resolves when it has been closed; for one waiter.
    pub(crate) async fn ended(&self) {
        self.inner.ended.notified().await;
    }

    /// Resolves when the connection has to end at once; for one waiter.
    pub(crate) async fn aborted(&self) {
        self.inner.aborted.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message takes while it waits. A pong has two bytes and its place sixteen times as many: a phone that pings and
/// never reads must not gain by that.
fn cost(message: &Bytes) -> usize {
    message.len().saturating_add(size_of::<Bytes>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: usize = 8 + size_of::<Bytes>();

    #[test]
    fn a_peer_that_pings_and_never_reads_is_closed_before_its_pongs_take_more_than_the_bound() {
        let bound = 4_096;
        let queue = WriteQueue::new(bound);

        let pongs = (0..).take_while(|_| queue.push(Bytes::from_static(b"\r\n")).is_ok()).count();

        assert!(pongs * size_of::<Bytes>() <= bound, "{pongs} pongs");
    }

    #[test]
    fn beyond_the_bound_the_queue_is_emptied_and_takes_nothing_more() {
        let queue = WriteQueue::new(EIGHT);
        assert_eq!(queue.push(Bytes::from_static(b"12345678")), Ok(()));

        assert_eq!(queue.push(Bytes::from_static(b"9")), Err(SendError::NotRead));

        assert!(matches!(queue.take_or_closed(), Taken::Closed));
        assert_eq!(queue.closed(), Some(CloseReason::NotRead));
        assert_eq!(queue.push(Bytes::new()), Err(SendError::NotRead));
    }

    #[test]
    fn what_was_taken_makes_room() {
        let queue = WriteQueue::new(EIGHT);
        for _ in 0..100 {
            assert_eq!(queue.push(Bytes::from_static(b"12345678")), Ok(()));
            assert!(matches!(queue.take_or_closed(), Taken::Message(_)));
        }
    }

    #[tokio::test]
    async fn a_closed_queue_is_read_to_its_end() {
        let queue = WriteQueue::new(64);
        queue.push(Bytes::from_static(b"last words")).unwrap();
        queue.close(CloseReason::Asked);

        assert_eq!(queue.push(Bytes::new()), Err(SendError::Gone));
        assert!(queue.next().await.is_some());
        assert_eq!(queue.next().await, None);
    }
}
