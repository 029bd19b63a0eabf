//! RFC 3261 section 16, of which a back-to-back user agent keeps Timer C: as the client of a callee it waits more than
//! three minutes for the next sign of ringing, then gives up as a proxy would. The timer is part of the INVITE client
//! transaction, which sees every provisional response and owns the CANCEL; the caller's 408 is the layer's above.

use crate::ladder::{Ladder, PBX, TLS, UDP, request_text, response_text};
use cordon_sip::Hop;
use cordon_transaction::TIMER_C;

#[test]
fn timer_c_is_longer_than_three_minutes() {
    assert!(TIMER_C.as_secs() > 180);
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.until(1_000).receive(PBX, TLS, &response_text("INVITE", "a", 180)).seen();
    assert_eq!(ladder.until(181_000).seen(), Vec::<String>::new());
    assert_eq!(ladder.until(182_000).seen(), ["182000 -> CANCEL", "182000 up: timed out"]);
}

/// 16.7 step 2: 101 to 199.
#[test]
fn a_100_starts_timer_c_and_another_one_does_not_start_it_anew() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 100));
    ladder.until(100_000).receive(PBX, TLS, &response_text("INVITE", "a", 100)).seen();
    assert_eq!(ladder.until(181_000).seen(), ["181000 -> CANCEL", "181000 up: timed out"]);
}

/// 16.8: without any provisional response it is Timer B that tells.
#[test]
fn without_a_provisional_response_nothing_is_cancelled() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "a"));
    let seen = ladder.until(300_000).seen();
    assert_eq!(seen.last().unwrap(), "32000 up: timed out");
    assert!(!seen.iter().any(|line| line.ends_with("CANCEL")));
    ladder.assert_empty();
}

#[test]
fn a_callee_that_does_not_even_answer_the_cancel_is_forgotten() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180)).until(181_000).seen();
    assert_eq!(ladder.until(214_000).seen(), Vec::<String>::new(), "who asked has been told already");
    ladder.assert_empty();
}

#[test]
fn timer_c_is_refreshed_by_ringing_and_then_cancels() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180));
    ladder.until(170_000).receive(PBX, TLS, &response_text("INVITE", "a", 183)).seen();
    assert_eq!(ladder.until(355_000).seen(), ["351000 -> CANCEL", "351000 up: timed out"]);
    ladder.receive(PBX, TLS, &response_text("CANCEL", "a", 200));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 487));
    assert_eq!(ladder.seen(), ["355000 <- 200", "355000 <- 487", "355000 -> ACK"]);
    ladder.assert_empty();
}

#[test]
fn a_2xx_after_timer_c_is_a_stray() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180)).until(181_000).seen();
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 200));
    assert_eq!(ladder.seen(), ["181000 <- 200", "181000 up: stray 200"]);
}
