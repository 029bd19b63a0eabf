//! The program in its network namespace, and the table of open ports.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::bpf::{self, Map, MapKind};
use crate::program::{self, KEY_SIZE, PORT_SIZE};
use crate::{Obstacle, SteeredSocket};

/// Steers the datagrams of open ports to their sockets, for as long as it lives.
///
/// The program belongs to a descriptor of this process: when the process ends, however it ends, the program goes, and
/// the kernel answers for every port as before. Threads may share it; the kernel keeps the table whole.
pub struct Steering {
    ports: Map,
    _sockets: Map,
    /// Closing it takes the program out of the namespace.
    _link: OwnedFd,
}

impl Steering {
    /// Puts the program into the network namespace of this thread. Nothing is steered yet. Open ports name the sockets
    /// by their position in the list; there is room for `most_ports` of them.
    pub fn attach(most_ports: u32, sockets: &[&SteeredSocket]) -> Result<Steering, Obstacle> {
        if let Some(obstacle) = Obstacle::foreseen() {
            return Err(obstacle);
        }
        let ports = Map::create(MapKind::Hash, c"cordon_ports", KEY_SIZE, PORT_SIZE, most_ports.max(1))
            .map_err(Obstacle::at("make the table of ports"))?;
        let room = u32::try_from(sockets.len()).unwrap_or(u32::MAX).max(1);
        let table = Map::create(MapKind::Sockets, c"cordon_sockets", NUMBER_SIZE, DESCRIPTOR_SIZE, room)
            .map_err(Obstacle::at("make the table of sockets"))?;
        for (number, socket) in (0_u32..).zip(sockets) {
            // A negative descriptor does not exist: this one is open.
            let descriptor = u64::from(socket.as_raw_fd().unsigned_abs());
            table
                .set(&number.to_ne_bytes(), &descriptor.to_ne_bytes())
                .map_err(Obstacle::at("steer to a socket"))?;
        }
        let code = program::steer(ports.as_raw_fd(), table.as_raw_fd());
        let program = bpf::load(c"cordon_steer", &code).map_err(Obstacle::at("load the program"))?;
        let link = bpf::attach(program.as_fd()).map_err(Obstacle::at("attach the program"))?;
        Ok(Steering { ports, _sockets: table, _link: link })
    }

    /// Steers what arrives at this address and port to a socket, up to 512 datagrams in 17 ms. What is beyond goes to the
    /// socket that is bound there, as if nothing were steered: a flood on one port does not take the room of the others.
    pub fn open(&self, address: SocketAddr, socket: u32) -> io::Result<()> {
        self.ports.set(&program::key(address), &program::port(socket))
    }

    /// Steers it no longer: the kernel looks for a socket that is bound there, and answers with an ICMP message when
    /// there is none.
    pub fn close(&self, address: SocketAddr) -> io::Result<()> {
        self.ports.remove(&program::key(address))
    }

    /// How many programs, ours and others, choose sockets in the network namespace of this thread.
    pub fn programs_here() -> io::Result<u32> {
        bpf::attached()
    }
}

const NUMBER_SIZE: usize = size_of::<u32>();
const DESCRIPTOR_SIZE: usize = size_of::<u64>();
