//! What the kernel runs for each datagram that no connected socket claims.

use std::net::{IpAddr, SocketAddr};

use crate::instruction::Helper::{Clock, MapLookup, SocketAssign, SocketRelease};
use crate::instruction::Instruction;
use crate::instruction::Register::{R0, R1, R2, R3, R6, R7, R8, R10};

use self::Way::{Pass, Shunt};
use self::When::{IfAbove, IfNone, UnlessEqual, UnlessSame};

/// Steers a UDP datagram to a socket when its address and port are in the table, and lets everything pass.
///
/// ```text
///  if protocol is not UDP               pass
///  key    = local address, local port
///  port   = ports[key]                  none: pass, and the kernel looks on as if we were not there
///  if time is in another slice than port.slice
///      port.slice, port.count, port.peer_count = that slice, 0, 0
///  port.count += 1
///  if port.count > SHARE
///      if the sender is not port.peer   shunt
///      port.peer_count += 1
///      if port.peer_count > SHARE       shunt
///  socket = sockets[port.number]        none: pass
///  assign(datagram, socket)             of the wrong family: nothing happens
///  release(socket)
///  pass
///
///  shunt: shunted[port.number] += 1, and pass: to the socket that is bound there, whose queue nobody reads
/// ```
pub(crate) fn steer(tables: Tables) -> Vec<Instruction> {
    let mut program = Program::default();
    program.run(&[Instruction::copy(R6, R1), Instruction::load(R2, R6, PROTOCOL)]);
    program.leave(Pass, UnlessEqual(libc::IPPROTO_UDP));
    program.run(&write_key());
    program.run(&look_up(tables.ports, KEY));
    program.leave(Pass, IfNone);
    program.run(&[Instruction::copy(R8, R0)]);
    program.run(&count());
    let for_the_peer = peer_share();
    program.run(&[Instruction::skip_unless_above(R2, SHARE, for_the_peer.len())]);
    program.code.extend(for_the_peer);
    program.run(&write_number());
    program.run(&look_up(tables.sockets, NUMBER));
    program.leave(Pass, IfNone);
    // The kernel lends the socket, and does not load a program that keeps it.
    program.run(&[
        Instruction::copy(R7, R0),
        Instruction::copy(R1, R6),
        Instruction::copy(R2, R7),
        Instruction::set(R3, 0),
        Instruction::call(SocketAssign),
        Instruction::copy(R1, R7),
        Instruction::call(SocketRelease),
    ]);
    program.end(&shunt(tables.shunted))
}

/// Descriptors of the tables the program works with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    /// By address and port: what is open, and how much of it arrives.
    pub(crate) ports: i32,
    /// By number: the sockets that datagrams are steered to.
    pub(crate) sockets: i32,
    /// By the same number: datagrams beyond their port's share.
    pub(crate) shunted: i32,
}

/// What the table has of a port, as [`steer`] reads it: the number of the socket, who has a share of its own, and nothing
/// counted yet.
pub(crate) fn port(number: u32, peer: Option<SocketAddr>) -> [u8; PORT_SIZE] {
    let mut port = [0; PORT_SIZE];
    write(&mut port, PORT_NUMBER, &number.to_ne_bytes());
    if let Some(peer) = peer {
        write(&mut port, PORT_PEER, &octets(peer.ip()));
        // As the kernel hands it to the program: the bytes of the wire, read as a number of the machine.
        let wire = u16::from_ne_bytes(peer.port().to_be_bytes());
        write(&mut port, PORT_PEER_PORT, &u32::from(wire).to_ne_bytes());
    }
    port
}

fn write(port: &mut [u8; PORT_SIZE], at: i16, bytes: &[u8]) {
    let places = port.iter_mut().skip(usize::from(at.unsigned_abs()));
    places.zip(bytes).for_each(|(into, byte)| *into = *byte);
}

/// The key of a port of ours, as [`steer`] writes it: the address the way IPv6 writes it, and the port as the machine
/// writes a number.
pub(crate) fn key(address: SocketAddr) -> [u8; KEY_SIZE] {
    let mut key = [0; KEY_SIZE];
    let (into_ip, into_port) = key.split_at_mut(16);
    into_ip.copy_from_slice(&octets(address.ip()));
    into_port.copy_from_slice(&u32::from(address.port()).to_ne_bytes());
    key
}

