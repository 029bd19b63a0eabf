//! Phones on TLS connections: what arrives, what is sent, what ends a flow.

use tokio::io::AsyncWriteExt;

use crate::support::peer::{Peer, Phone};
use crate::support::site::Site;
use crate::support::{request, soon};
use cordon_policy::Refusal;
use cordon_policy::connection::TlsVersion;
use cordon_sip::{Hop, Message, Method, Origin};
use cordon_transport::{CloseReason, SendError, TransportEvent};

#[tokio::test]
async fn tls_1_3_and_1_2_are_accepted_and_their_facts_told() {
    let mut site = Site::start().await;
    let cases = [
        (&rustls::version::TLS13, TlsVersion::Tls13, "TLS_AES_256_GCM_SHA384"),
        (&rustls::version::TLS12, TlsVersion::Tls12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ];
    for (version, expected, suite) in cases {
        let mut phone = Phone::connect_with(&site, &[version]).await;
        let facts = site.opened().await;

        assert_eq!((facts.tls.version, facts.tls.suite), (expected, suite));
        assert_eq!(facts.peer, phone.stream.get_ref().0.local_addr().unwrap());
        assert_eq!((facts.local, facts.location), (site.door(), 0));
        phone.stream.shutdown().await.unwrap();
        assert_eq!(site.closed().await, (facts.flow, CloseReason::PeerClosed));
    }
}

#[tokio::test]
async fn a_request_arrives_with_its_real_source_and_is_answered_on_its_flow() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    phone.say(request("REGISTER", "1", "")).await;

    let (origin, message) = site.message().await;

    assert_eq!(origin, Origin::Handset(flow));
    let Message::Request(register) = message else { panic!("a request was sent") };
    assert_eq!(register.method, Method::Register);
    assert_eq!(register.via[0].params.value("received").unwrap().as_str(), "127.0.0.1");
    site.send(Hop::Handset(flow), "SIP/2.0 401 hello").unwrap();
    assert_eq!(phone.hear(17).await, b"SIP/2.0 401 hello");
}

#[tokio::test]
async fn a_hundred_requests_in_one_record_arrive_in_order() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    site.opened().await;
    let all: String = (0..100).map(|n| request("OPTIONS", &format!("n{n}"), "")).collect();
    phone.say(all).await;

    for n in 0..100 {
        let (_, message) = site.message().await;
        assert_eq!(message.call_id().as_str(), format!("n{n}@10.1.0.9"));
    }
}

#[tokio::test]
async fn a_request_in_records_of_one_byte_arrives_whole() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    site.opened().await;
    for byte in request("OPTIONS", "1", "").bytes() {
        phone.say([byte]).await;
    }

    assert_eq!(site.message().await.1.call_id().as_str(), "1@10.1.0.9");
}

#[tokio::test]
async fn a_ping_is_answered_with_a_pong() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    site.opened().await;
    phone.say("\r\n\r\n").await;

    assert_eq!(phone.hear(2).await, b"\r\n");
}

#[tokio::test]
async fn a_message_that_does_not_parse_is_answered_and_the_flow_lives_on() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    phone.say(request("OPTIONS", "1", "").replace("CSeq: 1", "CSeq: x")).await;

    match site.event().await {
        TransportEvent::Unreadable { origin, refusal, status, .. } => {
            assert_eq!((origin, refusal, status), (Origin::Handset(flow), Refusal::MessageUnreadable, 400));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(phone.hear(12).await, b"SIP/2.0 400 ");
    phone.say(request("OPTIONS", "2", "")).await;
    assert_eq!(site.message().await.1.call_id().as_str(), "2@10.1.0.9");
}

#[tokio::test]
async fn two_content_lengths_are_answered_with_400_and_what_follows_is_never_read() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    let hidden = request("BYE", "hidden", "");
    phone.say(request("OPTIONS", "1", "Content-Length: 300\r\n") + &hidden).await;

    assert!(matches!(site.event().await, TransportEvent::Unreadable { status: 400, .. }));
    assert_eq!(site.closed().await, (flow, CloseReason::Unframeable));
    let heard = phone.hear_all().await;
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.starts_with("SIP/2.0 400 "), "{heard}");
    assert!(heard.contains("\r\nWarning: 399 sip.clinic.example.org \"CD-TRANSPORT-"), "{heard}");
}

