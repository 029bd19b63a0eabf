//! What a phone said beside what Cordon made of it for the PBX.

use cordon_sip::{HeaderName, Method, NameAddr, Reason, Request};

/// Every value that crosses and is not the same on the other side.
pub(crate) fn changes(said: &Request, sent: &Request) -> Vec<&'static str> {
    let header = |name: &HeaderName| said.header(name) == sent.header(name);
    let is_register = said.method == Method::Register;
    let kept = [
        ("method", said.method == sent.method),
        // Three colons are mended, nothing else is touched: the digest covers it.
        ("uri", said.uri.to_text() == sent.uri.to_text()),
        ("from", is_same_person(&said.from, &sent.from) || loses_foreign_number(&said.from, &sent.from)),
        ("to", is_same_person(&said.to, &sent.to)),
        ("max_forwards", has_one_hop_less(said.max_forwards, sent.max_forwards)),
        ("subject", is_register || header(&HeaderName::SUBJECT)),
        // Written anew: what is malformed stays behind.
        ("reason", is_register || reasons(said) == reasons(sent)),
        ("user_agent", !is_register || header(&HeaderName::USER_AGENT)),
        ("body", said.body.is_empty() || !sent.body.is_empty() || said.method != Method::Invite),
    ];
    kept.into_iter().filter(|(_, is_kept)| !is_kept).map(|(name, _)| name).collect()
}

fn reasons(request: &Request) -> Vec<Reason> {
    request.headers.read_each::<Reason>(&HeaderName::REASON).flatten().collect()
}

fn has_one_hop_less(said: Option<u8>, sent: Option<u8>) -> bool {
    match said {
        Some(hops) => sent == Some(hops.saturating_sub(1)),
        None => sent.is_some_and(|hops| hops <= 70),
    }
}

/// A display name that is the number of somebody else stays behind.
fn loses_foreign_number(said: &NameAddr, sent: &NameAddr) -> bool {
    let is_number =
        said.display.as_ref().is_some_and(|name| name.as_str().bytes().any(|byte| byte.is_ascii_digit()));
    is_number && sent.display.is_none() && said.uri.user() == sent.uri.user()
}

fn is_same_person(said: &NameAddr, sent: &NameAddr) -> bool {
    said.display == sent.display && said.uri.user() == sent.uri.user()
}
