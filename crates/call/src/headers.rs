//! What may cross from one side to the other. Nothing else does: a header that is not named here stays on its side.

use cordon_policy::request::{ALLOW, is_anonymous};
use cordon_sip::{
    Allow, Date, Diversion, Header, HeaderName, HeaderValue, Headers, Host, Identities, MediaType, Method,
    NameAddr, Privacy, Reason, RemotePartyId, Request, Response, RetryAfter, Scheme, StatusCode, Text,
    TokenList, Uri, Warning,
};

use crate::event::Side;
use crate::leg::SDP;

/// Gives a request of ours what the one it follows from may carry to the other side, and one hop less.
pub(crate) fn copy_onward(from: Side, domain: &Text, original: &Request, onward: &mut Request) {
    copy_for_request(from, domain, &original.headers, &mut onward.headers);
    // §16.6: each hop takes one away, so that a spiral ends, redirections in it included.
    onward.max_forwards = original.max_forwards.or(onward.max_forwards).map(|hops| hops.saturating_sub(1));
}

/// Copies what a request may carry to the other side.
pub(crate) fn copy_for_request(from: Side, domain: &Text, source: &Headers, target: &mut Headers) {
    copy(source, target, |name| REQUEST.contains(name));
    copy_one::<Date>(source, target, HeaderName::DATE);
    copy_reasons(source, target);
    let privacy = copy_privacy(source, target);
    match from {
        // The phone's answer to a challenge of the PBX; what is left of it here was relayed to this phone.
        Side::Handset => copy(source, target, |name| CREDENTIALS.contains(name)),
        Side::Pbx => copy_asserted(domain, privacy.as_ref(), source, target),
    }
    copy_supported(source, target);
}

/// The proof a request carries, in buffers of its own.
pub(crate) fn proof_of(source: &Headers) -> Headers {
    let mut target = Headers::new();
    for Header { name, value } in source.iter().filter(|header| CREDENTIALS.contains(&header.name)) {
        target.push(name.clone(), value.detached());
    }
    target
}

/// What a CANCEL may carry to the other side: why, and nothing else.
pub(crate) fn of_cancel(source: &Headers) -> Headers {
    let mut target = Headers::new();
    copy_reasons(source, &mut target);
    target
}

/// The response to a request of one side that says what the other side's says: its status and phrase, nothing else yet.
///
/// A 503 becomes a 500 (RFC 3261 §16.7 step 6): it speaks of a whole server, and whoever hears it from us keeps away from us
/// (§21.5.4), with the next call and with one for an ambulance, because one trunk or one phone was busy.
pub(crate) fn echoed(request: &Request, original: &Response) -> Response {
    match original.status {
        StatusCode::SERVICE_UNAVAILABLE => Response::to(request, StatusCode::SERVER_INTERNAL_ERROR),
        status => Response::to(request, status).with_reason(original.reason.clone()),
    }
}

/// Gives a response of ours what the one it follows from may carry to the other side.
pub(crate) fn copy_back(from: Side, domain: &Text, original: &Response, back: &mut Response) {
    copy_for_response(from, domain, &original.headers, &mut back.headers);
    match original.status.code() {
        405 => copy_methods(&original.headers, &mut back.headers),
        415 => copy_formats(&original.headers, &mut back.headers),
        _ => {} // no other refusal has to say what the other side can do
    }
}

/// What a 405 has to say (RFC 3261 §8.2.1): the methods of the other side, as far as they pass here.
fn copy_methods(source: &Headers, target: &mut Headers) {
    let theirs: Vec<Allow> = source.read_each(&HeaderName::ALLOW).flatten().take(MAX_LISTED).collect();
    let passes = |method: &&Method| theirs.iter().any(|allow| allow.has(method));
    let ours = Allow::parse(ALLOW).unwrap_or_default();
    target.push(HeaderName::ALLOW, ours.iter().filter(passes).cloned().collect::<Allow>().to_text());
}

/// What a 415 has to say (§8.2.3): whether the other side would take a session description at all, and plainly written.
fn copy_formats(source: &Headers, target: &mut Headers) {
    let formats = source.read_each::<MediaType>(&HeaderName::ACCEPT).flatten().take(MAX_LISTED);
    if formats.into_iter().any(|format| [SDP, "application/*", "*/*"].iter().any(|taken| format.is(taken))) {
        target.push(HeaderName::ACCEPT, SDP);
    }
    if source.has(&HeaderName::ACCEPT_ENCODING) {
        target.push(HeaderName::ACCEPT_ENCODING, "identity");
    }
}

