//! RFC 3261 section 17.1.1 (INVITE client transaction), RFC 6026 section 7.2, Timer C of section 16.

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

/// Section 9.1.
#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let mut ladder = Ladder::new();
    let client = ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.until(10).cancel(client).until(100).receive(PBX, TLS, &response_text("INVITE", "a", 100));
    ladder.receive(PBX, TLS, &response_text("CANCEL", "a", 200));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 487));
    assert_eq!(
        ladder.seen(),
        [
            "0 -> INVITE",
            "100 <- 100",
            "100 -> CANCEL",
            "100 up: response 100",
            "100 <- 200",
            "100 <- 487",
            "100 -> ACK",
            "100 up: response 487",
        ]
    );
    ladder.assert_empty();
}

#[test]
fn a_cancel_is_sent_once_and_keeps_the_branch() {
    let mut ladder = Ladder::new();
    let client = ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180)).seen();
    ladder.cancel(client).cancel(client);
    assert_eq!(ladder.seen(), ["0 -> CANCEL"]);
    assert!(ladder.last_sent().contains("branch=z9hG4bKa"));
    assert!(ladder.last_sent().contains("CSeq: 7 CANCEL"));
}

#[test]
fn a_cancelled_invite_that_is_never_answered_ends_after_64_t1() {
    let mut ladder = Ladder::new();
    let client = ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180)).until(1_000).cancel(client).seen();
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180));
    assert_eq!(ladder.until(40_000).seen(), ["1000 <- 180", "1000 up: response 180", "33000 up: timed out"]);
    ladder.assert_empty();
}

#[test]
fn over_udp_the_cancel_itself_is_retransmitted() {
    let mut ladder = Ladder::new();
    let client = ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "a"));
    ladder.receive(PBX, UDP, &response_text("INVITE", "a", 180)).cancel(client).seen();
    ladder.until(1_600).receive(PBX, UDP, &response_text("CANCEL", "a", 200)).until(10_000);
    assert_eq!(ladder.seen(), ["500 -> CANCEL", "1500 -> CANCEL", "1600 <- 200"]);
}

#[test]
fn a_2xx_that_wins_against_the_cancel_comes_up() {
    let mut ladder = Ladder::new();
    let client = ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180)).cancel(client).seen();
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 200));
    assert_eq!(ladder.seen(), ["0 <- 200", "0 up: response 200"]);
}

/// Sections 16.6 step 11, 16.7 step 2 and 16.8.
#[test]
fn timer_c_is_refreshed_by_ringing_and_then_cancels() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180));
    ladder.until(170_000).receive(PBX, TLS, &response_text("INVITE", "a", 183)).seen();
    assert_eq!(ladder.until(355_000).seen(), ["350000 -> CANCEL", "350000 up: timed out"]);
    ladder.receive(PBX, TLS, &response_text("CANCEL", "a", 200));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 487));
    assert_eq!(ladder.seen(), ["355000 <- 200", "355000 <- 487", "355000 -> ACK"]);
    ladder.assert_empty();
}

#[test]
fn a_2xx_after_timer_c_is_a_stray() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180)).until(180_000).seen();
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 200));
    assert_eq!(ladder.seen(), ["180000 <- 200", "180000 up: stray 200"]);
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