#[tokio::test]
async fn what_came_before_bytes_that_cannot_be_cut_is_answered_before_the_close() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    phone.say(request("OPTIONS", "1", "") + "no header\r\n\r\n").await;

    let (_, asked) = site.message().await;
    assert_eq!(asked.call_id().as_str(), "1@10.1.0.9");
    // Busy for as long as it takes the flow to read on.
    tokio::task::yield_now().await;
    site.send(Hop::Handset(flow), "SIP/2.0 200 OK\r\n\r\n").unwrap();

    assert!(matches!(site.event().await, TransportEvent::Unreadable { status: 400, .. }));
    assert_eq!(site.closed().await, (flow, CloseReason::Unframeable));
    assert!(phone.hear_all().await.starts_with(b"SIP/2.0 200 OK\r\n\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_byte_is_closed_after_15_s() {
    let mut site = Site::start().await;
    let opened = tokio::time::Instant::now();
    let mut phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;

    assert_eq!(site.closed().await, (flow, CloseReason::TooSlow));
    assert_eq!(opened.elapsed().as_secs(), 15);
    assert_eq!(phone.hear_all().await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_end_closes_the_flow_after_30_s() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    phone.say("OPTIONS sip:x SIP/2.0\r\n").await;
    let begun = tokio::time::Instant::now();

    assert_eq!(site.closed().await, (flow, CloseReason::TooSlow));
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_phone_that_does_not_read_loses_its_connection_and_nobody_waits() {
    let mut site = Site::start().await;
    let _phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    let notify = request("NOTIFY", "1", "").repeat(20);
    let outcome = loop {
        if let Err(error) = site.send(Hop::Handset(flow), &notify) {
            break error;
        }
        tokio::task::yield_now().await;
    };

    assert_eq!(outcome, SendError::NotRead);
    assert_eq!(site.closed().await, (flow, CloseReason::NotRead));
}

#[tokio::test]
async fn what_was_sent_before_a_close_still_arrives() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    site.send(Hop::Handset(flow), "last words").unwrap();
    site.transport.close(flow);

    assert_eq!(phone.hear_all().await, b"last words");
    assert_eq!(site.closed().await, (flow, CloseReason::Asked));
    assert_eq!(site.send(Hop::Handset(flow), "more"), Err(SendError::Gone));
}

#[tokio::test]
async fn an_address_outside_the_networks_is_closed_before_tls() {
    let mut site = Site::start().await;
    let mut stranger = Peer::connect_from("127.0.0.2", site.door()).await;

    assert_eq!(site.refused().await.0, Refusal::ForeignNetwork);
    assert_eq!(stranger.hear_all().await, b"");
}

#[tokio::test]
async fn silent_connections_of_one_address_do_not_shut_out_another() {
    let mut site = Site::start_with(|config| {
        config.locations[0].networks.push("127.0.0.2/32".parse().unwrap());
        config.limits.pending_per_address = 4;
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(Peer::connect_from("127.0.0.2", site.door()).await);
    }

    assert_eq!(site.refused().await.0, Refusal::MadeRoom);
    assert_eq!(silent[0].hear_all().await, b"");
    let _phone = Phone::connect(&site).await;
    site.opened().await;
}

#[tokio::test]
async fn a_drain_takes_no_new_phones_and_keeps_those_that_are_there() {
    let mut site = Site::start().await;
    let mut phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    site.transport.drain();
    // The listener is closed by its own task.
    soon(async { while tokio::net::TcpStream::connect(site.door()).await.is_ok() {} }).await;

    phone.say(request("OPTIONS", "1", "")).await;
    assert_eq!(site.message().await.0, Origin::Handset(flow));
    assert_eq!(site.transport.handset_flows(), 1);
    site.transport.shutdown().await;
    assert_eq!(site.closed().await, (flow, CloseReason::ShuttingDown));
    assert_eq!(phone.hear_all().await, b"");
}

#[tokio::test]
async fn a_reload_without_the_network_closes_its_flows() {
    let mut site = Site::start().await;
    let _phone = Phone::connect(&site).await;
    let flow = site.opened().await.flow;
    let mut config = crate::support::site::config(&site.authority);
    config.locations[0].networks = vec!["10.0.0.0/8".parse().unwrap()];
    site.transport.reload(config);

    assert_eq!(site.closed().await, (flow, CloseReason::NoLongerAdmitted));
    let _stranger = Peer::connect_plain(site.door()).await;
    assert_eq!(site.refused().await.0, Refusal::ForeignNetwork);
}
