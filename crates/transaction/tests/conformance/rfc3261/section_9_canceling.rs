//! RFC 3261 section 9: canceling a request, as the layer does it by itself. The Via, the CSeq and the route of a CANCEL
//! are those of its INVITE; whether there is something to cancel only the transactions know.

use crate::ladder::{Ladder, OTHER_PHONE, PBX, PHONE, TLS, UDP, request_text, response_text};
use cordon_sip::{Hop, Text};

#[test]
fn a_cancel_is_built_from_its_invite_and_carries_one_via() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a").replacen(
        "Call-ID",
        "Route: <sip:edge.example.org;lr>\r\nRequire: 100rel\r\nProxy-Require: x\r\nCall-ID",
        1,
    );
    let client = ladder.send(Hop::Pbx, TLS, &invite);
    ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180)).cancel(client);
    let cancel = ladder.last_sent();
    for line in [
        "CANCEL sip:200@example.org SIP/2.0",
        "Via: SIP/2.0/TLS phone.example.org:5061;branch=z9hG4bKa",
        "From: <sip:100@example.org>;tag=from",
        "To: <sip:200@example.org>",
        "Call-ID: one@example.org",
        "CSeq: 7 CANCEL",
        "Route: <sip:edge.example.org;lr>",
    ] {
        assert_eq!(cancel.lines().filter(|written| *written == line).count(), 1, "{line} in {cancel}");
    }
    assert_eq!(cancel.matches("Via:").count(), 1);
    assert!(!cancel.contains("equire:"), "9.1: a CANCEL requires nothing");
}

#[test]
fn a_cancel_after_the_final_response_is_not_sent() {
    let mut ladder = Ladder::new();
    let client = ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "a"));
    ladder.receive(PBX, UDP, &response_text("INVITE", "a", 486)).cancel(client);
    let other = ladder.send(Hop::Pbx, UDP, &request_text("INVITE", "b"));
    ladder.receive(PBX, UDP, &response_text("INVITE", "b", 200)).cancel(other).until(64_000);
    assert!(!ladder.seen().iter().any(|line| line.ends_with("CANCEL")));
    ladder.assert_empty();
}

/// 9.2: the To tag of both responses should be the same, and the CANCEL may come before the first of ours.
#[test]
fn the_200_of_a_cancel_has_the_tag_the_487_will_have() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite);
    let server = *ladder.servers.last().unwrap();
    ladder.layer.speaks_as(server, &Text::from("ours"));
    ladder.receive(PHONE, TLS, &request_text("CANCEL", "a"));
    assert!(ladder.last_sent().starts_with("SIP/2.0 200") && ladder.last_sent().contains("tag=ours"));
    ladder.respond(&invite, 487).unwrap();
    assert!(ladder.last_sent().starts_with("SIP/2.0 487") && ladder.last_sent().contains("tag=ours"));
}

#[test]
fn a_cancel_means_the_invite_where_a_peer_used_its_branch_twice() {
    let mut ladder = Ladder::new();
    for method in ["OPTIONS", "BYE", "INVITE", "INFO", "REGISTER"] {
        ladder.receive(PHONE, TLS, &request_text(method, "a"));
    }
    ladder.seen();
    ladder.receive(PHONE, TLS, &request_text("CANCEL", "a"));
    assert_eq!(ladder.seen(), ["0 <- CANCEL", "0 -> 200", "0 up: cancelled"]);
}

#[test]
fn over_tls_a_cancel_after_the_ack_of_the_failure_finds_nothing() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).respond(&invite, 486).unwrap();
    ladder.receive(PHONE, TLS, &request_text("ACK", "a")).seen();
    ladder.receive(PHONE, TLS, &request_text("CANCEL", "a"));
    assert_eq!(ladder.seen(), ["0 <- CANCEL", "0 up: turned away CANCEL NothingToCancel"]);
}

#[test]
fn the_answer_to_our_cancel_changes_nothing() {
    for status in [200, 481, 500] {
        let mut ladder = Ladder::new();
        let client = ladder.send(Hop::Pbx, TLS, &request_text("INVITE", "a"));
        ladder.receive(PBX, TLS, &response_text("INVITE", "a", 180)).cancel(client).seen();
        ladder.receive(PBX, TLS, &response_text("CANCEL", "a", status)).until(32_000);
        assert_eq!(ladder.seen(), [format!("0 <- {status}"), "32000 up: timed out".to_owned()]);
        ladder.assert_empty();
    }
}

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

#[test]
fn a_cancel_is_answered_200_and_comes_up_once() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).respond(&invite, 180).unwrap();
    ladder.seen();
    ladder.receive(PHONE, TLS, &request_text("CANCEL", "a"));
    ladder.receive(PHONE, TLS, &request_text("CANCEL", "a"));
    assert_eq!(ladder.seen(), ["0 <- CANCEL", "0 -> 200", "0 up: cancelled", "0 <- CANCEL", "0 -> 200"]);
    assert!(ladder.last_sent().contains("tag=ours"), "9.2: the same To tag as the INVITE's responses");
    ladder.respond(&invite, 487).unwrap();
}

#[test]
fn a_cancel_after_the_final_response_has_no_effect() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PHONE, TLS, &invite).respond(&invite, 200).unwrap();
    ladder.seen();
    ladder.receive(PHONE, TLS, &request_text("CANCEL", "a"));
    assert_eq!(ladder.seen(), ["0 <- CANCEL", "0 -> 200"]);
}

#[test]
fn a_cancel_without_a_match_is_turned_away_without_state() {
    let mut ladder = Ladder::new();
    ladder.receive(PHONE, TLS, &request_text("CANCEL", "a"));
    assert_eq!(ladder.seen(), ["0 <- CANCEL", "0 up: turned away CANCEL NothingToCancel"]);
    ladder.assert_empty();
}

#[test]
fn a_cancel_from_another_phone_matches_nothing() {
    let mut ladder = Ladder::new();
    ladder.receive(PHONE, TLS, &request_text("INVITE", "a")).seen();
    ladder.receive(OTHER_PHONE, TLS, &request_text("CANCEL", "a"));
    assert_eq!(ladder.seen(), ["0 <- CANCEL", "0 up: turned away CANCEL NothingToCancel"]);
}

#[test]
fn a_cancel_of_a_pending_options_is_answered_200_and_changes_nothing() {
    let mut ladder = Ladder::new();
    ladder.receive(PHONE, TLS, &request_text("OPTIONS", "a")).seen();
    ladder.receive(PHONE, TLS, &request_text("CANCEL", "a"));
    assert_eq!(ladder.seen(), ["0 <- CANCEL", "0 -> 200"]);
}
