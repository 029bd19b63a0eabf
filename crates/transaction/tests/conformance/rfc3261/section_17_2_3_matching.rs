//! RFC 3261 sections 17.2.3 (matching requests), 9.2 (CANCEL), 8.2.2.2 (merged requests); bounds of the tables.

use crate::ladder::{Ladder, OTHER_PHONE, PBX, PHONE, TLS, UDP, request_text};
use cordon_transaction::Limits;

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

#[test]
fn the_same_branch_from_another_sent_by_is_another_transaction() {
    let mut ladder = Ladder::new();
    let here = request_text("OPTIONS", "a");
    let there =
        here.replace("phone.example.org:5061", "other.example.org:5061").replace("tag=from", "tag=else");
    ladder.receive(PBX, UDP, &here).receive(PBX, UDP, &there);
    assert_eq!(ladder.servers.len(), 2);
}

#[test]
fn sent_by_is_compared_without_regard_to_case() {
    let mut ladder = Ladder::new();
    let options = request_text("OPTIONS", "a");
    ladder.receive(PBX, UDP, &options);
    ladder.receive(PBX, UDP, &options.replace("phone.example.org:5061", "PHONE.Example.org:5061"));
    assert_eq!(ladder.servers.len(), 1);
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

/// The matching of RFC 2543 peers, at the end of section 17.2.3.
#[test]
fn a_branch_without_the_magic_cookie_matches_by_the_old_rules() {
    let mut ladder = Ladder::new();
    let old = |method| request_text(method, "a").replace(";branch=z9hG4bKa", ";branch=1");
    ladder.receive(PBX, UDP, &old("INVITE")).receive(PBX, UDP, &old("INVITE"));
    assert_eq!(ladder.seen(), ["0 <- INVITE", "0 -> 100", "0 up: request INVITE", "0 <- INVITE", "0 -> 100"]);
    ladder.respond(&old("INVITE"), 486).unwrap();
    ladder.receive(PBX, UDP, &old("ACK")).seen();
    assert_eq!(ladder.until(4_000).seen(), Vec::<String>::new(), "the ACK stopped Timer G");
}

#[test]
fn beyond_the_bound_a_request_is_turned_away_without_state() {
    let mut ladder = Ladder::with_limits(Limits { servers: 4, servers_per_flow: 4, ..Limits::default() });
    for branch in ["a", "b", "c"] {
        ladder.receive(
            PBX,
            TLS,
            &request_text("OPTIONS", branch).replace("Call-ID: one", &format!("Call-ID: {branch}")),
        );
    }
    ladder.seen();
    let one_more = request_text("OPTIONS", "d");
    ladder.receive(PBX, TLS, &one_more);
    assert_eq!(ladder.seen(), ["0 <- OPTIONS", "0 up: turned away OPTIONS Full"]);
    ladder.receive(
        PBX,
        TLS,
        &one_more.replace("To: <sip:200@example.org>", "To: <sip:200@example.org>;tag=t"),
    );
    assert_eq!(ladder.seen(), ["0 <- OPTIONS", "0 up: request OPTIONS"]);
}

#[test]
fn what_no_limit_may_stop_is_taken_up_to_twice_the_bound() {
    let mut ladder = Ladder::with_limits(Limits { servers: 1, servers_per_flow: 1, ..Limits::default() });
    let call =
        |branch: &str| request_text("INVITE", branch).replace("Call-ID: one", &format!("Call-ID: {branch}"));
    ladder.receive(PHONE, TLS, &call("a")).receive(PHONE, TLS, &call("b")).seen();
    assert!(ladder.take_regardless(PHONE, &call("b")));
    assert_eq!(ladder.seen(), ["0 -> 100", "0 up: request INVITE"]);
    assert!(!ladder.take_regardless(PHONE, &call("b")), "it is here already");
    assert!(!ladder.take_regardless(PHONE, &call("c")), "twice the bound is a bound");
}

#[test]
fn one_phone_cannot_fill_the_table() {
    let mut ladder = Ladder::with_limits(Limits { servers: 100, servers_per_flow: 1, ..Limits::default() });
    ladder.receive(PHONE, TLS, &request_text("OPTIONS", "a")).seen();
    ladder.receive(PHONE, TLS, &request_text("INVITE", "b"));
    ladder.receive(OTHER_PHONE, TLS, &request_text("INVITE", "c"));
    assert_eq!(
        ladder.seen(),
        ["0 <- INVITE", "0 up: turned away INVITE Full", "0 <- INVITE", "0 -> 100", "0 up: request INVITE"]
    );
}