/// The way IPv6 writes it.
fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// Writes the key of the datagram onto the stack.
fn write_key() -> Vec<Instruction> {
    let v6: Vec<Instruction> = (0..16)
        .step_by(4)
        .flat_map(|at| [Instruction::load(R3, R6, LOCAL_IPV6 + at), Instruction::store(R10, KEY + at, R3)])
        .collect();
    let v4 = [
        // ::ffff:a.b.c.d
        Instruction::store_value(R10, KEY, 0),
        Instruction::store_value(R10, KEY + 4, 0),
        Instruction::store_value(R10, KEY + 8, i32::from_ne_bytes([0, 0, 0xff, 0xff])),
        Instruction::load(R3, R6, LOCAL_IPV4),
        Instruction::store(R10, KEY + 12, R3),
        Instruction::skip(v6.len()),
    ];
    let mut code =
        vec![Instruction::load(R2, R6, FAMILY), Instruction::skip_if_equal(R2, libc::AF_INET6, v4.len())];
    code.extend(v4);
    code.extend(v6);
    code.extend([Instruction::load(R3, R6, LOCAL_PORT), Instruction::store(R10, KEY + 16, R3)]);
    code
}

/// Counts a datagram for the port at `R8`. Processors that count at the same time may count one for two: the share need not
/// be exact.
fn count() -> Vec<Instruction> {
    let another_slice = [
        Instruction::store(R8, PORT_SLICE, R0),
        Instruction::store_value(R8, PORT_COUNT, 0),
        Instruction::store_value(R8, PORT_PEER_COUNT, 0),
    ];
    let mut code = vec![Instruction::call(Clock)];
    code.extend(Instruction::shift_to_half(R0, SLICE));
    code.extend([
        Instruction::load(R2, R8, PORT_SLICE),
        Instruction::skip_if_same(R2, R0, another_slice.len()),
    ]);
    code.extend(another_slice);
    code.extend(add_one(PORT_COUNT));
    code
}

/// `R2` = one more than was counted of the port at `R8`, which is written down.
fn add_one(at: i16) -> [Instruction; 3] {
    [Instruction::load(R2, R8, at), Instruction::add(R2, 1), Instruction::store(R8, at, R2)]
}

/// What the port at `R8` has too much of is shunted, unless its peer sent it and has not had its own share yet. The peer is
/// of the family of the port, so that of an IPv4 address only the last word can differ.
fn peer_share() -> Vec<Step> {
    let same = |field, of_port| {
        let [of_sender, of_peer] = [Instruction::load(R2, R6, field), Instruction::load(R3, R8, of_port)];
        [Step::Run(of_sender), Step::Run(of_peer), Step::Leave(Shunt, UnlessSame)]
    };
    let v6: Vec<Step> = (0..16).step_by(4).flat_map(|at| same(REMOTE_IPV6 + at, PORT_PEER + at)).collect();
    let mut v4 = same(REMOTE_IPV4, PORT_PEER + 12).to_vec();
    v4.push(Step::Run(Instruction::skip(v6.len())));
    let mut code = vec![
        Step::Run(Instruction::load(R2, R6, FAMILY)),
        Step::Run(Instruction::skip_if_equal(R2, libc::AF_INET6, v4.len())),
    ];
    code.extend(v4);
    code.extend(v6);
    code.extend(same(REMOTE_PORT, PORT_PEER_PORT));
    code.extend(add_one(PORT_PEER_COUNT).map(Step::Run));
    code.push(Step::Leave(Shunt, IfAbove(SHARE)));
    code
}

/// Writes the number of the port at `R8` onto the stack.
fn write_number() -> [Instruction; 2] {
    [Instruction::load(R3, R8, PORT_NUMBER), Instruction::store(R10, NUMBER, R3)]
}

/// Counts a datagram that is not steered, for the port at `R8`.
fn shunt(shunted: i32) -> Vec<Instruction> {
    let count = [Instruction::set(R1, 1), Instruction::add_for_all(R0, 0, R1)];
    let mut code = write_number().to_vec();
    code.extend(look_up(shunted, NUMBER));
    code.push(Instruction::skip_if_equal(R0, 0, count.len()));
    code.extend(count);
    code
}

/// `R0` = what the table has under the key on the stack.
fn look_up(table: i32, key: i16) -> [Instruction; 5] {
    let [first, second] = Instruction::load_map(R1, table);
    [
        first,
        second,
        Instruction::copy(R2, R10),
        Instruction::add(R2, key.into()),
        Instruction::call(MapLookup),
    ]
}

/// Instructions, some of which leave.
#[derive(Default)]
struct Program {
    code: Vec<Step>,
}

/// An instruction, or one that is made once the ways out are known.
#[derive(Clone, Copy)]
enum Step {
    Run(Instruction),
    Leave(Way, When),
}

/// Where to.
#[derive(Clone, Copy)]
enum Way {
    Pass,
    Shunt,
}

