//! Requests: emergency first, then everything that can be said about one without knowing its call.

mod emergency;

use std::ops::RangeInclusive;

use cordon_sip::{Credentials, HeaderName, HeaderValue, Malformed, MediaType, Method, Request, Scheme, Uri};

pub use emergency::{EmergencyNumbers, UnreadableNumber};

use crate::Permit;
use crate::refusal::Refusal;

/// What is known of the sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// Who sent it.
    pub sender: Sender,
    /// A phone has a live registration on the connection the request came on. Does not matter for the PBX.
    pub has_binding: bool,
    /// The From is an account that is registered on this connection, or [anonymous](is_anonymous). Matters only beside
    /// [`has_binding`](Self::has_binding).
    pub owns_from: bool,
    /// A Route or a maddr names a place that is neither we nor the PBX.
    pub leads_elsewhere: bool,
}

/// The sides requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A phone, over its TLS connection.
    Handset,
    /// The PBX, over a connection that is verified or listed.
    Pbx,
}

/// How a request was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// A call to an emergency number: no limit, no codec rule and no missing registration stands against it.
    Emergency,
    /// Any other request that no rule stands against.
    Ordinary,
}

/// Looks at a request before anything is kept for it. Emergency calls are matched before every rule.
///
/// Requests inside a dialog pass here; whose they are is for the layer that knows dialogs.
///
/// # Errors
/// The first rule that is broken: method, hops, scheme, required extensions, body, proof, way, registration, name.
pub fn admit_request(
    facts: &RequestFacts,
    request: &Request,
    numbers: &EmergencyNumbers,
) -> Result<Permit<Admitted>, Refusal> {
    if facts.sender == Sender::Handset && is_emergency(request, numbers) {
        return Ok(Permit::grant(Admitted::Emergency));
    }
    if !is_built(&request.method) {
        return Err(Refusal::MethodNotAllowed);
    }
    // ACK and CANCEL cannot be refused: one has no answer, the other must match what it cancels (RFC 3261 §9.2).
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return Ok(Permit::grant(Admitted::Ordinary));
    }
    if request.max_forwards == Some(0) {
        return Err(Refusal::HopsExhausted);
    }
    if matches!(request.uri.scheme(), Scheme::Other(_)) {
        return Err(Refusal::SchemeUnsupported);
    }
    admit_extensions(request)?;
    if !has_readable_body(request) {
        return Err(Refusal::BodyUnsupported);
    }
    if request.method == Method::Invite && !takes_description(request) {
        return Err(Refusal::DescriptionUnwanted);
    }
    if facts.sender == Sender::Handset && has_endless_proof(request) {
        return Err(Refusal::TooManyParameters);
    }
    // RFC 3261 §10.2: a REGISTER is in no dialog, whatever its To says.
    let begins = request.to.tag().is_none() || request.method == Method::Register;
    if facts.sender == Sender::Handset && begins {
        admit_from_handset(facts, request)?;
    }
    Ok(Permit::grant(Admitted::Ordinary))
}

/// What is required must be supported, and nothing is yet (RFC 3261 §8.2.2.3). A 420 names every tag, which it can where
/// all of them are tags; anything else is malformed.
fn admit_extensions(request: &Request) -> Result<(), Refusal> {
    let mut required = unsupported(request).peekable();
    if required.peek().is_none() {
        return Ok(());
    }
    match required.all(|tag| tag.is_ok()) {
        true => Err(Refusal::ExtensionRequired),
        false => Err(Refusal::ExtensionUnreadable),
    }
}

/// What is asked of a phone's request that begins something. Within a dialog it is settled where a request goes and whose
/// it is.
fn admit_from_handset(facts: &RequestFacts, request: &Request) -> Result<(), Refusal> {
    if facts.leads_elsewhere {
        return Err(Refusal::ForeignRoute);
    }
    if !facts.has_binding && needs_binding(request) {
        return Err(Refusal::RegisterFirst);
    }
    if facts.has_binding && !facts.owns_from && is_seen_by_others(request) {
        return Err(Refusal::ForeignIdentity);
    }
    Ok(())
}

