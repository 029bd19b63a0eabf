//! Two virtual phones talk through the engine over real sockets on the loopback, whichever way datagrams take.

#[cfg(test)]
mod setup;

#[cfg(test)]
mod calls {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
    use std::sync::mpsc::Receiver;
    use std::time::{Duration, Instant};

    use cordon_media::{
        Command, End, EndSetup, EngineError, IoChoice, MediaConfig, MediaEngine, NoPorts, RelayEvent,
        Reservation, StreamStatistics,
    };
    use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Suite};
    use cordon_srtp::{Inbound, Outbound, RtpPacket, SrtpPacket};

    use crate::setup::setup;

    #[test]
    fn two_phones_hear_each_other_in_every_suite() {
        for io in WAYS {
            for suite in Suite::ALL {
                let engine = engine(io, 24_000, 2);
                let events = engine.events().unwrap();
                let reservation = engine.reserve(0, 0).unwrap();
                let mut a = Phone::new(1, suite, reservation.a.rtp);
                let mut b = Phone::new(2, Suite::AeadAes256Gcm, reservation.b.rtp);
                set_both(&engine, &reservation, &a, &b);

                for word in 0..50 {
                    a.say(word);
                    assert_eq!(b.hear(), Some(word), "{io:?} {suite:?}");
                    b.say(word);
                    assert_eq!(a.hear(), Some(word), "{io:?} {suite:?}");
                }

                let statistics = close(&engine, &reservation, &events);
                assert_eq!((statistics.a.opened, statistics.a.sealed), (50, 50));
                assert_eq!((statistics.b.opened, statistics.b.sealed), (50, 50));
                assert_eq!(statistics.a.refused.total() + statistics.b.refused.total(), 0);
            }
        }
    }

    #[test]
    fn ports_are_free_for_others_after_close_but_rest_before_they_are_used_again() {
        for io in WAYS {
            let engine = engine(io, 24_100, 1);
            let events = engine.events().unwrap();
            let first = engine.reserve(0, 0).unwrap();
            let second = engine.reserve(0, 0).unwrap();
            assert_eq!(engine.reserve(0, 0), Err(NoPorts::Exhausted));
            assert!(UdpSocket::bind(first.a.rtp).is_err());

            close(&engine, &first, &events);

            for address in [first.a.rtp, first.a.rtcp, first.b.rtp, first.b.rtcp] {
                assert!(UdpSocket::bind(address).is_ok());
            }
            assert_eq!(engine.reserve(0, 0), Err(NoPorts::Exhausted), "closed ports rest for a minute");
            close(&engine, &second, &events);
            assert_eq!(engine.close(second.stream), Err(EngineError::UnknownStream));
        }
    }

    #[test]
    fn two_interfaces_on_one_address_share_its_ports() {
        for io in WAYS {
            let interfaces = vec![Ipv4Addr::LOCALHOST.into(); 2];
            let engine = MediaEngine::start(config(io, interfaces, 24_800, 1)).unwrap();
            let events = engine.events().unwrap();
            for _ in 0..2 {
                let reservation = engine.reserve(0, 1).unwrap();
                close(&engine, &reservation, &events);
            }

            assert_eq!(engine.reserve(0, 1), Err(NoPorts::Exhausted), "all four pairs of the address rest");
        }
    }

    #[test]
    fn ports_of_a_call_that_found_only_half_of_them_need_no_rest() {
        for io in WAYS {
            let interfaces = [1, 2].map(|host| Ipv4Addr::new(127, 0, 0, host).into()).to_vec();
            let one_pair_each = MediaConfig { ports: 24_850..=24_851, ..config(io, interfaces, 24_850, 1) };
            let engine = MediaEngine::start(one_pair_each).unwrap();
            assert_eq!(engine.reserve(0, 0), Err(NoPorts::Exhausted));

            assert!(engine.reserve(0, 1).is_ok());
        }
    }

    #[test]
    fn no_more_descriptors_are_open_than_are_counted_beforehand() {
        for io in WAYS {
            let interfaces = vec![Ipv4Addr::LOCALHOST.into()];
            let config = config(io, interfaces, 24_900, 8);
            let (counted, before) = (config.descriptors(), descriptors());

            let engine = MediaEngine::start(config).unwrap();
            for _ in 0..2 {
                engine.reserve(0, 0).unwrap();
            }

            assert!(descriptors() - before <= counted, "{io:?}");
        }
    }

    #[test]
    fn a_stream_whose_media_would_come_back_is_refused() {
        for io in WAYS {
            let engine = engine(io, 24_200, 1);
            let events = engine.events().unwrap();
            let reservation = engine.reserve(0, 0).unwrap();
            let mut a = Phone::new(1, Suite::AesCm128HmacSha1_80, reservation.a.rtp);
            a.address = reservation.b.rtp;

            let set = Command::Set { stream: reservation.stream, end: End::A, setup: a.setup() };

            assert!(engine.is_ours(reservation.b.rtp));
            assert_eq!(engine.command(set), Err(EngineError::LoopRefused));
            let expected = RelayEvent::LoopRefused { stream: reservation.stream, end: End::A };
            assert_eq!(events.recv_timeout(PATIENCE), Ok(expected));
        }
    }

    #[test]
    fn figures_can_be_asked_for_while_the_call_lasts() {
        for io in WAYS {
            let engine = engine(io, 24_300, 1);
            let reservation = engine.reserve(0, 0).unwrap();
            let mut a = Phone::new(1, Suite::AesCm128HmacSha1_80, reservation.a.rtp);
            let mut b = Phone::new(2, Suite::AesCm128HmacSha1_80, reservation.b.rtp);
            set_both(&engine, &reservation, &a, &b);
            a.say(1);
            assert_eq!(b.hear(), Some(1));

            let deadline = Instant::now() + PATIENCE;
            let shows = || engine.statistics(reservation.stream).is_some_and(|figures| figures.a.opened == 1);
            while !shows() {
                assert!(Instant::now() < deadline, "no figures");
                std::thread::yield_now();
            }

            let figures = engine.snapshot();
            assert_eq!(figures.len(), 1);
            assert!(figures[0].1.a.last_authenticated.is_some());
            assert_eq!(figures[0].1.b.last_authenticated, None);
        }
    }

    #[test]
    fn a_phone_that_moves_is_followed_and_wins_back_where_it_was() {
        let engine = engine(IoChoice::PerPort, 24_600, 1);
        let reservation = engine.reserve(0, 0).unwrap();
        let mut a = Phone::new(1, Suite::AesCm128HmacSha1_80, reservation.a.rtp);
        let mut b = Phone::new(2, Suite::AeadAes128Gcm, reservation.b.rtp);
        set_both(&engine, &reservation, &a, &b);
        let old = a.socket.try_clone().unwrap();
        for moved_to in [UdpSocket::bind("127.0.0.1:0").unwrap(), old] {
            for word in 0..150 {
                a.say(word);
                assert_eq!(b.hear(), Some(word));
                b.say(word);
                assert_eq!(a.hear(), Some(word));
            }

            moved_to.set_read_timeout(Some(PATIENCE)).unwrap();
            a.socket = moved_to;
            a.say(200);
            assert_eq!(b.hear(), Some(200), "heard at once, from wherever it is");
            b.say(201);
            assert_eq!(a.hear(), Some(201), "and answered there");
        }

        let deadline = Instant::now() + PATIENCE;
        while engine.statistics(reservation.stream).is_none_or(|figures| figures.a.moves < 2) {
            assert!(Instant::now() < deadline, "the moves were not counted");
            std::thread::yield_now();
        }
        assert_eq!(engine.io_figures().connected, 3, "one for b, and one for a at each of its places");
    }

    #[test]
    fn media_on_two_interfaces_and_both_ip_versions_meets() {
        for io in WAYS {
            let interfaces = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
            let Ok(engine) = MediaEngine::start(config(io, interfaces, 24_400, 1)) else {
                assert!(UdpSocket::bind("[::1]:0").is_err(), "only a host without IPv6 refuses this");
                return;
            };
            let reservation = engine.reserve(0, 1).unwrap();
            let mut a = Phone::new(1, Suite::AesCm128HmacSha1_80, reservation.a.rtp);
            let mut b = Phone::new(2, Suite::AesCm128HmacSha1_80, reservation.b.rtp);
            set_both(&engine, &reservation, &a, &b);

            a.say(7);
            assert_eq!(b.hear(), Some(7));
            b.say(8);
            assert_eq!(a.hear(), Some(8));
            assert_eq!(engine.reserve(2, 0), Err(NoPorts::UnknownInterface));
        }
    }

    #[test]
    fn an_address_that_is_not_ours_is_refused_at_start() {
        for io in WAYS {
            let interfaces = vec![Ipv4Addr::new(192, 0, 2, 1).into()];
            assert!(MediaEngine::start(config(io, interfaces, 24_500, 1)).is_err());
        }
    }

    /// A phone with a real socket.
    struct Phone {
        socket: UdpSocket,
        address: SocketAddr,
        server: SocketAddr,
        key: KeyMaterial,
        relay_key: KeyMaterial,
        outbound: Outbound,
        inbound: Inbound,
        ssrc: u32,
        index: u64,
    }

    impl Phone {
        fn new(number: u8, suite: Suite, server: SocketAddr) -> Phone {
            let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let key = KeyMaterial::generate(suite, |bytes| bytes.fill(number));
            let relay_key = KeyMaterial::generate(suite, |bytes| bytes.fill(100 + number));
            Phone {
                address: socket.local_addr().unwrap(),
                socket,
                server,
                outbound: Outbound::new(&key),
                inbound: Inbound::new(&relay_key),
                key,
                relay_key,
                ssrc: u32::from(number),
                index: 60_000,
            }
        }

        fn setup(&self) -> EndSetup {
            setup(&self.relay_key, &self.key, self.address)
        }

        fn say(&mut self, word: u8) {
            let mut bytes = vec![0x80; 12 + 160];
            bytes[1] = 0;
            bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
            bytes[12..].fill(word);
            let mut buf = PacketBuf::from_slice(&bytes).unwrap();
            let index = PacketIndex::from_u64(self.index).unwrap();
            let sealed = self.outbound.seal_rtp(RtpPacket::originate(&mut buf, index).unwrap()).unwrap();
            self.socket.send_to(sealed.as_slice(), self.server).unwrap();
            self.index += 1;
        }

        fn hear(&mut self) -> Option<u8> {
            let mut buf = PacketBuf::new();
            let (len, from) = self.socket.recv_from(buf.spare_mut()).ok()?;
            assert_eq!(from, self.server, "symmetric RTP");
            buf.set_len(len);
            let packet = self.inbound.open_rtp(Instant::now(), SrtpPacket::received(&mut buf)).unwrap();
            let word = *packet.payload().first()?;
            (packet.payload() == [word; 160]).then_some(word)
        }
    }

    /// Descriptors this process has open.
    fn descriptors() -> usize {
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    }

    fn engine(io: IoChoice, first_port: u16, threads: usize) -> MediaEngine {
        let interfaces = vec![Ipv4Addr::LOCALHOST.into()];
        MediaEngine::start(config(io, interfaces, first_port, threads)).unwrap()
    }

    fn config(io: IoChoice, interfaces: Vec<IpAddr>, first_port: u16, threads: usize) -> MediaConfig {
        MediaConfig { interfaces, ports: first_port..=first_port + 7, threads, pinned: false, nap: true, io }
    }

    fn set_both(engine: &MediaEngine, reservation: &Reservation, a: &Phone, b: &Phone) {
        for (end, phone) in [(End::A, a), (End::B, b)] {
            let set = Command::Set { stream: reservation.stream, end, setup: phone.setup() };
            engine.command(set).unwrap();
        }
    }

    fn close(
        engine: &MediaEngine,
        reservation: &Reservation,
        events: &Receiver<RelayEvent>,
    ) -> StreamStatistics {
        engine.close(reservation.stream).unwrap();
        loop {
            match events.recv_timeout(PATIENCE).unwrap() {
                RelayEvent::Closed { stream, statistics } if stream == reservation.stream => {
                    return *statistics;
                }
                _ => {}
            }
        }
    }

    /// Where the process may not steer, both are the same; `io::every_way` of the crate says when it may.
    const WAYS: [IoChoice; 2] = [IoChoice::PerPort, IoChoice::Steered];
    /// Far longer than loopback and a loaded machine need; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(5);
}
