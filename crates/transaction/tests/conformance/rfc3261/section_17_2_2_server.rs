//! RFC 3261 section 17.2.2: non-INVITE server transaction.

use crate::ladder::{Ladder, OTHER_PBX_FLOW, PBX, PHONE, TLS, UDP, request_text};
use cordon_sip::Hop;
use cordon_transaction::Gone;

#[test]
fn over_udp_a_retransmission_gets_the_final_response_until_timer_j() {
    let mut ladder = Ladder::new();
    let options = request_text("OPTIONS", "a");
    ladder.receive(PBX, UDP, &options).until(500).receive(PBX, UDP, &options);
    ladder.respond(&options, 200).unwrap();
    ladder.until(1_500).receive(PBX, UDP, &options);
    assert_eq!(
        ladder.seen(),
        [
            "0 <- OPTIONS",
            "0 up: request OPTIONS",
            "500 <- OPTIONS",
            "500 -> 200",
            "1500 <- OPTIONS",
            "1500 -> 200"
        ]
    );
    ladder.until(32_500);
    ladder.assert_empty();
}

#[test]
fn over_tls_the_final_response_ends_it() {
    let mut ladder = Ladder::new();
    let register = request_text("REGISTER", "a");
    ladder.receive(PHONE, TLS, &register).respond(&register, 200).unwrap();
    ladder.assert_empty();
    assert_eq!(ladder.respond(&register, 200), Err(Gone));
}

#[test]
fn a_retransmission_while_proceeding_gets_the_provisional_response() {
    let mut ladder = Ladder::new();
    let options = request_text("OPTIONS", "a");
    ladder.receive(PBX, UDP, &options).respond(&options, 100).unwrap();
    ladder.seen();
    ladder.until(500).receive(PBX, UDP, &options);
    assert_eq!(ladder.seen(), ["500 <- OPTIONS", "500 -> 100"]);
}

#[test]
fn a_retransmission_over_another_pbx_connection_is_answered_there() {
    let mut ladder = Ladder::new();
    let options = request_text("OPTIONS", "a");
    ladder.receive(PBX, UDP, &options).receive(OTHER_PBX_FLOW, UDP, &options);
    ladder.respond(&options, 200).unwrap();
    let (hop, _) = ladder.sent.last().unwrap();
    assert_eq!(*hop, Hop::PbxFlow(OTHER_PBX_FLOW.flow()));
}

#[test]
fn a_second_final_response_is_refused() {
    let mut ladder = Ladder::new();
    let options = request_text("OPTIONS", "a");
    ladder.receive(PBX, UDP, &options).respond(&options, 200).unwrap();
    assert_eq!(ladder.respond(&options, 500), Err(Gone));
    assert_eq!(ladder.respond(&options, 100), Err(Gone));
}

/// 17.2.4.
#[test]
fn a_connection_of_the_pbx_that_breaks_leaves_the_request_to_be_answered_over_another() {
    let mut ladder = Ladder::new();
    let options = request_text("OPTIONS", "a");
    ladder.receive(PBX, TLS, &options).close(100);
    ladder.respond(&options, 200).unwrap();
    assert_eq!(ladder.sent.last().unwrap().0, Hop::Pbx);
}