/// Copies what a response may carry to the other side. Challenges are not among it: they pass the nonce table.
fn copy_for_response(from: Side, domain: &Text, source: &Headers, target: &mut Headers) {
    copy(source, target, |name| RESPONSE.contains(name));
    copy_one::<RetryAfter>(source, target, HeaderName::RETRY_AFTER);
    copy_tokens(source, target, &HeaderName::UNSUPPORTED);
    copy_reasons(source, target);
    let privacy = copy_privacy(source, target);
    match from {
        Side::Handset => {}
        Side::Pbx => copy_asserted(domain, privacy.as_ref(), source, target),
    }
    copy_supported(source, target);
}

/// Who is who, as the PBX asserts it (RFC 3325 §5: nobody else may), with its own name taken out. Whoever asks not to be named
/// is not: phones stand outside of the domain that keeps the secret (§7), and many show what they find here.
fn copy_asserted(domain: &Text, privacy: Option<&Privacy>, source: &Headers, target: &mut Headers) {
    let mut copy = |name: HeaderName, person: &NameAddr| {
        let seen = NameAddr { params: person.params.clone(), ..as_seen_across(person, domain) };
        target.push(name, seen.to_text());
    };
    if !privacy.is_some_and(Privacy::hides_identity) {
        for person in Identities::of(source, &HeaderName::P_ASSERTED_IDENTITY).as_slice() {
            copy(HeaderName::P_ASSERTED_IDENTITY, person);
        }
        let parties = source.read_each::<RemotePartyId>(&HeaderName::REMOTE_PARTY_ID).flatten();
        for party in parties.filter(|party| !party.hides_identity()).take(MAX_PERSONS) {
            copy(HeaderName::REMOTE_PARTY_ID, &party.address);
        }
        let diversions = source.read_each::<Diversion>(&HeaderName::DIVERSION).flatten();
        for diversion in diversions.filter(|diversion| !diversion.hides_identity()).take(MAX_PERSONS) {
            copy(HeaderName::DIVERSION, &diversion.address);
        }
    }
}

/// Copies what shall stay hidden, as it was read here: the other side must not read another wish.
fn copy_privacy(source: &Headers, target: &mut Headers) -> Option<Privacy> {
    let privacy = Privacy::of(source)?;
    target.push(HeaderName::PRIVACY, privacy.to_text());
    Some(privacy)
}

/// Copies the challenges of the PBX; the nonce table looks at them before a phone does.
pub(crate) fn copy_challenges(source: &Headers, target: &mut Headers) {
    copy(source, target, |name| CHALLENGES.contains(name));
}

/// Copies the warnings of the other side as ours: code and text help, the host that said them is nobody's business.
pub(crate) fn copy_warnings(source: &Headers, host: &Host, target: &mut Headers) {
    for warning in source.read_each::<Warning>(&HeaderName::WARNING).flatten().take(MAX_WARNINGS) {
        let Warning { code, text, agent: _ } = warning;
        target.push(HeaderName::WARNING, Warning::new(code, host_text(host), text).to_text());
    }
}

/// A host as text.
pub(crate) fn host_text(host: &Host) -> String {
    match host {
        Host::Name(name) => name.as_str().to_owned(),
        Host::V4(address) => address.to_string(),
        Host::V6(address) => format!("[{address}]"),
    }
}

/// The same person, as the other side may see it: user and display name cross, the host becomes the site's domain, and
/// parameters of either dialog stay behind.
pub(crate) fn as_seen_across(person: &NameAddr, domain: &Text) -> NameAddr {
    let uri = &person.uri;
    let mut seen = match (uri.scheme(), uri.host()) {
        (Scheme::Tel | Scheme::Other(_), _) => uri.detached(),
        // RFC 3323 §4.1.1.3: this host is a statement, not a place, and whoever is named before it is nobody.
        (Scheme::Sip | Scheme::Sips, Some(host)) if is_anonymous(uri) => {
            bare(uri, host.detached()).with_user(Some("anonymous"))
        }
        // sips would promise what the leg to a PBX in a lab cannot keep.
        (Scheme::Sip | Scheme::Sips, _) => bare(uri, Host::Name(domain.clone())),
    };
    if let Some(value) = uri.params().value("user").filter(|_| uri.is_sip()) {
        seen = seen.with_param("user", Some(value.as_str()));
    }
    let mut person = NameAddr { display: person.display.as_ref().map(Text::detached), ..NameAddr::new(seen) };
    person.params = Default::default();
    person
}

