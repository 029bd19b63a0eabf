//! Registrations in virtual time, read from top to bottom: what the phone sends, what the PBX gets and answers.

use cordon_sip::{Contacts, HeaderName, Host, NameAddr, Text};

use super::house::{A, B, House, challenge, proof, register, with_expires};
use super::{BindingId, Route};

#[test]
fn a_phone_registers_with_its_own_proof_and_the_pbx_sees_only_our_contact() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    let asked = house.at_pbx().clone();
    assert_eq!(asked.uri.to_text(), "sip:mx.example.org");
    assert_ne!(asked.call_id.as_str(), "phone-side");
    assert_ne!(asked.from.tag().unwrap(), &"phone-tag");
    assert_eq!(asked.max_forwards, Some(69));
    assert_eq!(asked.headers.get(&HeaderName::USER_AGENT).unwrap(), &"Zip/1");
    assert_eq!(
        asked.headers.get(&HeaderName::EXPIRES).unwrap(),
        &"600",
        "3600, capped at the site's maximum"
    );
    assert!(!asked.headers.has(&HeaderName::SUPPORTED));
    let contact = asked.contacts.first().unwrap();
    assert_eq!(contact.uri.host().unwrap(), &Host::parse("sbc.example.org").unwrap());
    assert_eq!((contact.uri.port(), contact.uri.transport().unwrap().as_str()), (Some(5071), "tls"));
    assert_eq!(contact.uri.user().unwrap().len(), 26);
    assert_eq!(contact.params.value("+sip.instance").unwrap(), &"\"<urn:uuid:1>\"");
    assert_eq!(contact.params.value("reg-id").unwrap(), &"1");
    assert_eq!(contact.params.value("methods").unwrap(), &"\"INVITE,BYE\"");

    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
    assert_eq!(house.at_phone().status.code(), 401);
    assert_eq!(
        house.at_phone().headers.get(&HeaderName::WWW_AUTHENTICATE).unwrap(),
        &challenge("n1").as_str()
    );

    house.phone(A, &register(2, &proof("n1")));
    let again = house.at_pbx().clone();
    assert_eq!((again.call_id.clone(), again.cseq), (asked.call_id.clone(), asked.cseq + 1));
    assert_eq!(again.from.tag(), asked.from.tag());
    assert_eq!(again.contacts, asked.contacts);
    assert!(again.headers.has(&HeaderName::AUTHORIZATION));

    house.grant(3600);
    let answer = house.at_phone();
    assert_eq!(answer.status.code(), 200);
    assert_eq!(answer.call_id.as_str(), "phone-side");
    let own = answer.contacts.first().unwrap();
    assert_eq!(own.uri.to_text(), "sip:100@10.1.0.20:40000;transport=tls");
    assert_eq!(own.params.value("expires").unwrap(), &"600", "capped at the site's maximum");
    assert_eq!(own.params.value("methods").unwrap(), &"\"INVITE,BYE\"");
    assert_eq!(house.told(), ["registered for 600 s"]);
    assert!(matches!(house.route(&asked), Route::Phone { flow: A, .. }));
}

#[test]
fn the_pbx_is_asked_for_no_longer_than_the_site_grants() {
    let mut house = House::new();
    let mut cseq = 0;
    let mut asked = |house: &mut House, expires: &str, param: &str| {
        cseq += 1;
        let text = register(cseq, "").replace("Expires: 3600\r\n", expires).replace(";reg-id=1", param);
        house.phone(A, &text);
        let header = house.at_pbx().headers.get(&HeaderName::EXPIRES).map(|text| text.as_str().to_owned());
        let contact = house
            .at_pbx()
            .contacts
            .first()
            .unwrap()
            .params
            .value("expires")
            .map(|text| text.as_str().to_owned());
        house.grant(60);
        (header, contact)
    };
    let is = |text: &str| Some(text.to_owned());

    assert_eq!(asked(&mut house, "Expires: 300\r\n", ";reg-id=1"), (is("300"), None));
    assert_eq!(asked(&mut house, "Expires: 0\r\n", ";reg-id=1"), (is("0"), None));
    assert_eq!(asked(&mut house, "", ";reg-id=1;expires=300"), (None, is("300")));
    assert_eq!(asked(&mut house, "", ";reg-id=1;expires=86400"), (None, is("600")));
    assert_eq!(asked(&mut house, "", ";reg-id=1"), (is("600"), None), "a PBX would choose an hour or more");
}

