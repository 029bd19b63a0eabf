//! RTP headers and RTCP compounds: never a panic, and renaming sources keeps the packet readable.
#![no_main]

use cordon_rtp::{RtpHeader, Ssrc, demux, rtcp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = demux(data);
    if let Some(header) = RtpHeader::parse(data) {
        assert!(header.header_len() + header.payload().len() <= data.len());
    }
    let _ = RtpHeader::parse_protected(data);
    let mut packet = data.to_vec();
    if rtcp::replace_ssrcs(&mut packet, |ssrc| Ssrc(ssrc.0 ^ 0x5555_5555)).is_ok() {
        assert_eq!(packet.len(), data.len());
        assert!(rtcp::replace_ssrcs(&mut packet, |ssrc| Ssrc(ssrc.0 ^ 0x5555_5555)).is_ok());
        assert_eq!(packet, data, "renaming back gives the packet back");
    }
});
