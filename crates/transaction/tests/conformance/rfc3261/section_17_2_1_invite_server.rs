//! RFC 3261 section 17.2.1 (INVITE server transaction) and RFC 6026 section 7.1.

use crate::ladder::{Ladder, PBX, PHONE, TLS, UDP, request_text};
use cordon_transaction::Gone;

#[test]
fn an_invite_is_answered_100_at_once_and_its_retransmission_with_the_latest_response() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PBX, UDP, &invite).until(500).receive(PBX, UDP, &invite);
    ladder.respond(&invite, 180).unwrap();
    ladder.until(1_500).receive(PBX, UDP, &invite);
    assert_eq!(
        ladder.seen(),
        [
            "0 <- INVITE",
            "0 -> 100",
            "0 up: request INVITE",
            "500 <- INVITE",
            "500 -> 100",
            "500 -> 180",
            "1500 <- INVITE",
            "1500 -> 180",
        ]
    );
}

#[test]
fn a_copy_over_the_connection_of_a_phone_is_absorbed_without_a_word() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).seen();
    ladder.until(500).receive(PHONE, TLS, &invite).respond(&invite, 486).unwrap();
    ladder.until(1_000).receive(PHONE, TLS, &invite).until(40_000);
    let seen = ["500 <- INVITE", "500 -> 486", "1000 <- INVITE", "32500 up: server timed out"];
    assert_eq!(ladder.seen(), seen);
    ladder.assert_empty();
}

#[test]
fn over_udp_a_failure_is_repeated_by_timer_g_until_its_ack() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PBX, UDP, &invite).seen();
    ladder.respond(&invite, 486).unwrap();
    ladder.until(4_000).receive(PBX, UDP, &request_text("ACK", "a")).until(20_000);
    assert_eq!(ladder.seen(), ["0 -> 486", "500 -> 486", "1500 -> 486", "3500 -> 486", "4000 <- ACK"]);
    ladder.assert_empty();
}

#[test]
fn timer_i_absorbs_further_acks_over_udp() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PBX, UDP, &invite).respond(&invite, 486).unwrap();
    ladder.receive(PBX, UDP, &request_text("ACK", "a")).seen();
    ladder.until(1_000).receive(PBX, UDP, &request_text("ACK", "a")).receive(PBX, UDP, &invite);
    assert_eq!(ladder.seen(), ["1000 <- ACK", "1000 <- INVITE"]);
    ladder.until(5_000);
    ladder.assert_empty();
}

#[test]
fn over_tls_the_ack_of_a_failure_ends_it_at_once_and_is_absorbed() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).respond(&invite, 488).unwrap();
    ladder.until(3_000).receive(PHONE, TLS, &request_text("ACK", "a"));
    assert_eq!(ladder.seen(), ["0 <- INVITE", "0 -> 100", "0 up: request INVITE", "0 -> 488", "3000 <- ACK"]);
    ladder.assert_empty();
}

#[test]
fn timer_h_gives_up_on_a_lost_ack() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).respond(&invite, 488).unwrap();
    ladder.seen();
    assert_eq!(ladder.until(40_000).seen(), ["32000 up: server timed out"]);
    ladder.assert_empty();
}

/// RFC 6026 section 7.1: the Accepted state and Timer L.
#[test]
fn after_a_2xx_the_layer_above_repeats_it_and_gets_every_ack() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).respond(&invite, 200).unwrap();
    ladder.seen();
    ladder.until(400).receive(PHONE, TLS, &invite).until(500).respond(&invite, 200).unwrap();
    ladder.receive(PHONE, TLS, &request_text("ACK", "of-its-own"));
    ladder.receive(PHONE, TLS, &request_text("ACK", "a"));
    assert_eq!(
        ladder.seen(),
        ["400 <- INVITE", "500 -> 200", "500 <- ACK", "500 up: ack", "500 <- ACK", "500 up: ack"]
    );
    assert_eq!(ladder.respond(&invite, 486), Err(Gone));
    ladder.until(32_000);
    ladder.assert_empty();
    assert_eq!(ladder.respond(&invite, 200), Err(Gone));
}

#[test]
fn a_second_final_response_is_refused() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).respond(&invite, 486).unwrap();
    assert_eq!(ladder.respond(&invite, 200), Err(Gone));
    assert_eq!(ladder.respond(&invite, 180), Err(Gone));
}

#[test]
fn a_request_the_layer_above_forgets_ends_all_the_same() {
    let mut ladder = Ladder::new();
    ladder.receive(PHONE, TLS, &request_text("INVITE", "a")).seen();
    assert_eq!(ladder.until(600_000).seen(), ["600000 up: server timed out"]);
    ladder.assert_empty();
}

#[test]
fn over_udp_timer_g_backs_off_to_t2_until_timer_h() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PBX, UDP, &invite).seen();
    ladder.respond(&invite, 486).unwrap();
    let seen = ladder.until(64_000).seen();
    let times: Vec<&str> = seen.iter().filter_map(|line| line.strip_suffix(" -> 486")).collect();
    let expected = ["0", "500", "1500", "3500", "7500", "11500", "15500", "19500", "23500", "27500", "31500"];
    assert_eq!(times, expected);
    assert_eq!(seen.last().unwrap(), "32000 up: server timed out");
    ladder.assert_empty();
}

#[test]
fn a_retransmission_of_a_failed_invite_gets_the_failure_again() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PBX, UDP, &invite).respond(&invite, 404).unwrap();
    ladder.seen();
    ladder.until(100).receive(PBX, UDP, &invite);
    assert_eq!(ladder.seen(), ["100 <- INVITE", "100 -> 404"]);
}

#[test]
fn ringing_may_go_on_for_as_long_as_somebody_says_so() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).seen();
    for minute in 1..30 {
        ladder.until(minute * 60_000);
        ladder.respond(&invite, 180).unwrap();
    }
    assert!(!ladder.seen().iter().any(|line| line.ends_with("timed out")));
}
