//! RFC 3261 section 18: which connection an answer takes, and whose answer a response is.

use crate::ladder::{Ladder, OTHER_PHONE, PBX, PHONE, TLS, UDP, request_text, response_text};
use cordon_sip::{FlowId, Hop};
use cordon_transaction::Gone;

/// 18.1.2.
#[test]
fn a_response_to_another_sent_by_is_dropped() {
    let ours = "phone.example.org:5061;";
    for theirs in
        ["other.example.org:5061;", "phone.example.org:5060;", "phone.example.org;", "192.0.2.1:5061;"]
    {
        let mut ladder = Ladder::new();
        ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
        ladder.receive(PBX, TLS, &response_text("INVITE", "a", 200).replacen(ours, theirs, 1));
        assert_eq!(ladder.seen(), ["0 -> INVITE", "0 <- 200"], "{theirs}");
    }
}

#[test]
fn what_the_peer_adds_to_our_via_does_not_matter() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    let noted = response_text("INVITE", "a", 180).replacen(
        "phone.example.org:5061;branch=z9hG4bKa",
        "PHONE.example.org:5061;received=192.0.2.7;branch=z9hG4bKa;rport=4711",
        1,
    );
    ladder.receive(PBX, TLS, &noted);
    assert_eq!(ladder.seen(), ["0 -> INVITE", "0 <- 180", "0 up: response 180"]);
}

/// 18.2.2: whatever the Via says.
#[test]
fn a_response_takes_the_connection_its_request_came_on() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a").replacen(
        "branch=z9hG4bKa",
        "branch=z9hG4bKa;maddr=203.0.113.9;received=203.0.113.8;rport=9",
        1,
    );
    for (from, hop) in [
        (PHONE, Hop::Handset(FlowId(1))),
        (OTHER_PHONE, Hop::Handset(FlowId(2))),
        (PBX, Hop::PbxFlow(FlowId(100))),
    ] {
        ladder.receive(from, TLS, &invite).respond(&invite, 486).unwrap();
        assert!(ladder.sent.iter().rev().take(2).all(|(at, _)| *at == hop), "the 100 and the 486");
    }
}

/// 18.2.2: a failed connection is no reason to open one to the address in the Via.
#[test]
fn without_its_connection_a_phone_is_answered_nowhere() {
    let mut ladder = Ladder::new();
    let options = request_text("OPTIONS", "a");
    ladder.receive(PHONE, TLS, &options).close(1).seen();
    assert_eq!(ladder.respond(&options, 200), Err(Gone));
    assert_eq!(ladder.seen(), Vec::<String>::new());
    ladder.assert_empty();
}

/// 18.4.
#[test]
fn what_the_transport_cannot_send_is_told_to_the_layer_above_once() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Handset(FlowId(1)), TLS, &request_text("BYE", "a"));
    ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "b"));
    ladder.seen();
    ladder.close(1).close(1).lose_pbx().lose_pbx().until(64_000);
    assert_eq!(ladder.seen(), ["0 up: transport failed", "0 up: transport failed"]);
    ladder.assert_empty();
}

#[test]
fn a_phones_requests_go_with_its_flow_and_the_pbx_is_answered_over_another() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).close(1).seen();
    assert_eq!(ladder.respond(&invite, 200), Err(Gone));
    ladder.assert_empty();

    ladder.receive(PBX, TLS, &invite).close(100).seen();
    ladder.respond(&invite, 486).unwrap();
    let (hop, _) = ladder.sent.last().unwrap();
    assert_eq!(*hop, Hop::Pbx);
}
