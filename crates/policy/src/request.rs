//! Requests: emergency first, then everything that can be said about one without knowing its call.

mod emergency;

use cordon_sip::{HeaderName, Method, Request, Scheme, Text};

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
/// The first rule that is broken: method, hops, scheme, required extensions, body, registration.
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
    if !unsupported(request).is_empty() {
        return Err(Refusal::ExtensionRequired);
    }
    if !has_readable_body(request) {
        return Err(Refusal::BodyUnsupported);
    }
    if facts.sender == Sender::Handset && !facts.has_binding && needs_binding(request) {
        return Err(Refusal::RegisterFirst);
    }
    Ok(Permit::grant(Admitted::Ordinary))
}

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

/// The required extensions that are not supported, for the `Unsupported` header of a 420: all of them.
pub fn unsupported(request: &Request) -> Vec<&str> {
    let required = request.headers.tokens(&HeaderName::REQUIRE);
    required.chain(request.headers.tokens(&HeaderName::PROXY_REQUIRE)).collect()
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
    let kind = request.content_type.as_ref().map_or("", Text::as_str);
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/sdp")
}

fn needs_binding(request: &Request) -> bool {
    let begins = request.to.tag().is_none();
    begins && !matches!(request.method, Method::Register | Method::Options)
}
