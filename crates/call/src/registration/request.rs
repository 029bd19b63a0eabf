//! What of a phone's REGISTER goes to the PBX.

use cordon_sip::{
    CallId, Contacts, DeltaSeconds, HeaderName, HeaderValue, Headers, Method, NameAddr, Request, Text, Via,
};

use super::admission::{Asked, AskedContact};
use super::upstream::Names;
use crate::event::Side;
use crate::headers::{as_seen_across, caller_across, copy_tokens};
use crate::rules::RegistrationRules;

/// The PBX's form of a REGISTER: our names, our contacts, the phone's own words and proof. The Request-URI stays, since
/// the proof covers it. No contact is asked for longer than `longest` seconds: the PBX shall not keep one after the
/// phone's own binding has ended.
pub(super) fn toward_pbx(
    request: &Request,
    asked: &Asked,
    names: Names,
    via: Via,
    rules: &RegistrationRules,
    longest: u32,
) -> Request {
    let Names { call_id, from_tag, cseq } = names;
    let domain = &rules.domain;
    let from = caller_across(Side::Handset, &request.from, domain).with_tag(from_tag);
    let to = as_seen_across(&request.to, domain);
    let mut out = Request::new(Method::Register, request.uri.clone(), from, to, call_id, cseq);
    out.via = vec![via];
    out.max_forwards = request.max_forwards.map(|hops| hops.saturating_sub(1)).or(out.max_forwards);
    out.contacts = match asked {
        Asked::List => Contacts::default(),
        Asked::RemoveAll => Contacts::Star,
        Asked::Contacts(contacts) => {
            Contacts::List(contacts.iter().map(|contact| opaque(contact, rules, longest)).collect())
        }
    };
    copy(&request.headers, &mut out.headers);
    if let Some(seconds) = expires(request, asked, longest) {
        out.headers.push(HeaderName::EXPIRES, DeltaSeconds(seconds).to_text());
    }
    out
}

/// Copies what of a phone's REGISTER the PBX needs. Supported stays: it would promise outbound, path and gruu for us.
fn copy(source: &Headers, target: &mut Headers) {
    copy_tokens(source, target, &HeaderName::ALLOW);
    copy_tokens(source, target, &HeaderName::ALLOW_EVENTS);
    // The proofs were looked at before; the name of a phone is for people, and not read.
    for header in source.iter().filter(|header| AS_WRITTEN.contains(&header.name)) {
        target.push(header.name.clone(), &header.value);
    }
}

/// The Expires header of the PBX's form: as asked, up to `longest`, and `longest` where a contact leaves it open.
fn expires(request: &Request, asked: &Asked, longest: u32) -> Option<u32> {
    let header = request.headers.lifetime();
    match asked {
        Asked::List => None,
        Asked::RemoveAll => Some(0),
        Asked::Contacts(contacts) => match header {
            Some(seconds) => Some(seconds.min(longest)),
            None => contacts.iter().any(|contact| contact.seconds.is_none()).then_some(longest),
        },
    }
}

/// What an answer repeats of a request, in buffers of its own: what waits for the PBX stays small.
pub(super) fn envelope(request: &Request) -> Request {
    let mut envelope = Request::new(
        request.method.clone(),
        request.uri.detached(),
        request.from.detached(),
        request.to.detached(),
        CallId::new(request.call_id.text().detached()),
        request.cseq,
    );
    envelope.via = request.via.iter().map(Via::detached).collect();
    envelope
}

/// The contact as the PBX gets it: an opaque address at our door, the phone's own parameters.
fn opaque(contact: &AskedContact, rules: &RegistrationRules, longest: u32) -> NameAddr {
    let mut opaque = NameAddr::new(contact.id.contact(rules));
    let written = &contact.written;
    let says = |name: &Text| says_what_a_phone_can(name) && !is_unclear(written, name.as_str());
    for (name, value) in written.params.iter().filter(|(name, _)| says(name)) {
        opaque.params.set(name.as_str(), value.cloned());
    }
    match written.expires() {
        Some(seconds) => opaque.with_expires(seconds.min(longest)),
        None => opaque,
    }
}

/// Whether a parameter counts as absent here because it is malformed: the PBX must not read something out of it.
fn is_unclear(contact: &NameAddr, name: &str) -> bool {
    match name {
        _ if name.eq_ignore_ascii_case("+sip.instance") => matches!(contact.instance(), Some(Err(_))),
        _ if name.eq_ignore_ascii_case("reg-id") => matches!(contact.reg_id(), Some(Err(_))),
        _ if name.eq_ignore_ascii_case("q") => matches!(contact.quality(), Some(Err(_))),
        _ => false,
    }
}

/// Whether a parameter of a Contact is about the phone, not about the way to it: `received`, and what else a PBX may read
/// as an address, would lead it past us.
fn says_what_a_phone_can(name: &Text) -> bool {
    let name = name.as_str();
    name.starts_with('+') || ABOUT_THE_PHONE.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Preference, which of the phone's flows (RFC 5626), and what it can (RFC 3840 section 9; its other tags begin
/// with `+`).
const ABOUT_THE_PHONE: [&str; 22] = [
    "q",
    "reg-id",
    "actor",
    "application",
    "audio",
    "automata",
    "class",
    "control",
    "data",
    "description",
    "duplex",
    "events",
    "extensions",
    "isfocus",
    "language",
    "methods",
    "mobility",
    "priority",
    "schemes",
    "text",
    "type",
    "video",
];

const AS_WRITTEN: [HeaderName; 3] =
    [HeaderName::AUTHORIZATION, HeaderName::PROXY_AUTHORIZATION, HeaderName::USER_AGENT];