#[test]
fn a_lifetime_that_is_no_number_is_asked_for_as_an_hour() {
    let mut house = House::new();
    house.site.registration.maximum = std::time::Duration::from_secs(7_200);
    for (cseq, (header, param, asked)) in (1..).zip([
        ("60;x", "", [Some("3600"), None]),
        ("Thu, 01 Dec 1994 16:00:00 GMT", "", [Some("3600"), None]),
        ("99999999999", "", [Some("7200"), None]),
        ("60", ";expires=\"Thu, 01 Dec 1994 16:00:00 GMT\"", [Some("60"), Some("3600")]),
        ("60", ";expires", [Some("60"), Some("3600")]),
        ("60", ";expires=99999999999", [Some("60"), Some("7200")]),
    ]) {
        let text =
            register(cseq, "").replace("3600", header).replace(";reg-id=1", &format!(";reg-id=1{param}"));
        house.phone(A, &text);
        let at_pbx = house.at_pbx();
        let contact = at_pbx.contacts.first().unwrap().params.value("expires");
        let seen = [at_pbx.headers.get(&HeaderName::EXPIRES), contact].map(|value| value.map(Text::as_str));
        assert_eq!(seen, asked, "{header}{param}");
        house.grant(60);
    }
}

#[test]
fn what_is_malformed_of_a_contact_or_a_header_does_not_reach_the_pbx() {
    let mut house = House::new();
    let broken = ";+sip.instance=\"<uuid:1>\";reg-id=0;q=2;audio";
    let text = register(1, "")
        .replace(";+sip.instance=\"<urn:uuid:1>\";reg-id=1", broken)
        .replace("Supported:", "Allow: INVITE, \"BYE\r\nAllow-Events: dialog, presence.winfo\r\nSupported:");
    house.phone(A, &text);
    let at_pbx = house.at_pbx();
    let contact = at_pbx.contacts.first().unwrap();
    for name in ["+sip.instance", "reg-id", "q"] {
        assert!(!contact.params.has(name), "{name}");
    }
    assert!(contact.params.has("audio") && contact.params.has("methods"));
    assert!(!at_pbx.headers.has(&HeaderName::ALLOW));
    assert_eq!(at_pbx.headers.get(&HeaderName::ALLOW_EVENTS).unwrap(), &"dialog, presence.winfo");
    house.grant(60);
    assert_eq!(house.told(), ["registered for 60 s"]);
}

#[test]
fn what_is_malformed_of_an_answer_does_not_reach_the_phone() {
    let mut house = House::new();
    let headers = |is_good: bool| {
        let value = |good: &'static str, bad: &'static str| if is_good { good } else { bad };
        [
            (HeaderName::DATE, value("Sat, 13 Nov 2010 23:29:00 GMT", "Sun, 13 Nov 2010 23:29:00 GMT")),
            (HeaderName::MIN_EXPIRES, value("1800", "1800;x")),
            (HeaderName::RETRY_AFTER, value("120 (soon);duration=5", "120 (soon")),
            (HeaderName::ALLOW_EVENTS, value("dialog", "dialog, \"x")),
            (HeaderName::AUTHENTICATION_INFO, value("nextnonce=\"n2\"", "nextnonce")),
            (HeaderName::P_ASSOCIATED_URI, value("<sip:100@mx.example.org>", "<sip:100@mx.example.org")),
        ]
    };
    for (cseq, is_good) in [(1, true), (2, false)] {
        house.phone(A, &register(cseq, ""));
        house.pbx(404, &headers(is_good), &[]);
        for (name, value) in headers(is_good) {
            let told = house.at_phone().headers.get(&name).map(Text::as_str);
            assert_eq!(told, is_good.then_some(value), "{name:?}");
        }
    }
    house.phone(A, &register(3, ""));
    house.pbx(423, &[(HeaderName::MIN_EXPIRES, "1800;x")], &[]);
    assert_eq!(house.at_phone().status.code(), 423);
    assert_eq!(
        house.at_phone().headers.get(&HeaderName::MIN_EXPIRES).unwrap(),
        &"600",
        "what the site grants"
    );
    house.phone(A, &register(4, ""));
    assert_eq!(
        house.at_pbx().headers.get(&HeaderName::EXPIRES).unwrap(),
        &"600",
        "nobody insisted on a number"
    );
}

