//! What the kernel runs for each datagram that no connected socket claims.

use std::net::{IpAddr, SocketAddr};

use crate::instruction::Helper::{Clock, MapLookup, SocketAssign, SocketRelease};
use crate::instruction::Instruction;
use crate::instruction::Register::{R0, R1, R2, R3, R6, R7, R8, R10};

/// Steers a UDP datagram to a socket when its address and port are in the table, and lets everything pass.
///
/// ```text
///  if protocol is not UDP               pass
///  key    = local address, local port
///  port   = ports[key]                  none: pass, and the kernel looks on as if we were not there
///  if time is in another slice than port.slice
///      port.slice, port.count = that slice, 0
///  port.count += 1
///  if port.count > SHARE                pass: to the socket that is bound there and has a queue of its own
///  socket = sockets[port.number]        none: pass
///  assign(datagram, socket)             of the wrong family: nothing happens
///  release(socket)
///  pass
/// ```
///
/// `ports` and `sockets` are descriptors of the two tables.
pub(crate) fn steer(ports: i32, sockets: i32) -> Vec<Instruction> {
    let mut program = Program::default();
    program.run(&[Instruction::copy(R6, R1), Instruction::load(R2, R6, PROTOCOL)]);
    program.pass_on_unless_equal(libc::IPPROTO_UDP);
    program.run(&write_key());
    program.run(&look_up(ports, KEY));
    program.pass_on_if_none();
    program.run(&[Instruction::copy(R8, R0)]);
    program.run(&count());
    program.pass_on_if_above(SHARE);
    program.run(&[Instruction::load(R3, R8, PORT_NUMBER), Instruction::store(R10, NUMBER, R3)]);
    program.run(&look_up(sockets, NUMBER));
    program.pass_on_if_none();
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
    program.end()
}

/// What the table has of a port, as [`steer`] reads it: the number of the socket, and nothing counted yet.
pub(crate) fn port(number: u32) -> [u8; PORT_SIZE] {
    let mut port = [0; PORT_SIZE];
    for (into, byte) in port.iter_mut().zip(number.to_ne_bytes()) {
        *into = byte;
    }
    port
}

/// The key of a port of ours, as [`steer`] writes it: the address the way IPv6 writes it, and the port as the machine
/// writes a number.
pub(crate) fn key(address: SocketAddr) -> [u8; KEY_SIZE] {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut key = [0; KEY_SIZE];
    let (into_ip, into_port) = key.split_at_mut(16);
    into_ip.copy_from_slice(&ip.octets());
    into_port.copy_from_slice(&u32::from(address.port()).to_ne_bytes());
    key
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

/// `R2` = which datagram of this slice of time it is for the port at `R8`. Processors that count at the same time may
/// count one for two: the share need not be exact.
fn count() -> Vec<Instruction> {
    let another_slice = [Instruction::store(R8, PORT_SLICE, R0), Instruction::store_value(R8, PORT_COUNT, 0)];
    let mut code = vec![Instruction::call(Clock)];
    code.extend(Instruction::shift_to_half(R0, SLICE));
    code.extend([
        Instruction::load(R2, R8, PORT_SLICE),
        Instruction::skip_if_same(R2, R0, another_slice.len()),
    ]);
    code.extend(another_slice);
    code.extend([
        Instruction::load(R2, R8, PORT_COUNT),
        Instruction::add(R2, 1),
        Instruction::store(R8, PORT_COUNT, R2),
    ]);
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

/// Instructions, some of which leave for the end.
#[derive(Default)]
struct Program {
    code: Vec<Leaving>,
}

/// An instruction, or one that is made once the way to the end is known.
enum Leaving {
    Never(Instruction),
    IfNone,
    IfAbove(i32),
    UnlessEqual(i32),
}

impl Program {
    fn run(&mut self, instructions: &[Instruction]) {
        self.code.extend(instructions.iter().copied().map(Leaving::Never));
    }

    /// Leaves when `R0` is null.
    fn pass_on_if_none(&mut self) {
        self.code.push(Leaving::IfNone);
    }

    /// Leaves when `R2` is more than the value.
    fn pass_on_if_above(&mut self, value: i32) {
        self.code.push(Leaving::IfAbove(value));
    }

    /// Leaves when `R2` is not the value.
    fn pass_on_unless_equal(&mut self, value: i32) {
        self.code.push(Leaving::UnlessEqual(value));
    }

    fn end(self) -> Vec<Instruction> {
        let len = self.code.len();
        let code = self.code.into_iter().enumerate().map(|(place, step)| {
            let to_end = len - place - 1;
            match step {
                Leaving::Never(instruction) => instruction,
                Leaving::IfNone => Instruction::skip_if_equal(R0, 0, to_end),
                Leaving::IfAbove(value) => Instruction::skip_if_above(R2, value, to_end),
                Leaving::UnlessEqual(value) => Instruction::skip_unless_equal(R2, value, to_end),
            }
        });
        code.chain([Instruction::set(R0, PASS), Instruction::exit()]).collect()
    }
}

/// Datagrams of one port that are steered in one slice of time, 30,500 a second: beyond any call, and a small part of what
/// a thread can relay, so that a flood on one port leaves the queue to the others.
pub(crate) const SHARE: i32 = 512;
/// A slice is 2^24 ns long, about 17 ms.
pub(crate) const SLICE: i32 = 24;
/// Bytes of a port in the table, and where its parts are.
pub(crate) const PORT_SIZE: usize = 12;
const PORT_NUMBER: i16 = 0;
const PORT_SLICE: i16 = 4;
const PORT_COUNT: i16 = 8;
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
const LOCAL_IPV4: i16 = 40;
const LOCAL_IPV6: i16 = 44;
const LOCAL_PORT: i16 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_out_leads_to_the_end() {
        let code = steer(3, 4);
        let len = code.len();
        let ways: Vec<usize> = code
            .iter()
            .enumerate()
            .filter_map(|(place, step)| Some(place + 1 + step.skipped()?))
            .filter(|to| *to > len - 10)
            .collect();

        assert_eq!(ways, [len - 2; 4]);
        assert_eq!(code[len - 2..], [Instruction::set(R0, PASS), Instruction::exit()]);
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
