//! A packet that is received, relayed and sent asks the allocator for nothing: the whole way through a media thread.
// Counting allocations needs an allocator of our own, and its trait is unsafe.
#![allow(unsafe_code)]

#[cfg(test)]
mod setup;

#[cfg(test)]
mod counted {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use cordon_media::{
        Command, End, EndSetup, IoChoice, MediaConfig, MediaEngine, Reservation, StreamStatistics,
    };
    use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Suite};
    use cordon_srtp::{Inbound, Outbound, RtcpPacket, RtpPacket, SrtcpPacket, SrtpPacket};

    use crate::setup::setup;

    /// Counts what every thread asks for, but the one that plays the phones.
    struct Counting;

    static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static PLAYS_PHONES: Cell<bool> = const { Cell::new(false) };
    }

    // SAFETY: every call is handed to the system's allocator unchanged; flag and counter have no destructor.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if !PLAYS_PHONES.get() {
                ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            }
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
            unsafe { System.dealloc(place, layout) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn a_media_thread_relays_rtp_and_rtcp_between_protected_legs_without_an_allocation() {
        PLAYS_PHONES.set(true);
        // Where the process may not steer, both are the same.
        for io in [IoChoice::PerPort, IoChoice::Steered] {
            relay_without_an_allocation(io);
        }
    }

    fn relay_without_an_allocation(io: IoChoice) {
        let interfaces = vec![Ipv4Addr::LOCALHOST.into()];
        let config =
            MediaConfig { interfaces, ports: 24_700..=24_799, threads: 1, pinned: false, nap: true, io };
        let engine = MediaEngine::start(config).unwrap();
        let mut calls: Vec<Call> = Suite::ALL.iter().map(|suite| Call::new(&engine, *suite)).collect();
        let stranger = socket();
        // Long enough that both phones get sockets of their own. Figures are published from two lists in turn, so twice.
        for packets in [150, 151] {
            calls.iter_mut().for_each(|call| call.talk(packets - call.a.said));
            wait_until(&engine, &calls, packets);
        }

        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for call in &mut calls {
            for _ in 0..FORGED {
                stranger.send_to(&[0x80; 182], call.reservation.a.rtp).unwrap();
            }
            call.talk(1000);
        }
        wait_until(&engine, &calls, 1151);

        assert!(before > 0, "the media thread's beginning was counted");
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0, "{}", engine.io());
        let forged: u64 = calls.iter().map(|call| call.statistics(&engine).a.refused.forged).sum();
        assert_eq!(forged, FORGED * Suite::ALL.len() as u64);
    }

    /// Two phones in a call, each leg with a suite of its own.
    struct Call {
        reservation: Reservation,
        a: Phone,
        b: Phone,
    }

    impl Call {
        fn new(engine: &MediaEngine, suite: Suite) -> Call {
            let reservation = engine.reserve(0, 0).unwrap();
            let a = Phone::new(1, suite, reservation.a.rtp);
            let b = Phone::new(2, Suite::AesCm256HmacSha1_80, reservation.b.rtp);
            for (end, phone) in [(End::A, &a), (End::B, &b)] {
                let set = Command::Set { stream: reservation.stream, end, setup: phone.setup() };
                engine.command(set).unwrap();
            }
            Call { reservation, a, b }
        }

        /// So many packets each way, and a report each way with every tenth.
        fn talk(&mut self, packets: u64) {
            for number in 0..packets {
                self.a.tell(&mut self.b, number % 10 == 0);
                self.b.tell(&mut self.a, number % 10 == 0);
            }
        }

        fn statistics(&self, engine: &MediaEngine) -> StreamStatistics {
            engine.statistics(self.reservation.stream).unwrap_or_default()
        }
    }

    /// A phone with a real socket, RTP and RTCP on one port.
    struct Phone {
        socket: UdpSocket,
        server: SocketAddr,
        key: KeyMaterial,
        relay_key: KeyMaterial,
        outbound: Outbound,
        inbound: Inbound,
        ssrc: u8,
        said: u64,
        buf: PacketBuf,
    }

    impl Phone {
        fn new(number: u8, suite: Suite, server: SocketAddr) -> Phone {
            let key = KeyMaterial::generate(suite, |bytes| bytes.fill(number));
            let relay_key = KeyMaterial::generate(suite, |bytes| bytes.fill(100 + number));
            let (outbound, inbound) = (Outbound::new(&key), Inbound::new(&relay_key));
            let (ssrc, said, buf) = (number, 0, PacketBuf::new());
            Phone { socket: socket(), server, key, relay_key, outbound, inbound, ssrc, said, buf }
        }

        fn setup(&self) -> EndSetup {
            setup(&self.relay_key, &self.key, self.socket.local_addr().unwrap())
        }

        /// A packet, and a report perhaps, that the other phone hears.
        fn tell(&mut self, other: &mut Phone, with_report: bool) {
            self.say();
            other.hear();
            if with_report {
                self.report();
                other.hear_report();
            }
        }

        fn say(&mut self) {
            self.write(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, self.ssrc], 172);
            let index = PacketIndex::from_u64(self.said).unwrap();
            self.said += 1;
            let packet = RtpPacket::originate(&mut self.buf, index).unwrap();
            let sealed = self.outbound.seal_rtp(packet).unwrap();
            self.socket.send_to(sealed.as_slice(), self.server).unwrap();
        }

        fn hear(&mut self) {
            self.receive();
            self.inbound.open_rtp(Instant::now(), SrtpPacket::received(&mut self.buf)).unwrap();
        }

        /// A sender report (RFC 3550 §6.4.1) of zeros.
        fn report(&mut self) {
            self.write(&[0x80, 200, 0, 6, 0, 0, 0, self.ssrc], 28);
            let packet = RtcpPacket::originate(&mut self.buf).unwrap();
            let sealed = self.outbound.seal_rtcp(packet).unwrap();
            self.socket.send_to(sealed.as_slice(), self.server).unwrap();
        }

        fn hear_report(&mut self) {
            self.receive();
            self.inbound.open_rtcp(Instant::now(), SrtcpPacket::received(&mut self.buf)).unwrap();
        }

        fn write(&mut self, head: &[u8], len: usize) {
            self.buf.spare_mut().fill(0);
            self.buf.spare_mut()[..head.len()].copy_from_slice(head);
            self.buf.set_len(len);
        }

        fn receive(&mut self) {
            let (len, from) = self.socket.recv_from(self.buf.spare_mut()).unwrap();
            assert_eq!(from, self.server);
            self.buf.set_len(len);
        }
    }

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Waits until the published figures show so many packets of each phone; they are published meanwhile.
    fn wait_until(engine: &MediaEngine, calls: &[Call], packets: u64) {
        let deadline = Instant::now() + PATIENCE;
        while !calls.iter().all(|call| call.statistics(engine).b.opened == packets) {
            assert!(Instant::now() < deadline, "no figures");
            std::thread::yield_now();
        }
    }

    /// Packets that a stranger throws in per call, fewer than fill a socket.
    const FORGED: u64 = 100;
    /// Far longer than loopback and a loaded machine need; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(10);
}
