//! Does one thing [`ROUNDS`] times inside [`measured`], where valgrind counts: `cargo xtask instructions` runs it.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use bytes::Bytes;
use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Suite};
use cordon_sdp::Session;
use cordon_sip::{Frame, Framed, Framer, Framing, Index, Message};
use cordon_srtp::{Inbound, Outbound, RtpPacket, SrtcpPacket, SrtpPacket};

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let Some((_, case)) = CASES.iter().find(|(name, _)| Some(*name) == wanted.as_deref()) else {
        let names: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
        #[expect(clippy::print_stdout, reason = "whoever counts asks for the list")]
        {
            println!("{}", names.join("\n"));
        }
        return ExitCode::SUCCESS;
    };
    case();
    ExitCode::SUCCESS
}

/// Only what happens in here is counted. The first round is not: it fills caches and finds out what the processor can.
#[inline(never)]
fn measured(round: &mut dyn FnMut()) {
    for _ in 0..ROUNDS {
        round();
    }
}

fn count(mut round: impl FnMut()) {
    round();
    measured(&mut round);
}

fn sip_index() {
    let message = invite();
    let mut index = Index::new();
    count(|| assert!(index.read(black_box(&message)).is_ok()));
}

fn sip_frame() {
    let message = invite();
    let mut framer = Framer::default();
    count(|| assert!(frame(&mut framer, &message).is_some()));
}

fn sip_frame_and_parse() {
    let message = invite();
    let mut framer = Framer::default();
    count(|| assert!(frame(&mut framer, &message).is_some_and(|framed| framed.parse().is_ok())));
}

fn sip_parse() {
    let message = invite();
    count(|| assert!(Message::parse(black_box(message.clone()), Framing::Stream).is_ok()));
}

fn sip_write() {
    let message = Message::parse(invite(), Framing::Stream).expect("the sample is legal");
    count(|| assert!(black_box(&message).write().len() > 1_000));
}

fn sdp_parse() {
    let message = invite();
    let mut index = Index::new();
    assert!(index.read(&message).is_ok());
    let body = message.slice(index.body_start().expect("the sample has a head")..);
    count(|| assert!(Session::parse(black_box(&body)).is_ok()));
}

fn srtp_seal(suite: Suite) {
    let (mut outbound, mut buf, mut index) = (Outbound::new(&key(suite)), PacketBuf::new(), 0);
    count(|| seal(&mut outbound, &mut buf, &mut index));
}

fn srtp_open(suite: Suite) {
    let now = Instant::now();
    let (mut outbound, mut inbound) = (Outbound::new(&key(suite)), Inbound::new(&key(suite)));
    let mut index = 0;
    let mut sealed = (0..=ROUNDS).map(|_| {
        let mut buf = PacketBuf::new();
        seal(&mut outbound, &mut buf, &mut index);
        buf
    });
    let mut sealed: Vec<PacketBuf> = sealed.by_ref().collect();
    let mut packets = sealed.iter_mut();
    count(|| {
        let packet = packets.next().map(|buf| inbound.open_rtp(now, SrtpPacket::received(buf)).is_ok());
        assert_eq!(packet, Some(true));
    });
}

/// What a stranger's report costs: nobody but its tag tells that it is forged.
fn srtcp_refuse(suite: Suite) {
    let now = Instant::now();
    let (mut inbound, mut buf) = (Inbound::new(&key(suite)), PacketBuf::new());
    count(|| {
        fill(&mut buf, &FORGED_REPORT);
        assert!(inbound.open_rtcp(now, SrtcpPacket::received(black_box(&mut buf))).is_err());
    });
}

fn frame(framer: &mut Framer, message: &Bytes) -> Option<Framed> {
    framer.push(black_box(message));
    match framer.next_frame() {
        Ok(Some(Frame::Message(framed))) => Some(framed),
        _ => None,
    }
}

/// As the relay does, 160 bytes of voice behind a header of 12.
fn seal(outbound: &mut Outbound, buf: &mut PacketBuf, index: &mut u64) {
    fill(buf, &PACKET);
    *index += 1;
    let index = PacketIndex::from_u64(*index).unwrap_or(PacketIndex::MAX);
    let sealed = RtpPacket::originate(buf, index).ok().and_then(|packet| outbound.seal_rtp(packet).ok());
    assert!(sealed.is_some());
}

fn fill(buf: &mut PacketBuf, bytes: &[u8]) {
    if let Some(place) = buf.spare_mut().get_mut(..bytes.len()) {
        place.copy_from_slice(bytes);
    }
    buf.set_len(bytes.len());
}

fn key(suite: Suite) -> KeyMaterial {
    KeyMaterial::generate(suite, |bytes| bytes.fill(0x2b))
}

fn invite() -> Bytes {
    Bytes::from_static(include_bytes!("../../../crates/sip/benches/invite.sip"))
}

type Case = (&'static str, fn());

const CASES: &[Case] = &[
    ("sip_index", sip_index),
    ("sip_frame", sip_frame),
    ("sip_frame_and_parse", sip_frame_and_parse),
    ("sip_parse", sip_parse),
    ("sip_write", sip_write),
    ("sdp_parse", sdp_parse),
    ("srtp_seal_aes_cm", || srtp_seal(Suite::AesCm128HmacSha1_80)),
    ("srtp_open_aes_cm", || srtp_open(Suite::AesCm128HmacSha1_80)),
    ("srtp_seal_aes_gcm", || srtp_seal(Suite::AeadAes128Gcm)),
    ("srtp_open_aes_gcm", || srtp_open(Suite::AeadAes128Gcm)),
    ("srtcp_refuse_aes_cm", || srtcp_refuse(Suite::AesCm128HmacSha1_80)),
    ("srtcp_refuse_aes_gcm", || srtcp_refuse(Suite::AeadAes128Gcm)),
];

/// Version 2, no extension, SSRC 7; what is in it does not matter.
const PACKET: [u8; 172] = {
    let mut packet = [0; 172];
    packet[0] = 0x80;
    packet[11] = 7;
    packet
};

/// A sender report without a tag that fits. Every byte behind its head has the highest bit, so that the word that says it is
/// encrypted is found where either family of suites has it.
const FORGED_REPORT: [u8; 72] = {
    let mut packet = [0x80; 72];
    (packet[1], packet[2], packet[3]) = (200, 0, 12);
    packet
};

/// Enough that what the counting itself costs is lost in it.
const ROUNDS: usize = 100;
