//! RFC 3261 section 17.1.2: non-INVITE client transaction.

use crate::ladder::{Ladder, PBX, TLS, UDP, request_text, response_text};
use cordon_sip::Hop;
use cordon_transaction::Limits;

#[test]
fn over_udp_timer_e_backs_off_to_t2_until_timer_f() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("OPTIONS", "a"));
    let seen = ladder.until(40_000).seen();
    assert_eq!(
        seen[..5],
        ["0 -> OPTIONS", "500 -> OPTIONS", "1500 -> OPTIONS", "3500 -> OPTIONS", "7500 -> OPTIONS"]
    );
    assert_eq!(seen.len(), 12);
    assert_eq!(seen[11], "32000 up: timed out");
    ladder.assert_empty();
}

#[test]
fn after_a_provisional_response_timer_e_rings_every_t2() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("OPTIONS", "a"));
    ladder.until(100).receive(PBX, UDP, &response_text("OPTIONS", "a", 100)).seen();
    assert_eq!(ladder.until(9_000).seen(), ["500 -> OPTIONS", "4500 -> OPTIONS", "8500 -> OPTIONS"]);
}

#[test]
fn over_tls_the_final_response_ends_it_at_once() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("REGISTER", "a"));
    ladder.until(20).receive(PBX, TLS, &response_text("REGISTER", "a", 401));
    assert_eq!(ladder.seen(), ["0 -> REGISTER", "20 <- 401", "20 up: response 401"]);
    ladder.assert_empty();
}

#[test]
fn over_udp_timer_k_absorbs_a_second_final_response() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("BYE", "a"));
    let ok = response_text("BYE", "a", 200);
    ladder.until(20).receive(PBX, UDP, &ok).until(500).receive(PBX, UDP, &ok);
    assert_eq!(ladder.seen(), ["0 -> BYE", "20 <- 200", "20 up: response 200", "500 <- 200"]);
    ladder.until(5_020);
    ladder.assert_empty();
}

#[test]
fn a_cancel_of_anything_but_an_invite_does_nothing() {
    let mut ladder = Ladder::new();
    let client = ladder.send(Hop::Pbx, TLS, &request_text("OPTIONS", "a"));
    assert_eq!(ladder.cancel(client).seen(), ["0 -> OPTIONS"]);
}

#[test]
fn a_full_table_sends_nothing_and_says_so() {
    let mut ladder = Ladder::with_limits(Limits { clients: 1, ..Limits::default() });
    ladder.send(Hop::Pbx, TLS, &request_text("OPTIONS", "a"));
    ladder.send(Hop::Pbx, TLS, &request_text("OPTIONS", "b"));
    assert_eq!(ladder.seen(), ["0 -> OPTIONS", "0 up: transport failed"]);
}

#[test]
fn a_provisional_response_does_not_prolong_timer_f() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("OPTIONS", "a"));
    ladder.until(31_000).receive(PBX, TLS, &response_text("OPTIONS", "a", 100)).seen();
    assert_eq!(ladder.until(40_000).seen(), ["32000 up: timed out"]);
    ladder.assert_empty();
}

#[test]
fn over_tls_nothing_is_sent_twice_and_timer_f_ends_it() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("BYE", "a"));
    assert_eq!(ladder.until(40_000).seen(), ["0 -> BYE", "32000 up: timed out"]);
    ladder.assert_empty();
}

/// 17.1.3: the method is part of the match, since a CANCEL has the branch of its INVITE.
#[test]
fn a_response_to_another_method_on_the_same_branch_matches_nothing() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("OPTIONS", "a"));
    ladder.receive(PBX, TLS, &response_text("BYE", "a", 200));
    ladder.receive(PBX, TLS, &response_text("OPTIONS", "b", 200));
    assert_eq!(ladder.seen(), ["0 -> OPTIONS", "0 <- 200", "0 <- 200"]);
}
