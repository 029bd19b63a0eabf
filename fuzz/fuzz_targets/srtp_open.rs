//! Bytes that nobody sealed never open, never panic and leave no source behind.
#![no_main]

use std::time::Instant;

use cordon_rtp::{KeyMaterial, PacketBuf, Suite};
use cordon_srtp::{Inbound, SrtcpPacket, SrtpPacket};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let now = Instant::now();
    for suite in Suite::ALL {
        let key = KeyMaterial::generate(suite, |bytes| bytes.fill(0x5a));
        let mut inbound = Inbound::new(&key);
        let mut buf = PacketBuf::new();
        let length = data.len().min(buf.spare_mut().len());
        buf.spare_mut()[..length].copy_from_slice(&data[..length]);
        buf.set_len(length);
        assert!(inbound.open_rtp(now, SrtpPacket::received(&mut buf)).is_err(), "a forgery opened");
        assert!(inbound.open_rtcp(now, SrtcpPacket::received(&mut buf)).is_err(), "a forgery opened");
        assert_eq!(inbound.source_count(), 0, "a forgery left a source behind");
    }
});
