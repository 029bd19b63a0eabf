//! RFC 3261 section 17.2.3 (matching requests), and the bounds of the tables.

use crate::ladder::{Ladder, OTHER_PHONE, PBX, PHONE, TLS, UDP, request_text};
use cordon_transaction::Limits;

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
        &request_text("BYE", "d").replace("To: <sip:200@example.org>", "To: <sip:200@example.org>;tag=t"),
    );
    assert_eq!(ladder.seen(), ["0 <- BYE", "0 up: request BYE"]);
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

/// The last quarter of the table is for calls that stand. A REGISTER is in no dialog (10.2), whatever its To says.
#[test]
fn a_to_tag_before_a_register_or_options_opens_no_room_that_is_kept_for_calls() {
    let mut ladder = Ladder::with_limits(Limits { servers: 4, servers_per_flow: 4, ..Limits::default() });
    let tagged = |method: &str, branch: &str| {
        let text = request_text(method, branch).replace("Call-ID: one", &format!("Call-ID: {branch}"));
        text.replace("To: <sip:200@example.org>", "To: <sip:200@example.org>;tag=t")
    };
    for branch in ["a", "b", "c"] {
        ladder.receive(PHONE, TLS, &tagged("OPTIONS", branch));
    }
    ladder.seen();
    ladder.receive(PHONE, TLS, &tagged("OPTIONS", "d")).receive(PHONE, TLS, &tagged("REGISTER", "e"));
    ladder.receive(PHONE, TLS, &tagged("BYE", "f"));
    let turned_away = [
        "0 <- OPTIONS",
        "0 up: turned away OPTIONS Full",
        "0 <- REGISTER",
        "0 up: turned away REGISTER Full",
    ];
    assert_eq!(ladder.seen(), [&turned_away[..], &["0 <- BYE", "0 up: request BYE"]].concat());
}

#[test]
fn whoever_never_acknowledges_a_failure_shuts_nobody_else_out() {
    let mut ladder = Ladder::with_limits(Limits { servers: 4, servers_per_flow: 4, ..Limits::default() });
    let call =
        |branch: &str| request_text("INVITE", branch).replace("Call-ID: one", &format!("Call-ID: {branch}"));
    let in_dialog =
        |text: String| text.replace("To: <sip:200@example.org>", "To: <sip:200@example.org>;tag=t");
    for branch in ["a", "b", "c"] {
        ladder.receive(PHONE, TLS, &call(branch)).respond(&call(branch), 486).unwrap();
    }
    ladder.receive(PHONE, TLS, &in_dialog(call("d"))).respond(&in_dialog(call("d")), 481).unwrap();
    ladder.seen();
    ladder.receive(OTHER_PHONE, TLS, &call("e"));
    ladder.receive(OTHER_PHONE, TLS, &in_dialog(request_text("BYE", "f")));
    let taken = ["0 <- INVITE", "0 -> 100", "0 up: request INVITE", "0 <- BYE", "0 up: request BYE"];
    assert_eq!(ladder.seen(), taken);
    assert_eq!(ladder.layer.open_transactions(), 4);

    ladder.receive(PHONE, TLS, &call("a").replace("INVITE", "ACK"));
    ladder.receive(PHONE, TLS, &call("d").replace("INVITE", "ACK"));
    assert_eq!(ladder.seen(), ["0 <- ACK", "0 up: ack", "0 <- ACK"], "the oldest made room");
    ladder.receive(PBX, TLS, &call("g")).receive(PBX, TLS, &call("h"));
    let seen = ladder.seen();
    assert_eq!(
        seen.last().unwrap(),
        "0 up: turned away INVITE Full",
        "what is not answered yet makes no room"
    );
}

#[test]
fn an_ack_matches_the_invite_of_its_branch_only() {
    let mut ladder = Ladder::new();
    let invite = request_text("INVITE", "a");
    ladder.receive(PBX, UDP, &invite).respond(&invite, 486).unwrap();
    ladder.seen();
    ladder.receive(PBX, UDP, &request_text("ACK", "b"));
    ladder.receive(PHONE, TLS, &request_text("ACK", "a"));
    assert_eq!(ladder.until(600).seen(), ["0 <- ACK", "0 up: ack", "0 <- ACK", "0 up: ack", "500 -> 486"]);
    ladder.receive(PBX, UDP, &request_text("ACK", "a"));
    assert_eq!(ladder.until(5_600).seen(), ["600 <- ACK"]);
    ladder.assert_empty();
}

#[test]
fn the_same_branch_of_another_method_is_another_transaction() {
    let mut ladder = Ladder::new();
    ladder.receive(PHONE, TLS, &request_text("OPTIONS", "a")).receive(PHONE, TLS, &request_text("BYE", "a"));
    assert_eq!(ladder.servers.len(), 2);
}

#[test]
fn without_the_cookie_every_part_of_the_old_rule_counts() {
    let old = request_text("OPTIONS", "a").replace(";branch=z9hG4bKa", "");
    let others = [
        old.replacen("OPTIONS sip:200@", "OPTIONS sip:201@", 1),
        old.replacen("tag=from", "tag=else", 1),
        old.replacen("Call-ID: one", "Call-ID: two", 1),
        old.replacen("CSeq: 7", "CSeq: 8", 1),
        old.replacen("phone.example.org:5061", "other.example.org:5061", 1).replacen("tag=from", "tag=x", 1),
    ];
    for other in others {
        let mut ladder = Ladder::new();
        ladder.receive(PBX, UDP, &old).receive(PBX, UDP, &old).receive(PBX, UDP, &other);
        assert_eq!(ladder.servers.len(), 2, "{other}");
    }
}

#[test]
fn a_cancel_without_the_cookie_finds_its_invite() {
    let mut ladder = Ladder::new();
    let old = |method| request_text(method, "a").replace(";branch=z9hG4bKa", "");
    ladder.receive(PBX, UDP, &old("INVITE")).seen();
    ladder.receive(PBX, UDP, &old("CANCEL"));
    assert_eq!(ladder.seen(), ["0 <- CANCEL", "0 -> 200", "0 up: cancelled"]);
}