#[test]
fn a_pbx_that_insists_on_longer_bindings_gets_what_the_phone_asks_for_then() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.pbx(423, &[(HeaderName::MIN_EXPIRES, "1800")], &[]);
    assert_eq!(house.at_phone().status.code(), 423);
    assert_eq!(house.at_phone().headers.get(&HeaderName::MIN_EXPIRES).unwrap(), &"1800");

    house.phone(A, &register(2, ""));
    assert_eq!(house.at_pbx().headers.get(&HeaderName::EXPIRES).unwrap(), &"1800");
    house.grant(1800);
    assert_eq!(house.told(), ["registered for 600 s"], "the phone is granted what the site allows");
}

#[test]
fn a_proof_from_another_connection_is_taken_out_so_that_the_pbx_challenges_afresh() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &[]);
    house.phone(B, &register(2, &proof("n1")));
    assert!(!house.at_pbx().headers.has(&HeaderName::AUTHORIZATION));
}

#[test]
fn auth_int_alone_is_refused_with_a_code() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    let auth_int = challenge("n1").replace("qop=\"auth\"", "qop=\"auth-int\"");
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, &auth_int)], &[]);
    assert_eq!(house.at_phone().status.code(), 502);
    assert!(house.warning().contains("CD-REG-03"));
    assert_eq!(house.told(), ["refused CD-REG-03"]);
}

#[test]
fn a_challenge_without_digest_is_refused_with_a_code() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.pbx(401, &[(HeaderName::WWW_AUTHENTICATE, "Basic realm=\"mx\"")], &[]);
    assert_eq!(house.at_phone().status.code(), 502);
    assert!(house.warning().contains("CD-REG-09"));
    assert_eq!(house.told(), ["refused CD-REG-09"]);
}

#[test]
fn the_same_phone_on_a_new_connection_keeps_its_contact_and_takes_over() {
    let mut house = House::new();
    let first = house.register(A, &register(1, ""));
    let moved = register(2, "").replace("10.1.0.20:40000", "10.1.0.20:40999");
    let second = house.register(B, &moved);
    assert_eq!(first.contacts, second.contacts);
    assert_eq!(house.told(), ["registered for 600 s", "registered for 600 s instead of FlowId(1)"]);
    let Route::Phone { flow, contact, binding } = house.route(&first) else { panic!("the phone is there") };
    assert_eq!((flow, contact.port()), (B, Some(40999)));
    assert!(house.registrar.is_same_phone(house.now, binding, B));
    assert!(!house.registrar.is_same_phone(house.now, binding, A));
    assert!(!house.registrar.has_live_binding(house.now, A));
    house.close(A);
    assert!(matches!(house.route(&first), Route::Phone { flow: B, .. }));
    assert_eq!(house.told(), Vec::<String>::new());
}