/// Whether a From withholds who calls (RFC 3323 section 4.1.1.3): its host is no place, and its user nobody.
pub fn is_anonymous(from: &Uri) -> bool {
    from.is_sip() && from.host().is_some_and(|host| host.is(ANONYMOUS_HOST))
}

/// For how long an account whose password is being guessed is locked, in seconds: at first, and at most. Long enough that
/// no password of nine characters is guessed in a lifetime, short enough to be waited for with the phone in hand.
pub const LOCK_SECONDS: RangeInclusive<u32> = 60..=900;

/// The host of everybody who withholds a name (RFC 3323 section 4.1.1.3).
pub const ANONYMOUS_HOST: &str = "anonymous.invalid";

/// Looks at a REGISTER: phones register in the domain of the site.
///
/// # Errors
/// [`Refusal::ForeignDomain`].
pub fn admit_register(request: &Request, domain: &str) -> Result<(), Refusal> {
    match request.to.uri.host().is_some_and(|host| host.is(domain)) {
        true => Ok(()),
        false => Err(Refusal::ForeignDomain),
    }
}

/// True for an INVITE that begins a call to an emergency number or service.
pub fn is_emergency(request: &Request, numbers: &EmergencyNumbers) -> bool {
    request.method == Method::Invite && request.to.tag().is_none() && numbers.has(&request.uri)
}

/// The required extensions that are not supported, for the `Unsupported` header of a 420: all of them. An error stands for
/// what is no option tag.
pub fn unsupported(request: &Request) -> impl Iterator<Item = Result<&str, Malformed>> {
    let required = request.headers.tokens(&HeaderName::REQUIRE);
    required.chain(request.headers.tokens(&HeaderName::PROXY_REQUIRE))
}

/// The value of `Allow`: the methods that are built.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER";

fn is_built(method: &Method) -> bool {
    match method {
        Method::Invite | Method::Ack | Method::Bye | Method::Cancel | Method::Options | Method::Register => {
            true
        }
        Method::Prack
        | Method::Update
        | Method::Info
        | Method::Message
        | Method::Subscribe
        | Method::Notify
        | Method::Refer
        | Method::Publish
        | Method::Other(_) => false,
    }
}

/// An INVITE carries nothing or a session description; bodies of other methods are not looked at and go nowhere.
fn has_readable_body(request: &Request) -> bool {
    if request.method != Method::Invite || request.body.is_empty() {
        return true;
    }
    let kind = request.content_type.as_ref().and_then(|kind| MediaType::read(kind).ok());
    let mut encodings = request.headers.tokens(&HeaderName::CONTENT_ENCODING);
    kind.is_some_and(|kind| kind.is(SDP))
        && encodings.all(|encoding| encoding.is_ok_and(|word| word.eq_ignore_ascii_case("identity")))
}

/// Whether a proof of a password goes on for longer than it is read. It would be kept from the PBX, which would ask for
/// another, and so without end.
fn has_endless_proof(request: &Request) -> bool {
    let proofs = request.headers.get_all(&HeaderName::AUTHORIZATION);
    proofs.chain(request.headers.get_all(&HeaderName::PROXY_AUTHORIZATION)).any(Credentials::are_too_many)
}

/// RFC 3261 §20.1: without Accept a session description is taken, with an empty one nothing is.
fn takes_description(request: &Request) -> bool {
    let taken = |range: MediaType| [SDP, "application/*", "*/*"].iter().any(|taken| range.is(taken));
    !request.headers.has(&HeaderName::ACCEPT)
        || request.headers.read_each(&HeaderName::ACCEPT).flatten().any(taken)
}

fn needs_binding(request: &Request) -> bool {
    !matches!(request.method, Method::Register | Method::Options)
}

/// Whether the From goes on to somebody. A REGISTER has a rule of its own, and OPTIONS to ourselves keep a connection
/// alive under whatever name.
fn is_seen_by_others(request: &Request) -> bool {
    match request.method {
        Method::Register => false,
        Method::Options => request.uri.user().is_some(),
        _ => true,
    }
}

/// What every body of a call is.
const SDP: &str = "application/sdp";
