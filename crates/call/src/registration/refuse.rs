//! How a refusal of a REGISTER is told.

use std::time::Instant;

use cordon_policy::refusal::{Door, Refusal};
use cordon_sip::{FlowId, HeaderName, Request, Response, StatusCode, Uri};
use cordon_transaction::ServerId;

use crate::event::{Event, Side};
use crate::wire::Wire;

/// Answers a REGISTER with a refusal and tells the layer above.
pub(super) fn refuse(
    now: Instant,
    wire: &mut Wire<'_>,
    asked: (ServerId, Option<FlowId>),
    request: &Request,
    refusal: Refusal,
) {
    let seconds = wire.retry_after(refusal);
    refuse_for(now, wire, asked, request, refusal, seconds);
}

/// As [`refuse`], with the seconds after which coming back helps.
pub(super) fn refuse_for(
    now: Instant,
    wire: &mut Wire<'_>,
    (server, flow): (ServerId, Option<FlowId>),
    request: &Request,
    refusal: Refusal,
    retry_after: Option<u32>,
) {
    wire.events.push_back(Event::Refused { refusal, side: Side::Handset, flow, call: None });
    let status = StatusCode::new(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = Response::to(request, status).with_to_tag(wire.token());
    let host = wire.site.host.as_ref().map(|host| Uri::sip(None, host.clone(), None).to_text());
    let host = host.as_ref().and_then(|uri| uri.as_str().strip_prefix("sip:"));
    let door = Door { host: host.unwrap_or(wire.site.registration.domain.as_str()), port: SIPS_PORT };
    for warning in refusal.warnings(&door) {
        response.headers.push(HeaderName::WARNING, warning);
    }
    if let Some(seconds) = retry_after {
        response.headers.push(HeaderName::RETRY_AFTER, seconds.to_string());
    }
    let _gone = wire.transactions.respond(now, server, response);
}

/// RFC 3261 §18: SIP over TLS.
const SIPS_PORT: u16 = 5061;