#[derive(Clone, Copy)]
enum When {
    /// `R0` is null.
    IfNone,
    /// `R2` is more than the value.
    IfAbove(i32),
    /// `R2` is not the value.
    UnlessEqual(i32),
    /// `R2` and `R3` differ.
    UnlessSame,
}

impl Program {
    fn run(&mut self, instructions: &[Instruction]) {
        self.code.extend(instructions.iter().copied().map(Step::Run));
    }

    fn leave(&mut self, way: Way, when: When) {
        self.code.push(Step::Leave(way, when));
    }

    /// What comes to the end by itself passes; the last instructions before it are for what is shunted.
    fn end(self, shunt: &[Instruction]) -> Vec<Instruction> {
        let to_shunt = self.code.len() + 1;
        let to_pass = to_shunt + shunt.len();
        let code = self.code.iter().enumerate().map(|(place, step)| match *step {
            Step::Run(instruction) => instruction,
            Step::Leave(Pass, when) => when.skip(to_pass - place - 1),
            Step::Leave(Shunt, when) => when.skip(to_shunt - place - 1),
        });
        let over = [Instruction::skip(shunt.len())];
        let pass = [Instruction::set(R0, PASS), Instruction::exit()];
        code.chain(over).chain(shunt.iter().copied()).chain(pass).collect()
    }
}

impl When {
    fn skip(self, count: usize) -> Instruction {
        match self {
            IfNone => Instruction::skip_if_equal(R0, 0, count),
            IfAbove(value) => Instruction::skip_if_above(R2, value, count),
            UnlessEqual(value) => Instruction::skip_unless_equal(R2, value, count),
            UnlessSame => Instruction::skip_unless_same(R2, R3, count),
        }
    }
}

/// Datagrams of one port that are steered in one slice of time, 30,500 a second: beyond any call, and a small part of what
/// a thread can relay, so that a flood on one port leaves the queue to the others. As many again are steered of the port's
/// peer, so that who floods the port does not make the call deaf.
pub(crate) const SHARE: i32 = 512;
/// A slice is 2^24 ns long, about 17 ms.
pub(crate) const SLICE: i32 = 24;
/// Bytes of a port in the table, and where its parts are.
pub(crate) const PORT_SIZE: usize = 36;
const PORT_NUMBER: i16 = 0;
const PORT_SLICE: i16 = 4;
const PORT_COUNT: i16 = 8;
const PORT_PEER_COUNT: i16 = 12;
const PORT_PEER: i16 = 16;
const PORT_PEER_PORT: i16 = 32;
/// Bytes of a key.
pub(crate) const KEY_SIZE: usize = 20;
/// Where the key lies on the stack; the number of a socket lies above it.
const KEY: i16 = -24;
const NUMBER: i16 = -4;
/// `SK_PASS`: go on with the socket assigned, or look on when there is none.
const PASS: i32 = 1;
/// Fields of `struct bpf_sk_lookup` (linux/bpf.h).
const FAMILY: i16 = 8;
const PROTOCOL: i16 = 12;
const REMOTE_IPV4: i16 = 16;
const REMOTE_IPV6: i16 = 20;
const REMOTE_PORT: i16 = 36;
const LOCAL_IPV4: i16 = 40;
const LOCAL_IPV6: i16 = 44;
const LOCAL_PORT: i16 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_out_leads_to_the_shunt_or_to_the_end() {
        let code = steer(Tables { ports: 3, sockets: 4, shunted: 5 });
        let (end, shunt) = (code.len() - 2, code.len() - 2 - shunt(5).len());
        let ways = code.iter().enumerate().filter_map(|(place, step)| Some(place + 1 + step.skipped()?));
        let [to_end, to_shunt] = [end, shunt].map(|place| ways.clone().filter(|to| *to == place).count());

        // Not UDP, no such port, no such socket; what was steered, and what was counted or could not be.
        assert_eq!(to_end, 3 + 1 + 1);
        // One word of IPv4 and four of IPv6, the port, and what is beyond the peer's share.
        assert_eq!(to_shunt, 5 + 1 + 1);
        assert!(ways.clone().all(|to| to <= shunt || to == end));
        assert_eq!(code[end..], [Instruction::set(R0, PASS), Instruction::exit()]);
    }

    #[test]
    fn ports_of_different_addresses_and_families_have_keys_of_their_own() {
        let keys = ["192.0.2.1:20000", "192.0.2.1:20002", "192.0.2.2:20000", "[2001:db8::1]:20000"]
            .map(|address| key(address.parse().unwrap()));

        for (place, one) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(one));
        }
        assert_eq!(keys[0][..16], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]);
    }
}