#[test]
fn without_an_instance_the_phone_is_known_by_its_contact() {
    let mut house = House::new();
    let plain = |cseq, port: &str| {
        let text = register(cseq, "").replace(";+sip.instance=\"<urn:uuid:1>\";reg-id=1", "");
        text.replace("40000", port)
    };
    let first = house.register(A, &plain(1, "40000"));
    let refresh = house.register(A, &plain(2, "40000"));
    let other = house.register(B, &plain(3, "40001"));
    assert_eq!(first.contacts, refresh.contacts);
    assert_ne!(first.contacts, other.contacts);
}

#[test]
fn a_closed_flow_leaves_a_contact_that_is_answered_480_until_the_phone_returns() {
    let mut house = House::new();
    let request = house.register(A, &register(1, ""));
    house.close(A);
    assert!(matches!(house.route(&request), Route::FlowGone));
    assert!(!house.registrar.has_live_binding(house.now, A));
    house.until(60);
    house.register(B, &register(2, ""));
    assert!(matches!(house.route(&request), Route::Phone { flow: B, .. }));
    assert_eq!(house.told(), ["registered for 600 s", "unregistered: FlowClosed", "registered for 600 s"]);
}

#[test]
fn a_binding_that_is_not_refreshed_ends() {
    let mut house = House::new();
    let request = house.register(A, &register(1, ""));
    house.until(599);
    assert!(house.registrar.has_live_binding(house.now, A));
    house.until(611);
    assert!(matches!(house.route(&request), Route::Unknown));
    assert!(!house.registrar.has_live_binding(house.now, A));
    assert_eq!(house.told(), ["registered for 600 s", "unregistered: Expired"]);
}

#[test]
fn only_the_phones_own_bindings_are_shown() {
    let mut house = House::new();
    let other = house.register(B, &register(1, "").replace("urn:uuid:1", "urn:uuid:2"));
    house.phone(A, &register(1, ""));
    let mine = house.at_pbx().contacts.first().unwrap().clone();
    let theirs = other.contacts.first().unwrap().clone();
    let stranger = NameAddr::parse("<sip:100@192.0.2.1:5060>").unwrap();
    house.pbx(200, &[], &[with_expires(theirs, 100), with_expires(mine, 200), with_expires(stranger, 300)]);
    let shown = house.at_phone().contacts.as_slice();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].params.value("expires").unwrap(), &"200");
    assert_eq!(shown[0].params.value("+sip.instance").unwrap(), &"\"<urn:uuid:1>\"");
}

#[test]
fn several_lines_register_over_one_connection() {
    let mut house = House::new();
    let first = house.register(A, &register(1, ""));
    let second =
        house.register(A, &register(1, "").replace("100@mx", "101@mx").replace("phone-side", "second"));
    assert!(matches!(house.route(&first), Route::Phone { flow: A, .. }));
    assert!(matches!(house.route(&second), Route::Phone { flow: A, .. }));
    let toward = |user: &str| {
        let from = NameAddr::parse(format!("<sip:{user}@mx.example.org>;tag=1")).unwrap();
        house.registrar.contact_toward_pbx(house.now, &house.site, A, &from)
    };
    assert_eq!(toward("100").as_ref(), first.contacts.first().map(|contact| &contact.uri));
    assert_eq!(toward("101").as_ref(), second.contacts.first().map(|contact| &contact.uri));
    assert_eq!(toward("102"), None);
}

#[test]
fn expires_zero_takes_the_binding_away_upstream_and_here() {
    let mut house = House::new();
    let request = house.register(A, &register(1, ""));
    house.phone(A, &register(2, "").replace("Expires: 3600", "Expires: 0"));
    assert_eq!(house.at_pbx().headers.get(&HeaderName::EXPIRES).unwrap(), &"0");
    house.pbx(200, &[], &[]);
    assert_eq!(house.at_phone().status.code(), 200);
    assert!(house.at_phone().contacts.is_empty());
    assert!(matches!(house.route(&request), Route::Unknown));
    assert_eq!(house.told(), ["registered for 600 s", "unregistered: Asked"]);
}

