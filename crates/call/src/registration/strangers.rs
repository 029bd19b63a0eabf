//! Registrations of what is not one's own: refused, and everything stays as it was.

use cordon_sip::NameAddr;

use super::house::{A, B, House, register};
use super::{BindingId, Route};

#[test]
fn nothing_changes_when_a_phone_registers_what_is_not_its_own() {
    let mut house = House::new();
    house.register(A, &register(1, ""));
    house.register(B, &register(1, "").replace("100@mx", "101@mx").replace("urn:uuid:1", "urn:uuid:2"));
    house.told();
    let before = house.registrar.bindings.picture();
    let asked = house.pbx_inbox.len();
    let contact = "<sip:100@10.1.0.20:40000;transport=tls>";
    for (nth, (ours, theirs, status, code)) in [
        ("From: <sip:100@mx", "From: <sip:101@mx", 403, "CD-REG-07"),
        ("To: <sip:100@mx", "To: <sip:101@mx", 403, "CD-REG-07"),
        ("From: <sip:100@mx", "From: <sip:anonymous@mx", 403, "CD-REG-07"),
        ("From: <sip:100@mx", "From: <sip:100@evil", 403, "CD-REG-02"),
        ("To: <sip:100@mx", "To: <sip:100@evil", 403, "CD-REG-02"),
        (contact, "<tel:+15551234>", 400, "CD-REG-04"),
        (contact, "<http://10.1.0.20/>", 400, "CD-REG-04"),
        (contact, "<urn:service:sos>", 400, "CD-REG-04"),
        (contact, "<sip:100@10.1.0.20>, <mailto:a@b.c>", 400, "CD-REG-04"),
    ]
    .into_iter()
    .enumerate()
    {
        let text = register(100 + u32::try_from(nth).unwrap(), "").replacen(ours, theirs, 1);
        house.phone(A, &text);
        assert_eq!(house.at_phone().status.code(), status, "{theirs}");
        assert!(house.warning().contains(code), "{theirs}");
        assert!(house.registrar.bindings.picture() == before, "{theirs}");
        assert_eq!(house.told(), [format!("refused {code}")]);
    }
    assert_eq!(house.pbx_inbox.len(), asked, "the PBX hears nothing of it");
}

#[test]
fn a_star_without_expires_zero_is_refused_and_takes_nothing() {
    let mut house = House::new();
    house.register(A, &register(1, ""));
    let before = house.registrar.bindings.picture();
    let text = register(2, "");
    let contact = text.lines().find(|line| line.starts_with("Contact")).unwrap().to_owned();
    house.phone(A, &text.replace(&contact, "Contact: *"));
    assert_eq!(house.at_phone().status.code(), 400);
    assert!(house.registrar.bindings.picture() == before);
}

#[test]
fn another_devices_instance_under_ones_own_account_is_another_phone() {
    let mut house = House::new();
    let first = house.register(A, &register(1, ""));
    let before = house.registrar.bindings.picture();
    let thief = house.register(B, &register(1, "").replace("100@mx", "101@mx"));
    assert_ne!(first.contacts, thief.contacts, "the same instance, another account, another contact");
    let after = house.registrar.bindings.picture();
    assert!(before.iter().all(|binding| after.contains(binding)));
    assert!(matches!(house.route(&first), Route::Phone { flow: A, .. }));
    assert!(matches!(house.route(&thief), Route::Phone { flow: B, .. }));
}

#[test]
fn a_guess_at_another_phones_contact_is_a_contact_like_any_other() {
    let mut house = House::new();
    let first = house.register(A, &register(1, ""));
    let opaque = first.contacts.first().unwrap().uri.to_text();
    let stolen = register(1, "").replace("100@mx", "101@mx");
    let stolen = stolen.replace("sip:100@10.1.0.20:40000;transport=tls", opaque.as_str());
    let second = house.register(B, &stolen.replace("+sip.instance=\"<urn:uuid:1>\"", "x=1"));
    assert_ne!(first.contacts, second.contacts);
    assert!(matches!(house.route(&first), Route::Phone { flow: A, .. }));
}

#[test]
fn a_contact_at_a_foreign_host_is_harmless() {
    let mut house = House::new();
    let request = house.register(A, &register(1, "").replace("10.1.0.20:40000", "192.0.2.66:5060"));
    let seen: &NameAddr = request.contacts.first().unwrap();
    assert!(BindingId::of_contact(&seen.uri).is_some(), "the PBX sees ours");
    assert!(matches!(house.route(&request), Route::Phone { flow: A, .. }), "the connection is where it is");
}

#[test]
fn what_a_phone_writes_into_its_addresses_leads_the_pbx_nowhere() {
    let mut house = House::new();
    let text = register(1, "")
        .replace("From: <sip:100@mx.example.org>", "From: \"A\" <sips:100:MARK@mx.example.org:6666;maddr=MARK?Route=MARK>;x=MARK")
        .replace("To: <sip:100@mx.example.org>", "To: <sip:100:MARK@mx.example.org;maddr=MARK>;x=MARK")
        .replace(";reg-id=1", ";reg-id=1;received=\"sip:MARK\";path=\"MARK\";maddr=MARK;x=MARK;audio;+sip.rendering=\"no\"")
        .replace("Expires:", "Path: <sip:MARK;lr>\r\nP-Asserted-Identity: <sip:MARK@mx.example.org>\r\nX-Real-IP: MARK\r\nExpires:");
    let request = house.register(A, &text);
    let written = String::from_utf8(request.write().to_vec()).unwrap();
    assert!(!written.contains("MARK"), "{written}");
    assert_eq!(request.from.without_tag().to_text(), "\"A\" <sip:100@mx.example.org>");
    let contact = request.contacts.first().unwrap();
    assert!(
        contact.params.has("audio") && contact.params.has("+sip.rendering"),
        "what it can, the PBX may know"
    );
    let told = house.at_phone().contacts.first().unwrap();
    assert!(
        told.params.has("received") && told.params.has("x"),
        "the phone finds its contact as it wrote it"
    );
}
