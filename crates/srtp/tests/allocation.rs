//! Opening, rewriting and sealing a packet asks the allocator for nothing.
// Counting allocations needs an allocator of our own, and its trait is unsafe.
#![allow(unsafe_code)]

#[cfg(test)]
mod counted {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;
    use std::time::Instant;

    use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Roc, Seq, Ssrc, Suite, Timestamp};
    use cordon_srtp::{Inbound, Outbound, Provider, RtcpPacket, RtpPacket, SrtcpPacket, SrtpPacket};

    struct Counting;

    thread_local! {
        static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    }

    // SAFETY: every call is handed to the system's allocator unchanged; the counter has no destructor.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            ALLOCATIONS.set(ALLOCATIONS.get() + 1);
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
            unsafe { System.dealloc(place, layout) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn a_relayed_packet_allocates_nothing() {
        for suite in Suite::ALL {
            let now = Instant::now();
            let (mut peer, mut inbound) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
            let (mut outbound, mut buf) = (Outbound::new(&key(suite, 2)), PacketBuf::new());
            let before = ALLOCATIONS.get();
            for seq in 0..2000 {
                let at = PacketIndex::new(Roc(0), Seq(seq));
                fill(&mut buf, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], 172);
                peer.seal_rtp(RtpPacket::originate(&mut buf, at).unwrap()).unwrap();
                let packet = inbound.open_rtp(now, SrtpPacket::received(&mut buf)).unwrap();
                outbound.seal_rtp(packet.rewritten(Ssrc(9), at, Timestamp(3))).unwrap();
                assert!(inbound.open_rtp(now, SrtpPacket::received(&mut buf)).is_err());
            }
            assert_eq!(ALLOCATIONS.get() - before, 0, "{suite}");
        }
    }

    #[test]
    fn a_relayed_report_allocates_nothing() {
        for suite in Suite::ALL {
            let now = Instant::now();
            let (mut peer, mut inbound) = (Outbound::new(&key(suite, 1)), Inbound::new(&key(suite, 1)));
            let (mut outbound, mut buf) = (Outbound::new(&key(suite, 2)), PacketBuf::new());
            let before = ALLOCATIONS.get();
            for _ in 0..100 {
                fill(&mut buf, &[0x80, 200, 0, 6, 0, 0, 0, 7], 28);
                peer.seal_rtcp(RtcpPacket::originate(&mut buf).unwrap()).unwrap();
                let packet = inbound.open_rtcp(now, SrtcpPacket::received(&mut buf)).unwrap();
                outbound.seal_rtcp(packet).unwrap();
            }
            // aws-lc-rs makes its keys on the heap, and a report has keys of its own.
            if Provider::in_force() == Ok(Provider::RustCryptoAndAwsLc) {
                assert_eq!(ALLOCATIONS.get() - before, 0, "{suite}");
            }
        }
    }

    #[test]
    fn forged_packets_with_random_sources_allocate_nothing_and_cost_one_tag_each() {
        let now = Instant::now();
        let (mut inbound, mut buf) = (Inbound::new(&key(Suite::AesCm128HmacSha1_80, 1)), PacketBuf::new());
        let before = ALLOCATIONS.get();
        let mut ssrc = 1_u32;
        for _ in 0..FORGED {
            ssrc = ssrc.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
            let [a, b, c, d] = ssrc.to_be_bytes();
            fill(&mut buf, &[0x80, 0, c, d, 0, 0, 0, 0, a, b, c, d], 24);
            assert!(inbound.open_rtp(now, SrtpPacket::received(&mut buf)).is_err());
        }
        assert_eq!(ALLOCATIONS.get() - before, 0);
        assert_eq!((inbound.source_count(), inbound.tag_checks()), (0, FORGED));
    }

    #[test]
    fn forged_reports_allocate_nothing_and_cost_one_tag_each() {
        for suite in Suite::ALL {
            let now = Instant::now();
            let (mut inbound, mut buf) = (Inbound::new(&key(suite, 1)), PacketBuf::new());
            let before = ALLOCATIONS.get();
            for round in 0..FORGED / 10 {
                let [.., a, b, c, d] = round.to_be_bytes();
                // Behind the head every byte has the highest bit, as the word that says a report is encrypted.
                fill(&mut buf, &[0x80; 72], 72);
                fill(&mut buf, &[0x80, 200, 0, 6, a, b, c, d], 72);
                assert!(inbound.open_rtcp(now, SrtcpPacket::received(&mut buf)).is_err());
            }
            assert_eq!(ALLOCATIONS.get() - before, 0, "{suite}");
            assert_eq!((inbound.source_count(), inbound.tag_checks()), (0, FORGED / 10), "{suite}");
        }
    }

    /// A million in a release build; what is not optimised takes a minute for them.
    const FORGED: u64 = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };

    fn key(suite: Suite, byte: u8) -> KeyMaterial {
        KeyMaterial::generate(suite, |bytes| bytes.fill(byte))
    }

    fn fill(buf: &mut PacketBuf, head: &[u8], len: usize) {
        buf.spare_mut()[..head.len()].copy_from_slice(head);
        buf.set_len(len);
    }
}