#[test]
fn the_names_of_a_registration_that_has_ended_or_goes_on_under_others_are_forgotten() {
    let mut house = House::new();
    let upstream = |house: &House| (house.at_pbx().call_id.clone(), house.at_pbx().cseq);
    house.register(A, &register(1, ""));
    let first = upstream(&house);
    house.register(A, &register(2, ""));
    assert_eq!(upstream(&house), (first.0.clone(), first.1 + 1), "the same registration goes on");

    // The phone has restarted, and takes its binding over.
    house.register(B, &register(1, "").replace("Call-ID: ", "Call-ID: another-"));
    house.register(A, &register(3, ""));
    let third = upstream(&house);
    assert!(third.0 != first.0 && third.1 == 1, "its first names are free again");

    house.phone(A, &register(4, "").replace("Expires: 3600", "Expires: 0"));
    house.pbx(200, &[], &[]);
    house.register(A, &register(5, ""));
    let last = upstream(&house);
    assert!(last.0 != third.0 && last.1 == 1);
}

#[test]
fn a_star_takes_every_binding_of_the_account_away() {
    let mut house = House::new();
    let here = house.register(A, &register(1, ""));
    let there = house.register(B, &register(1, "").replace("urn:uuid:1", "urn:uuid:2"));
    let star = register(2, "").replace("Expires: 3600", "Expires: 0");
    let contact = star.lines().find(|line| line.starts_with("Contact")).unwrap().to_owned();
    house.phone(A, &star.replace(&contact, "Contact: *"));
    assert_eq!(house.at_pbx().contacts, Contacts::Star);
    house.pbx(200, &[], &[]);
    assert!(matches!(house.route(&here), Route::Unknown));
    assert!(matches!(house.route(&there), Route::Unknown));

    house.phone(A, &register(3, "").replace(&contact, "Contact: *"));
    assert_eq!(house.at_phone().status.code(), 400, "with a lifetime a star means nothing");
}

#[test]
fn a_phone_that_moves_its_contact_in_one_request_stays_registered() {
    let mut house = House::new();
    house.register(A, &register(1, ""));
    let line =
        "Contact: <sip:100@10.1.0.20:40000;transport=tls>;expires=0;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    let moved = register(2, "").replace("40000", "41000").replace("Contact:", &format!("{line}\r\nContact:"));
    let request = house.register(A, &moved);
    assert_eq!(request.contacts.as_slice().len(), 1);
    assert_eq!(request.contacts.first().unwrap().params.value("expires"), None);
    let Route::Phone { contact, .. } = house.route(&request) else { panic!("the phone is there") };
    assert_eq!(contact.port(), Some(41000));
}

#[test]
fn a_query_is_answered_with_what_this_phone_holds() {
    let mut house = House::new();
    let request = house.register(A, &register(1, ""));
    house.until(100);
    let query = register(2, "");
    let contact = query.lines().find(|line| line.starts_with("Contact")).unwrap().to_owned();
    house.phone(A, &query.replace(&format!("{contact}\r\n"), ""));
    assert!(house.at_pbx().contacts.is_empty());
    house.pbx(200, &[], request.contacts.as_slice());
    let shown = house.at_phone().contacts.as_slice();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].params.value("expires").unwrap(), &"500");
}

#[test]
fn a_silent_pbx_is_told_to_the_phone_within_4_seconds() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.until(3);
    assert_eq!(house.phone_inbox.len(), 0);
    house.until(4);
    assert_eq!(house.at_phone().status.code(), 503);
    let wait = house.retry_after().unwrap();
    assert!((10..=20).contains(&wait));
    assert!(house.warning().contains("CD-PBX-01"));
    let request = house.at_pbx().clone();
    house.grant(3600);
    assert_eq!(house.phone_inbox.len(), 1, "the phone has its answer");
    assert!(matches!(house.route(&request), Route::Phone { .. }), "what the PBX holds is known all the same");
}

