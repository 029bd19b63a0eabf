//! The connection to the PBX that we open, verify and keep.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cordon_policy::Refusal;
use cordon_sip::{FlowId, Origin};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::config::{Limits, TransportConfig};
use crate::event::TransportEvent;
use crate::flow::Flow;
use crate::flow_table::Side;
use crate::inbox::Lane;
use crate::pbx_connector::{self, Connected, Wire};
use crate::pbx_datagram::PbxSocket;
use crate::shared::{Phase, Shared};
use crate::transport::SendError;
use crate::write_queue::WriteQueue;

/// What `Hop::Pbx` leads to at this moment.
#[derive(Debug)]
pub(crate) struct PbxLink {
    state: Mutex<State>,
    retry: Notify,
    /// How long a message waits for a connection.
    patience: Duration,
    /// Bytes that wait, before and after there is a connection.
    bound: usize,
}

#[derive(Debug)]
enum State {
    /// Attempts run: messages wait.
    Connecting { waiting: VecDeque<(Instant, Bytes)>, bytes: usize },
    /// Verified and in use.
    Up(WriteQueue),
    /// The last round of attempts failed: messages are turned away at once, while attempts go on.
    Unreachable,
    /// The lab chose UDP: nothing to connect.
    Datagram(Arc<PbxSocket>),
}

impl PbxLink {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            state: Mutex::new(State::connecting()),
            retry: Notify::new(),
            patience: limits.pbx_wait,
            bound: limits.pbx_queue,
        }
    }

    pub(crate) fn send(&self, message: Bytes) -> Result<(), SendError> {
        let mut state = self.state();
        if let State::Up(queue) = &*state
            && queue.closed().is_some()
        {
            // It has just ended and its flow has not noticed: this message is one for the next connection.
            *state = State::connecting();
        }
        match &mut *state {
            State::Up(queue) => queue.push(message),
            State::Unreachable => Err(SendError::PbxUnreachable),
            State::Datagram(socket) => socket.send(&message),
            State::Connecting { waiting, bytes } => {
                let sum = bytes.saturating_add(message.len());
                if sum > self.bound {
                    return Err(SendError::PbxUnreachable);
                }
                *bytes = sum;
                waiting.push_back((Instant::now() + self.patience, message));
                Ok(())
            }
        }
    }

    /// A response over UDP; `None` where connections are spoken.
    pub(crate) fn send_datagram_to(&self, flow: FlowId, message: &Bytes) -> Option<Result<(), SendError>> {
        match &*self.state() {
            State::Datagram(socket) => Some(socket.send_to(flow, message)),
            State::Up(_) | State::Connecting { .. } | State::Unreachable => None,
        }
    }

    pub(crate) fn use_datagrams(&self, socket: Arc<PbxSocket>) {
        *self.state() = State::Datagram(socket);
    }

    /// Ends the pause between two rounds.
    pub(crate) fn retry_now(&self) {
        self.retry.notify_one();
    }

    pub(crate) async fn retried(&self) {
        self.retry.notified().await;
    }

    /// What waited goes first.
    fn up(&self, queue: WriteQueue) {
        let mut state = self.state();
        if let State::Connecting { waiting, .. } = &mut *state {
            for (_, message) in waiting.drain(..) {
                // The queue is as large as what could wait.
                let _ = queue.push(message);
            }
        }
        *state = State::Up(queue);
    }

    /// The connection is lost: messages wait for the next.
    fn lost(&self) {
        let mut state = self.state();
        if let State::Up(_) = &*state {
            *state = State::connecting();
        }
    }

    /// A whole round failed.
    fn unreachable(&self) {
        *self.state() = State::Unreachable;
    }

    /// Lets go what has waited too long; resolves when that happened.
    async fn given_up(&self) {
        loop {
            let first = match &*self.state() {
                State::Connecting { waiting, .. } => waiting.front().map(|&(deadline, _)| deadline),
                State::Up(_) | State::Unreachable | State::Datagram(_) => None,
            };
            match first {
                // A message that comes now cannot be due before the next look.
                None => sleep(self.patience / 4).await,
                Some(deadline) if deadline > Instant::now() => sleep_until(deadline).await,
                Some(_) => {
                    // The layers above fail everything under way to the PBX, so that later messages must go as well.
                    *self.state() = State::connecting();
                    return;
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn connecting() -> Self {
        Self::Connecting { waiting: VecDeque::new(), bytes: 0 }
    }
}

/// Connects, serves, connects again, until everything stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let config = shared.config();
        let round = tokio::select! {
            () = shared.reached(Phase::Stopped) => return,
            round = watched(&shared, pbx_connector::connect(&config)) => round,
        };
        match round {
            Ok(connected) => {
                let since = Instant::now();
                serve(&shared, &config, connected).await;
                if since.elapsed() >= SETTLED {
                    pause = FIRST_PAUSE;
                }
            }
            Err(failed) => {
                shared.link.unreachable();
                let event =
                    TransportEvent::PbxUnreachable { refusal: failed.refusal, details: failed.details };
                shared.deliver(Lane::Pbx, event).await;
            }
        }
        tokio::select! {
            () = shared.reached(Phase::Stopped) => return,
            () = watched(shared.as_ref(), sleep(pause)) => {}
            () = shared.link.retried() => {}
        }
        pause = pause.saturating_mul(2).min(LAST_PAUSE);
    }
}

/// Does `work` while nothing waits longer than it may.
async fn watched<T>(shared: &Shared, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            outcome = &mut work => return outcome,
            () = shared.link.given_up() => {
                let details = "messages waited too long for a connection".to_owned();
                let refusal = Refusal::PbxUnreachable;
                shared.deliver(Lane::Pbx, TransportEvent::PbxUnreachable { refusal, details }).await;
            }
        }
    }
}

/// `config` is what the connection was made by.
async fn serve(shared: &Arc<Shared>, config: &TransportConfig, connected: Connected) {
    let Connected { wire, key, tls, chain } = connected;
    let id = shared.next_flow();
    let flow = Flow {
        shared: Arc::clone(shared),
        origin: Origin::Pbx(id),
        peer: key.address,
        queue: WriteQueue::new(config.limits.pbx_queue),
        host: config.pbx.host(),
        phone: None,
    };
    if !shared.add_flow(id, Side::PbxLink, key.address, flow.queue.clone(), config) {
        // Its targets are another since; the reload has asked for the next round already.
        return;
    }
    shared.deliver(Lane::Pbx, TransportEvent::PbxUp { flow: id, key, tls, chain }).await;
    shared.link.up(flow.queue.clone());
    let reason = match wire {
        Wire::Tls(stream) => flow.run(*stream).await,
        Wire::Tcp(stream) => flow.run(stream).await,
    };
    shared.link.lost();
    shared.flows.remove(id);
    // When nobody reads events any more, nobody waits for them either.
    let down = TransportEvent::PbxDown { flow: id, reason };
    let _ = timeout(LAST_PAUSE, shared.deliver(Lane::Pbx, down)).await;
}

/// Between a loss or a failed round and the next; doubled each time, as a PBX that starts needs its breath.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// A connection that lived so long was a good one.
const SETTLED: Duration = Duration::from_secs(10);
