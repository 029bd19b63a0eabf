//! What of the PBX's answer the phone may see: its own contacts, and nothing of anybody else's.

use std::time::Duration;

use cordon_sip::{Contacts, HeaderName, NameAddr, Request, Response, Text};

use super::admission::AskedContact;
use super::phone::BindingId;

/// The lifetime the PBX has granted to a contact, in seconds; zero when it holds none.
pub(super) fn granted_seconds(response: &Response, contact: &AskedContact) -> u32 {
    let listed = response.contacts.as_slice().iter();
    let listed = listed.filter(|listed| BindingId::of_contact(&listed.uri) == Some(contact.id)).last();
    let header = response.headers.seconds(&HeaderName::EXPIRES);
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
    for header in &response.headers {
        if CROSSING.contains(&header.name) {
            answer.headers.push(header.name.clone(), &header.value);
        }
    }
    if let Some(seconds) = response.headers.seconds(&HeaderName::EXPIRES) {
        // What a contact says is what holds, and no phone shall find more anywhere.
        let longest = contacts.iter().map(|(_, left)| *left).max().unwrap_or(seconds);
        answer.headers.push(HeaderName::EXPIRES, capped(seconds, maximum).min(longest).to_string());
    }
    answer.contacts =
        Contacts::List(contacts.into_iter().map(|(contact, left)| expiring(contact, left)).collect());
    answer
}

/// The contact as the phone wrote it, with what is left of its life.
fn expiring(mut contact: NameAddr, seconds: u32) -> NameAddr {
    contact.params.set("expires", Some(Text::from(seconds.to_string())));
    contact
}

/// Nothing that names a host of the PBX or would have the phone send elsewhere (Service-Route, Path, Server).
const CROSSING: [HeaderName; 9] = [
    HeaderName::ALLOW_EVENTS,
    HeaderName::AUTHENTICATION_INFO,
    HeaderName::DATE,
    HeaderName::MIN_EXPIRES,
    HeaderName::P_ASSOCIATED_URI,
    HeaderName::PROXY_AUTHENTICATE,
    HeaderName::PROXY_AUTHENTICATION_INFO,
    HeaderName::RETRY_AFTER,
    HeaderName::WWW_AUTHENTICATE,
];

/// RFC 3261 §10.2.1.1: what most registrars grant to whom asks for nothing.
const DEFAULT_SECONDS: u32 = 3_600;