/// Who calls, as the other side may see it. A name that a phone shows is its own affair, but one that reads as a number or
/// an address is taken for who calls: it stays behind unless it is the phone's own.
pub(crate) fn caller_across(from: Side, person: &NameAddr, domain: &Text) -> NameAddr {
    let mut seen = as_seen_across(person, domain);
    let is_foreign = |shown: &Text| match from {
        Side::Handset => reads_as_somebody(shown.as_str()) && !is_same_number(shown, seen.uri.dialled()),
        Side::Pbx => false,
    };
    if seen.display.as_ref().is_some_and(is_foreign) {
        seen.display = None;
    }
    seen
}

fn reads_as_somebody(shown: &str) -> bool {
    let is_of_number = |c: char| c.is_numeric() || c.is_whitespace() || "+-().*#/".contains(c);
    shown.contains('@') || (shown.contains(char::is_numeric) && shown.chars().all(is_of_number))
}

fn is_same_number(shown: &Text, user: Option<Text>) -> bool {
    let digits = |text: &Text| text.as_str().chars().filter(|c| c.is_numeric()).collect::<String>();
    !shown.as_str().contains('@') && user.is_some_and(|user| digits(&user) == digits(shown))
}

/// User and host alone: no password either.
fn bare(uri: &Uri, host: Host) -> Uri {
    let own = uri.detached();
    let bare = own.clone().without_params_and_headers().with_user_of(&own);
    bare.with_scheme(Scheme::Sip).with_host(host, None)
}

fn copy(source: &Headers, target: &mut Headers, is_wanted: impl Fn(&HeaderName) -> bool) {
    for Header { name, value } in source.iter().filter(|header| is_wanted(&header.name)) {
        target.push(name.clone(), value.clone());
    }
}

/// Copies the token lists of one name as they are written. Where one is malformed, which the other side might read otherwise,
/// all of them stay behind.
pub(crate) fn copy_tokens(source: &Headers, target: &mut Headers, name: &HeaderName) {
    if source.tokens(name).all(|token| token.is_ok()) {
        copy(source, target, |other| other == name);
    }
}

/// Copies the lists of addresses of one name, likewise.
pub(crate) fn copy_addresses(source: &Headers, target: &mut Headers, name: &HeaderName) {
    if source.read_each::<NameAddr>(name).all(|address| address.is_ok()) {
        copy(source, target, |other| other == name);
    }
}

/// Copies a header that stands once as it is written, likewise.
pub(crate) fn copy_readable<T: HeaderValue>(source: &Headers, target: &mut Headers, name: HeaderName) {
    if let Some(value) = source.get(&name)
        && T::read(value).is_ok()
    {
        target.push(name, value);
    }
}

/// Copies a header that stands once, read and written anew: one that is malformed, which the other side might read
/// otherwise, stays behind.
fn copy_one<T: HeaderValue>(source: &Headers, target: &mut Headers, name: HeaderName) {
    if let Some(Ok(value)) = source.read::<T>(&name) {
        target.push(name, value.to_text());
    }
}

/// Copies why something happened, likewise, each element of the list for itself.
fn copy_reasons(source: &Headers, target: &mut Headers) {
    for reason in source.read_each::<Reason>(&HeaderName::REASON).flatten().take(MAX_REASONS) {
        target.push(HeaderName::REASON, reason.to_text());
    }
}

/// What both ends can do crosses, what needs us does not: it is not built yet.
fn copy_supported(source: &Headers, target: &mut Headers) {
    let needs_us = |token: &str| NEEDS_US.iter().any(|option| token.eq_ignore_ascii_case(option));
    for list in source.get_all(&HeaderName::SUPPORTED).flat_map(TokenList::read) {
        let left = list.retain(|token| !needs_us(token));
        if !left.is_empty() {
            target.push(HeaderName::SUPPORTED, left.to_text());
        }
    }
}

/// What a callee needs of a caller's request and nobody reads on the way: it crosses byte for byte.
const REQUEST: [HeaderName; 6] = [
    HeaderName::ACCEPT_LANGUAGE,
    HeaderName::ALERT_INFO,
    HeaderName::ORGANIZATION,
    HeaderName::PRIORITY,
    HeaderName::SUBJECT,
    HeaderName::TIMESTAMP,
];

