//! More connections and messages than there is room for.

use std::time::Duration;

use cordon_policy::Refusal;
use cordon_policy::overload::Priority;
use cordon_sip::{Hop, Origin};
use cordon_transport::{CloseReason, SendError, TransportEvent};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::peer::{Peer, Phone};
use crate::support::site::Site;
use crate::support::{request, soon};

#[tokio::test]
async fn a_thousand_silent_connections_of_its_own_address_do_not_shut_a_phone_out() {
    let mut site = Site::start().await;
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(Peer::connect_plain(site.door()).await);
    }

    let mut phone = Phone::connect(&site).await;
    phone.say(request("REGISTER", "1", "")).await;

    while !matches!(site.event().await, TransportEvent::Message { .. }) {}
    assert_eq!(silent[0].hear_all().await, b"");
}

#[tokio::test]
async fn a_thousand_connections_of_eight_bytes_do_not_shut_a_phone_out() {
    let mut site = Site::start().await;
    let mut partial = Vec::new();
    for _ in 0..1_000 {
        let mut peer = Peer::connect_plain(site.door()).await;
        peer.try_say(&[0x16, 3, 1, 2, 0, 1, 0, 1]).await;
        partial.push(peer);
    }

    let mut phone = Phone::connect(&site).await;
    phone.say(request("REGISTER", "1", "")).await;

    while !matches!(site.event().await, TransportEvent::Message { .. }) {}
}

#[tokio::test]
async fn connections_that_nobody_has_heard_of_yet_make_room_all_the_same() {
    let site = Site::start_with(|config| {
        config.limits.events = 4; // one place for strangers: the second connection waits to be announced
        config.limits.pending_per_address = 2;
    })
    .await;
    let mut connections = JoinSet::new();
    for _ in 0..6 {
        let mut phone = Phone::connect(&site).await;
        connections.spawn(async move { phone.hear_all().await });
    }

    for _ in 0..4 {
        assert_eq!(soon(connections.join_next()).await.unwrap().unwrap(), b"");
    }
}

#[tokio::test]
async fn a_phone_that_registered_keeps_its_place_and_a_guest_loses_it() {
    let mut site = Site::start_with(|config| config.limits.flows_per_address = 2).await;
    let (_registered, kept) = speaking(&mut site).await;
    site.transport.keep(kept);
    let (mut guest, evicted) = speaking(&mut site).await;

    let (_next, _) = speaking_with(&mut site, |site_event| {
        assert!(matches!(site_event, TransportEvent::FlowClosed { flow, reason, .. }
                if flow == evicted && reason == CloseReason::MadeRoom));
    })
    .await;

    assert_eq!(guest.hear_all().await, b"");
    assert_eq!(site.send(Hop::Handset(kept), "still here"), Ok(()));
}

#[tokio::test]
async fn when_every_place_of_an_address_is_kept_the_next_connection_is_closed_with_its_reason() {
    let mut site = Site::start_with(|config| config.limits.flows_per_address = 1).await;
    let (_registered, kept) = speaking(&mut site).await;
    site.transport.keep(kept);

    let mut next = Phone::connect(&site).await;
    next.say(request("REGISTER", "2", "")).await;

    let flow = site.opened().await.flow;
    let reason = CloseReason::NoPlace(Refusal::TooManyFlowsFromAddress);
    assert_eq!(site.closed().await, (flow, reason));
    site.transport.release(kept);
    speaking_with(&mut site, |_| {}).await;
}

#[tokio::test]
async fn five_hundred_phones_that_read_nothing_lose_their_connections_and_nobody_waits() {
    let mut site = Site::start().await;
    let mut flows = Vec::new();
    let mut deaf = Vec::new();
    for _ in 0..500 {
        // Before its first byte of SIP each of them holds one of 64 places.
        let (phone, flow) = speaking(&mut site).await;
        deaf.push(phone);
        flows.push(flow);
    }
    let notify = request("NOTIFY", "1", "").repeat(100);
    let mut open = flows.clone();
    while !open.is_empty() {
        open.retain(|&flow| match site.send(Hop::Handset(flow), &notify) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, SendError::NotRead);
                false
            }
        });
        tokio::task::yield_now().await;
    }

    for _ in flows {
        assert_eq!(site.closed().await.1, CloseReason::NotRead);
    }
}

#[tokio::test]
async fn messages_that_wait_too_long_cost_strangers_their_answer_and_nobody_else() {
    let mut site = Site::start().await;
    let (mut phone, flow) = speaking(&mut site).await;
    site.transport.keep(flow);
    let (mut stranger, _) = speaking(&mut site).await;
    // Less is taken than comes, again and again, until it is noticed.
    let mut answer = soon(async {
        loop {
            stranger.say(request("OPTIONS", "s", "")).await;
            phone.say(request("BYE", "b", "")).await;
            phone
                .say(request("INVITE", "e", "").replace("sip:mx.example.org", "sip:911@mx.example.org"))
                .await;
            if let Ok(beginning) = timeout(PATIENCE, stranger.hear(1)).await {
                break beginning;
            }
            for _ in 0..2 {
                site.take_event();
            }
        }
    })
    .await;

    while !answer.ends_with(b"\r\n\r\n") {
        answer.extend(stranger.hear(1).await);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("SIP/2.0 503 "), "{answer}");
    assert!(answer.contains("CD-OVERLOAD-09"), "{answer}");
    let after = answer.split("Retry-After: ").nth(1).unwrap().split("\r\n").next().unwrap();
    assert!((5..=30).contains(&after.parse::<u32>().unwrap()), "{after}");
    assert!(site.transport.shed()[Priority::Stranger.index()] > 0);
    assert_eq!(site.transport.shed()[1..], [0, 0, 0, 0]);
}

/// A phone whose first message has arrived.
async fn speaking(site: &mut Site) -> (Phone, cordon_sip::FlowId) {
    speaking_with(site, |event| panic!("nothing else happens, but {event:?}")).await
}

/// The same; `meanwhile` sees every event that is about another connection.
async fn speaking_with(site: &mut Site, meanwhile: impl Fn(TransportEvent)) -> (Phone, cordon_sip::FlowId) {
    let mut phone = Phone::connect(site).await;
    phone.say(request("REGISTER", "1", "")).await;
    let mut opened = None;
    loop {
        match site.event().await {
            TransportEvent::FlowOpened(facts) => opened = Some(facts.flow),
            TransportEvent::Message { origin: Origin::Handset(flow), .. } if Some(flow) == opened => {
                return (phone, flow);
            }
            event => meanwhile(event),
        }
    }
}

/// Longer than an interval in which waits are measured.
const PATIENCE: Duration = Duration::from_millis(120);
