//! Values of single headers, every type of them: what parses can be written, and reads back as the same value.
#![no_main]

use std::fmt::Debug;

use cordon_sip::{
    Allow, AuthenticationInfo, CSeq, CallId, Challenge, Credentials, Date, DeltaSeconds, Diversion, Event,
    HeaderName, HeaderValue, Headers, HistoryInfo, Host, Identities, MaxForwards, MediaType, MinSe, NameAddr,
    Privacy, RAck, RSeq, Reason, ReferTo, ReferredBy, RemotePartyId, Replaces, RetryAfter, Routes,
    SessionExpires, SubscriptionState, Text, TokenList, Uri, Via, Warning,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // A header line is no longer than that.
    if text.len() > 8 * 1024 {
        return;
    }
    let value = Text::from(text);
    fixed_point::<Allow>(&value);
    fixed_point::<AuthenticationInfo>(&value);
    fixed_point::<CSeq>(&value);
    fixed_point::<Challenge>(&value);
    fixed_point::<Credentials>(&value);
    fixed_point::<Date>(&value);
    fixed_point::<DeltaSeconds>(&value);
    fixed_point::<Diversion>(&value);
    fixed_point::<Event>(&value);
    fixed_point::<HistoryInfo>(&value);
    fixed_point::<Identities>(&value);
    fixed_point::<MaxForwards>(&value);
    fixed_point::<MediaType>(&value);
    fixed_point::<MinSe>(&value);
    fixed_point::<NameAddr>(&value);
    fixed_point::<Privacy>(&value);
    fixed_point::<RAck>(&value);
    fixed_point::<RSeq>(&value);
    fixed_point::<Reason>(&value);
    fixed_point::<ReferTo>(&value);
    fixed_point::<ReferredBy>(&value);
    fixed_point::<RemotePartyId>(&value);
    fixed_point::<Replaces>(&value);
    fixed_point::<RetryAfter>(&value);
    fixed_point::<Routes>(&value);
    fixed_point::<SessionExpires>(&value);
    fixed_point::<SubscriptionState>(&value);
    fixed_point::<TokenList>(&value);
    fixed_point::<Uri>(&value);
    fixed_point::<Via>(&value);
    fixed_point::<Warning>(&value);
    let _ = (CallId::parse(&value), Host::parse(&value));
    if let Ok(contact) = NameAddr::parse(&value) {
        look_at_contact(&contact);
    }
    look_at_list(&value);
});

fn fixed_point<T: HeaderValue + PartialEq + Debug>(value: &Text) {
    let Ok(read) = T::read(value) else { return };
    let once = read.to_text();
    assert!(!once.as_str().contains(['\r', '\n']), "a value stays on its line");
    let again = T::read(&once).expect("what Cordon writes it can read");
    assert_eq!(once.as_str(), again.to_text().as_str(), "writing is a fixed point");
    // A fold within a quoted string has become spaces.
    if !value.as_str().contains(['\r', '\n']) {
        assert!(read == again, "the value read back is the same");
    }
}

fn look_at_contact(contact: &NameAddr) {
    let again = NameAddr::parse(contact.to_text()).expect("what Cordon writes it can read");
    assert_eq!(contact.expires(), again.expires());
    if let Some(seconds) = contact.expires() {
        assert_eq!(contact.clone().with_expires(seconds).expires(), Some(seconds));
    }
    assert_eq!(contact.reg_id(), again.reg_id());
    assert_eq!(contact.quality(), again.quality());
    if let Some(Ok(instance)) = contact.instance() {
        assert!(again.instance().is_some_and(|again| again.is_ok_and(|again| again.is_same_as(&instance))));
    }
    if let Some(Ok(quality)) = contact.quality() {
        assert!(quality.thousandths() <= 1_000);
    }
}

/// However a list is cut, an element that reads does so alone.
fn look_at_list(value: &Text) {
    let mut headers = Headers::new();
    headers.push(HeaderName::REASON, value);
    for reason in headers.read_each::<Reason>(&HeaderName::REASON).flatten() {
        assert!(Reason::read(&reason.to_text()).is_ok());
    }
    headers.push(HeaderName::PATH, value);
    let _ = Routes::of(&headers, &HeaderName::PATH);
    let identities = Identities::of(&headers, &HeaderName::PATH);
    if !identities.as_slice().is_empty() {
        assert!(Identities::read(&identities.to_text()).is_ok_and(|again| same_text(&again, &identities)));
    }
    look_at_tokens(value);
    look_at_wishes(value);
    look_at_times(value);
    if Credentials::are_too_many(value) {
        assert!(Credentials::read(value).is_err(), "no more parameters are read than there may be");
    }
}

/// A list reads as a whole when each of its elements does, but for the bound of what is kept.
fn look_at_tokens(value: &Text) {
    let mut headers = Headers::new();
    headers.push(HeaderName::REQUIRE, value);
    let tokens: Result<Vec<&str>, _> = headers.tokens(&HeaderName::REQUIRE).collect();
    match TokenList::read(value) {
        Ok(list) => assert!(tokens.is_ok_and(|tokens| list.iter().map(Text::as_str).eq(tokens))),
        Err(_) => assert!(tokens.is_err() || tokens.is_ok_and(|tokens| tokens.len() > 64)),
    }
}

/// What is told of several wishes is one that reads, and hides whatever one of them hides: no word is lost but `none`, and
/// where one is unclear the name is hidden as well.
fn look_at_wishes(value: &Text) {
    let mut headers = Headers::new();
    headers.push(HeaderName::PRIVACY, value);
    headers.push(HeaderName::PRIVACY, "session");
    let wish = Privacy::of(&headers).expect("there are two");
    assert!(Privacy::read(&wish.to_text()).is_ok_and(|again| again == wish));
    let words = value.as_str().split([';', ',']);
    // With "session" and "id" no more than are kept.
    if words.clone().count() <= 14 {
        for word in words.filter_map(|word| Privacy::parse(word).ok()) {
            assert!(word.has("none") || wish.has(word.to_text().as_str()), "a word that can be read counts");
        }
    }
    match Privacy::read(value) {
        Ok(alone) => assert!(wish.hides_identity() || !alone.hides_identity()),
        Err(_) => assert!(wish.has("id")),
    }
}

/// Times are those of the types behind them.
fn look_at_times(value: &Text) {
    let mut headers = Headers::new();
    headers.push(HeaderName::EXPIRES, value);
    headers.push(HeaderName::RETRY_AFTER, value);
    assert_eq!(headers.lifetime(), Some(DeltaSeconds::read(value).unwrap_or(DeltaSeconds::UNREADABLE).0));
    assert_eq!(headers.retry_after(), RetryAfter::read(value).ok().map(|read| read.seconds));
}

/// A fold within a quoted string becomes spaces: what is written counts.
fn same_text<T: HeaderValue>(one: &T, two: &T) -> bool {
    one.to_text().as_str() == two.to_text().as_str()
}
