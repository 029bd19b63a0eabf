//! RFC 3261 section 17.1.1 (INVITE client transaction) and RFC 6026 section 7.2.

use crate::ladder::{Ladder, OTHER_PHONE, PBX, PHONE, TLS, UDP, request_text, response_text};
use cordon_sip::{FlowId, Hop};

#[test]
fn over_udp_timer_a_doubles_until_timer_b_ends_it() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "a"));
    let seen = ladder.until(40_000).seen();
    assert_eq!(
        seen,
        [
            "0 -> INVITE",
            "500 -> INVITE",
            "1500 -> INVITE",
            "3500 -> INVITE",
            "7500 -> INVITE",
            "15500 -> INVITE",
            "31500 -> INVITE",
            "32000 up: timed out",
        ]
    );
    ladder.assert_empty();
}

#[test]
fn over_tls_nothing_is_sent_twice() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    assert_eq!(ladder.until(40_000).seen(), ["0 -> INVITE", "32000 up: timed out"]);
    ladder.assert_empty();
}

#[test]
fn a_failure_is_acknowledged_by_the_layer_and_again_for_32_seconds_over_udp() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "a"));
    let busy = response_text("INVITE", "a", 486);
    ladder.until(100).receive(PBX, UDP, &busy).until(1_000).receive(PBX, UDP, &busy);
    assert_eq!(
        ladder.seen(),
        ["0 -> INVITE", "100 <- 486", "100 -> ACK", "100 up: response 486", "1000 <- 486", "1000 -> ACK"]
    );
    assert!(ladder.last_sent().contains("branch=z9hG4bKa"), "17.1.1.3: the ACK keeps the branch");
    assert!(ladder.last_sent().contains("tag=theirs"), "17.1.1.3: the ACK carries the response's To tag");
    ladder.until(32_100);
    ladder.assert_empty();
}

#[test]
fn over_tls_timer_d_is_zero() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 486));
    assert_eq!(ladder.seen(), ["0 -> INVITE", "0 <- 486", "0 -> ACK", "0 up: response 486"]);
    ladder.assert_empty();
}

#[test]
fn a_provisional_response_stops_timer_a_and_timer_b() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "a"));
    ladder.until(100).receive(PBX, UDP, &response_text("INVITE", "a", 180)).until(60_000);
    assert_eq!(ladder.seen(), ["0 -> INVITE", "100 <- 180", "100 up: response 180"]);
}

/// RFC 6026 section 7.2: the Accepted state and Timer M.
#[test]
fn further_2xx_come_up_as_strays_and_are_not_acknowledged_by_the_layer() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    let ok = response_text("INVITE", "a", 200);
    ladder.receive(PBX, TLS, &ok).until(500).receive(PBX, TLS, &ok);
    assert_eq!(
        ladder.seen(),
        ["0 -> INVITE", "0 <- 200", "0 up: response 200", "500 <- 200", "500 up: stray 200"]
    );
    ladder.until(32_000);
    ladder.assert_empty();
    ladder.receive(PBX, TLS, &ok);
    assert_eq!(ladder.seen(), ["32000 <- 200", "32000 up: stray 200"]);
}

#[test]
fn a_failure_after_a_2xx_is_nothing() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 200)).seen();
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 486));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180));
    assert_eq!(ladder.seen(), ["0 <- 486", "0 <- 180"]);
}

/// Section 17.1.3, and only from where the request went.
#[test]
fn a_response_from_another_phone_matches_nothing() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Handset(FlowId(1)), TLS, &request_text("INVITE", "a"));
    ladder.receive(OTHER_PHONE, TLS, &response_text("INVITE", "a", 486));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180));
    ladder.receive(PHONE, TLS, &response_text("INVITE", "b", 180));
    assert_eq!(ladder.seen(), ["0 -> INVITE", "0 <- 486", "0 <- 180", "0 <- 180"]);
    ladder.receive(PHONE, TLS, &response_text("INVITE", "a", 180));
    assert_eq!(ladder.seen(), ["0 <- 180", "0 up: response 180"]);
}

