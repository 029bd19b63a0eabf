//! Datagrams of real sockets on the loopback, steered and sent. Where the process may not steer, it must say why.

#[cfg(test)]
mod steering {
    use std::io;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
    use std::time::{Duration, Instant};

    use cordon_rtp::PacketBuf;
    use cordon_steer::{
        Arrival, BATCH, Departure, Family, Obstacle, RawSender, ReceiveBatch, SteeredSocket, Steering,
    };

    #[test]
    fn datagrams_of_many_ports_arrive_at_one_socket_which_knows_their_ports() {
        for ip in LOOPBACKS {
            let Some((steering, socket)) = steered(ip) else { return };
            let ports: Vec<SocketAddr> = (0..100).map(|port| SocketAddr::new(ip, 21_000 + port)).collect();
            for port in &ports {
                steering.open(*port, 0).unwrap();
            }
            let peer = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
            for (number, port) in (0_u8..).zip(&ports) {
                peer.send_to(&[number; 40], port).unwrap();
            }

            let heard = hear(&socket, ports.len());

            let from = peer.local_addr().unwrap();
            for ((number, at), (arrival, bytes)) in (0_u8..).zip(ports).zip(heard) {
                assert!(arrival == Arrival { from, at }, "datagram {number}");
                assert_eq!(bytes, [number; 40]);
            }
        }
    }

    #[test]
    fn a_port_that_is_not_open_answers_with_icmp_and_one_that_is_does_not() {
        for (ip, port) in LOOPBACKS.into_iter().zip([21_200, 21_210]) {
            let Some((steering, socket)) = steered(ip) else { return };
            let port = SocketAddr::new(ip, port);
            assert!(is_refused(port), "before it is open");

            steering.open(port, 0).unwrap();
            let peer = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
            peer.send_to(b"here", port).unwrap();
            assert_eq!(hear(&socket, 1)[0].1, b"here");

            steering.close(port).unwrap();
            assert!(is_refused(port), "after it is closed");
            assert_eq!(steering.close(port).unwrap_err().kind(), io::ErrorKind::NotFound);

            steering.open(port, 0).unwrap();
            drop(steering);
            assert!(is_refused(port), "after the program is gone");
        }
    }

