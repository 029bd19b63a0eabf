//! What a stream takes in memory: ten thousand of them with both ends set and one packet heard each way, by the growth of
//! resident memory. `cargo bench -p cordon-relay --bench memory` prints a line per suite.
#![allow(missing_docs, reason = "a program that measures")]

use std::net::SocketAddr;
use std::time::Instant;

use cordon_relay::{Before, Command, End, EndSetup, Local, LocalPort, Protection, Relay, StreamId};
use cordon_rtp::{AudioCodecs, KeyMaterial, PacketBuf, PacketIndex, Suite};
use cordon_srtp::{Outbound, RtpPacket};

fn main() {
    let wanted = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    match wanted.as_deref().and_then(Suite::parse) {
        Some(suite) => measure(suite),
        // Each suite in a process of its own: what one gives back, the next would use again.
        None => Suite::ALL.into_iter().for_each(measure_apart),
    }
}

fn measure_apart(suite: Suite) {
    let program = std::env::current_exe().expect("this program has a path");
    let status = std::process::Command::new(program).arg(suite.name()).status();
    assert!(status.is_ok_and(|status| status.success()), "{suite}");
}

#[expect(clippy::print_stdout, reason = "this is what it is for")]
fn measure(suite: Suite) {
    let mut relay = Relay::new([7; 32]);
    // The tables of ports are there before the first stream; what one stream takes is asked of the others.
    open(&mut relay, suite, 0);
    let mut marks = vec![resident()];
    (1..=STREAMS).for_each(|number| open(&mut relay, suite, number));
    marks.push(resident());
    (1..=STREAMS).for_each(|number| talk(&mut relay, suite, number));
    marks.push(resident());
    let of_each = |bytes: u64| bytes / u64::from(STREAMS);
    if let [empty, set, heard] = marks[..] {
        let (set, heard) = (of_each(set - empty), of_each(heard - empty));
        println!("{suite:<26} set {set:>6} bytes a stream, heard both ways {heard:>6}");
    }
}

fn open(relay: &mut Relay, suite: Suite, number: u32) {
    let (now, stream) = (Instant::now(), StreamId(number.into()));
    relay.handle_command(now, Command::Open { stream, a: local(number, End::A), b: local(number, End::B) });
    for end in [End::A, End::B] {
        relay.handle_command(now, Command::Set { stream, end, setup: setup(suite, end) });
    }
}

fn talk(relay: &mut Relay, suite: Suite, number: u32) {
    for end in [End::A, End::B] {
        let mut buf = PacketBuf::from_slice(&PACKET).expect("it is short");
        let index = PacketIndex::from_u64(1_000).expect("a small index");
        let packet = RtpPacket::originate(&mut buf, index).expect("a packet");
        let _ = Outbound::new(&key(suite, remote(end))).seal_rtp(packet).expect("a new key");
        let heard = relay.handle_datagram(Instant::now(), local(number, end).rtp, address(end), &mut buf);
        assert!(heard.is_some(), "it is forwarded");
    }
}

fn setup(suite: Suite, end: End) -> EndSetup {
    EndSetup {
        protection: Protection::secure(key(suite, remote(end) + 100), key(suite, remote(end))),
        local_changed: false,
        remote_changed: None,
        renegotiated: false,
        remote_rtp: address(end),
        remote_rtcp: address(end),
        mux: false,
        before_proof: Before::SendToSdp,
        codecs: AudioCodecs::default(),
        receive: true,
        send: true,
    }
}

fn local(number: u32, end: End) -> Local {
    let first = 4 * (number % 10_000) + if end == End::A { 0 } else { 2 };
    let interface = (number / 10_000) as u8;
    let at = |port: u32| LocalPort { interface, port: port as u16 };
    Local { rtp: at(first), rtcp: at(first + 1) }
}

fn address(end: End) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, remote(end)], 4_000))
}

fn remote(end: End) -> u8 {
    match end {
        End::A => 1,
        End::B => 2,
    }
}

fn key(suite: Suite, number: u8) -> KeyMaterial {
    KeyMaterial::generate(suite, |bytes| bytes.fill(number))
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has this line");
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kilobytes * 1024
}

const STREAMS: u32 = 9_999;
/// Version 2, SSRC 7.
const PACKET: [u8; 172] = {
    let mut packet = [0; 172];
    packet[0] = 0x80;
    packet[11] = 7;
    packet
};