/// Section 17.1.4.
#[test]
fn a_lost_connection_fails_what_waits_on_it_and_nothing_else() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Handset(FlowId(1)), TLS, &request_text("INVITE", "a"));
    ladder.send(Hop::Handset(FlowId(2)), TLS, &request_text("INVITE", "b"));
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "c"));
    ladder.seen();
    assert_eq!(ladder.close(1).seen(), ["0 up: transport failed"]);
    assert_eq!(ladder.lose_pbx().seen(), ["0 up: transport failed"]);
    assert_eq!(ladder.layer.open_transactions(), 1);
}

#[test]
fn a_branch_that_is_not_new_fails_at_once() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    assert_eq!(ladder.seen(), ["0 -> INVITE", "0 up: transport failed"]);
}

/// 17.1.1.3.
#[test]
fn the_ack_of_a_failure_is_built_from_the_invite_but_for_the_to() {
    let mut ladder = Ladder::new();
    let invite =
        request_text("INVITE", "a").replacen("Call-ID", "Route: <sip:edge.example.org;lr>\r\nCall-ID", 1);
    ladder.send(Hop::Pbx, TLS, &invite);
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 404));
    let ack = ladder.last_sent();
    for line in [
        "ACK sip:200@example.org SIP/2.0",
        "Via: SIP/2.0/TLS phone.example.org:5061;branch=z9hG4bKa",
        "From: <sip:100@example.org>;tag=from",
        "To: <sip:200@example.org>;tag=theirs",
        "Call-ID: one@example.org",
        "CSeq: 7 ACK",
        "Route: <sip:edge.example.org;lr>",
        "Content-Length: 0",
    ] {
        assert_eq!(ack.lines().filter(|written| *written == line).count(), 1, "{line} in {ack}");
    }
    assert_eq!(ack.matches("Via:").count(), 1);
    let (hop, _) = ladder.sent.last().unwrap();
    assert_eq!(*hop, Hop::Pbx, "to where the INVITE went");
}

#[test]
fn every_kind_of_failure_is_acknowledged_and_a_2xx_is_not() {
    for (status, acks) in [(300, 1), (404, 1), (500, 1), (600, 1), (200, 0)] {
        let mut ladder = Ladder::new();
        ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
        ladder.receive(PBX, TLS, &response_text("INVITE", "a", status));
        assert_eq!(ladder.seen().iter().filter(|line| line.ends_with("ACK")).count(), acks, "{status}");
    }
}

#[test]
fn a_provisional_response_after_the_failure_is_nothing() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "a"));
    ladder.receive(PBX, UDP, &response_text("INVITE", "a", 486)).seen();
    ladder.receive(PBX, UDP, &response_text("INVITE", "a", 180));
    ladder.receive(PBX, UDP, &response_text("INVITE", "a", 200));
    assert_eq!(ladder.seen(), ["0 <- 180", "0 <- 200"]);
}

/// 13.2.2.4: the layer hands every branch up; which dialog it makes is not its business.
#[test]
fn the_2xx_of_every_branch_of_a_fork_comes_up() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "a"));
    for tag in ["one", "two", "three"] {
        let ringing = response_text("INVITE", "a", 180).replacen("tag=theirs", &format!("tag={tag}"), 1);
        ladder.receive(PBX, UDP, &ringing);
    }
    ladder.seen();
    for tag in ["one", "two", "three"] {
        let answer = response_text("INVITE", "a", 200).replacen("tag=theirs", &format!("tag={tag}"), 1);
        ladder.receive(PBX, UDP, &answer);
    }
    let seen =
        ["0 <- 200", "0 up: response 200", "0 <- 200", "0 up: stray 200", "0 <- 200", "0 up: stray 200"];
    assert_eq!(ladder.seen(), seen);
}
