//! Somebody who answers at the PBX's address with a certificate that is not the PBX's.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use cordon_tests::machine::PBX;
use cordon_tests::pki::Leaf;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// It takes every TLS connection and counts what it is told. It listens until the test's process ends.
pub(crate) struct Impostor {
    told: Arc<AtomicUsize>,
    met: Arc<AtomicUsize>,
}

impl Impostor {
    /// Listens on a port of the PBX's address.
    pub(crate) fn listen(port: u16, leaf: &Leaf) -> Result<Self> {
        let config = leaf.server_config()?;
        let listener = TcpListener::bind((PBX, port))?;
        let (told, met) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counter, visits) = (Arc::clone(&told), Arc::clone(&met));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                visits.fetch_add(1, Ordering::SeqCst);
                let (config, counter) = (Arc::clone(&config), Arc::clone(&counter));
                std::thread::spawn(move || hear(stream, config, &counter));
            }
        });
        Ok(Self { told, met })
    }

    /// Bytes of SIP that somebody said to it.
    pub(crate) fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    /// Connections that were made to it.
    pub(crate) fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }
}

fn hear(stream: TcpStream, config: Arc<ServerConfig>, told: &AtomicUsize) {
    let Ok(connection) = ServerConnection::new(config) else { return };
    let mut stream = StreamOwned::new(connection, stream);
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        told.fetch_add(count, Ordering::SeqCst);
    }
}
