//! What of the PBX's answer the phone may see: its own contacts, and nothing of anybody else's.

use std::time::Duration;

use cordon_sip::{
    AuthenticationInfo, Contacts, Date, DeltaSeconds, HeaderName, HeaderValue, Headers, NameAddr, Request,
    Response, RetryAfter, StatusCode, Text,
};

use super::admission::AskedContact;
use super::phone::BindingId;
use crate::headers::{copy_addresses, copy_challenges, copy_readable, copy_tokens};

/// The lifetime the PBX has granted to a contact, in seconds; zero when it holds none.
pub(super) fn granted_seconds(response: &Response, contact: &AskedContact) -> u32 {
    let listed = response.contacts.as_slice().iter();
    let listed = listed.filter(|listed| BindingId::of_contact(&listed.uri) == Some(contact.id)).last();
    let header = response.headers.lifetime();
    match listed {
        Some(listed) => listed.expires().or(header).or(contact.seconds).unwrap_or(DEFAULT_SECONDS),
        None if contact.seconds == Some(0) => 0,
        // A registrar that lists nothing at all breaks 10.3 step 8; its Expires header then tells.
        None if response.contacts.is_empty() => header.or(contact.seconds).unwrap_or(DEFAULT_SECONDS),
        None => 0,
    }
}

/// The same lifetime as the phone is told it.
pub(super) fn capped(seconds: u32, maximum: Duration) -> u32 {
    seconds.min(u32::try_from(maximum.as_secs()).unwrap_or(u32::MAX))
}

/// The phone's response: status and phrase as the PBX gave them, the headers a phone needs, and these contacts.
pub(super) fn to_phone(
    request: &Request,
    response: &Response,
    tag: Text,
    contacts: Vec<(NameAddr, u32)>,
    maximum: Duration,
) -> Response {
    let mut answer =
        Response::to(request, response.status).with_to_tag(tag).with_reason(response.reason.clone());
    copy(&response.headers, &mut answer.headers);
    if let Some(seconds) = response.headers.lifetime() {
        // What a contact says is what holds, and no phone shall find more anywhere.
        let longest = contacts.iter().map(|(_, left)| *left).max().unwrap_or(seconds);
        let seconds = capped(seconds, maximum).min(longest);
        answer.headers.push(HeaderName::EXPIRES, DeltaSeconds(seconds).to_text());
    }
    if answer.status == StatusCode::INTERVAL_TOO_BRIEF && !answer.headers.has(&HeaderName::MIN_EXPIRES) {
        // §10.3 step 7: it has to be there. A PBX that says none that reads may take the longest that anybody gets here.
        answer.headers.push(HeaderName::MIN_EXPIRES, DeltaSeconds(capped(u32::MAX, maximum)).to_text());
    }
    // As the phone wrote them, with what is left of their lives.
    let expiring = |(contact, left): (NameAddr, u32)| contact.with_expires(left);
    answer.contacts = Contacts::List(contacts.into_iter().map(expiring).collect());
    answer
}

/// Copies what a phone needs, and nothing that names a host of the PBX or would have the phone send elsewhere (Service-Route,
/// Path, Server).
fn copy(source: &Headers, target: &mut Headers) {
    copy_challenges(source, target);
    for name in [HeaderName::AUTHENTICATION_INFO, HeaderName::PROXY_AUTHENTICATION_INFO] {
        copy_readable::<AuthenticationInfo>(source, target, name);
    }
    copy_readable::<Date>(source, target, HeaderName::DATE);
    copy_readable::<DeltaSeconds>(source, target, HeaderName::MIN_EXPIRES);
    copy_readable::<RetryAfter>(source, target, HeaderName::RETRY_AFTER);
    copy_tokens(source, target, &HeaderName::ALLOW_EVENTS);
    copy_addresses(source, target, &HeaderName::P_ASSOCIATED_URI);
}

/// RFC 3261 §10.2.1.1: what most registrars grant to whom asks for nothing.
const DEFAULT_SECONDS: u32 = 3_600;
