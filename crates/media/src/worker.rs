//! One media thread: wait, receive, relay, send. It owns its streams, their sockets and its buffers.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use cordon_relay::{Command, Local, LocalPort, Relay, RelayEvent, StreamId};

use crate::batch::Batch;
use crate::io::{MediaIo, PORTS_PER_STREAM, StreamPorts};
use crate::snapshot::Snapshot;

/// What the engine asks of a thread.
pub(crate) enum Job {
    /// A stream and its ports.
    Open { stream: StreamId, a: Local, b: Local, ports: StreamPorts },
    /// Forget a stream and close its ports.
    Close { stream: StreamId, ports: [LocalPort; PORTS_PER_STREAM] },
    /// Anything else about a stream.
    Command(Command),
    /// End the thread.
    Shutdown,
}

/// One media thread.
pub(crate) struct Worker {
    io: Box<dyn MediaIo>,
    relay: Relay,
    batch: Batch,
    jobs: Receiver<Job>,
    events: SyncSender<RelayEvent>,
    /// An event nobody had room for yet; no further one is taken from the relay until it is delivered.
    undelivered: Option<RelayEvent>,
    snapshot: Arc<Mutex<Snapshot>>,
    /// The next snapshot while it is put together; it changes places with the published one.
    next_snapshot: Snapshot,
    publish_at: Instant,
}

impl Worker {
    pub(crate) fn new(
        io: Box<dyn MediaIo>,
        jobs: Receiver<Job>,
        events: SyncSender<RelayEvent>,
        snapshot: Arc<Mutex<Snapshot>>,
        seed: [u8; 32],
    ) -> Worker {
        Worker {
            io,
            relay: Relay::new(seed),
            batch: Batch::new(),
            jobs,
            events,
            undelivered: None,
            snapshot,
            next_snapshot: Snapshot::default(),
            publish_at: Instant::now() + SNAPSHOT_INTERVAL,
        }
    }

    /// Runs until it is told to shut down, or nobody is left to tell it.
    pub(crate) fn run(mut self) {
        tracing::debug!(io = self.io.name(), "media thread begins");
        let mut wait_until = self.publish_at;
        loop {
            if let Err(error) = self.io.wait(wait_until) {
                tracing::error!(%error, "media thread cannot wait for its sockets");
                return;
            }
            let now = Instant::now();
            wait_until = match self.take_jobs(now) {
                Jobs::Done => self.publish_at,
                Jobs::More => now,
                Jobs::Shutdown => return,
            };
            self.relay_batch(now);
            self.deliver_events();
            if now >= self.publish_at {
                self.publish(now);
            }
        }
    }

    fn take_jobs(&mut self, now: Instant) -> Jobs {
        for _ in 0..JOBS_PER_TURN {
            match self.jobs.try_recv() {
                Ok(Job::Open { stream, a, b, ports }) => {
                    if let Err(error) = self.io.open(ports) {
                        tracing::error!(%error, "media ports cannot be watched: a call stays silent");
                    }
                    self.relay.handle_command(now, Command::Open { stream, a, b });
                }
                Ok(Job::Close { stream, ports }) => {
                    self.io.close(ports);
                    self.relay.handle_command(now, Command::Close { stream });
                }
                Ok(Job::Command(command)) => self.relay.handle_command(now, command),
                Ok(Job::Shutdown) | Err(TryRecvError::Disconnected) => return Jobs::Shutdown,
                Err(TryRecvError::Empty) => return Jobs::Done,
            }
        }
        Jobs::More
    }

    fn relay_batch(&mut self, now: Instant) {
        self.batch.clear();
        self.io.receive(&mut self.batch);
        for datagram in self.batch.datagrams_mut() {
            let (at, from) = (datagram.at, datagram.from);
            datagram.transmit = self.relay.handle_datagram(now, at, from, &mut datagram.buf);
        }
        self.io.send(&self.batch);
    }

    fn deliver_events(&mut self) {
        while let Some(event) = self.undelivered.take().or_else(|| self.relay.poll_event()) {
            if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
                self.undelivered = Some(event);
                return;
            }
        }
    }

    /// Puts the figures where signalling reads them. Media never waits for a reader: one who looks at the old ones right
    /// now has them for another interval.
    fn publish(&mut self, now: Instant) {
        self.publish_at = now + SNAPSHOT_INTERVAL;
        let Snapshot { streams, io, strays } = &mut self.next_snapshot;
        streams.clear();
        streams.extend(self.relay.all_statistics());
        (*io, *strays) = (self.io.figures(), self.relay.strays());
        let mut published = match self.snapshot.try_lock() {
            Ok(published) => published,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        std::mem::swap(&mut *published, &mut self.next_snapshot);
    }
}

/// How far a turn came with the jobs.
enum Jobs {
    Done,
    More,
    Shutdown,
}

/// Jobs carried out between two batches: setting a key takes some microseconds, and packets wait meanwhile.
const JOBS_PER_TURN: usize = 16;
/// How old published figures may be. Publishing reads every stream, so it must stay rare beside fifty packets a second.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(250);
