//! RFC 3261 section 8: general user agent behaviour, as far as it needs no more than the transactions.

use crate::ladder::{Ladder, PBX, PHONE, TLS, UDP, request_text, response_text};
use cordon_sip::Hop;

/// 8.1.3.3.
#[test]
fn a_response_with_more_than_one_via_is_for_somebody_else_and_dropped() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
    let second = "\r\nVia: SIP/2.0/TLS other.example.org;branch=z9hG4bKx\r\nFrom";
    for status in [180, 200, 486] {
        ladder.receive(PBX, TLS, &response_text("INVITE", "a", status).replacen("\r\nFrom", second, 1));
    }
    let stray = response_text("INVITE", "gone", 200).replacen("\r\nFrom", second, 1);
    ladder.receive(PBX, TLS, &stray);
    assert_eq!(ladder.seen(), ["0 -> INVITE", "0 <- 180", "0 <- 200", "0 <- 486", "0 <- 200"]);
}

/// 8.2.6.2: who answers a request says again what it was.
#[test]
fn a_response_that_changes_call_id_tag_or_cseq_answers_nothing_of_ours() {
    let changes = [
        ("Call-ID: one@", "Call-ID: two@"),
        ("tag=from", "tag=else"),
        ("CSeq: 7 ", "CSeq: 8 "),
        ("<sip:100@example.org>;tag=from", "<sip:100@example.org>"),
    ];
    for (from, to) in changes {
        let mut ladder = Ladder::new();
        ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
        for status in [180, 200, 486] {
            ladder.receive(PBX, TLS, &response_text("INVITE", "a", status).replacen(from, to, 1));
        }
        assert_eq!(ladder.seen(), ["0 -> INVITE", "0 <- 180", "0 <- 200", "0 <- 486"], "{to}");
        ladder.receive(PBX, TLS, &response_text("INVITE", "a", 200));
        assert_eq!(ladder.seen(), ["0 <- 200", "0 up: response 200"]);
    }
}

/// 8.1.3.1 is the layer's above: it hears of each apart.
#[test]
fn silence_and_a_broken_transport_are_told_apart() {
    let mut ladder = Ladder::new();
    ladder.send(Hop::Pbx, TLS, &request_text("OPTIONS", "a"));
    ladder.until(32_000).send(Hop::Pbx, TLS, &request_text("OPTIONS", "b"));
    ladder.lose_pbx();
    let seen = ["0 -> OPTIONS", "32000 up: timed out", "32000 -> OPTIONS", "32000 up: transport failed"];
    assert_eq!(ladder.seen(), seen);
}

/// 8.2.7.
#[test]
fn an_answer_without_state_is_the_same_for_every_copy_and_an_ack_gets_none() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    let answer = |ladder: &mut Ladder| {
        ladder.respond_without_state(PBX, &invite, 503);
        ladder.last_sent()
    };
    let first = answer(&mut ladder);
    assert!(first.contains(";tag="), "8.2.6.2: anything but 100 has a To tag");
    assert_eq!(first, answer(&mut ladder));
    ladder.assert_empty();
    ladder.seen();
    ladder.receive(PBX, TLS, &request_text("ACK", "a"));
    assert_eq!(ladder.seen(), ["0 <- ACK", "0 up: ack"], "nothing is sent");
}

/// 8.2.6.1: only an INVITE is answered by the layer before somebody decides.
#[test]
fn no_provisional_response_is_made_for_anything_but_an_invite() {
    let mut ladder = Ladder::new();
    ladder.receive(PHONE, TLS, &request_text("OPTIONS", "a")).until(5_000);
    ladder.receive(PBX, UDP, &request_text("BYE", "b"));
    assert_eq!(
        ladder.seen(),
        ["0 <- OPTIONS", "0 up: request OPTIONS", "5000 <- BYE", "5000 up: request BYE"]
    );
}

#[test]
fn a_request_that_comes_by_two_ways_is_answered_once_and_turned_away_once() {
    let mut ladder = Ladder::new();
    ladder.receive(PBX, TLS, &request_text("INVITE", "a")).seen();
    ladder.receive(PBX, TLS, &request_text("INVITE", "b"));
    assert_eq!(ladder.seen(), ["0 <- INVITE", "0 up: turned away INVITE Merged"]);
    ladder.respond_without_state(PBX, &request_text("INVITE", "b"), 482);
    assert_eq!(ladder.seen(), ["0 -> 482"]);
    let answer = ladder.last_sent();
    ladder.respond_without_state(PBX, &request_text("INVITE", "b"), 482).seen();
    assert_eq!(ladder.last_sent(), answer, "the same to every copy");
    ladder.receive(PBX, TLS, &request_text("ACK", "b"));
    assert_eq!(ladder.seen(), ["0 <- ACK", "0 up: ack"]);
}

#[test]
fn a_pbx_that_rings_two_phones_is_not_merged() {
    let mut ladder = Ladder::new();
    let first = request_text("INVITE", "a");
    let second = request_text("INVITE", "b").replace("INVITE sip:200@", "INVITE sip:201@");
    ladder.receive(PBX, TLS, &first).receive(PBX, TLS, &second);
    assert_eq!(ladder.servers.len(), 2);
}

#[test]
fn a_request_inside_a_dialog_is_never_merged() {
    let mut ladder = Ladder::new();
    let bye = |branch| {
        request_text("BYE", branch).replace("To: <sip:200@example.org>", "To: <sip:200@example.org>;tag=t")
    };
    ladder.receive(PBX, TLS, &bye("a")).receive(PBX, TLS, &bye("b"));
    assert_eq!(ladder.servers.len(), 2);
}
