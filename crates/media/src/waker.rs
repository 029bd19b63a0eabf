//! Wakes a media thread that waits for datagrams, because signalling has a job for it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

/// One eventfd: signalling writes to it, the thread waits on it beside its sockets.
#[derive(Clone)]
pub(crate) struct Waker(Arc<Bell>);

struct Bell {
    fd: OwnedFd,
    /// It was rung since the thread last looked. Only a hint: what wakes the thread is the eventfd.
    is_rung: AtomicBool,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Waker> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Waker(Arc::new(Bell { fd, is_rung: AtomicBool::new(false) })))
    }

    /// Wakes the thread. A job is put into its queue before: the thread empties the queue after it was woken.
    pub(crate) fn wake(&self) -> io::Result<()> {
        self.0.is_rung.store(true, Ordering::Relaxed);
        match rustix::io::write(&self.0.fd, &1_u64.to_ne_bytes()) {
            // A counter that is full wakes as well.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a job may wait: for the thread, before it sleeps.
    pub(crate) fn is_rung(&self) -> bool {
        self.0.is_rung.load(Ordering::Relaxed)
    }

    /// The thread looks at its queue now.
    pub(crate) fn answer(&self) {
        self.0.is_rung.store(false, Ordering::Relaxed);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}