#[test]
fn a_pbx_that_is_working_on_it_has_more_time() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.pbx(100, &[], &[]);
    house.until(31);
    assert_eq!(house.phone_inbox.len(), 0);
    house.until(33);
    assert_eq!(house.at_phone().status.code(), 503);
    assert_eq!(house.told(), ["refused CD-PBX-01"]);
}

#[test]
fn an_unreachable_pbx_is_told_at_once() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.layer.handle_pbx_unreachable(house.now);
    house.pump();
    assert_eq!(house.at_phone().status.code(), 503);
    assert_eq!(house.told(), ["refused CD-PBX-02"]);
}

#[test]
fn min_expires_is_relayed_and_a_redirection_is_not() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.pbx(423, &[(HeaderName::MIN_EXPIRES, "1800")], &[]);
    assert_eq!(house.at_phone().status.code(), 423);
    assert_eq!(house.at_phone().headers.get(&HeaderName::MIN_EXPIRES).unwrap(), &"1800");

    house.phone(A, &register(2, ""));
    house.pbx(302, &[], &[NameAddr::parse("<sip:192.0.2.9>").unwrap()]);
    assert_eq!(house.at_phone().status.code(), 480);
    assert!(house.at_phone().contacts.is_empty());
}

#[test]
fn headers_of_the_pbx_stay_behind() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    let own = [
        (HeaderName::SERVER, "pbx"),
        (HeaderName::SERVICE_ROUTE, "<sip:pbx;lr>"),
        (HeaderName::EXPIRES, "3600"),
    ];
    house.pbx(200, &own, &[]);
    let answer = house.at_phone();
    assert!(!answer.headers.has(&HeaderName::SERVER) && !answer.headers.has(&HeaderName::SERVICE_ROUTE));
    assert_eq!(answer.headers.get(&HeaderName::EXPIRES).unwrap(), &"600");
}

#[test]
fn a_refused_refresh_ends_the_binding_and_a_failed_guess_elsewhere_does_not() {
    let mut house = House::new();
    let request = house.register(A, &register(1, ""));
    house.phone(B, &register(2, ""));
    house.pbx(403, &[], &[]);
    assert!(matches!(house.route(&request), Route::Phone { flow: A, .. }));
    house.phone(A, &register(3, ""));
    house.pbx(403, &[], &[]);
    assert!(matches!(house.route(&request), Route::Unknown));
    assert_eq!(house.told(), ["registered for 600 s", "unregistered: Refused"]);
}

#[test]
fn a_phone_that_leaves_before_its_answer_is_bound_to_nothing() {
    let mut house = House::new();
    house.phone(A, &register(1, ""));
    house.close(A);
    let request = house.at_pbx().clone();
    house.grant(3600);
    assert!(matches!(house.route(&request), Route::Unknown));
    assert_eq!(house.phone_inbox.len(), 0);
}

#[test]
fn contacts_stay_the_same_after_a_restart() {
    let before = House::new().register(A, &register(1, ""));
    let after = House::new().register(B, &register(1, ""));
    assert_eq!(before.contacts, after.contacts);
}

#[test]
fn everything_is_forgotten_in_the_end() {
    let mut house = House::new();
    house.register(A, &register(1, ""));
    house.phone(B, &register(1, "").replace("urn:uuid:1", "urn:uuid:2"));
    house.close(A);
    house.close(B);
    house.until(10_000);
    assert_eq!(house.registrar.poll_timeout(), None);
    assert_eq!(house.layer.open_transactions(), 0);
}

/// An id is an id, whatever is asked of it.
#[test]
fn a_contact_that_is_not_ours_leads_nowhere() {
    let house = House::new();
    let uri = NameAddr::parse("<sip:100@sbc.example.org:5071>").unwrap().uri;
    assert!(BindingId::of_contact(&uri).is_none());
    assert!(matches!(house.registrar.route(house.now, &uri), Route::Unknown));
}
