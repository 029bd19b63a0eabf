//! A trunk that policy permitted to be plain: from where it is heard, and what a stranger who writes its address can do.

use std::net::SocketAddr;

use cordon_relay::{Command, End, EndSetup};
use cordon_rtp::{PacketBuf, Suite};

use crate::kit::{Call, STREAM};
use crate::sessions::plain;

#[test]
fn two_bytes_from_a_plain_host_fix_no_port_and_the_described_port_wins_with_five_packets_in_a_row() {
    let mut call = with_a_plain_trunk();
    let (described, elsewhere) = (call.b.address, on_the_trunk(&call, 4800));

    assert_eq!(call.deliver(End::B, elsewhere, &mut PacketBuf::from_slice(&[0x80, 0]).unwrap()), None);
    assert_eq!(call.deliver_rtcp(End::B, elsewhere, &mut PacketBuf::from_slice(&[0x80, 200]).unwrap()), None);
    assert_eq!(words(&mut call, 5, elsewhere), 5);

    for _ in 0..10 {
        assert_eq!((words(&mut call, 1, described), words(&mut call, 1, elsewhere)), (1, 1));
    }
    assert_eq!(words(&mut call, 5, described), 5);
    for _ in 0..10 {
        assert_eq!((words(&mut call, 1, described), words(&mut call, 1, elsewhere)), (1, 0));
    }
    assert_eq!(call.statistics(End::B).refused.foreign, 10);
}

#[test]
fn one_packet_with_the_described_port_silences_no_trunk_that_sends_from_another() {
    let mut call = with_a_plain_trunk();
    let (described, elsewhere) = (call.b.address, on_the_trunk(&call, 4800));
    assert_eq!(words(&mut call, 50, elsewhere), 50);

    for _ in 0..10 {
        assert_eq!(words(&mut call, 1, described), 1);
        assert_eq!(words(&mut call, 50, elsewhere), 50);
    }
}

#[test]
fn a_trunk_whose_port_was_taken_is_heard_again_after_seconds_or_a_description() {
    let mut call = with_a_plain_trunk();
    let (described, elsewhere) = (call.b.address, on_the_trunk(&call, 4800));
    assert_eq!(words(&mut call, 50, elsewhere), 50);
    assert_eq!(words(&mut call, 5, described), 5);

    assert_eq!(words(&mut call, 350, elsewhere), 0, "for seven seconds");
    assert_eq!(words(&mut call, 50, elsewhere), 50);

    assert_eq!(words(&mut call, 5, described), 5);
    assert_eq!(words(&mut call, 1, elsewhere), 0);
    let again = EndSetup { renegotiated: true, ..plain(&call) };
    call.relay.handle_command(call.now, Command::Set { stream: STREAM, end: End::B, setup: again });
    assert_eq!(words(&mut call, 50, elsewhere), 50);
}

#[test]
fn what_comes_twice_from_a_plain_end_is_dropped_toward_a_plain_one_too() {
    let mut call = with_a_plain_trunk();
    let setup = EndSetup { protection: plain(&call).protection, ..call.a.setup(false, None) };
    call.relay.handle_command(call.now, Command::Set { stream: STREAM, end: End::A, setup });
    let described = call.b.address;
    assert_eq!(words(&mut call, 3, described), 3);

    let mut again = PacketBuf::from_slice(&call.b.plain_packet()).unwrap();
    assert_eq!(call.deliver(End::B, described, &mut again), None);

    let trunk = call.statistics(End::B);
    assert_eq!((trunk.arrived.duplicates, trunk.opened, call.statistics(End::A).sealed), (1, 3, 3));
}

/// A protected phone at one end, a plain trunk at the other.
fn with_a_plain_trunk() -> Call {
    let mut call = Call::open([Suite::AesCm128HmacSha1_80; 2]);
    call.set(End::A, false, None);
    let setup = plain(&call);
    call.relay.handle_command(call.now, Command::Set { stream: STREAM, end: End::B, setup });
    call
}

fn on_the_trunk(call: &Call, port: u16) -> SocketAddr {
    SocketAddr::new(call.b.address.ip(), port)
}

/// Packets, 20 ms apart, that the trunk sends or somebody who says so; how many of them are forwarded.
fn words(call: &mut Call, count: usize, from: SocketAddr) -> usize {
    let heard = (0..count).filter(|_| {
        call.b.index += 1;
        let mut packet = PacketBuf::from_slice(&call.b.plain_packet()).unwrap();
        call.deliver(End::B, from, &mut packet).is_some()
    });
    heard.count()
}
