//! RTCP compounds: renaming is undone by renaming back, and an authenticated peer that sends whatever it likes gets
//! nothing through the relay that is no compound.
#![no_main]

use std::time::Instant;

use cordon_relay::{Before, Command, End, EndSetup, Local, LocalPort, Protection, Relay, StreamId};
use cordon_rtp::report;
use cordon_rtp::rtcp::{self, Rewrite};
use cordon_rtp::{AudioCodecs, KeyMaterial, PacketBuf, Ssrc, Suite, Timestamp};
use cordon_srtp::{Inbound, Outbound, RtcpPacket, SrtcpPacket};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    rename_and_back(data);
    read(data);
    let _ = relayed(data);
});

fn rename_and_back(data: &[u8]) {
    let mut packet = data.to_vec();
    let outcome = rtcp::rewrite(&mut packet, &mut Shift { is_back: false });
    assert!(outcome.is_err() || rtcp::is_compound(data));
    if outcome.is_ok() {
        if matches!(data[1], SENDER_REPORT | RECEIVER_REPORT) {
            assert_eq!(rtcp::sender(&packet), rtcp::sender(data).map(|Ssrc(ssrc)| Ssrc(ssrc ^ TURN)));
        }
        assert!(rtcp::rewrite(&mut packet, &mut Shift { is_back: true }).is_ok());
        assert_eq!(packet, data, "renaming back gives the packet back");
    }
}

/// Each thing that is reported has at least eight bytes of its own.
fn read(data: &[u8]) {
    let mut statements = 0;
    report::read(data, |_| statements += 1);
    assert!(statements <= data.len() / 8);
}

/// Sends the compound through a relay as the peer of one end does; answers what the other end hears.
fn relayed(data: &[u8]) -> Option<()> {
    let now = Instant::now();
    let mut relay = Relay::new([7; 32]);
    let stream = StreamId(1);
    relay.handle_command(now, Command::Open { stream, a: local(10), b: local(20) });
    for (end, number) in [(End::A, 1), (End::B, 2)] {
        relay.handle_command(now, Command::Set { stream, end, setup: setup(number) });
    }
    let mut buf = PacketBuf::from_slice(data)?;
    let packet = RtcpPacket::originate(&mut buf).ok()?;
    Outbound::new(&key(1)).seal_rtcp(packet).ok()?;
    let from = "10.0.0.1:4001".parse().expect("an address");
    relay.handle_datagram(now, local(10).rtcp, from, &mut buf)?;
    let mut listener = Inbound::new(&key(102));
    let heard = listener.open_rtcp(now, SrtcpPacket::received(&mut buf)).expect("what the relay seals opens");
    assert!(rtcp::is_compound(heard.as_slice()));
    assert_eq!(heard.as_slice().len(), data.len());
    Some(())
}

/// Turns names, and shifts clocks and numbers forth or back.
struct Shift {
    is_back: bool,
}

impl Rewrite for Shift {
    fn sender(&mut self, ssrc: Ssrc) -> Ssrc {
        Ssrc(ssrc.0 ^ TURN)
    }

    fn reported(&mut self, ssrc: Ssrc) -> Ssrc {
        Ssrc(ssrc.0 ^ TURN)
    }

    fn sender_clock(&mut self, _: Ssrc, clock: Timestamp) -> Timestamp {
        Timestamp(self.shift(clock.0))
    }

    fn highest_sequence(&mut self, _: Ssrc, sequence: u32) -> u32 {
        self.shift(sequence)
    }
}

impl Shift {
    fn shift(&self, number: u32) -> u32 {
        if self.is_back { number.wrapping_sub(TURN) } else { number.wrapping_add(TURN) }
    }
}

fn setup(number: u8) -> EndSetup {
    let remote = |port| format!("10.0.0.{number}:{port}").parse().expect("an address");
    EndSetup {
        protection: Protection::secure(key(100 + number), key(number)),
        local_changed: false,
        remote_changed: None,
        renegotiated: false,
        remote_rtp: remote(4000),
        remote_rtcp: remote(4001),
        mux: false,
        before_proof: Before::SendToSdp,
        codecs: AudioCodecs::default(),
        receive: true,
        send: true,
    }
}

fn local(port: u16) -> Local {
    let at = |port| LocalPort { interface: 0, port };
    Local { rtp: at(port), rtcp: at(port + 1) }
}

fn key(number: u8) -> KeyMaterial {
    KeyMaterial::generate(Suite::AesCm128HmacSha1_80, |bytes| bytes.fill(number))
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const TURN: u32 = 0x5555_5555;
