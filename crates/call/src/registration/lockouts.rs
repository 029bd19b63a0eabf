//! Password guessing in virtual time: what the guesser meets, and what everybody else does not notice.

use cordon_sip::{FlowId, HeaderName, NameAddr};

use super::house::{A, B, House, challenge, proof, register};

/// The connection of somebody who knows no password.
const GUESSER: FlowId = FlowId(66);

#[test]
fn ten_wrong_passwords_lock_the_account_and_the_pbx_is_not_asked_again() {
    let mut house = House::new();
    guess(&mut house, GUESSER, 0, 10);
    assert_eq!(house.told(), ["account locked for 60 s"], "one event for the lock");
    let asked = house.pbx_inbox.len();

    for cseq in [1_000, 1_001] {
        house.phone(GUESSER, &register(cseq, &proof("n1")));
        assert_eq!(house.at_phone().status.code(), 500);
        assert!(house.warning().contains("CD-REG-08"));
        assert_eq!(house.retry_after(), Some(60));
    }
    house.phone(FlowId(67), &register(1_002, ""));
    assert_eq!(house.at_phone().status.code(), 500, "another connection does not help, nor does asking anew");
    assert_eq!(house.pbx_inbox.len(), asked);
    assert_eq!(house.told(), ["refused CD-REG-08", "refused CD-REG-08", "refused CD-REG-08"]);

    house.until(45);
    house.phone(GUESSER, &register(1_003, &proof("n1")));
    assert_eq!(house.retry_after(), Some(15), "what is left of it");
}

#[test]
fn each_lock_is_longer_and_none_is_longer_than_a_quarter_of_an_hour() {
    let mut house = House::new();
    let mut seconds = 0;
    for (round, lasts) in [60, 120, 240, 480, 900, 900].into_iter().enumerate() {
        guess(&mut house, GUESSER, u32::try_from(round).unwrap() * 100, 10);
        assert_eq!(house.told(), [format!("account locked for {lasts} s")]);
        seconds += lasts;
        house.until(seconds);
    }
}

#[test]
fn a_phone_that_is_registered_with_the_account_is_never_locked_out() {
    let mut house = House::new();
    house.register(A, &register(1, "").replace("urn:uuid:1", "urn:uuid:7"));
    guess(&mut house, GUESSER, 0, 10);
    house.told();
    house.register(A, &register(2, "").replace("urn:uuid:1", "urn:uuid:7"));
    assert_eq!(house.at_phone().status.code(), 200);
    assert_eq!(house.told(), ["registered for 600 s"]);
    house.phone(GUESSER, &register(3_000, ""));
    assert_eq!(house.at_phone().status.code(), 500, "the refresh of the phone opens nothing to others");
}

#[test]
fn proofs_that_all_arrive_before_the_first_answer_are_ten_at_most() {
    let mut house = House::new();
    learn_nonce(&mut house, GUESSER);
    let asked = house.pbx_inbox.len();
    for cseq in 10..200 {
        house.phone(GUESSER, &register(cseq, &proof("n1")));
    }
    assert_eq!(house.pbx_inbox.len() - asked, 10);
    assert_eq!(house.at_phone().status.code(), 500);
    assert!((2..=10).contains(&house.retry_after().unwrap()));
    house.close(GUESSER);
    house.until(40);
    house.told();
    learn_nonce(&mut house, B);
    house.phone(B, &register(300, &own_proof()));
    house.grant(600);
    assert_eq!(house.told(), ["registered for 600 s"], "what the PBX never judged is nobody's fault");
}

#[test]
fn a_phone_that_lost_its_connection_comes_back_while_its_account_is_locked() {
    let mut house = House::new();
    house.register(A, &register(1, ""));
    let stranger = |cseq| register(cseq, &proof("n1")).replace("urn:uuid:1", "urn:uuid:66");
    learn_nonce_as(&mut house, GUESSER, &stranger(0));
    for cseq in 10..20 {
        house.phone(GUESSER, &stranger(cseq));
        house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
    }
    house.close(A);
    house.phone(GUESSER, &stranger(30));
    assert_eq!(house.at_phone().status.code(), 500);
    learn_nonce(&mut house, B);
    house.phone(B, &register(400, &proof("n1")));
    house.grant(600);
    assert_eq!(house.at_phone().status.code(), 200);
    assert!(house.registrar.has_live_binding(house.now, B));
}

#[test]
fn who_pretends_to_be_a_phone_that_comes_back_has_ten_guesses_too() {
    let mut house = House::new();
    house.register(A, &register(1, ""));
    house.told();
    guess(&mut house, GUESSER, 0, 10);
    assert_eq!(house.told(), ["account locked for 60 s"]);
    house.phone(GUESSER, &register(2_000, &proof("n1")));
    assert_eq!(house.at_phone().status.code(), 500);
}

#[test]
fn wrong_proofs_of_a_registered_phone_are_no_guesses() {
    let mut house = House::new();
    house.register(A, &register(1, ""));
    house.told();
    guess(&mut house, A, 100, 30);
    assert!(house.told().is_empty());
    house.phone(B, &register(2_000, "").replace("urn:uuid:1", "urn:uuid:2"));
    house.grant(600);
    assert_eq!(house.at_phone().status.code(), 200);
}

