//! Somebody who waits at addresses that Cordon has no business with, and counts what arrives.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;

/// Waits on UDP and TCP until the test's process ends.
pub(crate) struct Eavesdropper(Arc<AtomicUsize>);

impl Eavesdropper {
    /// Waits at all of these.
    pub(crate) fn at(addresses: &[(&str, u16)]) -> Result<Self> {
        let heard = Arc::new(AtomicUsize::new(0));
        for address in addresses {
            let (datagrams, connections) = (UdpSocket::bind(address)?, TcpListener::bind(address)?);
            let (one, two) = (Arc::clone(&heard), Arc::clone(&heard));
            std::thread::spawn(move || {
                while datagrams.recv(&mut [0; 2048]).is_ok() {
                    one.fetch_add(1, Ordering::SeqCst);
                }
            });
            std::thread::spawn(move || {
                for mut stream in connections.incoming().map_while(Result::ok) {
                    two.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.read(&mut [0; 64]);
                }
            });
        }
        Ok(Self(heard))
    }

    /// Datagrams and connections that came.
    pub(crate) fn heard(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
