//! The way to the PBX and back.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::authority::{Authority, leaf, self_signed};
use crate::support::peer::Peer;
use crate::support::site::{LOOPBACK, Site};
use crate::support::{request, soon};
use cordon_policy::Refusal;
use cordon_sip::{Hop, Message, Origin};
use cordon_transport::{
    CloseReason, PbxTransport, PbxWay, SendError, Target, TlsFront, TlsTarget, TransportConfig,
    TransportEvent,
};
use rcgen::date_time_ymd;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const PBX: &str = "mx.example.org";

#[tokio::test]
async fn a_verified_connection_comes_up_and_carries_both_ways() {
    let (pbx, mut site) = tls_site(|authority| authority.front(&leaf(PBX))).await;
    let mut pbx = pbx.accept().await.unwrap();
    let (flow, chain) = match site.any_event().await {
        TransportEvent::PbxUp { flow, key, tls: Some(_), chain } => {
            assert_eq!((key.transport, key.name.as_deref()), (PbxTransport::Tls, Some(PBX)));
            (flow, chain)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(chain.len(), 1);
    site.send(Hop::Pbx, "REGISTER to you").unwrap();
    assert_eq!(pbx.hear(15).await, b"REGISTER to you");

    pbx.say(request("OPTIONS", "1", "")).await;

    assert_eq!(site.message().await.0, Origin::Pbx(flow));
    site.send(Hop::PbxFlow(flow), "200").unwrap();
    assert_eq!(pbx.hear(3).await, b"200");
}

#[tokio::test]
async fn a_pbx_with_a_bad_certificate_never_gets_a_byte_of_sip() {
    let mut expired = leaf(PBX);
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let stranger = Authority::new("stranger");
    type Make<'a> = Box<dyn Fn(&Authority) -> TlsFront + 'a>;
    let cases: [(Make<'_>, Refusal, &str); 5] = [
        (
            Box::new(|it| it.front(&leaf("www.example.org"))),
            Refusal::PbxCertificateName,
            "does not carry the name",
        ),
        (Box::new(|it| it.front(&leaf("*.example.org"))), Refusal::PbxCertificateName, "wildcard"),
        (Box::new(|it| it.front(&expired)), Refusal::PbxCertificateExpired, "expired"),
        (Box::new(|_| self_signed(&leaf(PBX))), Refusal::PbxCertificateNotTrusted, "self-signed"),
        (
            Box::new(|_| stranger.front(&leaf(PBX))),
            Refusal::PbxCertificateNotTrusted,
            "trusted certificate authority",
        ),
    ];
    for (front, expected, words) in cases {
        let (pbx, mut site) = tls_site(front).await;
        site.send(Hop::Pbx, "REGISTER in need of privacy").unwrap();

        let heard = pbx.accept().await.is_ok();

        match site.any_event().await {
            TransportEvent::PbxUnreachable { refusal, details } => {
                assert_eq!(refusal, expected, "{details}");
                assert!(details.contains(words), "{details}");
            }
            other => panic!("{other:?}"),
        }
        assert!(!heard, "{words}: the handshake must not end well");
        assert_eq!(site.send(Hop::Pbx, "REGISTER"), Err(SendError::PbxUnreachable));
    }
}

#[tokio::test]
async fn the_second_target_takes_over_when_the_first_is_closed_or_wrong() {
    let wrong = FakePbx::bind(Authority::new("stranger").front(&leaf(PBX))).await;
    let right = Listening::bind().await;
    let closed = Listening::bind().await.port();
    let mut front = None;
    let mut site = Site::start_with(|config| {
        let authority = Authority::new("pbx");
        front = Some(authority.front(&leaf(PBX)));
        let targets = [closed, wrong.listening.port(), right.port()].map(|port| authority.target(PBX, port));
        config.pbx.way = tls_way(config, targets.to_vec());
    })
    .await;
    site.send(Hop::Pbx, "first").unwrap();
    let right = FakePbx { listening: right, front: front.unwrap() };

    assert!(wrong.accept().await.is_err());
    let mut pbx = right.accept().await.unwrap();

    assert_eq!(pbx.hear(5).await, b"first");
    assert!(matches!(site.any_event().await, TransportEvent::PbxUp { .. }));
}

#[tokio::test]
async fn a_lost_connection_is_told_and_made_again() {
    let (pbx, mut site) = tls_site(|authority| authority.front(&leaf(PBX))).await;
    let connection = pbx.accept().await.unwrap();
    let TransportEvent::PbxUp { flow: first, .. } = site.any_event().await else { panic!("up") };
    drop(connection);
    match site.any_event().await {
        TransportEvent::PbxDown { flow, reason: CloseReason::PeerClosed | CloseReason::Broken } => {
            assert_eq!(flow, first);
        }
        other => panic!("{other:?}"),
    }
    site.send(Hop::Pbx, "after the loss").unwrap();

    let mut connection = pbx.accept().await.unwrap();

    assert_eq!(connection.hear(14).await, b"after the loss");
    let TransportEvent::PbxUp { flow: second, .. } = site.any_event().await else { panic!("up") };
    assert_ne!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_pbx_that_accepts_and_says_nothing_is_unreachable_within_three_seconds() {
    let silent = [Listening::bind().await, Listening::bind().await, Listening::bind().await];
    let begun = tokio::time::Instant::now();
    let mut site = Site::start_with(|config| {
        let authority = Authority::new("pbx");
        let targets = silent.iter().map(|pbx| authority.target(PBX, pbx.port())).collect();
        config.pbx.way = tls_way(config, targets);
    })
    .await;
    site.send(Hop::Pbx, "REGISTER").unwrap();

    assert!(matches!(site.any_event().await, TransportEvent::PbxUnreachable { .. }));
    assert!(begun.elapsed() <= Duration::from_millis(3_050), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_closed_pbx_fails_what_waits_and_turns_the_rest_away_at_once() {
    let port = Listening::bind().await.port();
    let mut site = Site::start_with(|config| {
        config.pbx.way = tls_way(config, vec![Authority::new("pbx").target(PBX, port)]);
    })
    .await;

    match site.any_event().await {
        TransportEvent::PbxUnreachable { refusal, details } => {
            assert_eq!(refusal, Refusal::PbxUnreachable);
            assert!(details.starts_with(&format!("127.0.0.1:{port}: no connection")), "{details}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(site.send(Hop::Pbx, "REGISTER"), Err(SendError::PbxUnreachable));
}

#[tokio::test]
async fn a_reload_with_another_target_moves_the_connection() {
    let (old, mut site) = tls_site(|authority| authority.front(&leaf(PBX))).await;
    let mut old = old.accept().await.unwrap();
    assert!(matches!(site.any_event().await, TransportEvent::PbxUp { .. }));
    let authority = Authority::new("new");
    let new = FakePbx::bind(authority.front(&leaf(PBX))).await;
    let mut config = crate::support::site::config(&site.authority);
    config.pbx.way = tls_way(&config, vec![authority.target(PBX, new.listening.port())]);
    site.transport.reload(config);

    assert_eq!(old.hear_all().await, b"");
    assert!(matches!(
        site.any_event().await,
        TransportEvent::PbxDown { reason: CloseReason::NoLongerAdmitted, .. }
    ));
    assert!(new.accept().await.is_ok());
    assert!(matches!(site.any_event().await, TransportEvent::PbxUp { .. }));
}

#[tokio::test]
async fn a_connection_under_way_to_a_target_that_a_reload_took_away_is_not_used() {
    let (old, mut site) = tls_site(|authority| authority.front(&leaf(PBX))).await;
    let under_way = old.listening.accept().await;
    let authority = Authority::new("new");
    let new = FakePbx::bind(authority.front(&leaf(PBX))).await;
    let mut config = crate::support::site::config(&site.authority);
    config.pbx.way = tls_way(&config, vec![authority.target(PBX, new.listening.port())]);
    site.transport.reload(config);
    site.send(Hop::Pbx, "REGISTER").unwrap();

    let mut under_way =
        Peer { stream: soon(TlsAcceptor::from(old.front.config).accept(under_way)).await.unwrap() };

    assert_eq!(under_way.hear_all().await, b"");
    assert_eq!(new.accept().await.unwrap().hear(8).await, b"REGISTER");
    assert!(matches!(site.any_event().await, TransportEvent::PbxUp { .. }));
}

#[tokio::test]
async fn the_pbx_may_open_a_connection_of_its_own_and_is_answered_on_it() {
    let (link, mut site) = tls_site(|authority| authority.front(&leaf(PBX))).await;
    let _link = link.accept().await.unwrap();
    assert!(matches!(site.any_event().await, TransportEvent::PbxUp { .. }));
    let connector = tokio_rustls::TlsConnector::from(crate::support::peer::phone_tls(
        &site.authority,
        rustls::ALL_VERSIONS,
    ));
    let stream = TcpStream::connect(site.pbx_door()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from(crate::support::site::HOST).unwrap();
    let mut pbx = Peer { stream: connector.connect(name, stream).await.unwrap() };
    pbx.say(request("INVITE", "1", "")).await;

    let (origin, _) = site.message().await;

    let Origin::Pbx(flow) = origin else { panic!("{origin:?}") };
    site.send(Hop::PbxFlow(flow), "100").unwrap();
    assert_eq!(pbx.hear(3).await, b"100");
    assert_eq!(site.send(Hop::Handset(flow), "x"), Err(SendError::Gone));
    drop(pbx);
    assert!(matches!(site.any_event().await, TransportEvent::PbxFlowClosed { .. }));
    assert_eq!(site.send(Hop::PbxFlow(flow), "x"), Err(SendError::Gone));
}

#[tokio::test]
async fn nobody_else_may_connect_where_the_pbx_does() {
    let (_pbx, mut site) = tls_site(|authority| authority.front(&leaf(PBX))).await;
    let mut stranger = Peer::connect_from("127.0.0.2", site.pbx_door()).await;

    assert_eq!(stranger.hear_all().await, b"");
    loop {
        match site.any_event().await {
            TransportEvent::Refused { refusal, location, .. } => {
                assert_eq!((refusal, location), (Refusal::PbxForeignNetwork, None));
                break;
            }
            TransportEvent::PbxUnreachable { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_lab_may_speak_tcp_to_the_pbx() {
    let pbx = Listening::bind().await;
    let mut site = Site::start_with(|config| {
        config.pbx.way = PbxWay::Tcp { targets: vec![target(pbx.port())] };
    })
    .await;
    let mut pbx = Peer { stream: pbx.accept().await };
    assert!(matches!(site.any_event().await, TransportEvent::PbxUp { tls: None, .. }));
    site.send(Hop::Pbx, "hello").unwrap();

    assert_eq!(pbx.hear(5).await, b"hello");
}

#[tokio::test]
async fn the_lab_may_speak_udp_to_the_pbx() {
    let pbx = UdpSocket::bind(LOOPBACK).await.unwrap();
    let port = pbx.local_addr().unwrap().port();
    let mut site = Site::start_with(|config| {
        config.pbx.way = PbxWay::Udp { targets: vec![target(port)] };
    })
    .await;
    assert!(matches!(site.any_event().await, TransportEvent::PbxUp { tls: None, .. }));
    site.send(Hop::Pbx, "REGISTER").unwrap();
    let mut buffer = [0; 64];
    let (count, from) = soon(pbx.recv_from(&mut buffer)).await.unwrap();
    assert_eq!((&buffer[..count], from), (&b"REGISTER"[..], site.pbx_door()));
    pbx.send_to(request("OPTIONS", "1", "").as_bytes(), from).await.unwrap();

    let (flow, message) = match site.any_event().await {
        TransportEvent::Message { origin: Origin::Pbx(flow), reliable: false, message } => (flow, message),
        other => panic!("{other:?}"),
    };

    assert!(matches!(message, Message::Request(_)));
    site.send(Hop::PbxFlow(flow), "200").unwrap();
    assert_eq!(soon(pbx.recv(&mut buffer)).await.unwrap(), 3);
}

/// A site whose PBX is one TLS server that shows what `front` makes.
async fn tls_site(front: impl FnOnce(&Authority) -> TlsFront) -> (FakePbx, Site) {
    let authority = Authority::new("pbx");
    let pbx = FakePbx::bind(front(&authority)).await;
    let target = authority.target(PBX, pbx.listening.port());
    let site = Site::start_with(|config| config.pbx.way = tls_way(config, vec![target])).await;
    (pbx, site)
}

fn tls_way(config: &TransportConfig, targets: Vec<TlsTarget>) -> PbxWay {
    PbxWay::Tls { targets, front: config.locations[0].tls.clone() }
}

fn target(port: u16) -> Target {
    Target { host: "127.0.0.1".to_owned(), port }
}

struct FakePbx {
    listening: Listening,
    front: TlsFront,
}

impl FakePbx {
    async fn bind(front: TlsFront) -> Self {
        Self { listening: Listening::bind().await, front }
    }

    /// The next connection whose handshake, as far as the PBX sees it, ends well and that then is not closed at once.
    async fn accept(&self) -> std::io::Result<Peer<TlsStream<TcpStream>>> {
        let stream = self.listening.accept().await;
        let stream = soon(TlsAcceptor::from(self.front.config.clone()).accept(stream)).await?;
        Ok(Peer { stream })
    }
}

struct Listening(TcpListener);

impl Listening {
    async fn bind() -> Self {
        Self(TcpListener::bind(LOOPBACK).await.unwrap())
    }

    fn port(&self) -> u16 {
        let SocketAddr::V4(address) = self.0.local_addr().unwrap() else { panic!("loopback is IPv4 here") };
        address.port()
    }

    async fn accept(&self) -> TcpStream {
        soon(self.0.accept()).await.unwrap().0
    }
}
