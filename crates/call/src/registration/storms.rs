//! What a fleet meets that comes back all at once: lifetimes and waits that differ from phone to phone.

use std::collections::BTreeSet;

use cordon_sip::{FlowId, HeaderName};

use super::house::{House, register};

#[test]
fn for_ten_minutes_after_a_start_each_phone_is_granted_a_little_less_than_the_pbx_grants() {
    let mut house = House::new();
    house.registrar.settled_at = None;
    let first = (0..200).map(|n| granted(&mut house, n)).collect::<Vec<_>>();
    assert!(first.iter().all(|seconds| (480..=600).contains(seconds)), "{first:?}");
    assert!(first.iter().collect::<BTreeSet<_>>().len() > 80, "spread over the whole fifth: {first:?}");
    house.until(599);
    assert!((0..20).any(|n| granted(&mut house, n) < 600), "whoever refreshes meanwhile is spread again");
    house.until(600);
    assert!((0..20).all(|n| granted(&mut house, n) == 600));
}

#[test]
fn no_header_of_the_answer_promises_more_than_the_contact() {
    let mut house = House::new();
    house.registrar.settled_at = None;
    for n in 0..20 {
        house.phone(FlowId(n), &phone(n));
        let listed: Vec<_> = house.at_pbx().contacts.as_slice().to_vec();
        house.pbx(200, &[(HeaderName::EXPIRES, "600")], &listed);
        let answer = house.at_phone();
        let contact = answer.contacts.first().unwrap().params.value("expires").unwrap().as_str().to_owned();
        assert_eq!(answer.headers.get(&HeaderName::EXPIRES).unwrap(), contact.as_str());
    }
}

#[test]
fn phones_that_lose_the_pbx_together_are_told_to_come_back_apart() {
    let mut house = House::new();
    let mut waits = BTreeSet::new();
    for n in 0..100 {
        house.phone(FlowId(n), &phone(n));
        house.layer.handle_pbx_unreachable(house.now);
        house.pump();
        assert_eq!(house.at_phone().status.code(), 503);
        waits.insert(house.retry_after().unwrap());
    }
    assert!(waits.iter().all(|seconds| (10..=30).contains(seconds)), "{waits:?}");
    assert!(waits.len() > 15, "{waits:?}");
}

#[test]
fn a_phone_that_was_granted_less_is_reached_for_as_long_as_the_pbx_has_its_contact() {
    let mut house = House::new();
    house.registrar.settled_at = None;
    let request = house.register(FlowId(1), &phone(1));
    house.until(609);
    assert!(matches!(house.route(&request), super::Route::Phone { .. }));
    house.until(611);
    assert!(matches!(house.route(&request), super::Route::Unknown));
}

/// What phone `n` is granted where the PBX grants ten minutes.
fn granted(house: &mut House, n: u64) -> u32 {
    house.phone(FlowId(n), &phone(n + 1_000 * u64::try_from(house.pbx_inbox.len()).unwrap()));
    house.grant(600);
    let contact = house.at_phone().contacts.first().unwrap();
    contact.params.value("expires").unwrap().as_str().parse().unwrap()
}

fn phone(n: u64) -> String {
    let text = register(1, "").replace("urn:uuid:1", &format!("urn:uuid:{n}"));
    let account = format!("{n}@mx");
    text.replace("100@mx", &account).replace("branch=z9hG4bK", &format!("branch=z9hG4bK{n}x"))
}