    #[test]
    fn other_services_hear_what_is_sent_to_them_and_nothing_else() {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let Some((steering, socket)) = steered(ip) else { return };
        let service = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
        // The same port on another address of ours.
        let neighbour = UdpSocket::bind("127.0.0.2:21300").unwrap();
        // A socket that is bound to the port, as one that keeps others from taking it.
        let holder = UdpSocket::bind("127.0.0.1:21300").unwrap();
        holder.set_nonblocking(true).unwrap();
        let port = holder.local_addr().unwrap();
        steering.open(port, 0).unwrap();
        let peer = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();

        for (word, to) in [(b"one", &service), (b"two", &neighbour)] {
            peer.send_to(word, to.local_addr().unwrap()).unwrap();
            to.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut bytes = [0; 8];
            assert_eq!(to.recv(&mut bytes).unwrap(), 3);
            assert_eq!(&bytes[..3], word);
        }
        peer.send_to(b"steered", port).unwrap();

        let heard = hear(&socket, 1);
        assert_eq!(heard[0].1, b"steered");
        assert_eq!(holder.recv(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        steering.close(port).unwrap();
        peer.send_to(b"held", port).unwrap();
        holder.set_nonblocking(false).unwrap();
        holder.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(holder.recv(&mut [0; 8]).unwrap(), 4);
    }

    #[test]
    fn a_flood_on_one_port_leaves_the_queue_to_the_others() {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let Some((steering, socket)) = steered(ip) else { return };
        let [flooded, quiet] = [21_700, 21_702].map(|port| {
            let holder = UdpSocket::bind(SocketAddr::new(ip, port)).unwrap();
            steering.open(holder.local_addr().unwrap(), 0).unwrap();
            holder
        });
        let (at_flooded, at_quiet) = (flooded.local_addr().unwrap(), quiet.local_addr().unwrap());
        let peer = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
        let begin = Instant::now();
        let (mut batch, mut arrived) = (ReceiveBatch::new(), [0_u128; 2]);
        let mut buffers: Vec<PacketBuf> = (0..BATCH).map(|_| PacketBuf::new()).collect();
        let mut receive = |arrived: &mut [u128; 2]| {
            while let Ok(received) = batch.receive(&socket, &mut buffers) {
                for number in 0..received {
                    let at = batch.arrival(number).unwrap().at;
                    arrived[usize::from(at == at_quiet)] += 1;
                }
            }
        };

        let mut said = 0;
        flooded.set_nonblocking(true).unwrap();
        // What is beyond its share goes to the port's own socket.
        while flooded.recv(&mut [0; 8]).is_err() {
            for _ in 0..1000 {
                peer.send_to(b"flood", at_flooded).unwrap();
            }
            peer.send_to(b"voice", at_quiet).unwrap();
            said += 1;
            receive(&mut arrived);
            assert!(begin.elapsed() < PATIENCE, "all {arrived:?} were steered");
        }
        receive(&mut arrived);

        let slices = begin.elapsed().as_nanos() / (1 << 24) + 2;
        assert!((512..=512 * slices).contains(&arrived[0]), "{} in {slices} slices", arrived[0]);
        assert_eq!(arrived[1], said, "the quiet port loses nothing");
    }

    #[test]
    fn the_peer_of_a_flooded_port_is_still_heard_and_the_flood_is_counted() {
        for (ip, port) in LOOPBACKS.into_iter().zip([21_710, 21_720]) {
            let Some((steering, socket)) = steered(ip) else { return };
            let holder = UdpSocket::bind(SocketAddr::new(ip, port)).unwrap();
            let at = holder.local_addr().unwrap();
            let [peer, stranger] = [(); 2].map(|()| UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap());
            let from = peer.local_addr().unwrap();
            steering.open(at, 0).unwrap();
            steering.prefer(at, 0, from).unwrap();
            let (mut batch, mut heard, mut said) = (ReceiveBatch::new(), 0, 0);
            let mut buffers: Vec<PacketBuf> = (0..BATCH).map(|_| PacketBuf::new()).collect();
            let deadline = Instant::now() + PATIENCE;

            while steering.shunted(0).unwrap() < 2000 {
                assert!(Instant::now() < deadline, "all is steered");
                for _ in 0..1000 {
                    stranger.send_to(b"flood", at).unwrap();
                }
                peer.send_to(b"voice", at).unwrap();
                said += 1;
                while let Ok(received) = batch.receive(&socket, &mut buffers) {
                    let arrivals = (0..received).map(|number| batch.arrival(number).unwrap());
                    heard += arrivals.filter(|arrival| arrival.from == from).count();
                }
            }

            assert_eq!(heard, said, "{ip}");
            assert_eq!(holder.recv_from(&mut [0; 8]).unwrap().1, stranger.local_addr().unwrap());
        }
    }

    #[test]
    fn each_port_is_steered_to_the_socket_it_names() {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let sockets = [(); 2].map(|()| SteeredSocket::open(Family::V4).unwrap());
        let Some(steering) = attach(&[&sockets[0], &sockets[1]]) else { return };
        let ports = [21_400, 21_402].map(|port| SocketAddr::new(ip, port));
        steering.open(ports[0], 0).unwrap();
        steering.open(ports[1], 1).unwrap();
        let peer = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();

        for (port, socket) in ports.iter().zip(&sockets) {
            peer.send_to(b"word", port).unwrap();
            assert!(hear(socket, 1)[0].0.at == *port);
        }
    }

    #[test]
    fn every_datagram_leaves_from_its_own_port_with_a_checksum_the_peer_accepts() {
        for ip in LOOPBACKS {
            let Some(mut sender) = sender(ip) else { return };
            let peer = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            let to = peer.local_addr().unwrap();
            let buffers: Vec<Vec<u8>> = (0..BATCH + 10).map(|len| vec![len as u8; len]).collect();
            let from = |number: usize| SocketAddr::new(ip, 21_500 + number as u16);
            let departures = buffers.iter().enumerate().map(|(number, buffer)| Departure {
                payload: buffer,
                from: from(number),
                to,
            });

            assert_eq!(sender.send(departures), buffers.len());

            for (number, buffer) in buffers.iter().enumerate() {
                let mut bytes = [0; 256];
                let (len, source) = peer.recv_from(&mut bytes).unwrap();
                assert_eq!((source, &bytes[..len]), (from(number), &buffer[..]));
            }
        }
    }

    #[test]
    fn a_datagram_that_cannot_leave_holds_no_other_up() {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let Some(mut sender) = sender(ip) else { return };
        let peer = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let (from, to) = (SocketAddr::new(ip, 21_600), peer.local_addr().unwrap());
        let departure = |to| Departure { payload: b"word", from, to };
        let departures = [
            departure(to),
            departure("[::1]:9".parse().unwrap()),
            // Without the right to broadcast, the system refuses it.
            departure("255.255.255.255:9".parse().unwrap()),
            departure(to),
        ];

        assert_eq!(sender.send(departures), 2);

        for _ in 0..2 {
            assert_eq!(peer.recv_from(&mut [0; 8]).unwrap(), (4, from));
        }
    }

    #[test]
    fn the_program_is_counted_while_it_is_there() {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let Some((_steering, _socket)) = steered(ip) else { return };

        // Tests beside this one attach programs too, so that only the least is known.
        assert!(Steering::programs_here().unwrap() >= 1);
    }

    fn steered(ip: IpAddr) -> Option<(Steering, SteeredSocket)> {
        let socket = SteeredSocket::open(Family::of(SocketAddr::new(ip, 0))).unwrap();
        Some((attach(&[&socket])?, socket))
    }

    /// None where the process may not: then what is missing must be named.
    fn attach(sockets: &[&SteeredSocket]) -> Option<Steering> {
        match Steering::attach(200, sockets) {
            Ok(steering) => Some(steering),
            Err(obstacle) => {
                let Obstacle::Missing(missing) = &obstacle else { panic!("{obstacle}") };
                assert!(obstacle.to_string().contains(&missing[0].to_string()));
                None
            }
        }
    }

    fn sender(ip: IpAddr) -> Option<RawSender> {
        match RawSender::open(ip) {
            Ok(sender) => Some(sender),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
                assert!(Obstacle::foreseen().is_some());
                None
            }
        }
    }

    fn hear(socket: &SteeredSocket, count: usize) -> Vec<(Arrival, Vec<u8>)> {
        let (mut batch, mut heard) = (ReceiveBatch::new(), Vec::new());
        let mut buffers: Vec<PacketBuf> = (0..BATCH).map(|_| PacketBuf::new()).collect();
        let deadline = Instant::now() + PATIENCE;
        while heard.len() < count {
            match batch.receive(socket, &mut buffers) {
                Ok(received) => heard.extend(
                    (0..received).map(|at| (batch.arrival(at).unwrap(), buffers[at].as_slice().to_vec())),
                ),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    std::thread::yield_now();
                }
            }
            assert!(Instant::now() < deadline, "{} of {count} arrived", heard.len());
        }
        heard
    }

    /// Whether the kernel answers that nobody is there.
    fn is_refused(port: SocketAddr) -> bool {
        let peer = UdpSocket::bind(SocketAddr::new(port.ip(), 0)).unwrap();
        peer.connect(port).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.send(b"?").unwrap();
        peer.recv(&mut [0; 8]).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }

    const LOOPBACKS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    /// Far longer than loopback and a loaded machine need; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(5);
}
