//! The program in its network namespace, and the table of open ports.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::bpf::{self, Map, MapKind};
use crate::program::{self, KEY_SIZE, PORT_SIZE, Tables};
use crate::{Obstacle, SteeredSocket};

/// Steers the datagrams of open ports to their sockets, for as long as it lives.
///
/// The program belongs to a descriptor of this process: when the process ends, however it ends, the program goes, and
/// the kernel answers for every port as before. Threads may share it; the kernel keeps the table whole.
pub struct Steering {
    ports: Map,
    _sockets: Map,
    shunted: Map,
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
        let shunted = Map::create(MapKind::Array, c"cordon_shunted", NUMBER_SIZE, COUNT_SIZE, room)
            .map_err(Obstacle::at("make the table of what is shunted"))?;
        let code = program::steer(Tables {
            ports: ports.as_raw_fd(),
            sockets: table.as_raw_fd(),
            shunted: shunted.as_raw_fd(),
        });
        let program = bpf::load(c"cordon_steer", &code).map_err(Obstacle::at("load the program"))?;
        let link = bpf::attach(program.as_fd()).map_err(Obstacle::at("attach the program"))?;
        Ok(Steering { ports, _sockets: table, shunted, _link: link })
    }

    /// Steers what arrives at this address and port to a socket, up to 512 datagrams in 17 ms. What is beyond goes to the
    /// socket that is bound there, as if nothing were steered: a flood on one port does not take the room of the others.
    pub fn open(&self, address: SocketAddr, socket: u32) -> io::Result<()> {
        self.ports.set(&program::key(address), &program::port(socket, None))
    }

    /// Gives the peer of an open port a share of its own, as large: who floods the port takes only what is everybody's. To
    /// be said of a peer that has proved where it is, and again when it moved.
    pub fn prefer(&self, address: SocketAddr, socket: u32, peer: SocketAddr) -> io::Result<()> {
        self.ports.set(&program::key(address), &program::port(socket, Some(peer)))
    }

    /// Datagrams that were beyond the share of their port, of all ports that name this socket.
    pub fn shunted(&self, socket: u32) -> io::Result<u64> {
        let mut count = [0; COUNT_SIZE];
        self.shunted.get(&socket.to_ne_bytes(), &mut count)?;
        Ok(u64::from_ne_bytes(count))
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
const COUNT_SIZE: usize = size_of::<u64>();
