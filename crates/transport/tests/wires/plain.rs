//! Plain SIP on the `refuse` listeners.

use std::net::SocketAddr;

use crate::support::peer::Peer;
use crate::support::site::{HOST, Site};
use crate::support::{request, soon};
use cordon_policy::Refusal;
use cordon_transport::TransportEvent;
use tokio::net::UdpSocket;

#[tokio::test]
async fn a_register_over_udp_is_refused_with_code_and_place() {
    let mut site = Site::start().await;
    let phone = Datagrams::open(&site, "127.0.0.1").await;
    let sent = request("REGISTER", "1", "");

    let heard = phone.ask(&sent).await;

    assert!(heard.starts_with("SIP/2.0 480 "), "{heard}");
    assert!(heard.contains("Warning: 399"), "{heard}");
    assert!(heard.contains("CD-TRANSPORT-01"), "{heard}");
    assert!(heard.contains(&format!("{HOST}:{}", site.door().port())), "{heard}");
    assert!(heard.contains("Retry-After: "), "{heard}");
    assert!(heard.len() <= sent.len() + 256);
    assert_eq!(site.refused().await.0, Refusal::PlainUdp);
}

#[tokio::test]
async fn a_register_over_tcp_is_refused_once_and_closed() {
    let mut site = Site::start().await;
    let mut phone = Peer::connect_plain(site.refuser()).await;
    let sent = request("REGISTER", "1", "");
    phone.say(sent.repeat(3)).await;

    let heard = String::from_utf8(phone.hear_all().await).unwrap();

    assert!(heard.starts_with("SIP/2.0 480 "), "{heard}");
    assert_eq!(heard.matches("SIP/2.0 480 ").count(), 1);
    assert!(heard.contains("CD-TRANSPORT-02"), "{heard}");
    assert!(heard.len() <= sent.len() + 256);
    assert_eq!(site.refused().await.0, Refusal::PlainTcp);
}

#[tokio::test]
async fn tls_on_the_plain_port_is_closed_and_told_apart_with_the_right_port() {
    let mut site = Site::start().await;
    let mut phone = Peer::connect_plain(site.refuser()).await;
    // The record header of a ClientHello, and no more of it.
    phone.say([0x16, 3, 1, 2, 0]).await;

    assert!(phone.hear_all().await.is_empty());
    let (refusal, details) = site.refused().await;
    assert_eq!(refusal, Refusal::TlsOnPlainPort);
    assert_eq!(details, format!("TLS is spoken at {HOST}:{}", site.door().port()));
}

#[tokio::test]
async fn one_source_gets_ten_answers_in_a_second() {
    let mut site = Site::start().await;
    let phone = Datagrams::open(&site, "127.0.0.1").await;
    for n in 0..15 {
        phone.send(&request("OPTIONS", &format!("n{n}"), "")).await;
    }

    for _ in 0..10 {
        phone.hear().await;
        assert_eq!(site.refused().await.0, Refusal::PlainUdp);
    }
    assert_eq!(site.refused().await.0, Refusal::TooFast);
    let probe = Peer::connect_from("127.0.0.2", site.refuser()).await;
    assert_eq!(site.refused().await.0, Refusal::ForeignNetwork, "the loop has taken all fifteen");
    assert!(phone.has_heard_nothing());
    drop(probe);
}

#[tokio::test]
async fn acks_responses_and_other_networks_hear_nothing() {
    let mut site = Site::start().await;
    let phone = Datagrams::open(&site, "127.0.0.1").await;
    let stranger = Datagrams::open(&site, "127.0.0.2").await;
    let response =
        request("OPTIONS", "1", "").replace("OPTIONS sip:mx.example.org SIP/2.0", "SIP/2.0 200 OK");
    stranger.send(&request("REGISTER", "2", "")).await;
    assert_eq!(site.refused().await.0, Refusal::ForeignNetwork);
    phone.send(&response).await;
    phone.send("\r\n\r\n").await;
    phone.send("hello").await;
    phone.send(&request("ACK", "3", "")).await;
    let heard = phone.ask(&request("OPTIONS", "last", "")).await;

    assert!(heard.contains("last@10.1.0.9"), "the first answer is for the last request: {heard}");
    assert!(phone.has_heard_nothing());
    assert!(stranger.has_heard_nothing());
}

#[tokio::test]
async fn credentials_in_clear_raise_an_exposure() {
    let mut site = Site::start().await;
    let phone = Datagrams::open(&site, "127.0.0.1").await;
    let authorization = "Authorization: Digest username=\"100\", realm=\"mx\", nonce=\"n\", uri=\"sip:mx\", response=\"r\"\r\n";
    let sent = request("REGISTER", "1", authorization);
    let heard = phone.ask(&sent).await;

    assert!(heard.starts_with("SIP/2.0 480 ") && heard.contains("CD-TRANSPORT-06"), "{heard}");
    assert!(heard.contains(&format!("{HOST}:{}", site.door().port())), "{heard}");
    assert!(heard.len() <= sent.len() + 256);
    assert_eq!(site.refused().await.0, Refusal::PlainUdp);
    match site.event().await {
        TransportEvent::Exposure { peer, location } => {
            assert_eq!((peer, location), (phone.socket.local_addr().unwrap(), 0));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_rport_the_answer_goes_to_the_port_of_the_via_at_the_source_address() {
    let site = Site::start().await;
    let sender = Datagrams::open(&site, "127.0.0.1").await;
    let listener = Datagrams::open(&site, "127.0.0.1").await;
    let port = listener.socket.local_addr().unwrap().port();
    let sent = request("OPTIONS", "1", "")
        .replace("10.1.0.9:5061", &format!("192.0.2.1:{port}"))
        .replace(";rport", "");
    sender.send(&sent).await;

    assert!(listener.hear().await.starts_with("SIP/2.0 480 "));
}

struct Datagrams {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Datagrams {
    async fn open(site: &Site, from: &str) -> Self {
        let from = SocketAddr::new(from.parse().unwrap(), 0);
        Self { socket: UdpSocket::bind(from).await.unwrap(), to: site.refuser() }
    }

    async fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.to).await.unwrap();
    }

    async fn hear(&self) -> String {
        let mut buffer = [0; 4096];
        let count = soon(self.socket.recv(&mut buffer)).await.unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    async fn ask(&self, text: &str) -> String {
        self.send(text).await;
        self.hear().await
    }

    fn has_heard_nothing(&self) -> bool {
        self.socket.try_recv(&mut [0; 16]).is_err()
    }
}