#[test]
fn another_account_goes_on_on_the_same_connection_and_at_the_same_address() {
    let mut house = House::new();
    guess(&mut house, GUESSER, 0, 10);
    house.told();
    for flow in [GUESSER, A] {
        let other = register(5_000, "").replace("100@mx", "101@mx").replace("phone-side", "other");
        house.register(flow, &other.replace("branch=z9hG4bK", &format!("branch=z9hG4bK{}", flow.0)));
        assert_eq!(house.at_phone().status.code(), 200);
    }
}

#[test]
fn a_guesser_gains_nothing_by_naming_the_account_in_the_proof_alone() {
    let mut house = House::new();
    let hidden = |cseq| register(cseq, &proof("n1")).replace("100@mx", "666@mx");
    learn_nonce(&mut house, GUESSER);
    for cseq in 0..10 {
        house.phone(GUESSER, &hidden(cseq + 10));
        house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
    }
    let told = house.told();
    assert_eq!(told.len(), 2, "the account that registers and the one it proves: {told:?}");
    house.phone(B, &register(900, ""));
    assert_eq!(house.at_phone().status.code(), 500);
}

#[test]
fn who_knows_the_password_opens_the_account_for_a_new_connection() {
    let mut house = House::new();
    guess(&mut house, GUESSER, 0, 9);
    learn_nonce(&mut house, A);
    house.phone(A, &register(2_000, &own_proof()));
    house.grant(600);
    guess(&mut house, GUESSER, 100, 9);
    assert_eq!(house.told(), ["registered for 600 s"], "nine and nine are not ten");
}

#[test]
fn a_registration_that_proves_two_users_forgets_no_wrong_answer_of_either() {
    let mut house = House::new();
    guess(&mut house, GUESSER, 0, 9);
    let own = |cseq: u32, proofs: &str| {
        let text = register(cseq, proofs).replace("100@mx", "101@mx");
        text.replace("phone-side", "own").replace("uuid:1", "uuid:9")
    };
    learn_nonce_as(&mut house, A, &own(5_000, ""));
    let good = proof("n1").replace("username=\"100\"", "username=\"101\"");
    let junk = proof("n1").replace("realm=\"mx.example.org\"", "realm=\"elsewhere\"");
    house.phone(A, &own(5_001, &format!("{good}{junk}")));
    house.grant(600);
    house.told();
    guess(&mut house, GUESSER, 100, 1);
    assert_eq!(house.told(), ["account locked for 60 s"], "nine, another's success, and the tenth");
}

#[test]
fn a_nonce_that_is_stale_is_no_wrong_password() {
    let mut house = House::new();
    learn_nonce(&mut house, GUESSER);
    for cseq in 10..40 {
        house.phone(GUESSER, &register(cseq, &proof("n1")));
        let stale = format!("{}, stale=true", challenge("n1"));
        house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &stale)], &[]);
    }
    assert!(house.told().is_empty());
}

#[test]
fn requests_without_a_proof_are_no_guesses() {
    let mut house = House::new();
    for cseq in 10..60 {
        house.phone(GUESSER, &register(cseq, &proof("never-relayed")));
        house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge(&format!("n{cseq}")))], &[]);
        assert_eq!(house.told(), ["proof withheld: foreign_nonce"]);
    }
}

#[test]
fn a_lock_is_forgotten_in_the_end() {
    let mut house = House::new();
    guess(&mut house, GUESSER, 0, 10);
    house.until(10_000);
    assert_eq!(house.registrar.poll_timeout(), None);
}

#[test]
fn an_account_holds_a_bounded_number_of_phones_and_one_that_is_gone_makes_room() {
    let mut house = House::new();
    let phone = |n: u64| {
        let text = register(1, "").replace("urn:uuid:1", &format!("urn:uuid:{n}"));
        text.replace("branch=z9hG4bK", &format!("branch=z9hG4bK{n}x"))
    };
    for n in 0..64 {
        house.register(FlowId(1_000 + n), &phone(n));
    }
    house.phone(FlowId(2_000), &phone(64));
    assert_eq!(house.at_phone().status.code(), 503);
    assert!(house.warning().contains("CD-OVERLOAD-04"));
    house.close(FlowId(1_007));
    let request = house.register(FlowId(2_000), &phone(65));
    assert_eq!(house.at_phone().status.code(), 200);
    assert_eq!(house.registrar.binding_count(), 64);
    let contact: &NameAddr = request.contacts.first().unwrap();
    assert!(matches!(house.registrar.route(house.now, &contact.uri), super::Route::Phone { .. }));
}

/// A challenge for this connection, so that its proofs reach the PBX.
fn learn_nonce(house: &mut House, flow: FlowId) {
    learn_nonce_as(house, flow, &register(9_000 + u32::try_from(house.pbx_inbox.len()).unwrap(), ""));
}

fn learn_nonce_as(house: &mut House, flow: FlowId, request: &str) {
    house.phone(flow, request);
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
}

/// One that nobody has shown before.
fn own_proof() -> String {
    proof("n1").replace("response=\"00\"", "response=\"01\"")
}

fn guess(house: &mut House, flow: FlowId, from_cseq: u32, times: u32) {
    learn_nonce(house, flow);
    for cseq in 1..=times {
        house.phone(flow, &register(from_cseq + cseq, &proof("n1")));
        house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
        assert_eq!(house.at_phone().status.code(), 401);
    }
}
