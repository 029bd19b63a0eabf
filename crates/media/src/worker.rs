//! One media thread: wait, receive, relay, send. It owns its streams, their sockets and its buffers.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use cordon_relay::{Command, CommandError, Local, LocalPort, Relay, RelayEvent, StreamId};

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
                    self.relay.handle_command(now, Command::Open { stream, a, b });
                    if let Err(error) = self.io.open(ports) {
                        tracing::error!(stream = stream.0, %error, "media ports cannot be served: a call has no media");
                        self.relay.refuse(stream, CommandError::PortsNotServed);
                    }
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
        if streams.capacity() / 4 > self.relay.streams().max(ROOM_KEPT) {
            streams.shrink_to(2 * self.relay.streams());
        }
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

/// Streams for whose figures room is kept, some 40 kB.
const ROOM_KEPT: usize = 64;

/// Jobs carried out between two batches: setting a key takes some microseconds, and packets wait meanwhile.
const JOBS_PER_TURN: usize = 16;
/// How old published figures may be. Publishing reads every stream, so it must stay rare beside fifty packets a second.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::io::{BoundPort, IoFigures};
    use crate::socket::{self, Purpose};

    #[test]
    fn a_stream_whose_ports_cannot_be_served_is_told_of_and_closes_with_its_figures() {
        let (jobs, queue) = sync_channel(2);
        let (announce, events) = sync_channel(2);
        let mut worker = Worker::new(Box::new(Deaf), queue, announce, Arc::default(), [0; 32]);
        let stream = StreamId(7);
        let (a, b, ports) = bound();
        let all = ports.each_ref().map(|port| port.at);
        jobs.send(Job::Open { stream, a, b, ports }).unwrap();
        jobs.send(Job::Close { stream, ports: all }).unwrap();

        worker.take_jobs(Instant::now());
        worker.deliver_events();

        let error = CommandError::PortsNotServed;
        assert_eq!(events.try_recv(), Ok(RelayEvent::CommandRefused { stream, error }));
        assert!(matches!(events.try_recv(), Ok(RelayEvent::Closed { stream: StreamId(7), .. })));
    }

    fn bound() -> (Local, Local, StreamPorts) {
        let ports = [(); PORTS_PER_STREAM].map(|()| {
            let socket = socket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Purpose::Hold).unwrap();
            let at = LocalPort { interface: 0, port: socket.local_addr().unwrap().port() };
            BoundPort { at, socket }
        });
        let [a_rtp, a_rtcp, b_rtp, b_rtcp] = ports.each_ref().map(|port| port.at);
        (Local { rtp: a_rtp, rtcp: a_rtcp }, Local { rtp: b_rtp, rtcp: b_rtcp }, ports)
    }

    /// A way of datagrams that takes no port.
    struct Deaf;

    impl MediaIo for Deaf {
        fn name(&self) -> &'static str {
            "deaf"
        }

        fn open(&mut self, _ports: StreamPorts) -> io::Result<()> {
            Err(io::ErrorKind::OutOfMemory.into())
        }

        fn close(&mut self, _ports: [LocalPort; PORTS_PER_STREAM]) {}

        fn wait(&mut self, _until: Instant) -> io::Result<()> {
            Ok(())
        }

        fn receive(&mut self, _batch: &mut Batch) {}

        fn send(&mut self, _batch: &Batch) {}

        fn figures(&self) -> IoFigures {
            IoFigures::default()
        }
    }
}
