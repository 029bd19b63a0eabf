//! How a refusal of a REGISTER is told.

use std::time::Instant;

use cordon_policy::refusal::{Door, Refusal};
use cordon_sip::{FlowId, HeaderName, HeaderValue, Request, Response, RetryAfter, StatusCode};
use cordon_transaction::ServerId;

use crate::event::{Event, Side};
use crate::headers::host_text;
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
    let facts = flow.and_then(|flow| wire.flows.get(&flow));
    let (host, port) = wire.site.own_address(facts);
    let door = Door { host: &host_text(&host), port };
    for warning in refusal.warnings(&door) {
        response.headers.push(HeaderName::WARNING, warning);
    }
    if let Some(seconds) = retry_after {
        response.headers.push(HeaderName::RETRY_AFTER, RetryAfter::new(seconds).to_text());
    }
    let _gone = wire.transactions.respond(now, server, response);
}