/// What a caller needs of a callee's response, likewise.
const RESPONSE: [HeaderName; 1] = [HeaderName::ALERT_INFO];

/// Who asks for a proof.
pub(crate) const CHALLENGES: [HeaderName; 2] = [HeaderName::WWW_AUTHENTICATE, HeaderName::PROXY_AUTHENTICATE];

/// The proof.
pub(crate) const CREDENTIALS: [HeaderName; 2] = [HeaderName::AUTHORIZATION, HeaderName::PROXY_AUTHORIZATION];

/// RFC 3326 §2: each protocol stands once, and there are SIP, Q.850 and preemption. An element of two bytes becomes a header of
/// ten: a list must not grow into a message that the PBX closes the connection of all phones for.
const MAX_REASONS: usize = 4;

/// What a display can show, and more than any phone says; grows like a list of reasons.
const MAX_WARNINGS: usize = 4;

/// Some fifteen methods are registered, and formats that phones send in calls are fewer.
const MAX_LISTED: usize = 64;

/// Of each kind: a call that was diverted more often goes in circles.
const MAX_PERSONS: usize = 16;

/// Options whose promises a B2BUA in the middle has to keep itself.
const NEEDS_US: [&str; 3] = ["timer", "100rel", "replaces"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_not_to_be_named_crosses_as_it_was_read() {
        let domain = Text::from("mx.example.org");
        let crossing = |from, wishes: &[&str]| {
            let mut source = Headers::new();
            wishes.iter().for_each(|wish| source.push(HeaderName::PRIVACY, *wish));
            let mut target = Headers::new();
            copy_for_request(from, &domain, &source, &mut target);
            target.iter().map(|header| header.value.as_str().to_owned()).collect::<Vec<_>>()
        };
        for from in [Side::Handset, Side::Pbx] {
            assert_eq!(crossing(from, &["session ; critical"]), ["session;critical"]);
            assert_eq!(crossing(from, &["none", "user"]), ["user;id"]);
            assert_eq!(crossing(from, &["\"none"]), ["id"]);
            assert!(crossing(from, &[]).is_empty());
        }
    }

    #[test]
    fn options_that_the_other_side_does_not_support_cross_when_they_are_tags() {
        let crossing = |named: &str| {
            let (mut source, mut target) = (Headers::new(), Headers::new());
            source.push(HeaderName::UNSUPPORTED, named);
            copy_for_response(Side::Pbx, &Text::from("mx.example.org"), &source, &mut target);
            target.get(&HeaderName::UNSUPPORTED).map(|value| value.as_str().to_owned())
        };
        assert_eq!(crossing("timer, foo").as_deref(), Some("timer, foo"));
        for malformed in ["\"timer", "timer foo", "timer, <foo"] {
            assert_eq!(crossing(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn a_malformed_date_reason_or_time_stays_on_its_side() {
        let domain = Text::from("mx.example.org");
        let mut source = Headers::new();
        source.push(HeaderName::REASON, "SIP;cause=200;text=\"a, b\", Q.850;cause=x, Q.850 ;cause=16");
        source.push(HeaderName::DATE, "Sat, 13 Nov 2010 23:29:00 GMT");
        source.push(HeaderName::RETRY_AFTER, "120 (here, and there)");
        let values = |headers: &Headers| {
            headers.iter().map(|header| header.value.as_str().to_owned()).collect::<Vec<_>>()
        };
        let (mut request, mut response) = (Headers::new(), Headers::new());
        copy_for_request(Side::Handset, &domain, &source, &mut request);
        copy_for_response(Side::Handset, &domain, &source, &mut response);
        let reasons = ["SIP;cause=200;text=\"a, b\"", "Q.850;cause=16"];
        assert_eq!(values(&request), [&["Sat, 13 Nov 2010 23:29:00 GMT"], reasons.as_slice()].concat());
        assert_eq!(values(&response), [&["120 (here, and there)"], reasons.as_slice()].concat());

        let mut broken = Headers::new();
        broken.push(HeaderName::REASON, "SIP;cause");
        broken.push(HeaderName::DATE, "Sun, 13 Nov 2010 23:29:00 GMT");
        broken.push(HeaderName::RETRY_AFTER, "soon");
        let (mut request, mut response) = (Headers::new(), Headers::new());
        copy_for_request(Side::Pbx, &domain, &broken, &mut request);
        copy_for_response(Side::Pbx, &domain, &broken, &mut response);
        assert!(request.is_empty() && response.is_empty());
    }
}
